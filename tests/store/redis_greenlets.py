"""A program under gevent, with the store at its first argument and the process of its server as the second: it prints one line of
JSON about what its greenlets did while the server was frozen, and after some were cut off in the middle of a reply."""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402

import gevent  # noqa: E402

from webbot.errors import Unavailable  # noqa: E402
from webbot.messages import File  # noqa: E402
from webbot.store.redis import RedisStore  # noqa: E402

store, server = RedisStore(sys.argv[1]), int(sys.argv[2])
talk = store.create_conversation("ann", title="Trees")
others = [store.create_conversation("ann", title=str(n)) for n in range(20)]
data = os.urandom(1_500_000)
file = store.add_file("ann", talk.id, File(name="f", media_type="x/y", size=len(data)), "", data)


def frozen():
    """How often another greenlet ran while five waited for the frozen server, and what the five were told."""
    ticks, told = [], []

    def tick():
        while True:
            ticks.append(1)
            gevent.sleep(0.01)

    def ask():
        try:
            store.conversation("ann", talk.id)
        except Unavailable as problem:
            told.append(problem.retry_after)

    os.kill(server, signal.SIGSTOP)
    try:
        ticking = gevent.spawn(tick)
        gevent.joinall([gevent.spawn(ask) for _ in range(5)])
        ticking.kill()
    finally:
        os.kill(server, signal.SIGCONT)
    return {"ticks": len(ticks), "told": told}


def cut_off():
    """Whether everybody still gets what they asked for, after greenlets were killed at any moment of theirs."""
    right = 0
    for n in range(60):
        reading = gevent.spawn(store.file_data, "ann", talk.id, file.id)
        gevent.sleep(0.0001 * (n % 40))
        reading.kill()
        wanted = others[n % 20]
        right += store.conversation("ann", wanted.id) == wanted
    return {"right": right, "whole": store.file_data("ann", talk.id, file.id) == data}


def together():
    """Forty greenlets, more than there are connections."""
    asking = [gevent.spawn(store.conversation, "ann", one.id) for one in others * 2]
    gevent.joinall(asking)
    return [one.value for one in asking] == others * 2


print(json.dumps({"frozen": frozen(), "cut off": cut_off(), "together": together()}))
