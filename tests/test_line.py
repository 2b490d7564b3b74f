"""Lines of those who wait: in order, bounded, sent away."""

import threading

import pytest

from webbot.chat.line import Dismissed, Lines
from webbot.errors import TooMany


def test_the_first_is_called_at_once_and_the_next_when_it_leaves():
    lines = Lines(most=2)
    with lines.place("ann") as first:
        assert first.wait(0)
        with lines.place("ann") as second, lines.place("ann") as third:
            assert not second.wait(0) and not third.wait(0)
            with lines.place("bob") as other:
                assert other.wait(0)  # nobody else's line
    with lines.place("ann") as late:
        assert late.wait(0)


def test_turns_come_in_order_whoever_leaves():
    lines = Lines(most=10)
    entered, done, order = threading.Barrier(2), threading.Event(), []

    def come(number, leaves):
        with lines.place("ann") as place:
            entered.wait(5)
            while not place.wait(0.01):
                if leaves:
                    return
            order.append(number)
            done.wait(5)

    threads = []
    for number in range(6):
        threads.append(threading.Thread(target=come, args=(number, number in (2, 3))))
        threads[-1].start()
        entered.wait(5)
    for thread in threads[2:4]:  # they give up
        thread.join(5)
    done.set()
    for thread in threads:
        thread.join(5)
    assert order == [0, 1, 4, 5]


def test_a_full_line_takes_nobody_and_one_that_is_empty_leaves_nothing():
    lines = Lines(most=1)
    with lines.place("ann"), lines.place("ann"), pytest.raises(TooMany, match="1 prompts"), lines.place("ann"):
        pass
    assert lines._lines == {}
    with pytest.raises(KeyError), lines.place("ann"):
        raise KeyError
    assert lines._lines == {}


def test_everybody_is_sent_away_for_one_who_comes_alone():
    lines = Lines(most=5)
    with lines.place("ann") as running, lines.place("ann") as waiting, lines.place("bob") as other:
        with lines.place("ann", alone=True) as alone:
            assert alone.wait(0) and other.wait(0)
            with pytest.raises(Dismissed):
                waiting.wait(5)
            with pytest.raises(Dismissed):
                running.check()
            with lines.place("ann") as after:
                assert not after.wait(0)
                after.check()
        assert other.wait(0)
    assert lines._lines == {}
    assert Dismissed.status == 409


def test_who_came_to_be_alone_is_not_sent_away_by_another():
    """Two disconnections at once: a prompt after the second must not meet the first one's work."""
    lines = Lines(most=5)
    with lines.place("ann", alone=True) as first, lines.place("ann") as prompt:
        with lines.place("ann", alone=True) as second, lines.place("ann") as after:
            assert first.wait(0) and not second.wait(0) and not after.wait(0)
            with pytest.raises(Dismissed):
                prompt.check()
        first.check()
        with lines.place("ann") as late:
            assert not late.wait(0)
    assert lines._lines == {}
