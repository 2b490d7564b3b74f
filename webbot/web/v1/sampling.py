"""The parameters that chat/completions and completions share: how an answer is sampled, and who asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, Tag

from webbot.errors import BadInput
from webbot.messages import Options
from webbot.web.v1.operations import Sent, one_of

MOST_TOKENS = 2**31 - 1
LONGEST_STOP = 1000  # characters
StopText = Annotated[str, Field(min_length=1, max_length=LONGEST_STOP)]
StopTexts = Annotated[list[StopText], Field(max_length=4)]
Stop = Annotated[
    Annotated[StopText, Tag("Text")] | Annotated[StopTexts, Tag("Texts")],
    one_of(lambda value: "Texts" if isinstance(value, list) else "Text"),
]
TokenId = Annotated[str, Field(pattern=r"^[0-9]{1,9}$")]
Bias = Annotated[float, Field(ge=-100, le=100)]
Label = Annotated[str, Field(max_length=1024)]


class StreamOptions(Sent):
    include_usage: bool | None = Field(None, description="A last chunk without choices tells the usage.")
    include_obfuscation: bool | None = Field(None, description="Accepted; nothing is padded on this server.")


class Sampled(Sent):
    """null is the same as an absent parameter."""

    model: str = Field(min_length=1, max_length=200, description="`llama` is the local model, whichever it is.")
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = Field(None, ge=1, le=16)
    stop: Stop | None = None
    seed: int | None = Field(None, ge=-(2**63), le=2**63 - 1)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    max_tokens: int | None = Field(None, ge=1, le=MOST_TOKENS)
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    # What the open-source servers take beyond OpenAI's API.
    top_k: int | None = Field(None, ge=-1, le=2**31 - 1, description="Among so many of the likeliest tokens; 0 or -1: all.")
    min_p: float | None = Field(None, ge=0, le=1, description="Among tokens with this share of the likeliest one's probability.")
    repetition_penalty: float | None = Field(
        None, ge=0.1, le=10, description="Divides the logit of a token that the prompt or the answer holds.")
    logit_bias: Annotated[dict[TokenId, Bias], Field(max_length=1024)] | None = None
    user: Label | None = Field(None, description="Accepted; the key says who asks.")


def sampled(sent: Sampled, defaults: Options) -> dict[str, Any]:
    """The fields of Options that were sent, over the server's own temperature and top_p. Raises BadInput."""
    if sent.stream_options is not None and not sent.stream:
        raise BadInput("stream_options is only for stream: true.", parameter="stream_options", code="invalid_value")
    stop = sent.stop or ()
    return {
        "temperature": defaults.temperature if sent.temperature is None else sent.temperature,
        "top_p": defaults.top_p if sent.top_p is None else sent.top_p,
        "seed": sent.seed, "max_tokens": sent.max_tokens, "stop": (stop,) if isinstance(stop, str) else tuple(stop),
        "presence_penalty": sent.presence_penalty or 0.0, "frequency_penalty": sent.frequency_penalty or 0.0,
        "top_k": max(sent.top_k or 0, 0), "min_p": sent.min_p or 0.0,
        "repetition_penalty": 1.0 if sent.repetition_penalty is None else sent.repetition_penalty,
        "logit_bias": _biases(sent.logit_bias or {}),
    }


def with_usage(sent: Sampled) -> bool:
    return bool(sent.stream_options and sent.stream_options.include_usage)


def _biases(sent: Mapping[str, float]) -> dict[int, float]:
    biases = {int(token): bias for token, bias in sent.items()}
    if len(biases) < len(sent):
        raise BadInput("logit_bias names a token twice.", parameter="logit_bias", code="invalid_value")
    return biases
