"""The chunks of a streamed answer as deltas, calls and their end. Believes nothing of their shape."""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from webbot.messages import Delta, Token, ToolCall, Usage

# How servers say that an answer was ended for another cause than its end or its limit.
BROKEN_OFF = {"content_filter": "filter", "abort": "error", "error": "error"}


class Unreadable(Exception):
    """A chunk that is none of OpenAI's API."""


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)

    def whole(self) -> ToolCall:
        name = self.id or f"call_{secrets.token_hex(12)}"
        return ToolCall(name=self.name, arguments=_object("".join(self.arguments)), id=name)


class Answer:
    """One answer, chunk by chunk. `likeliest` is how many other tokens were asked for.

    `reason` is the server's word for the end, "" while there was none. `signs` grows with every chunk that carries something,
    also what is not shown (reasoning).
    """

    def __init__(self, likeliest: int = 0) -> None:
        self.likeliest = likeliest
        self.reason = ""
        self.usage: dict[str, Any] = {}
        self.signs, self.tokens = 0, 0
        self._calls: list[_Call] = []
        self._places: dict[int, int] = {}

    def read(self, data: bytes) -> Delta | None:
        """What a chunk adds to the text. Raises Unreadable, and Told for an error that the server tells."""
        try:
            chunk = json.loads(data)
        except (ValueError, RecursionError):
            raise Unreadable from None
        if not isinstance(chunk, dict):
            raise Unreadable
        if chunk.get("error"):
            raise Told(chunk["error"])
        if isinstance(chunk.get("usage"), dict):
            self.usage = chunk["usage"]
        choices = chunk.get("choices") or []
        if not isinstance(choices, list):
            raise Unreadable
        for choice in choices:
            if isinstance(choice, dict) and choice.get("index", 0) == 0:
                return self._choice(choice)
        return None

    def _choice(self, choice: dict[str, Any]) -> Delta | None:
        delta = choice.get("delta") or {}
        if not isinstance(delta, dict):
            raise Unreadable
        text = "".join(_text(part) for part in (choice.get("text"), delta.get("content"), delta.get("refusal")))
        calls = delta.get("tool_calls") or []
        self._fragments(calls)
        tokens = self._tokens(choice.get("logprobs"))
        self.tokens += len(tokens)
        if isinstance(choice.get("finish_reason"), str):
            self.reason = choice["finish_reason"]
        if text or calls or tokens or self.reason or delta.get("reasoning_content") or delta.get("reasoning"):
            self.signs += 1
        return Delta(text, tokens) if text or tokens else None

    def calls(self) -> list[ToolCall]:
        """The calls, whole. Raises Unreadable for arguments that are no JSON object."""
        return [call.whole() for call in self._calls]

    @property
    def called(self) -> bool:
        return bool(self._calls)

    def _fragments(self, fragments: Any) -> None:
        if not isinstance(fragments, list):
            raise Unreadable
        for fragment in fragments:
            function = fragment.get("function") if isinstance(fragment, dict) else None
            if not isinstance(function, dict):
                raise Unreadable
            call = self._place(fragment, function)
            call.id = call.id or _text(fragment.get("id"))
            call.name += _text(function.get("name"))
            arguments = function.get("arguments")
            call.arguments.append(json.dumps(arguments) if isinstance(arguments, dict) else _text(arguments))

    def _place(self, fragment: dict[str, Any], function: dict[str, Any]) -> _Call:
        """The call that a fragment belongs to: that of its index. Servers that number all calls 0 give each its id."""
        index, name = fragment.get("index"), fragment.get("id")
        index = index if isinstance(index, int) else max(self._places, default=-1) + bool(function.get("name"))
        known = self._calls[self._places[index]] if index in self._places else None
        if known is None or (name and function.get("name") and known.id not in ("", name)):
            self._places[index] = len(self._calls)
            self._calls.append(_Call())
        return self._calls[self._places[index]]

    # log probabilities

    def _tokens(self, logprobs: Any) -> tuple[Token, ...]:
        if not isinstance(logprobs, dict):
            return ()
        if isinstance(logprobs.get("content"), list):
            return tuple(self._token(entry) for entry in logprobs["content"])
        if isinstance(logprobs.get("tokens"), list):
            return tuple(self._old_tokens(logprobs))
        return ()

    def _token(self, entry: Any) -> Token:
        if not isinstance(entry, dict):
            raise Unreadable
        others = entry.get("top_logprobs") or []
        likeliest = tuple((_bytes(other), _number(other.get("logprob"))) for other in others if isinstance(other, dict))
        return Token(_bytes(entry), _number(entry.get("logprob")), likeliest[: self.likeliest])

    def _old_tokens(self, logprobs: dict[str, Any]) -> list[Token]:
        """The form that /completions has of old: lists beside one another."""
        names, values = logprobs["tokens"], logprobs.get("token_logprobs")
        rows = logprobs.get("top_logprobs")
        if not isinstance(values, list) or len(values) != len(names):
            raise Unreadable
        rows = rows if isinstance(rows, list) and len(rows) == len(names) else [None] * len(names)
        return [Token(_old_bytes(name), _number(value), self._likeliest(row))
                for name, value, row in zip(names, values, rows, strict=True)]

    def _likeliest(self, row: Any) -> tuple[tuple[bytes, float], ...]:
        found = [(_old_bytes(name), _number(value)) for name, value in row.items()] if isinstance(row, dict) else []
        return tuple(sorted(found, key=lambda pair: -pair[1])[: self.likeliest])


