"""What a request asks of its answer: the options as they come over the socket, checked, as the parts that honour them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webbot.engines.llama.closing import Closing
from webbot.engines.llama.grammar import Constraint
from webbot.engines.llama.prompt import PromptBuilder
from webbot.engines.llama.shaping import Shaping
from webbot.engines.llama.tools import Calls
from webbot.engines.llama.vocabulary import Vocabulary
from webbot.engines.stops import Stops
from webbot.errors import BadInput
from webbot.messages import Tool

LEAST_TEMPERATURE = 1e-3  # below it the likeliest token is all there is, and numbers would grow beyond what is computed with
MOST_TEMPERATURE, MOST_BIAS, MOST_PENALTY, MOST_LIKELIEST = 100.0, 100.0, 2.0, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """`shaping` is None where only temperature and top_p count; `calls` where the model may ask for no function."""

    temperature: float
    top_p: float
    limit: int | None
    shaping: Shaping | None
    stops: Stops
    calls: Calls | None
    scored: bool


def tools_of(options: Mapping[str, Any]) -> list[Tool]:
    """The functions that the model is shown."""
    return [] if options.get("tool_choice") == "none" else [Tool(**tool) for tool in options.get("tools", ())]


def read(options: Mapping[str, Any], vocabulary: Vocabulary, prompts: PromptBuilder) -> Wishes:
    """Raises BadInput that names the option that cannot be used."""
    tools, schema = tools_of(options), options.get("schema")
    calls = Calls(prompts, tools, options.get("tool_choice", "auto"), options.get("tool", "")) if tools else None
    constraint = _constraint(schema, tools, calls, prompts, vocabulary)
    shaping = Shaping(
        presence=_number(options, "presence_penalty", -MOST_PENALTY, MOST_PENALTY),
        frequency=_number(options, "frequency_penalty", -MOST_PENALTY, MOST_PENALTY),
        bias=_bias(options.get("logit_bias", ()), vocabulary), likeliest=_likeliest(options.get("logprobs"), vocabulary),
        constraint=constraint, closing=Closing(vocabulary.ends, vocabulary.closers, constraint.length) if constraint else None,
    )
    asked = shaping.presence or shaping.frequency or shaping.bias or shaping.likeliest is not None or shaping.constraint
    limit = options.get("max_tokens")
    if limit is not None and limit < 1:
        raise BadInput("An answer has at least one token.", parameter="max_tokens")
    temperature = _number(options, "temperature", 0.0, MOST_TEMPERATURE)
    return Wishes(
        temperature=temperature if temperature >= LEAST_TEMPERATURE else 0.0, top_p=_number(options, "top_p", 0.0, 1.0, 1.0),
        limit=limit, shaping=shaping if asked else None, stops=Stops(options.get("stop", ())), calls=calls,
        scored=shaping.likeliest is not None,
    )


def _number(options: Mapping[str, Any], name: str, least: float, most: float, default: float = 0.0) -> float:
    value = float(options.get(name, default))
    if not least <= value <= most:  # also false for what is no number
        raise BadInput("{what} must be a number from {least} to {most}.", what=name, least=least, most=most, parameter=name)
    return value


def _bias(pairs: Sequence[tuple[int, float]], vocabulary: Vocabulary) -> dict[int, float]:
    for token, value in pairs:
        if not 0 <= token < vocabulary.size:
            raise BadInput("There is no token {token}; the vocabulary ends at {last}.", token=token, last=vocabulary.size - 1,
                           parameter="logit_bias")
        if not -MOST_BIAS <= value <= MOST_BIAS:
            raise BadInput("{what} must be a number from {least} to {most}.", what="logit_bias", least=-MOST_BIAS, most=MOST_BIAS,
                           parameter="logit_bias")
    return dict(pairs)


def _likeliest(count: int | None, vocabulary: Vocabulary) -> int | None:
    if count is None:
        return None
    if vocabulary.grammatical is None:
        raise _unable("logprobs")
    if not 0 <= count <= MOST_LIKELIEST:
        raise BadInput("{what} must be a number from {least} to {most}.", what="logprobs", least=0, most=MOST_LIKELIEST,
                       parameter="logprobs")
    return count


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
