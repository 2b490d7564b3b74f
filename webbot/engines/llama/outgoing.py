"""What is sent of an answer whose tokens come as ids: their text, and themselves where they are scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from webbot.engines import outgoing
from webbot.engines.compute.shaping import Choice
from webbot.engines.llama.text import TextStream
from webbot.engines.outgoing import Piece, Reader, wire
from webbot.engines.stops import Stops
from webbot.messages import ToolCall


class Outgoing(outgoing.Outgoing):
    """`decode` makes text of token ids, `bytes_of` the bytes of one token; `scored`: the tokens themselves are sent, too.
    `before` are the last tokens of a text that is gone on with."""

    def __init__(
        self, decode: Callable[[Sequence[int]], str], bytes_of: Callable[[int], bytes], stops: Stops, calls: Reader | None = None,
        *, scored: bool = False, before: Sequence[int] = (),
    ) -> None:
        super().__init__(stops, calls)
        self._stream, self._bytes_of, self._scored = TextStream(decode, before), bytes_of, scored
        self._whole = not stops.texts and calls is None and not scored  # nothing is looked at token by token

    def push(self, tokens: Sequence[int | Choice]) -> dict[str, Any]:  # type: ignore[override] # ids become pieces here
        if self._whole:
            self.written += len(tokens)
            return self._frame(self._stream.push([_id(token) for token in tokens]), 0)
        return super().push([self._piece(token) for token in tokens])

    def finish(self) -> tuple[dict[str, Any], list[ToolCall]]:
        return self._finish(self._stream.finish())

    def _piece(self, token: int | Choice) -> Piece:
        scored = self._score(token) if self._scored and isinstance(token, Choice) else None
        return Piece(self._stream.push([_id(token)]), scored)

    def _score(self, choice: Choice) -> list[Any]:
        likeliest = [[wire(self._bytes_of(token)), logprob] for token, logprob in choice.likeliest]
        return [wire(self._bytes_of(choice.token)), choice.logprob, likeliest]


def _id(token: int | Choice) -> int:
    return token.token if isinstance(token, Choice) else token
