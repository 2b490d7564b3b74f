"""What an engine is. It knows nothing of conversations, stores or doors.

An engine turns a list of messages into a stream of text. It may live in this process (echo) or ask another (local).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from webbot.errors import BadInput, NotFound
from webbot.messages import Called, Delta, Finished, Message, Options, Queued

# What an engine may be able to do beside answering. Each is named like the parameters that ask for it.
ABILITIES = (
    "sampling",  # temperature, top_p and seed
    "top_k", "min_p", "repetition_penalty",  # what the open-source servers have beyond OpenAI's API
    "stop", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs",
    "schema",  # answers held to a JSON schema
    "tools",  # functions that the model asks for
    "go_on",  # an answer that is there already: an assistant's message at the end
    "complete",  # text that goes on, without a chat template
    "embed",  # vectors of texts
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineState:
    """How an engine is. `progress` is 0 to 1 where it is known; `sentence` says what goes on or what failed.

    `context` is the window in tokens. A prompt of n messages takes `opening` tokens and, for each message, `frame` tokens
    and those of its text: the control tokens of the model's template. `tokenizer` names the counting; counts made
    under another name are void. `starter` is true for the small model in the box. `abilities` are those of ABILITIES that it has.
    A "sleeping" engine holds no memory and loads when it is woken. `memory` are the bytes that it holds, 0 where nobody knows.
    `parallel` is how many answers it computes together, 0 where nobody says; `working` answers are in work and `waiting` ones in
    the line before it.
    """

    name: str
    status: Literal["sleeping", "loading", "ready", "failed"]
    progress: float | None = None
    sentence: str = ""
    context: int = 0
    opening: int = 0
    frame: int = 0
    tokenizer: str = ""
    starter: bool = False
    abilities: frozenset[str] = frozenset()
    memory: int = 0
    parallel: int = 0
    working: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Vectors of unit length, one for each text, and how many tokens the texts had."""

    vectors: Sequence[Sequence[float]]
    tokens: int


class Engine(ABC):
    """A language model, wherever it runs."""

    @abstractmethod
    def state(self) -> EngineState:
        """How the engine is at this moment. Never blocks."""

    @abstractmethod
    def count(self, texts: Sequence[str]) -> list[int]:
        """The tokens of each text as the content of a message (special tokens in it count as the characters they are).

        Raises Unavailable while there is no model.
        """

    def room(self, owner: str) -> None:
        """Whoever is about to ask for that owner may ask this first: where nothing is raised a place is kept for some seconds.
        Raises TooMany when the owner could not even wait now."""

    def give_back(self, owner: str) -> None:
        """The place that `room` kept is not needed: nothing will be asked."""

    @abstractmethod
    def answer(
        self, messages: Sequence[Message], options: Options, *, owner: str = ""
    ) -> Iterator[Queued | Delta | Called | Finished]:
        """Streams the answer to `messages` (an optional system message first, a user's or a tool's last), then one Finished.
        With an assistant's message last, what is streamed is how that one goes on (ability "go_on"): its frame is the opening
        of the answer.

        Deltas never split a character. While nothing comes there is an empty Delta at least every 0.1 s, so that whoever reads
        can end it at any time: closing the generator frees the model at once. It starts working when it is first advanced.
        Owners that wait are served in turn: before anything else it may yield Queued, whenever what it says has changed, and
        Queued(0, 0.0) once the wait is over. Raises Unavailable when the model is not there or is lost in mid-answer, TooMany
        when its queue is full (code "queue_full", `retry_after` is the expected wait), TooLong when the prompt does not fit the
        context, BadInput for a role it does not know and for an option that cannot be used (its `parameter` names it).
        """

    def complete(
        self, prompt: str | Sequence[int], options: Options, *, owner: str = ""
    ) -> Iterator[Queued | Delta | Called | Finished]:
        """Goes on with a text, or token ids, as it stands: no template, no roles. Otherwise like `answer`."""
        raise BadInput("The model cannot go on with plain text.", parameter="prompt")

    def embed(self, texts: Sequence[str | Sequence[int]], *, owner: str = "") -> Embeddings:
        """The meaning of each text, or of its token ids, as a vector. Raises what `answer` raises."""
        return next(made for made in self.embedding(texts, owner=owner) if made is not None)

    def embedding(self, texts: Sequence[str | Sequence[int]], *, owner: str = "") -> Iterator[Embeddings | None]:
        """Like `embed`, for whoever may leave: None at least every 0.1 s while it works, then the vectors. Closing the
        generator frees the model at once."""
        raise BadInput("The model makes no embeddings.", parameter="model")

    def prepare(self, messages: Sequence[Message], *, owner: str = "", common: bool = False) -> None:
        """After these messages (an answer last) the owner will ask again: an engine that keeps what it computed of a prompt may
        do that now, while nobody else wants it. Returns at once, and never fails. `common` is that of Options."""

    @abstractmethod
    def busy(self) -> int:
        """How many answers are in work or waiting."""

    def figures(self) -> dict[str, Any]:
        """What it measured of itself since it began to run, as engines/compute/figures takes it; {} where it does not tell. Never
        blocks."""
        return {}

    def wake(self) -> None:
        """Begins to load a sleeping model; returns at once. Whoever wants an answer calls this before waiting for it."""

    def close(self) -> None:
        """Ends what the engine started. Nothing of it is left when this returns."""

    def engine(self, name: str = "") -> Engine:
        """One engine alone is all of its Engines. Raises NotFound."""
        if name:
            raise NotFound("There is no model {name} here any more. Please choose another one.", name=repr(name)[:80])
        return self


class Engines(Protocol):
    """All models that can be asked, by name."""

    def engine(self, name: str = "") -> Engine:
        """The engine of that name; "" is the one that serves by default. Raises NotFound."""


# The ability behind each option that not every engine honours, and the name programs know it by.
_NEEDS = {
    "seed": "sampling", "stop": "stop", "presence_penalty": "presence_penalty", "frequency_penalty": "frequency_penalty",
    "top_k": "top_k", "min_p": "min_p", "repetition_penalty": "repetition_penalty",
    "logit_bias": "logit_bias", "logprobs": "logprobs", "schema": "schema", "tools": "tools",
}


def refuse_unable(options: Options, state: EngineState) -> None:
    """Raises BadInput that names the first option that the engine of that state would not honour: none is ignored in silence."""
    plain = Options()
    for name, ability in _NEEDS.items():
        if getattr(options, name) != getattr(plain, name) and ability not in state.abilities:
            raise BadInput("The model {model} cannot honour {parameter_name}.", model=state.name,
                           parameter_name="response_format" if name == "schema" else name,
                           parameter="response_format" if name == "schema" else name, code="unsupported_parameter")
