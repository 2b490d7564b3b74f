"""A program that is killed: writes turns into the database of its first argument and prints what was acknowledged."""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace

from webbot.messages import Message
from webbot.store.sql import SqlStore


def main() -> None:
    store = SqlStore(sys.argv[1])
    store.fail_interrupted("The server stopped.")
    talk = (*store.conversations("ann"), store.create_conversation("ann"))[0]
    for n in itertools.count():
        question, answer = store.begin_turn("ann", talk.id, Message(role="user", text=f"question {n}"))
        print("asked", question.id, flush=True)
        for words in (1, 10, 100):
            store.save_answer("ann", talk.id, replace(answer, text="word " * words))
        store.save_answer("ann", talk.id, replace(answer, text=f"answer {n}", status="complete"))
        print("answered", answer.id, flush=True)


main()
