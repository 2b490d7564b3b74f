"""What is sent of an answer as its tokens come: text before the first stop text and outside of calls, and scored tokens."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from webbot.engines.llama.shaping import Choice
from webbot.engines.llama.text import TextStream
from webbot.engines.llama.tools import Calls
from webbot.engines.stops import Stops
from webbot.messages import ToolCall


class Outgoing:
    """`written` counts the tokens up to a stop text, `stopped` is true once one has come.

    `decode` makes text of token ids, `bytes_of` the bytes of one token; `scored`: the tokens themselves are sent, too. A
    token is sent as soon as text behind its beginning is, and never when its text is cut away.
    """

    def __init__(
        self, decode: Callable[[Sequence[int]], str], bytes_of: Callable[[int], bytes], stops: Stops, calls: Calls | None = None,
        *, scored: bool = False,
    ) -> None:
        self.written = 0
        self._stream, self._bytes_of, self._stops, self._calls, self._scored = TextStream(decode), bytes_of, stops, calls, scored
        self._whole = not stops.texts and calls is None and not scored  # nothing is looked at token by token
        self._came = self._sent = 0  # characters
        self._waiting: deque[tuple[int, list[Any]]] = deque()  # tokens by the character where their text begins

    @property
    def stopped(self) -> bool:
        return self._stops.found

    def push(self, tokens: Sequence[int | Choice]) -> dict[str, Any]:
        """A frame {"delta": text, "tokens": ...} of what can be sent, {} when nothing can."""
        if self._whole:
            self.written += len(tokens)
            return self._frame(self._stream.push([_id(token) for token in tokens]), 0)
        text = ""
        for token in tokens:
            self.written += 1
            if self._scored and isinstance(token, Choice):
                self._waiting.append((self._came, self._score(token)))
            text += self._pass(self._stream.push([_id(token)]))
            if self.stopped:
                break
        return self._frame(text, self._sent)

    def finish(self) -> tuple[dict[str, Any], list[ToolCall]]:
        """The frame of what was held back, and the calls."""
        text = self._pass(self._stream.finish())
        calls: list[ToolCall] = []
        if self._calls is not None and not self.stopped:
            left, calls = self._calls.finish()
            text += self._send(left)
        text += self._send("", last=True)
        return self._frame(text, self._sent if self.stopped or calls else self._came + 1), calls

    def _pass(self, text: str) -> str:
        self._came += len(text)
        return self._send(self._calls.push(text) if self._calls is not None else text)

    def _send(self, text: str, last: bool = False) -> str:
        text = self._stops.finish() if last else self._stops.push(text)
        self._sent += len(text)
        return text

    def _score(self, choice: Choice) -> list[Any]:
        likeliest = [[_wire(self._bytes_of(token)), logprob] for token, logprob in choice.likeliest]
        return [_wire(self._bytes_of(choice.token)), choice.logprob, likeliest]

    def _frame(self, text: str, border: int) -> dict[str, Any]:
        tokens = []
        while self._waiting and self._waiting[0][0] < border:
            tokens.append(self._waiting.popleft()[1])
        return ({"delta": text} if text or tokens else {}) | ({"tokens": tokens} if tokens else {})


def _id(token: int | Choice) -> int:
    return token.token if isinstance(token, Choice) else token


def _wire(data: bytes) -> str:
    """Bytes as JSON can hold them: each as the character of its number."""
    return data.decode("latin-1")
