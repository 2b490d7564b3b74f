"""The page's script in a few lines: what a tab has after the events of its streams. And turns that a test writes word by word."""

from __future__ import annotations

import dataclasses
import json
import re

from webbot.messages import Delta, Finished, Message, Preparing, Started, Usage
from webbot.news import Began, Changed, Gone, Heard


def read(lines):
    """(id, name, data) of each event of a stream that ends."""
    name, number = "", ""
    for line in b"".join(lines).decode().splitlines():
        if line.startswith("id: "):
            number = line[4:]
        elif line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            yield number, name, json.loads(line[6:])
            name = ""


class PageOfTests:
    """What is shown and was read aloud. `said` holds, for each answer, its blocks while it grows, then its HTML."""

    def __init__(self):
        self.turns, self.said, self.spoken, self.told, self.place = [], {}, [], [], ""

    def take(self, events, most=None):
        for number, (place, name, data) in enumerate(events):
            if number == most:
                break
            getattr(self, f"on_{name}", lambda data: None)(data)
            self.place = place or self.place
            if name in ("turn", "finished", "failed", "cancelled", "resync", "gone"):
                self.told.append((name, data.get("answer")))
        return self

    def on_turn(self, data):
        numbers = {turn: int(re.search(r'data-number="(\d+)"', html)[1]) for turn, html in self.turns}
        self.turns = [(turn, html) for turn, html in self.turns if numbers[turn] <= data["after"] and turn != data["answer"]]
        self.turns.append((data["answer"], data["html"]))
        self.said[data["answer"]] = []

    def on_blocks(self, data):
        blocks = self.said[data["answer"]]
        assert data["from"] <= len(blocks), "a block is missing"
        self.said[data["answer"]] = blocks[: data["from"]] + data["html"]

    def on_sentence(self, data):
        self.spoken.append((data["answer"], data["number"], data["text"]))

    def on_finished(self, data):
        self.turns = [(turn, data["html"] if turn == data["answer"] else html) for turn, html in self.turns]
        self.said[data["answer"]] = data["html"]

    on_failed = on_cancelled = on_finished

    def seen(self):
        return self.turns, self.said, self.spoken


class Script:
    """Turns of a conversation, written word by word into the store and the channel, as a web process does it."""

    def __init__(self, services, owner, key):
        self.chat, self.store, self.owner, self.key = services.chat, services.store, owner, key

    def post(self, news):
        self.chat.channels.post(self.key, news)

    def begin(self, question, *, after=None):
        question, answer = self.store.begin_turn(self.owner, self.key, Message(role="user", text=question), after=after)
        return self._began(question, answer)

    def go_on(self, answer):
        return self._began(*self.store.resume_answer(self.owner, self.key, answer))

    def _began(self, question, answer):
        number = self.store.message(self.owner, self.key, question.parent).number if question.parent else 0
        self.post(Began(self.owner, question, answer, number))
        return answer

    def hear(self, answer, *events):
        for event in events:
            self.post(Heard(answer.id, event))

    def steps(self, answer, text, last=None):
        """One step of an answer after the other; the store knows its end before it is told."""
        last = last or Finished("stop", Usage(answer_tokens=3, seconds=0.5))
        yield lambda: self.hear(answer, Preparing("echo", 0.5, "Reading the weights."))
        yield lambda: self.hear(answer, Started(self.chat.window(self.owner, self.key)))
        for word in re.findall(r"\s*\S+|\s+", text):
            yield lambda word=word: self.hear(answer, Delta(word))
        yield lambda: self.end(answer, answer.text + text, last)

    def end(self, answer, text, last):
        status = "complete" if isinstance(last, Finished) else "failed" if hasattr(last, "sentence") else "stopped"
        error = getattr(last, "sentence", "")
        usage = last.usage if isinstance(last, Finished) else None
        ended = dataclasses.replace(answer, text=text, status=status, error=error, usage=usage)
        self.store.save_answer(self.owner, self.key, ended)
        self.hear(answer, last)

    def change(self):
        self.post(Changed())

    def delete(self):
        self.post(Gone())
