"""What a request asks of its answer: the options as they come over the socket, checked, in llama.cpp's words.

llama.cpp counts the tokens of the prompt for its presence and frequency penalties, too, and forgets scored tokens that are half
a character. An answer with such wishes is therefore computed token by token (`single`): each is asked for alone, with biases that
are worked out here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from webbot.engines.llama import fence, limits
from webbot.engines.llama.grammar import LAYOUT, reason_of, refusal
from webbot.engines.llama.tools import Calls
from webbot.engines.prompts import Prompts
from webbot.engines.stops import Stops
from webbot.errors import BadInput
from webbot.messages import Tool

SAMPLERS = ("temperature", "top_k", "top_p", "min_p")  # in the order of the other engines, not llama.cpp's
SEED_BITS = 31  # llama.cpp takes 32; the largest number means: by chance


@dataclass(slots=True, kw_only=True)
class Asked:
    """`grammar` (Lark, for llguidance) is "" where nothing is held to one; `likeliest` is None where no tokens are scored.
    `random` gives the seeds."""

    temperature: float
    top_p: float
    top_k: int
    min_p: float
    repetition: float
    limit: int | None
    stops: Stops
    calls: Calls | None
    grammar: str
    bias: dict[int, float]
    presence: float
    frequency: float
    likeliest: int | None
    random: Random
    _seen: set[int] = field(default_factory=set)

    @property
    def single(self) -> bool:
        return bool(self.presence or self.frequency or self.likeliest is not None)

    def note(self, token: int) -> None:
        """The answer has this token: the penalties count it."""
        if self.presence or self.frequency:
            self.bias[token] = self.bias.get(token, 0.0) - self.frequency - (0.0 if token in self._seen else self.presence)
            self._seen.add(token)

    def body(self, prompt: Sequence[int], limit: int) -> dict[str, Any]:
        """A request to llama.cpp for at most `limit` tokens after `prompt`."""
        body = {
            "prompt": list(prompt), "max_tokens": limit, "temperature": self.temperature, "top_p": self.top_p,
            "top_k": self.top_k, "min_p": self.min_p, "samplers": list(SAMPLERS), "seed": self.random.getrandbits(SEED_BITS),
            "logit_bias": [[token, value] for token, value in self.bias.items()],
        }
        if self.repetition != 1:
            body |= {"samplers": ["penalties", *SAMPLERS], "repeat_penalty": self.repetition}
            body["repeat_last_n"] = len(prompt) + limit
        return body | ({"grammar": self.grammar} if self.grammar else {})


def read(options: Mapping[str, Any], size: int, prompts: Prompts) -> Asked:
    """`size` is that of the vocabulary. Raises BadInput that names the option that cannot be used."""
    tools = limits.tools_of(options)
    calls = Calls(prompts, tools, options.get("tool_choice", "auto"), options.get("tool", "")) if tools else None
    asked = Asked(
        temperature=limits.temperature(options), top_p=limits.number(options, "top_p", 0.0, 1.0, 1.0),
        top_k=limits.top_k(options), min_p=limits.number(options, "min_p", 0.0, 1.0), repetition=limits.repetition(options),
        limit=limits.answer_tokens(options), stops=Stops(options.get("stop", ())), calls=calls,
        grammar=_grammar(options.get("schema"), tools, calls, prompts), bias=limits.bias(options, size),
        presence=limits.penalty(options, "presence_penalty"), frequency=limits.penalty(options, "frequency_penalty"),
        likeliest=limits.likeliest(options), random=Random(options.get("seed")),
    )
    if asked.grammar and asked.single:
        name = "logprobs" if asked.likeliest is not None else "presence_penalty" if asked.presence else "frequency_penalty"
        raise BadInput("This model cannot honour {what} while its answer is held to a schema.", what=name, parameter=name,
                       code="unsupported_parameter")
    return asked


def _grammar(schema: Mapping[str, Any] | None, tools: Sequence[Tool], calls: Calls | None, prompts: Prompts) -> str:
    """A forced call goes before a schema; a model that may call but need not, calls or keeps to the schema."""
    if calls and calls.grammar:
        return calls.grammar
    if schema is None:
        return ""
    answer = _json(schema)
    if not calls:
        return f"%llguidance {{}}\nstart: {answer}"
    forced = Calls(prompts, tools, "required").grammar
    head, _, rules = forced.partition("\n")
    return f"{head}\nstart: answer | call\nanswer: {answer}\n" + rules.replace("start:", "call:", 1)


def _json(schema: Mapping[str, Any]) -> str:
    """JSON that fits the schema, in Lark. llama.cpp would ignore a grammar that it cannot read, so it is tried here first."""
    try:
        text = json.dumps({**schema, "x-guidance": LAYOUT})
    except (ValueError, RecursionError):
        raise refusal("it is nested too deeply", "response_format") from None
    if len(text) > fence.MOST_CHARACTERS:
        raise refusal("it is too large", "response_format")
    if error := fence.check(f"start: %json {text}"):
        raise refusal(reason_of(error), "response_format")
    return f"%json {text}"
