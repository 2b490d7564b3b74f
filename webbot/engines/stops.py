"""Ends a text before the first of some stop texts, however the text comes in pieces."""

from __future__ import annotations

from collections.abc import Sequence


class Stops:
    """Text goes in by `push` and comes out as soon as it cannot be the beginning of a stop text.

    `found` is true once a stop text has come; nothing comes out from then on. When two of them end at the same character
    the longer one counts. The work for each character does not grow with the length of the stop texts.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.found = False
        self.texts = [text for text in texts if text]
        self._borders = [_borders(text) for text in self.texts]
        self._matched = [0] * len(self.texts)  # characters of each stop text that stand at the end of what came
        self._held = ""

    def push(self, text: str) -> str:
        """The text that is certain to stand before every stop text."""
        if self.found:
            return ""
        if not self.texts:
            return text
        for place, character in enumerate(text, start=1):
            ended = [len(stop) for number, stop in enumerate(self.texts) if self._step(number, character) == len(stop)]
            if ended:
                self.found = True
                whole = self._held + text[:place]
                self._held = ""
                return whole[: len(whole) - max(ended)]
        whole, waiting = self._held + text, max(self._matched)
        self._held = whole[len(whole) - waiting :]
        return whole[: len(whole) - waiting]

    def finish(self) -> str:
        """What was held back, because no more text comes."""
        held, self._held = self._held, ""
        return held

    def _step(self, number: int, character: str) -> int:
        stop, borders, matched = self.texts[number], self._borders[number], self._matched[number]
        while matched and stop[matched] != character:
            matched = borders[matched - 1]
        if stop[matched] == character:
            matched += 1
        self._matched[number] = matched
        return matched


def _borders(text: str) -> list[int]:
    """For each beginning of `text`, the length of its longest proper part that both begins and ends it."""
    borders, matched = [0] * len(text), 0
    for place in range(1, len(text)):
        while matched and text[place] != text[matched]:
            matched = borders[matched - 1]
        if text[place] == text[matched]:
            matched += 1
        borders[place] = matched
    return borders
