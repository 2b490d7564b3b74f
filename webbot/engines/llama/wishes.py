"""What a request asks of its answer: the options as they come over the socket, checked, as the parts that honour them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webbot.engines.compute.shaping import Shaping
from webbot.engines.llama import limits
from webbot.engines.llama.closing import Closing
from webbot.engines.llama.grammar import Constraint
from webbot.engines.llama.prompt import PromptBuilder
from webbot.engines.llama.tools import Calls
from webbot.engines.llama.vocabulary import Vocabulary
from webbot.engines.stops import Stops
from webbot.errors import BadInput
from webbot.messages import Tool


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """`shaping` is None where only temperature, top_p, top_k and min_p count; `calls` where the model may ask for no function."""

    temperature: float
    top_p: float
    top_k: int
    min_p: float
    limit: int | None
    shaping: Shaping | None
    stops: Stops
    calls: Calls | None
    scored: bool


def read(options: Mapping[str, Any], vocabulary: Vocabulary, prompts: PromptBuilder) -> Wishes:
    """Raises BadInput that names the option that cannot be used."""
    tools, schema = limits.tools_of(options), options.get("schema")
    calls = Calls(prompts, tools, options.get("tool_choice", "auto"), options.get("tool", "")) if tools else None
    constraint = _constraint(schema, tools, calls, prompts, vocabulary)
    shaping = Shaping(
        presence=limits.penalty(options, "presence_penalty"), frequency=limits.penalty(options, "frequency_penalty"),
        repetition=limits.repetition(options), bias=limits.bias(options, vocabulary.size),
        likeliest=_likeliest(options, vocabulary), constraint=constraint,
        closing=Closing(vocabulary.ends, vocabulary.closers, constraint.length) if constraint else None,
    )
    limit = limits.answer_tokens(options)
    return Wishes(
        temperature=limits.temperature(options), top_p=limits.number(options, "top_p", 0.0, 1.0, 1.0),
        top_k=limits.top_k(options), min_p=limits.number(options, "min_p", 0.0, 1.0), limit=limit,
        shaping=shaping if shaping.asks else None, stops=Stops(options.get("stop", ())), calls=calls,
        scored=shaping.likeliest is not None,
    )


def _likeliest(options: Mapping[str, Any], vocabulary: Vocabulary) -> int | None:
    if options.get("logprobs") is not None and vocabulary.grammatical is None:
        raise _unable("logprobs")
    return limits.likeliest(options)


def _constraint(
    schema: Mapping[str, Any] | None, tools: Sequence[Tool], calls: Calls | None, prompts: PromptBuilder, vocabulary: Vocabulary
) -> Constraint | None:
    """A forced call goes before a schema; a model that may call but need not, calls or keeps to the schema."""
    forced = calls.grammar if calls else ""
    if schema is None and not forced:
        return None
    if vocabulary.grammatical is None:
        raise _unable("tool_choice" if forced else "response_format")
    if forced:
        return Constraint.of_calls(vocabulary.grammatical, forced)
    assert schema is not None
    if calls:
        return Constraint.of_calls(vocabulary.grammatical, Calls(prompts, tools, "required").grammar, schema)
    return Constraint.of_schema(vocabulary.grammatical, schema)


def _unable(parameter: str) -> BadInput:
    code = "unsupported_parameter"
    return BadInput("The model's tokenizer does not allow {what}.", what=parameter, parameter=parameter, code=code)
