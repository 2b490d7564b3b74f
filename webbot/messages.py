"""The vocabulary of a conversation: plain frozen values without behaviour, used by every room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["system", "user", "assistant", "tool"]
Status = Literal["streaming", "complete", "stopped", "failed"]
Feedback = Literal["", "up", "down"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a conversation.

    `number` orders the messages of a conversation (it only grows; a clock may jump, a number does not). `parent` is the id
    of the message before it, "" for a first one: messages with the same parent are versions of one another, and the way from
    a message back to the beginning is a branch. A parent's number is smaller.
    `tokens` is the length of `text` in tokens of the tokenizer named by `counted_by`, None while nobody has counted.
    `spoken` holds what a voice turn wants shown: {"language": "en", "seconds": 2.1, "transcribed_in": 0.4}.
    A `pinned` message stays in the window with its turn. `feedback` is what a person thinks of an answer. Of an answer,
    `remembers_from` and `cut_for` keep what Conversation's are once its branch is shown again.
    `tool_calls` are what an assistant's message asks for; a tool's message answers the call `tool_call`. Programs send
    and keep these; they are not stored.
    """

    role: Role
    text: str
    id: str = ""
    number: int = 0
    status: Status = "complete"
    tokens: int | None = None
    counted_by: str = ""
    created_at: float = 0.0
    usage: Usage | None = None
    error: str = ""
    spoken: dict = field(default_factory=dict)
    parent: str = ""
    pinned: bool = False
    feedback: Feedback = ""
    remembers_from: int = 0
    cut_for: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """What is known of a conversation beside its messages.

    `role` is the system prompt; `model` names the model that answers, "" the one that serves by default. `tip` is the last
    message of the branch that is shown, "" while there is none. `remembers_from` is the number of the first message of that
    branch that the model still sees, as cut for the tokenizer `cut_for`: along a branch it only grows, so that what was
    forgotten stays forgotten. `titled_by` says where the title is from; one that a person gave is never changed by itself.
    `version` counts changes.
    """

    id: str
    owner: str
    title: str = ""
    titled_by: Literal["", "question", "model", "person"] = ""
    role: str = ""
    pinned: bool = False
    speaks: bool = False
    markup: Literal["markdown", "textile"] = "markdown"
    model: str = ""
    tip: str = ""
    remembers_from: int = 0
    cut_for: str = ""
    version: int = 1
    created_at: float = 0.0
    updated_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file that belongs to a conversation. `name` is what a person called it: never a path. `media_type` is what its bytes
    say it is; `size` counts them. `tokens` are those of its text as a part of the prompt, None while nobody has counted
    (`counted_by` as in Message); 0 for a file without text, such as a picture."""

    name: str
    media_type: str
    size: int
    id: str = ""
    tokens: int | None = None
    counted_by: str = ""
    created_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A branch of a conversation that whoever has the `token` may read, up to the message `tip` and no further."""

    token: str
    conversation: str
    tip: str
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A function that the model may ask for. `parameters` is the JSON schema of its arguments, an object."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """The model asks for a function. `arguments` is the JSON text of an object."""

    name: str
    arguments: str
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How an answer is sampled. `temperature` 0 is greedy; `max_tokens` None means: what the window leaves.

    Sampled is among the `top_k` likeliest tokens (0: all), of these among the likeliest that together have the share `top_p`, and
    of these among those with at least `min_p` of the probability of the likeliest. `repetition_penalty` divides the logit of a
    token that the prompt or the answer holds (multiplies a negative one): 1 changes nothing.

    The answer ends before the first of the texts in `stop`. The penalties (-2 to 2) are subtracted from the logit of a token
    that was written before: `presence_penalty` once, `frequency_penalty` for each time. `logit_bias` is added to the logits
    of token ids. `logprobs` asks for the log probability of each token and of so many likeliest ones in its place.
    `schema` holds the answer to JSON that fits this JSON schema ({} any value; {"type": "object"} any object). Of `tools`
    the model may ask for one; `tool_choice` "required" makes it do so, `tool` names the one it must ask for.
    `spoken` is a question that somebody said and waits for: among those that wait it goes before long ones. With `common` the
    system prompt is no secret: what is computed of it may serve whoever else asks with the same.
    """

    temperature: float = 0.7
    top_p: float = 0.95
    top_k: int = 0
    min_p: float = 0.0
    seed: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    logprobs: int | None = None
    schema: Mapping[str, Any] | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: Literal["none", "auto", "required"] = "auto"
    tool: str = ""
    spoken: bool = False
    common: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What an answer took: tokens read and written, tokens found in the cache, seconds to the first token and in all."""

    prompt_tokens: int = 0
    answer_tokens: int = 0
    cached_tokens: int = 0
    first_token_seconds: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What the model sees of a conversation in one turn, and the tokens of each part.

    `role + files + pinned + memory + question + reserve == context` (the frame of a part, its control tokens, is counted with
    it; an answer that is gone on with counts as part of the question). `kept` are the ids of the remembered messages, oldest
    first, `held` those of pinned turns; `first` is the number of the oldest of `kept`, or of the question when nothing is
    remembered. `memory_limit` is the most that memory may hold, `held_limit` the most that files and pinned turns may take
    together. `seen_files` are the files whose text is seen.
    """

    context: int
    role: int
    memory: int
    question: int
    reserve: int
    memory_limit: int
    first: int
    kept: tuple[str, ...] = ()
    files: int = 0
    pinned: int = 0
    held_limit: int = 0
    held: tuple[str, ...] = ()
    seen_files: tuple[SeenFile, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenFile:
    """How much of a file's text the model sees: the first `tokens` of `whole`."""

    id: str
    name: str
    tokens: int
    whole: int


# Events of a running answer, in this order: Preparing..., Started, Queued..., Delta..., Called..., then exactly one of Finished,
# Failed, Cancelled.


@dataclass(frozen=True, slots=True)
class Preparing:
    """The model is being loaded for this answer. `progress` is 0 to 1 where it is known, `sentence` says what goes on."""

    name: str
    progress: float | None = None
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class Queued:
    """The answer waits for its turn: `position` is 1 for the next one, `seconds` what the wait is expected to take. Position 0:
    the wait is over, and the model begins to read."""

    position: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Started:
    window: Window


@dataclass(frozen=True, slots=True)
class Token:
    """A token of an answer: its bytes (a character may need several tokens), its natural log probability, and the likeliest
    tokens in its place as (bytes, log probability), the likeliest first. Log probabilities are those of the model itself,
    before temperature, penalties and grammar."""

    data: bytes
    logprob: float
    likeliest: tuple[tuple[bytes, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Delta:
    """`tokens` are those behind the text where they were asked for; a token may come in a Delta before or after its text."""

    text: str
    tokens: tuple[Token, ...] = ()


@dataclass(frozen=True, slots=True)
class Called:
    """The model asks for a function; comes whole, after the text and before Finished."""

    call: ToolCall


@dataclass(frozen=True, slots=True)
class Finished:
    """`reason` is "stop" when the model ended the answer by itself or wrote a stop text, "length" when the room was used up,
    "tool_calls" when it asked for a function."""

    reason: Literal["stop", "length", "tool_calls"]
    usage: Usage


@dataclass(frozen=True, slots=True)
class Failed:
    """`sentence` is for the person; `status` is the HTTP status a door without a page answers with."""

    sentence: str
    status: int = 503


@dataclass(frozen=True, slots=True)
class Cancelled:
    usage: Usage = field(default_factory=Usage)


End = Finished | Failed | Cancelled
Event = Preparing | Queued | Started | Delta | Called | Finished | Failed | Cancelled
