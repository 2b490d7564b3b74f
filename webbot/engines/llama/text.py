"""Token ids to text as they come, holding back characters that are not whole yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence

HALF = "\ufffd"
# A character has at most four bytes: when more tokens than this make no whole one, the bytes are simply wrong.
MOST_HELD = 8


class TextStream:
    """`decode` turns token ids into text, with U+FFFD for a character that is not whole. `before` are the tokens that the text
    goes on from."""

    def __init__(self, decode: Callable[[Sequence[int]], str], before: Sequence[int] = ()) -> None:
        self._decode = decode
        self._before = list(before)  # tokens that are wholly shown: some decoders need them to place a space
        self._held: list[int] = []
        self._shown = 0  # characters of what is held that were shown already
        self._stuck = 0  # tokens since something was shown

    def push(self, ids: Sequence[int]) -> str:
        """The text that became whole with these tokens; often empty in Chinese or with an emoji."""
        self._held += ids
        text = self._fresh()
        whole = text.rstrip(HALF)
        self._stuck = 0 if len(whole) > self._shown else self._stuck + len(ids)
        if self._stuck > MOST_HELD:
            whole = text
        new = whole[self._shown:]
        self._shown += len(new)
        if len(whole) == len(text) and text:
            self._before, self._held, self._shown = self._held, [], 0
        return new

    def finish(self) -> str:
        """What is still held, without a character that never became whole."""
        return self._fresh().rstrip(HALF)[self._shown:]

    def _fresh(self) -> str:
        return self._decode(self._before + self._held)[len(self._decode(self._before)):]
