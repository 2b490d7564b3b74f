"""The numbers of a request, held within their limits. Each refusal names the option."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from webbot.errors import BadInput
from webbot.messages import Tool

LEAST_TEMPERATURE = 1e-3  # below it the likeliest token is all there is, and numbers would grow beyond what is computed with
MOST_TEMPERATURE, MOST_BIAS, MOST_PENALTY, MOST_LIKELIEST = 100.0, 100.0, 2.0, 20
LEAST_REPETITION, MOST_REPETITION = 0.1, 10.0
MOST_TOP_K = 2**31 - 1


def tools_of(options: Mapping[str, Any]) -> list[Tool]:
    """The functions that the model is shown."""
    return [] if options.get("tool_choice") == "none" else [Tool(**tool) for tool in options.get("tools", ())]


def number(options: Mapping[str, Any], name: str, least: float, most: float, default: float = 0.0) -> float:
    value = float(options.get(name, default))
    if not least <= value <= most:  # also false for what is no number
        raise BadInput("{what} must be a number from {least} to {most}.", what=name, least=least, most=most, parameter=name)
    return value


def temperature(options: Mapping[str, Any]) -> float:
    value = number(options, "temperature", 0.0, MOST_TEMPERATURE)
    return value if value >= LEAST_TEMPERATURE else 0.0


def penalty(options: Mapping[str, Any], name: str) -> float:
    return number(options, name, -MOST_PENALTY, MOST_PENALTY)


def repetition(options: Mapping[str, Any]) -> float:
    return number(options, "repetition_penalty", LEAST_REPETITION, MOST_REPETITION, 1.0)


def top_k(options: Mapping[str, Any]) -> int:
    """How many of the likeliest tokens are kept; 0 for all of them."""
    return int(number(options, "top_k", 0, MOST_TOP_K))


def answer_tokens(options: Mapping[str, Any]) -> int | None:
    limit = options.get("max_tokens")
    if limit is not None and limit < 1:
        raise BadInput("An answer has at least one token.", parameter="max_tokens")
    return limit


def bias(options: Mapping[str, Any], size: int) -> dict[int, float]:
    """`size` is that of the vocabulary."""
    pairs: Sequence[tuple[int, float]] = options.get("logit_bias", ())
    for token, value in pairs:
        if not 0 <= token < size:
            raise BadInput("There is no token {token}; the vocabulary ends at {last}.", token=token, last=size - 1,
                           parameter="logit_bias")
        if not -MOST_BIAS <= value <= MOST_BIAS:
            raise BadInput("{what} must be a number from {least} to {most}.", what="logit_bias", least=-MOST_BIAS, most=MOST_BIAS,
                           parameter="logit_bias")
    return dict(pairs)


def likeliest(options: Mapping[str, Any]) -> int | None:
    """How many tokens with their log probabilities are wanted, None where none are."""
    count = options.get("logprobs")
    if count is not None and not 0 <= count <= MOST_LIKELIEST:
        raise BadInput("{what} must be a number from {least} to {most}.", what="logprobs", least=0, most=MOST_LIKELIEST,
                       parameter="logprobs")
    return count
