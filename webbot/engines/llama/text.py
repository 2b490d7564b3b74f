"""Token ids to text as they come, holding back characters that are not whole yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence

HALF = "\ufffd"
# A character has at most four bytes: when more tokens than this make no whole one, the bytes are simply wrong.
MOST_HELD = 8
# So often what is held is decoded again, because each time it ends within a character, though others before it became whole.
MOST_TURNS = 64
PLACING = 4  # tokens before: some decoders need them to place a space


class TextStream:
    """`decode` turns token ids into text, with U+FFFD for a character that is not whole. `before` are the tokens that the text
    goes on from. Each token is decoded once or twice, with few others, however long the text is."""

    def __init__(self, decode: Callable[[Sequence[int]], str], before: Sequence[int] = ()) -> None:
        self._decode = decode
        self._held: list[int] = []
        self._shown = 0  # characters of what is held that were shown already
        self._stuck = 0  # tokens since something was shown
        self._turns = 0  # since the text was whole where it ended
        self._go_on(before)

    def push(self, ids: Sequence[int]) -> str:
        """The text that became whole with these tokens; often empty in Chinese or with an emoji."""
        self._held += ids
        self._turns += 1
        text = self._fresh()
        whole = text.rstrip(HALF)
        self._stuck = 0 if len(whole) > self._shown else self._stuck + len(ids)
        if self._stuck > MOST_HELD or self._turns > MOST_TURNS:
            whole = text
        new = whole[self._shown:]
        self._shown += len(new)
        if len(whole) == len(text) and text:
            self._go_on(self._held)
        return new

    def finish(self) -> str:
        """What is still held, without a character that never became whole."""
        return self._fresh().rstrip(HALF)[self._shown:]

    def _go_on(self, before: Sequence[int]) -> None:
        """All tokens so far are wholly shown."""
        self._before = list(before[-PLACING:])
        self._opening = len(self._decode(self._before)) if self._before else 0  # characters
        self._held, self._shown, self._stuck, self._turns = [], 0, 0, 0

    def _fresh(self) -> str:
        return self._decode(self._before + self._held)[self._opening:]
