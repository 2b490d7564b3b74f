"""An engine that asks a model server elsewhere, by OpenAI's API: OpenAI, TGI, vLLM, Ollama, llama.cpp's server, another webbot.

It runs in the web process and holds no model. Nothing is sent before somebody needs it; the HTTP library is imported then, too.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

from webbot.engines.base import Embeddings, Engine, EngineState, refuse_unable
from webbot.engines.remotes import asking, faults
from webbot.engines.remotes.address import Address, authorization, secrets_of
from webbot.engines.remotes.asking import Dialect
from webbot.engines.remotes.counting import Counter
from webbot.engines.remotes.faults import Fault, Refusals
from webbot.engines.remotes.limits import Limits
from webbot.engines.remotes.line import Line
from webbot.engines.remotes.modelserver import Server
from webbot.engines.remotes.reading import Answer, Unreadable, usage_of, vectors_of
from webbot.engines.remotes.streaming import Streaming
from webbot.engines.stops import Stops
from webbot.errors import BadInput, Problem, TooLong
from webbot.messages import Called, Delta, Finished, Message, Options, Usage

LIST_SECONDS = 3.0  # for the list of a server's models
# What servers list beside models that chat: for speech, pictures, vectors and moderation.
OTHERS = re.compile(
    r"(^|[/_.-])(whisper|tts|piper|espeak-ng|dall-e|gpt-image|sora|(text-)?embed(ding)?s?|bge|rerank(er)?|moderation|transcribe|realtime)"
    r"([/_.:-]|$)", re.IGNORECASE,
)
TEXTS_AT_ONCE = 64  # embeddings in one request
CHAT, COMPLETE, EMBED = "/chat/completions", "/completions", "/embeddings"
MISSING = (404, 405, 501)  # how a server says that it has no such address


@dataclass(slots=True)
class _Asked:
    """One answer that is asked for. `build` makes its body, `stops` end it, `texts` are its prompt, in so many `messages`
    (0: plain text). `begun` is set once anything of the answer has come."""

    path: str
    build: Callable[[Options, Dialect], dict[str, Any]]
    options: Options = field(default_factory=Options)
    stops: tuple[str, ...] = ()
    texts: Sequence[str] = ()
    messages: int = 0
    begun: bool = False
    started: float = 0.0


class RemoteEngine(Engine):
    """The model `model` ("": the first that the server lists) of the server at `url`.

    `key` signs in there: a bearer's token, or user:password for Basic. `end` is a text at which answers end. `context` is the
    most that its window may be, `token_timeout` the limit to the first token. `parallel` answers are asked for at once; of the
    others `queue` wait, `queue_owner` of them one owner's. Raises SettingsError for an address or a key that is none.
    """

    def __init__(  # noqa: PLR0913 - one argument for each setting of a server
        self, url: str, *, model: str = "", key: str = "", end: str = "", name: str = "", context: int = 8192,
        token_timeout: float = 60.0, parallel: int = 32, queue: int = 64, queue_owner: int = 8, limits: Limits | None = None,
    ) -> None:
        self.model, self.name, self._end, self._token_timeout = model, name, end, token_timeout
        limits = limits or Limits()
        self._server = Server(url, key, model=model, context=context, limits=limits)
        self._counter = Counter(self._server.post, seconds=limits.count)
        self._line = Line(parallel, queue, queue_owner)

    def state(self) -> EngineState:
        self._server.need()
        about = self._server.found
        name = self.name or self.model or (about.model if about else "") or self._server.host
        name = name.rpartition("/")[2] if name.startswith("/") else name  # llama.cpp's server says the path of its file
        return self._server.state(name, self._counter.name(about.tokenize) if about else "")

    def wake(self) -> None:
        self._server.need()

    def count(self, texts: Sequence[str]) -> list[int]:
        for text in texts:
            _check_text(text)
        return self._counter.count(texts, self._server.about().tokenize)

    def answer(self, messages: Sequence[Message], options: Options, *, owner: str = "") -> Iterator[Delta | Called | Finished]:
        stops = self._stops(options)

        def build(options: Options, dialect: Dialect) -> dict[str, Any]:
            return asking.chat(messages, options, stops, dialect)

        texts = [message.text for message in messages]
        yield from self._stream(_Asked(CHAT, build, options, stops, texts, len(messages)), owner)

    def complete(self, prompt: str | Sequence[int], options: Options, *, owner: str = "") -> Iterator[Delta | Called | Finished]:
        stops = self._stops(options)

        def build(options: Options, dialect: Dialect) -> dict[str, Any]:
            return asking.completion(prompt, options, stops, dialect)

        texts = [prompt if isinstance(prompt, str) else "0" * len(prompt)]  # a digit is estimated as one token
        yield from self._stream(_Asked(COMPLETE, build, options, stops, texts), owner)

    def embedding(self, texts: Sequence[str | Sequence[int]], *, owner: str = "") -> Iterator[Embeddings | None]:
        bodies = [asking.embeddings(texts[start:start + TEXTS_AT_ONCE]) for start in range(0, len(texts), TEXTS_AT_ONCE)]
        vectors: list[Sequence[float]] = []
        tokens = 0
        yield from self._line.enter(owner)
        with self._line.inside():
            yield from self._server.reached()
            for body in bodies:
                for made in self._attempts(_Asked(EMBED, partial(_ready, body)), self._embedded):
                    if made is not None:
                        vectors += made.vectors
                        tokens += made.tokens
                    yield None
        yield Embeddings(vectors, tokens)

    def busy(self) -> int:
        return self._line.busy()

    def close(self) -> None:
        self._server.close()

    # one answer

    def _stops(self, options: Options) -> tuple[str, ...]:
        return (*options.stop, self._end) if self._end else options.stop

    def _stream(self, asked: _Asked, owner: str) -> Iterator[Delta | Called | Finished]:
        refuse_unable(asked.options, self.state())
        asked.build(asked.options, self._server.dialect)  # what cannot be sent is refused before anything is
        for part in self._in_turn(asked, owner):
            yield Delta("") if part is None else part

    def _in_turn(self, asked: _Asked, owner: str) -> Iterator[Delta | Called | Finished | None]:
        yield from self._line.enter(owner)
        with self._line.inside():
            yield from self._server.reached()
            refuse_unable(asked.options, self.state())  # what it is may only be known now
            asked.started = time.monotonic()
            asked.options = self._with_room(asked)
            yield from self._attempts(asked, self._answered)

    def _attempts(self, asked: _Asked, once: Callable[[_Asked], Iterator[Any]]) -> Iterator[Any]:
        """What `once` yields. Raises the problem behind a Fault."""
        try:
            yield from self._server.attempts(asked, lambda: once(asked))
        except Fault as fault:
            raise self._problem(asked, fault) from None

    def _answered(self, asked: _Asked) -> Iterator[Delta | Called | Finished | None]:
        """Asks once. Raises Fault."""
        server, about = self._server, self._server.about()
        answer, stops, texts, first = Answer(asked.options.logprobs or 0), Stops(asked.stops), list[str](), 0.0
        body = {"model": about.model, **asked.build(asked.options, server.dialect)}
        with closing(server.wire().request("POST", about.base + asked.path, body, seconds=self._token_timeout)) as request:
            stream = Streaming(request, answer, server.refusals, server.limits.idle)
            for delta in self._watched(asked, stream.deltas(body), answer):
                if delta is None:
                    yield None
                    continue
                first = first or time.monotonic() - asked.started
                texts.append(stops.push(delta.text))
                yield Delta(texts[-1], delta.tokens)
                if stops.found:
                    break
            if rest := stops.finish():
                texts.append(rest)
                yield Delta(rest)
            if not stops.found:
                stream.check_end(asked.options, texts)
            calls = stream.calls()
            yield from map(Called, calls)
            seconds = time.monotonic() - asked.started
            usage = replace(self._usage(asked, answer, texts), first_token_seconds=first or seconds, seconds=seconds)
            yield Finished(_reason(answer, cut=stops.found, called=bool(calls)), usage)
            if not stops.found:
                request.settle()

    def _watched(self, asked: _Asked, deltas: Iterator[Delta | None], answer: Answer) -> Iterator[Delta | None]:
        """The deltas; notes whether a failure came before or after the first token."""
        try:
            yield from deltas
        except Fault as fault:
            asked.begun = bool(answer.signs)
            raise self._missing(asked, fault) from None

    def _embedded(self, asked: _Asked) -> Generator[Embeddings | None]:
        """Asks for one batch of vectors. Raises Fault."""
        server, about = self._server, self._server.about()
        body = {"model": about.model, **asked.build(asked.options, server.dialect)}
        head, said = yield from server.wire().whole("POST", about.base + EMBED, body, seconds=self._token_timeout)
        if head.status != 200:
            raise self._missing(asked, server.refusals.read(head.status, head.headers, said, model=about.model, sent=body))
        try:
            vectors, tokens = vectors_of(said, len(body["input"]))
        except Unreadable:
            raise faults.unreadable(server.host) from None
        estimates = (self._counter.estimate(text) if isinstance(text, str) else len(text) for text in body["input"])
        yield Embeddings(vectors, tokens or sum(estimates))

    # what went wrong

    def _missing(self, asked: _Asked, fault: Fault) -> Fault:
        """The fault, in plain words where the server knows no plain texts or no embeddings at all."""
        if fault.status not in MISSING or fault.problem.code == "model_not_found" or asked.path == CHAT:
            return fault
        if asked.path == COMPLETE:
            self._server.forgo("complete")
            return Fault(BadInput("The model cannot go on with plain text.", parameter="prompt"), blame=False)
        self._server.forgo("embed")
        return Fault(BadInput("The model makes no embeddings.", parameter="model"), blame=False)

    def _problem(self, asked: _Asked, fault: Fault) -> Problem:
        """What the person is told. A prompt that was too long is one over the limit that the memory knows."""
        problem = fault.problem
        if not isinstance(problem, TooLong):
            return problem
        about, counted = self._server.about(), self._prompt_estimate(asked)
        if about.tokenize is None and counted <= about.context and not asked.options.tools:
            self._counter.was_too_low()
        if "limit" in problem.values:
            return problem
        return TooLong("The prompt is longer than the {limit} tokens that the model of {host} reads.", limit=about.context,
                       count=max(counted, about.context + 1), host=self._server.host, code=problem.code)

    # sizes

    def _prompt_estimate(self, asked: _Asked) -> int:
        about = self._server.about()
        frames = about.opening + about.frame * asked.messages if asked.messages else 1
        return frames + sum(map(self._counter.estimate, asked.texts))

    def _with_room(self, asked: _Asked) -> Options:
        """The options with a limit that means what the window leaves, where the server would take a small one instead."""
        about, options = self._server.about(), asked.options
        if options.max_tokens is not None or (asked.messages and about.kind != "tgi"):
            return options
        return replace(options, max_tokens=max(about.context - self._prompt_estimate(asked), about.context // 8))

    def _usage(self, asked: _Asked, answer: Answer, texts: Sequence[str]) -> Usage:
        """What the server says that the answer took; where it says nothing, what can be counted or estimated here."""
        usage = usage_of(answer.usage)
        written = usage.answer_tokens or answer.tokens or self._counter.estimate("".join(texts))
        return replace(usage, prompt_tokens=usage.prompt_tokens or self._prompt_estimate(asked), answer_tokens=written)


def list_models(url: str, key: str = "") -> list[str]:
    """The models that the server at `url` lists, without those that by their names do not chat. Takes a few seconds at most;
    raises Unavailable, or SettingsError for an address or a key that is none."""
    from webbot.engines.remotes.about import Looking
    from webbot.engines.remotes.wire import Wire

    address = Address.parse(url)
    wire = Wire(address, authorization(key), connect_seconds=LIST_SECONDS)
    try:
        looking = Looking(wire, address, Refusals(address.host, secrets_of(key)), seconds=LIST_SECONDS)
        return [row["id"] for row in looking.models()[1] if not OTHERS.search(row["id"])]
    except Fault as fault:
        raise fault.problem from None
    finally:
        wire.close()


def _ready(body: dict[str, Any], options: Options, dialect: Dialect) -> dict[str, Any]:
    """A body that is made already."""
    return body


def _reason(answer: Answer, *, cut: bool, called: bool) -> Literal["stop", "length", "tool_calls"]:
    if cut:
        return "stop"
    if answer.reason == "length":
        return "length"
    return "tool_calls" if called else "stop"


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadInput("The text holds half a character that cannot be encoded.") from None
