"""How long something computes. What else runs on the machine only ever adds to that, so the least of some tries is looked at."""

import time


def computed_within(seconds, act, tries=3):
    """What `act()` returns. Fails where each of some `tries` takes so many seconds of the processor or more."""
    for _ in range(tries):
        began = time.thread_time()
        made = act()
        took = time.thread_time() - began
        if took < seconds:
            return made
    raise AssertionError(f"{took:.1f} s of the processor, not {seconds}, and no less in {tries} tries")
