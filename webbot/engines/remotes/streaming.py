"""One streamed answer: from the response of a server to deltas, with the limits to its silence and its size."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from webbot.engines.remotes import faults
from webbot.engines.remotes.events import Events, TooLarge
from webbot.engines.remotes.faults import Fault, Refusals
from webbot.engines.remotes.reading import BROKEN_OFF, Answer, Told, Unreadable, is_json
from webbot.errors import BadInput, Unavailable
from webbot.messages import Delta, Options, ToolCall

if TYPE_CHECKING:
    from webbot.engines.remotes.wire import Head, Request

REFUSAL_SECONDS, MOST_REFUSAL = 5.0, 1024 * 1024  # for what a server says of a request that it refuses
DONE = b"[DONE]"


class Streaming:
    """Reads `answer` from `request`; each token may take `idle` seconds, the first one as long as the request says."""

    def __init__(self, request: Request, answer: Answer, refusals: Refusals, idle: float) -> None:
        self._request, self._answer, self._refusals, self._idle = request, answer, refusals, idle
        self._events = Events()
        self._done = False

    def deltas(self, sent: Mapping[str, Any]) -> Iterator[Delta | None]:
        """The deltas of the answer to `sent`; None while nothing comes. Raises Fault."""
        parts = self._request.parts()
        head = yield from _head(parts)
        if head is None:
            raise faults.lost(self._refusals.host, again=True)
        if head.status != 200:
            raise (yield from self._refusal(parts, head, sent))
        if not head.headers.get("content-type", "").lower().startswith("text/event-stream"):
            raise faults.unreadable(self._refusals.host)
        try:
            yield from self._stream(parts)
        except TooLarge:
            raise faults.endless(self._refusals.host) from None
        except Unreadable:
            raise faults.unreadable(self._refusals.host) from None
        except Told as told:
            raise self._refusals.inside(told.error) from None

    def calls(self) -> list[ToolCall]:
        """The calls of the answer, once it is whole. Raises Fault."""
        if self._answer.reason == "length":
            return []  # the last one may be cut
        try:
            return self._answer.calls()
        except Unreadable:
            raise faults.unreadable(self._refusals.host) from None

    def check_end(self, options: Options, texts: Sequence[str]) -> None:
        """Raises Fault when the server broke the answer off, or ignored in silence what was asked for."""
        host, answer = self._refusals.host, self._answer
        if BROKEN_OFF.get(answer.reason) == "filter":
            raise Fault(Unavailable("The model server {host} broke the answer off: its content filter forbids it.", host=host),
                        blame=False)
        if answer.reason in BROKEN_OFF:
            raise faults.lost(host)
        if options.logprobs is not None and not answer.tokens and any(texts):
            raise Fault(BadInput("The model server {host} gives no log probabilities.", host=host, parameter="logprobs",
                                 code="unsupported_parameter"), blame=False)
        if options.tools and (options.tool or options.tool_choice == "required") and not answer.called:
            raise Fault(BadInput("The model of {host} did not ask for a function, though it had to.", host=host,
                                 parameter="tool_choice", code="invalid_value"), blame=False)
        if options.schema is not None and answer.reason != "length" and not answer.called and not is_json(texts):
            raise Fault(BadInput("The model server {host} did not keep to JSON.", host=host, parameter="response_format",
                                 code="invalid_value"), blame=False)

    def _stream(self, parts: Iterator[Head | bytes | None]) -> Iterator[Delta | None]:
        for part in parts:
            if not isinstance(part, bytes):
                yield None
                continue
            yield from self._read(self._events.push(part))
            if self._done:
                return
        yield from self._read(self._events.finish())
        if not self._done and not self._answer.reason:
            raise faults.lost(self._refusals.host)

    def _read(self, events: Iterator[bytes]) -> Iterator[Delta | None]:
        for data in events:
            if data.strip() == DONE:
                self._done = True
                return
            signs = self._answer.signs
            delta = self._answer.read(data)
            if self._answer.signs > signs:
                self._request.patience(self._idle)
            if delta is not None:
                yield delta

    def _refusal(
        self, parts: Iterator[Head | bytes | None], head: Head, sent: Mapping[str, Any]
    ) -> Generator[None, None, Fault]:
        """The fault behind a response that is no answer."""
        self._request.patience(REFUSAL_SECONDS)
        body = bytearray()
        try:
            for part in parts:
                if isinstance(part, bytes):
                    body += part
                    if len(body) > MOST_REFUSAL:
                        break
                else:
                    yield None
        except Fault:
            body.clear()  # the status alone must do
        return self._refusals.read(head.status, head.headers, bytes(body), model=str(sent.get("model", "")), sent=sent)


def _head(parts: Iterator[Head | bytes | None]) -> Generator[None, None, Head | None]:
    for part in parts:
        if part is None:
            yield None
        elif not isinstance(part, bytes):
            return part
    return None
