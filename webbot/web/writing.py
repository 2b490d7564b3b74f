"""An answer as one tab sees it grow: blocks of HTML, and sentences to be read aloud, each an event with its place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from webbot.news import Began
from webbot.speech.speak import Sentences
from webbot.web.place import Place
from webbot.web.render import Growing


def event(name: str, data: Any, place: Place | None = None) -> str:
    """One event in the form of `text/event-stream`; `place` becomes its id."""
    told = f"id: {place}\n" if place is not None else ""
    return f"{told}event: {name}\ndata: {json.dumps(data)}\n\n"


def sentences_of(text: str) -> list[str]:
    """All sentences of an answer that has ended."""
    sentences = Sentences()
    return [*sentences.feed(text), *sentences.rest()]


def grown(began: Began, text: str) -> Place:
    """The place of a tab that shows the growing answer at this text, none of it in blocks yet."""
    fresh = Sentences().feed(text[len(began.answer.text):])
    return Place(began.answer.id, 0, len(sentences_of(began.answer.text)) + len(fresh))


class Writing:
    """An answer that grows. One that is gone on with begins with the text it had, whose sentences ended where it was cut."""

    def __init__(self, began: Began, markup: str) -> None:
        self.began, self.answer = began, began.answer.id
        self.parts: list[str] = []
        self.told = 0  # sentences
        self.grew = False
        self._blocks, self._sentences = Growing(markup), Sentences()

    @property
    def text(self) -> str:
        return "".join(self.parts)

    @property
    def place(self) -> Place:
        return Place(self.answer, self._blocks.settled, self.told)

    def begin(self, text: str, place: Place | None) -> Iterator[str]:
        """What a tab at `place` lacks of the answer so far. With None it is a new one: it is shown all, and read nothing."""
        before = self.began.answer.text
        said = sentences_of(before)
        fresh = self._sentences.feed(text[len(before):])
        self.parts.append(text)
        self.grew = len(text) > len(before)
        known = place.sentences if place is not None else len(said) + len(fresh)
        self.told = min(known, len(said) + len(fresh))
        changed = self._blocks.feed(text)
        if changed is not None:
            there = min(place.blocks if place is not None else 0, self._blocks.settled)
            yield event("blocks", {"answer": self.answer, "from": there, "html": changed[1][there:]}, self.place)
        yield from self._speak([*said, *fresh][self.told:])

    def grow(self, text: str) -> Iterator[str]:
        self.parts.append(text)
        self.grew = True
        changed = self._blocks.feed(text)
        if changed is not None:
            yield event("blocks", {"answer": self.answer, "from": changed[0], "html": changed[1]}, self.place)
        yield from self._speak(self._sentences.feed(text))

    def rest(self) -> Iterator[str]:
        yield from self._speak(self._sentences.rest())

    def _speak(self, sentences: list[str]) -> Iterator[str]:
        for sentence in sentences:
            self.told += 1
            yield spoken(self.began, self.told - 1, sentence, self.place)


def spoken(began: Began, number: int, sentence: str, place: Place, late: bool = False) -> str:
    """`late`: the answer came and ended while the tab was away."""
    # An answer is in the language of its question, where that was heard; the page looks at the letters otherwise.
    language = began.question.spoken.get("language", "")
    told = {"answer": began.answer.id, "number": number, "text": sentence, "language": language}
    return event("sentence", told | {"late": True} if late else told, place)
