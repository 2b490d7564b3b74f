"""The answers of chat/completions and completions, for the document. chunks.py and continuations.py write what is sent."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

EVENTS = {"text/event-stream": {"schema": {
    "type": "string",
    "description": "With stream: true. Lines `data: {...}`, each a chunk, an error object where the answer breaks off, and "
    "`data: [DONE]` at the end. Lines that begin with a colon keep the connection open.",
}}}
Reason = Literal["stop", "length", "tool_calls"]


class PromptDetails(BaseModel):
    """`cached_tokens` of the prompt were not computed again."""

    cached_tokens: int
    audio_tokens: int


class AnswerDetails(BaseModel):
    reasoning_tokens: int
    audio_tokens: int
    accepted_prediction_tokens: int
    rejected_prediction_tokens: int


class UsageObject(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails
    completion_tokens_details: AnswerDetails


class LikelyToken(BaseModel):
    token: str
    logprob: float
    bytes: list[int]


class WrittenToken(LikelyToken):
    top_logprobs: list[LikelyToken]


class ChatLogprobs(BaseModel):
    content: list[WrittenToken]
    refusal: None


class CalledFunctionObject(BaseModel):
    name: str
    arguments: str


class ToolCallObject(BaseModel):
    id: str
    type: Literal["function"]
    function: CalledFunctionObject


class AnswerMessage(BaseModel):
    """`tool_calls` is there when the model asks for functions; `content` is null when it writes nothing else."""

    role: Literal["assistant"]
    content: str | None
    refusal: None
    annotations: list[Any]
    tool_calls: list[ToolCallObject] = []


class ChatChoice(BaseModel):
    index: int
    message: AnswerMessage
    logprobs: ChatLogprobs | None
    finish_reason: Reason


class ChatCompletion(BaseModel):
    """One answer for each choice."""

    model_config = ConfigDict(openapi_extra={"content": EVENTS})  # type: ignore[typeddict-unknown-key] # the document's

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    service_tier: Literal["default"]
    system_fingerprint: str
    choices: list[ChatChoice]
    usage: UsageObject


class TextLogprobs(BaseModel):
    """`text_offset` counts characters from the beginning of the choice's text."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]]
    text_offset: list[int]


class TextChoice(BaseModel):
    index: int
    text: str
    logprobs: TextLogprobs | None
    finish_reason: Literal["stop", "length"]


class TextCompletion(BaseModel):
    """The choices of the first prompt, then those of the next."""

    model_config = ConfigDict(openapi_extra={"content": EVENTS})  # type: ignore[typeddict-unknown-key] # the document's

    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    system_fingerprint: str
    choices: list[TextChoice]
    usage: UsageObject
