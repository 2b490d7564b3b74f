"""Token ids to text as they come, holding back characters that are not whole yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence

HALF = "\ufffd"
# A character has at most four bytes: when more tokens than this make no whole one, the bytes are simply wrong.
MOST_HELD = 8


class TextStream:
    """`decode` turns token ids into text, with U+FFFD for a character that is not whole."""

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._shown: list[int] = []  # the last tokens that were shown: some decoders need them to place a space
        self._held: list[int] = []

    def push(self, ids: Sequence[int]) -> str:
        """The text that became whole with these tokens; often empty in Chinese or with an emoji."""
        self._held += ids
        text = self._fresh()
        if text.endswith(HALF) and len(self._held) <= MOST_HELD:
            return ""
        if text:
            self._shown, self._held = self._held, []
        return text

    def finish(self) -> str:
        """What is still held, without a character that never became whole."""
        return self._fresh().rstrip(HALF) if self._held else ""

    def _fresh(self) -> str:
        return self._decode(self._shown + self._held)[len(self._decode(self._shown)):]
