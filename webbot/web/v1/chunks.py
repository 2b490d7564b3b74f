"""The wire forms of chat/completions: an answer as one object, and as chunks while it grows.

A chunk is made for every few tokens, so what stays the same in all of them is written once.
"""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from webbot.messages import Called, Delta, Finished, Token, ToolCall, Usage
from webbot.web.sending import close

LEAST_LOGPROB = -9999.0  # how OpenAI writes a token that is as good as impossible; JSON has no infinity
Part = Delta | Called | Finished


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What every piece of an answer repeats. `created` is in seconds since 1970."""

    id: str
    created: int
    model: str
    fingerprint: str

    def fields(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.id, "object": kind, "created": self.created, "model": self.model, "service_tier": "default",
            "system_fingerprint": self.fingerprint,
        }


def chunks(head: Head, parts: Iterable[tuple[int, Part]], *, usage: bool, logprobs: bool) -> Iterator[bytes | None]:
    """Lines of Server-Sent Events: the chunks, and where `usage` one without choices at the end. None while nothing comes."""
    begun: set[int] = set()
    calls: dict[int, int] = {}
    used: list[Usage] = []
    start = "data: " + json.dumps(head.fields("chat.completion.chunk"), separators=(",", ":"))[:-1]
    end = ',"usage":null}\n\n' if usage else "}\n\n"

    def line(number: int, delta: str, shown: str = "null", reason: str = "null") -> str:
        return (f'{start},"choices":[{{"index":{number},"delta":{delta},"logprobs":{shown},"finish_reason":{reason}}}]{end}')

    for number, part in parts:
        lines = ""
        if number not in begun and not (isinstance(part, Delta) and not part.text and not part.tokens):
            begun.add(number)
            lines = line(number, '{"role":"assistant","content":"","refusal":null}')
        if isinstance(part, Delta):
            if part.text or part.tokens:
                shown = json.dumps(logprobs_of(part.tokens)) if logprobs and part.tokens else "null"
                lines += line(number, f'{{"content":{json.dumps(part.text)}}}', shown)
        elif isinstance(part, Called):
            place = calls[number] = calls.get(number, -1) + 1
            lines += line(number, json.dumps({"tool_calls": [{"index": place, **call_of(part.call)}]}))
        else:
            used.append(part.usage)
            lines += line(number, "{}", reason=json.dumps(part.reason))
        yield lines.encode() if lines else None
    if usage:
        yield f'{start},"choices":[],"usage":{json.dumps(usage_of(used))}}}\n\n'.encode()


def without_ticks(parts: Iterator[tuple[int, Part]]) -> Iterator[tuple[int, Part] | None]:
    """None in place of what says nothing."""
    try:
        for number, part in parts:
            yield None if isinstance(part, Delta) and not part.text and not part.tokens else (number, part)
    finally:
        close(parts)


@dataclass(slots=True)
class _Choice:
    texts: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)
    reason: str = "stop"

    def object(self, number: int, logprobs: bool) -> dict[str, Any]:
        text = "".join(self.texts)
        message: dict[str, Any] = {
            "role": "assistant", "content": None if self.calls and not text else text, "refusal": None, "annotations": [],
        }
        if self.calls:
            message["tool_calls"] = [call_of(call) for call in self.calls]
        return {
            "index": number, "message": message, "logprobs": logprobs_of(self.tokens) if logprobs else None,
            "finish_reason": self.reason,
        }


def completion(head: Head, parts: Iterable[tuple[int, Part]], count: int, *, logprobs: bool) -> dict[str, Any]:
    """The whole answer, with `count` choices."""
    choices = [_Choice() for _ in range(count)]
    used: list[Usage] = []
    for number, part in parts:
        choice = choices[number]
        if isinstance(part, Delta):
            choice.texts.append(part.text)
            choice.tokens += part.tokens
        elif isinstance(part, Called):
            choice.calls.append(part.call)
        else:
            choice.reason = part.reason
            used.append(part.usage)
    shown = [choice.object(number, logprobs) for number, choice in enumerate(choices)]
    return {**head.fields("chat.completion"), "choices": shown, "usage": usage_of(used)}


def usage_of(used: Sequence[Usage], prompts: int = 1) -> dict[str, Any]:
    """What answers took, those to the same prompt in a row; the answers to each of `prompts` read it once."""
    each = max(1, len(used) // prompts)
    groups = [used[start:start + each] for start in range(0, len(used), each)]
    prompt = sum(max(usage.prompt_tokens for usage in group) for group in groups)
    cached = sum(min(usage.cached_tokens for usage in group) for group in groups)
    written = sum(usage.answer_tokens for usage in used)
    return {
        "prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0, "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
        },
    }


def call_of(call: ToolCall) -> dict[str, Any]:
    name = call.id or f"call_{secrets.token_hex(12)}"
    return {"id": name, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def logprobs_of(tokens: Iterable[Token]) -> dict[str, Any]:
    return {"content": [
        {**_token(token.data, token.logprob), "top_logprobs": [_token(data, value) for data, value in token.likeliest]}
        for token in tokens
    ], "refusal": None}


def _token(data: bytes, value: float) -> dict[str, Any]:
    return {"token": data.decode("utf-8", "replace"), "logprob": finite(value), "bytes": list(data)}


def finite(logprob: float) -> float:
    return max(logprob, LEAST_LOGPROB) if math.isfinite(logprob) else LEAST_LOGPROB
