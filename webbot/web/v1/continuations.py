"""The wire forms of completions: texts that go on, as one object and as chunks while they grow."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from webbot.messages import Delta, Finished, Token, Usage
from webbot.web.v1.chunks import Head, Part, finite, usage_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked for. `echoes` are the texts that stand before the choices, none or one for each of them."""

    echoes: Sequence[str]
    prompts: int
    choices: int
    logprobs: bool


@dataclass(slots=True)
class _Choice:
    """One continuation. `place` counts the characters of the tokens that were told."""

    texts: list[str] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)
    reason: str = "stop"
    place: int = 0
    decoder: codecs.IncrementalDecoder = field(default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace"))

    def logprobs(self, tokens: Sequence[Token]) -> dict[str, Any]:
        """Those of the next tokens."""
        offsets = []
        for token in tokens:
            offsets.append(self.place)
            self.place += len(self.decoder.decode(token.data))
        return {
            "tokens": [_name(token.data) for token in tokens], "token_logprobs": [finite(token.logprob) for token in tokens],
            "top_logprobs": [
                {_name(data): finite(value) for data, value in (*token.likeliest, (token.data, token.logprob))}
                for token in tokens
            ],
            "text_offset": offsets,
        }


def chunks(head: Head, parts: Iterable[tuple[int, Part]], asked: Asked, *, usage: bool) -> Iterator[bytes | None]:
    """Lines of Server-Sent Events: the chunks, and where `usage` one without choices at the end. None while nothing comes."""
    choices: dict[int, _Choice] = {}
    used: dict[int, Usage] = {}
    start = "data: " + json.dumps(fields(head), separators=(",", ":"))[:-1]
    end = ',"usage":null}\n\n' if usage else "}\n\n"

    def line(number: int, text: str, shown: str = "null", reason: str = "null") -> str:
        return f'{start},"choices":[{{"text":{text},"index":{number},"logprobs":{shown},"finish_reason":{reason}}}]{end}'

    for number, part in parts:
        lines = ""
        if number not in choices:
            choices[number] = _Choice()
            if asked.echoes:
                lines = line(number, json.dumps(asked.echoes[number]))
        if isinstance(part, Delta):
            if part.text or part.tokens:
                shown = json.dumps(choices[number].logprobs(part.tokens)) if asked.logprobs and part.tokens else "null"
                lines += line(number, json.dumps(part.text), shown)
        elif isinstance(part, Finished):
            used[number] = part.usage
            lines += line(number, '""', reason=json.dumps(part.reason))
        yield lines.encode() if lines else None
    if usage:
        yield f'{start},"choices":[],"usage":{json.dumps(_usage(used, asked))}}}\n\n'.encode()


def completion(head: Head, parts: Iterable[tuple[int, Part]], asked: Asked) -> dict[str, Any]:
    """The whole answer."""
    choices = [_Choice(texts=[echo]) for echo in asked.echoes] or [_Choice() for _ in range(asked.choices)]
    used: dict[int, Usage] = {}
    for number, part in parts:
        if isinstance(part, Delta):
            choices[number].texts.append(part.text)
            choices[number].tokens += part.tokens
        elif isinstance(part, Finished):
            choices[number].reason = part.reason
            used[number] = part.usage
    shown = [
        {
            "text": "".join(choice.texts), "index": number,
            "logprobs": choice.logprobs(choice.tokens) if asked.logprobs else None, "finish_reason": choice.reason,
        }
        for number, choice in enumerate(choices)
    ]
    return {**fields(head), "choices": shown, "usage": _usage(used, asked)}


def _usage(used: Mapping[int, Usage], asked: Asked) -> dict[str, Any]:
    """Answers end in any order; those to one prompt have numbers that follow one another."""
    return usage_of([used[number] for number in sorted(used)], asked.prompts)


def fields(head: Head) -> dict[str, Any]:
    return {
        "id": head.id, "object": "text_completion", "created": head.created, "model": head.model,
        "system_fingerprint": head.fingerprint,
    }


def _name(token: bytes) -> str:
    """A token as text; one that is no text by itself as its bytes, in OpenAI's way."""
    try:
        return token.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in token)
