"""One model server as it is known here: whether it can be reached, what it is, what it takes, and how often it is tried."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from webbot.engines.base import ABILITIES, EngineState
from webbot.engines.remotes import faults
from webbot.engines.remotes.address import Address, authorization, secrets_of
from webbot.engines.remotes.asking import Dialect
from webbot.engines.remotes.circuit import Circuit
from webbot.engines.remotes.faults import Fault, Refusals
from webbot.engines.remotes.limits import Limits
from webbot.engines.remotes.reaching import Reaching
from webbot.errors import BadInput, TooLong, Unavailable

if TYPE_CHECKING:
    from webbot.engines.remotes.about import About
    from webbot.engines.remotes.wire import Wire

TICK_SECONDS = 0.05
log = logging.getLogger(__name__)
LOADING = "The model is still loading. Please try again in a moment."
ASKING = "Asking the model server what it serves."
# The abilities behind the parameters that a server may refuse for good.
BEHIND = {
    "temperature": "sampling", "top_p": "sampling", "seed": "sampling", "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty", "logit_bias": "logit_bias", "logprobs": "logprobs", "top_logprobs": "logprobs",
    "top_k": "top_k", "min_p": "min_p", "repetition_penalty": "repetition_penalty", "repeat_penalty": "repetition_penalty",
    "response_format": "schema", "tools": "tools", "tool_choice": "tools",
}


class Tried(Protocol):
    """A request that may be sent a second time as long as nothing of its answer has `begun` to come."""

    begun: bool


class Server:
    """The server at `url` and its model `model` ("": the first that it lists), with a window of at most `context`.

    Raises SettingsError for an address or a key that is none.
    """

    def __init__(self, url: str, key: str, *, model: str, context: int, limits: Limits) -> None:
        self.address, self._authorization = Address.parse(url), authorization(key)
        self._model, self._context, self.limits = model, context, limits
        self.refusals = Refusals(self.address.host, secrets_of(key))
        self.dialect = Dialect(self.address.openai)
        self.abilities = frozenset(ABILITIES) - {"go_on"}  # most servers would answer to a last message of the assistant's
        self._reaching = Reaching(self._look, retry=limits.retry, fresh=limits.fresh)
        self._circuit = Circuit(limits.failures, limits.rest)
        self._lock = threading.Lock()
        self._wire: Wire | None = None
        self._closed = False

    @property
    def host(self) -> str:
        return self.address.host

    # how it is

    def need(self) -> None:
        """Has the server looked for, where that is due. Returns at once."""
        self._reaching.need()

    @property
    def found(self) -> About | None:
        """What it is, once it was reached."""
        return self._reaching.about

    def about(self) -> About:
        """What it is. Raises Unavailable when it was never reached."""
        about = self._reaching.about
        if about is None:
            self.need()
            self._reaching.raise_problem()
            raise Unavailable(LOADING, retry_after=5)
        return about

    def state(self, name: str, tokenizer: str) -> EngineState:
        about, status, sentence = self._reaching.about, self._reaching.status, ""
        if self._circuit.left:
            status, sentence = "failed", str(self._resting())
        elif status == "failed":
            sentence = str(self._reaching.problem or "")
        elif status == "loading":
            sentence = ASKING
        state = EngineState(name=name, status=status, sentence=sentence, tokenizer=tokenizer, abilities=self.abilities,
                            progress=1.0 if status == "ready" else None)
        if about is None:
            return state
        return replace(state, context=about.context, opening=about.opening, frame=about.frame,
                       abilities=self.abilities - about.unable)

    def reached(self) -> Iterator[None]:
        """None until the server has been found. Raises Unavailable when it cannot be, and while it rests."""
        self._reaching.need()
        if self._circuit.left:
            raise self._resting()
        while self._reaching.looking and self._reaching.status != "ready":
            yield None
            time.sleep(TICK_SECONDS)
        self._reaching.raise_problem()

    def forgo(self, ability: str) -> None:
        """The server has shown that it cannot do this; it is refused from now on."""
        self.abilities -= {ability}

    # asking it

    def wire(self) -> Wire:
        """The connections. Raises Fault once it is closed."""
        from webbot.engines.remotes.wire import Wire

        with self._lock:
            if self._closed:
                raise faults.lost(self.host)
            if self._wire is None:
                self._wire = Wire(self.address, self._authorization, connect_seconds=self.limits.connect)
            return self._wire

    def post(self, url: str, sent: dict[str, Any], seconds: float) -> tuple[int, bytes]:
        """The status and the body of a short answer. Raises Fault."""
        head, body = self.wire().now("POST", url, sent, seconds=seconds)
        return head.status, body

    def attempts(self, tried: Tried, once: Callable[[], Iterator[Any]]) -> Iterator[Any]:
        """What `once` yields, begun a second time where that may help; None in between. Raises Fault.

        Nothing is sent while the server rests: Unavailable.
        """
        if not self._circuit.enter():
            raise self._resting()
        end, again = self._circuit.left_alone, True
        try:
            while True:
                try:
                    yield from once()
                    end = self._circuit.succeeded
                    return
                except Fault as fault:
                    learnt = not tried.begun and self._learns(fault)
                    if not learnt and (tried.begun or not (fault.again and again)):
                        end = self._circuit.failed if fault.blame else self._circuit.succeeded
                        self._note(fault)
                        if not isinstance(fault.problem, BadInput | TooLong):  # those say something of the request
                            log.warning("model server %s: %s", self.host, fault.problem)
                        raise
                if not learnt:
                    again = False
                    yield from self._pause()
        finally:
            end()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    def _look(self) -> About:
        from webbot.engines.remotes.about import Looking

        about = Looking(self.wire(), self.address, self.refusals, seconds=self.limits.look).look(self._model, self._context)
        self.dialect.kind = about.kind
        return about

    def _resting(self) -> Unavailable:
        left = max(1, round(self._circuit.left))
        return Unavailable("The model server {host} failed {count} times in a row. It is asked again in {seconds} seconds.",
                           host=self.host, count=self._circuit.failures, seconds=left, retry_after=left)

    def _pause(self) -> Iterator[None]:
        until = time.monotonic() + self.limits.jitter * random.uniform(0.3, 1.0)
        while (left := until - time.monotonic()) > 0:
            yield None
            time.sleep(min(TICK_SECONDS, left))

    def _learns(self, fault: Fault) -> bool:
        """Whether the request may be sent again in another form, because the server does not know a part of this one."""
        return isinstance(fault.problem, BadInput) and self.dialect.learn(fault.problem.parameter)

    def _note(self, fault: Fault) -> None:
        """What a failed request tells of the server."""
        if fault.blame:
            self._reaching.doubt(fault.problem if fault.gone else None)
        elif isinstance(fault.problem, BadInput) and fault.problem.code == "unsupported_parameter":
            self.forgo(BEHIND.get(fault.problem.parameter.partition(".")[0], ""))
