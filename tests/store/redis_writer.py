"""A program that is killed, or runs beside its like: takes turns in the conversation of its second argument, in the store at its
first, and prints what was acknowledged."""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace

from webbot.errors import Conflict
from webbot.messages import Message
from webbot.store.redis import RedisStore


def main() -> None:
    store = RedisStore(sys.argv[1])
    talk = store.conversation("ann", sys.argv[2])
    most = int(sys.argv[3])
    turns = 0
    print("began", flush=True)
    for n in itertools.count():
        try:
            question, answer = store.begin_turn("ann", talk.id, Message(role="user", text=f"question {n}"))
        except Conflict:
            continue
        print("asked", question.id, flush=True)
        for words in (1, 10):
            store.save_answer("ann", talk.id, replace(answer, text="word " * words))
        store.save_answer("ann", talk.id, replace(answer, text=f"answer {n}", status="complete"))
        print("answered", answer.id, flush=True)
        turns += 1
        if turns == most:
            return


main()
