"""Writes into a store and is killed, again and again: `python killed_writer.py URL ROUNDS`.

Each round is a child that opens the store, as a web process that starts, and writes turns, files and titles; it is killed at a
random moment. What was acknowledged stands in the output, a line each; a line that was torn is none.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import sys
import time
from dataclasses import replace

from webbot import makers
from webbot.messages import File, Message
from webbot.store import address

LINES, MOMENT = 6, 0.02  # it is killed after so many lines and seconds at most


def tell(*words: str) -> None:
    """One write, so that no line is torn."""
    os.write(1, (" ".join(words) + "\n").encode())


def write(url: str, round: int) -> None:
    store = makers.open_store(address.read(url))
    store.fail_interrupted("The server stopped.")
    known = store.conversations("ann")
    talk = known[0] if known else store.create_conversation("ann", title="first")
    tell("begun")
    for number in itertools.count():
        name = f"{round}-{number}"
        question, answer = store.begin_turn("ann", talk.id, Message(role="user", text=f"question {name}"))
        tell("asked", question.id, name)
        store.save_answer("ann", talk.id, replace(answer, text="word " * 50))
        store.save_answer("ann", talk.id, replace(answer, text=f"answer {name}", status="complete"))
        tell("answered", answer.id, name)
        if number % 3 == 0:
            _, other = store.begin_answer("ann", talk.id, question.id)
            store.save_answer("ann", talk.id, replace(other, text=f"other {name}", status="stopped"))
            tell("answered", other.id, name)
            store.show("ann", talk.id, answer.id)
        if number % 3 == 1:
            data = name.encode() * 2000
            file = store.add_file("ann", talk.id, File(name=name, media_type="text/plain", size=len(data)), "text", data)
            tell("filed", file.id, name)
        if number % 3 == 2:
            store.change_conversation("ann", talk.id, title=name)
            gone = store.create_conversation("bob", title=name)
            store.delete_conversation("bob", gone.id, at_once=True)
            tell("deleted", gone.id, name)


def main() -> None:
    url, rounds = sys.argv[1], int(sys.argv[2])
    chance = random.Random()
    makers.open_store(address.read(url)).close()  # whatever opening imports, the children have then
    for round in range(rounds):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            with contextlib.suppress(OSError):
                os.dup2(writing, 1)
                write(url, round)
            os._exit(1)
        os.close(writing)
        with os.fdopen(reading, "rb") as told:
            lines = [told.readline() for _ in range(chance.randint(1, LINES))]
            time.sleep(chance.uniform(0, MOMENT))
            os.kill(child, signal.SIGKILL)
            sys.stdout.buffer.writelines([*lines, *told.readlines()])
        os.waitpid(child, 0)
    sys.stdout.flush()


main()
