"""What is sent of an answer as its pieces come: text before the first stop text and outside of calls, and scored tokens."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from webbot.engines.stops import Stops
from webbot.messages import ToolCall


class Reader(Protocol):
    """Finds calls in a text (webbot.engines.llama.tools.Calls)."""

    def push(self, text: str) -> str: ...

    def finish(self) -> tuple[str, list[ToolCall]]: ...


@dataclass(frozen=True, slots=True)
class Piece:
    """The text that became whole with a token, and the token itself as it is sent where tokens are asked for."""

    text: str
    token: list[Any] | None = None


class Outgoing:
    """`written` counts the tokens up to a stop text, `stopped` is true once one has come.

    A token is sent as soon as text behind its beginning is, and never when its text is cut away.
    """

    def __init__(self, stops: Stops, calls: Reader | None = None) -> None:
        self.written = 0
        self._stops, self._calls = stops, calls
        self._came = self._sent = 0  # characters
        self._waiting: deque[tuple[int, list[Any]]] = deque()  # tokens by the character where their text begins

    @property
    def stopped(self) -> bool:
        return self._stops.found

    def push(self, tokens: Sequence[Piece]) -> dict[str, Any]:
        """A frame {"delta": text, "tokens": ...} of what can be sent, {} when nothing can."""
        text = ""
        for piece in tokens:
            self.written += 1
            if piece.token is not None:
                self._waiting.append((self._came, piece.token))
            text += self._pass(piece.text)
            if self.stopped:
                break
        return self._frame(text, self._sent)

    def finish(self) -> tuple[dict[str, Any], list[ToolCall]]:
        """The frame of what was held back, and the calls."""
        return self._finish("")

    def _finish(self, text: str) -> tuple[dict[str, Any], list[ToolCall]]:
        text = self._pass(text)
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

    def _frame(self, text: str, border: int) -> dict[str, Any]:
        tokens = []
        while self._waiting and self._waiting[0][0] < border:
            tokens.append(self._waiting.popleft()[1])
        return ({"delta": text} if text or tokens else {}) | ({"tokens": tokens} if tokens else {})


def wire(data: bytes) -> str:
    """Bytes as JSON can hold them: each as the character of its number."""
    return data.decode("latin-1")