class Told(Exception):
    """The server tells an error in the middle of its answer."""

    def __init__(self, error: Any) -> None:
        super().__init__("an error in the stream")
        self.error = error


def usage_of(said: dict[str, Any]) -> Usage:
    """What the server says that it read and wrote; 0 where it says nothing."""
    details = said.get("prompt_tokens_details")
    return Usage(
        prompt_tokens=_count(said.get("prompt_tokens")), answer_tokens=_count(said.get("completion_tokens")),
        cached_tokens=_count(details.get("cached_tokens")) if isinstance(details, dict) else 0,
    )


def vectors_of(body: bytes, count: int) -> tuple[list[list[float]], int]:
    """The vectors of /embeddings in the order of their texts, of unit length, and the tokens that were read (0: not told).

    Raises Unreadable.
    """
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise Unreadable from None
    rows = said.get("data") if isinstance(said, dict) else None
    if not isinstance(rows, list) or len(rows) != count or not all(isinstance(row, dict) for row in rows):
        raise Unreadable
    if all(isinstance(row.get("index"), int) for row in rows):
        rows = sorted(rows, key=lambda row: row["index"])
    usage = said.get("usage")
    return [_unit(row.get("embedding")) for row in rows], usage_of(usage).prompt_tokens if isinstance(usage, dict) else 0


def _unit(vector: Any) -> list[float]:
    if not isinstance(vector, list) or not vector or not all(isinstance(value, int | float) for value in vector):
        raise Unreadable
    length = math.hypot(*vector)
    if not math.isfinite(length):
        raise Unreadable
    return [value / length for value in vector] if length else [float(value) for value in vector]


def _text(value: Any) -> str:
    """A text without half characters."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Unreadable
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return value


def _count(value: Any) -> int:
    return value if isinstance(value, int) and 0 <= value < 2**40 else 0


def _number(value: Any) -> float:
    if value is None:
        return 0.0
    if not isinstance(value, int | float):
        raise Unreadable
    return float(value)


def _bytes(entry: dict[str, Any]) -> bytes:
    data = entry.get("bytes")
    if isinstance(data, list):
        try:
            return bytes(data)
        except (ValueError, TypeError):
            raise Unreadable from None
    return _text(entry.get("token")).encode()


def _old_bytes(name: Any) -> bytes:
    r"""A token's bytes. A part of a character is written as bytes:\xe4\xbd."""
    text = _text(name)
    if text.startswith("bytes:"):
        try:
            return bytes.fromhex(text.removeprefix("bytes:").replace("\\x", ""))
        except ValueError:
            pass
    return text.encode()


def _object(arguments: str) -> str:
    """The JSON text of an object; a function without arguments is often called with nothing at all."""
    if not arguments.strip():
        return "{}"
    try:
        if isinstance(json.loads(arguments), dict):
            return arguments
    except (ValueError, RecursionError):
        pass
    raise Unreadable


def is_json(texts: Sequence[str]) -> bool:
    try:
        json.loads("".join(texts))
    except (ValueError, RecursionError):
        return False
    return True
