"""Every language model that can be asked, by name: those of this machine, loaded when they are asked, and those of servers
elsewhere. Which one serves by default can change while the others answer.

The names are those of the catalog and of the servers; "llama" is the one of this machine, where there is one beside a server
elsewhere.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from webbot.engines.base import Engine, EngineState
from webbot.engines.ondemand import OnDemandEngine
from webbot.errors import Conflict, NotFound, Problem, Unavailable
from webbot.exchange import Coming
from webbot.models import catalog, choice, manifest, plan
from webbot.models.catalog import Found
from webbot.models.pulls import Pulls
from webbot.models.upstream import Upstream
from webbot.settings import Settings

LOCAL = "llama"
REMOTE = "remote"  # what the first server elsewhere answers with; "remote/NAME" is its model of that name
TICK_SECONDS = 0.1
IDLE_SECONDS = 1.0  # who waits for a model that has just been loaded asks it within this time
LEAVE_SECONDS = 600.0  # the answers that a replaced model still writes may take this long
log = logging.getLogger(__name__)


class Fleet:
    """`make` starts an engine of a model that is on this machine. Of the `upstreams` the first is the operator's own server.
    `fixed` are engines that are simply there; then no model of this machine is looked for. `beside` says what other models
    need, in bytes by name."""

    def __init__(
        self, settings: Settings, make: Callable[[Found], Engine], upstreams: Sequence[Upstream] = (), *,
        fixed: Mapping[str, Engine] | None = None, beside: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self.settings, self._make, self.upstreams, self._beside = settings, make, list(upstreams), beside
        self.fixed = dict(fixed or {})
        self.pulls = Pulls(settings)
        self.members: dict[str, tuple[Found, OnDemandEngine]] = {}
        self._lock, self._admission = threading.RLock(), threading.Lock()
        self._closed = threading.Event()
        self.coming: Coming | None = None  # the model that will serve
        self.serving = self._first()
        if settings.unload_after:
            threading.Thread(target=self._watch, daemon=True, name="fleet").start()

    def _first(self) -> str:
        """The model to begin with."""
        if self.fixed:
            return next(iter(self.fixed))
        kept = choice.kept(self.settings)
        if kept and self._is_there(kept):
            return kept
        if self.settings.remote_url and not self.settings.model and not self.settings.gguf:
            return REMOTE
        return catalog.choose(self.settings).name

    def _is_there(self, name: str) -> bool:
        try:
            return bool(self.engine(name))
        except NotFound:
            log.warning("%s was chosen to serve, but is not here any more", name)
            return False

    # asking

    def engine(self, name: str = "", *, known: bool = False) -> Engine:
        """The engine of that name, "" for the one that serves. It may sleep. `known` leaves out the servers that take any name.
        Raises NotFound."""
        name = name or self.serving
        if name == LOCAL:
            name = self._local()
        if name in self.fixed:
            return self.fixed[name]
        found = self._find(name)
        if found is not None:
            return self._member(found)
        for upstream in self.upstreams:
            if name == REMOTE:
                return upstream.engine(upstream.first())
            bare = name.removeprefix(f"{REMOTE}/")
            if bare in upstream.names() or (upstream.anything and not known):
                return upstream.engine(bare)
        raise NotFound("There is no model {name} here. Please choose another one.", name=repr(name)[:80])

    def resolved(self, name: str = "", *, known: bool = False) -> str:
        """The name of the engine that answers to that name at this moment: another one for "", "llama" and "remote". Raises
        NotFound."""
        self.engine(name, known=known)
        name = name or self.serving
        if name == LOCAL:
            name = self._local()
        if name == REMOTE and not self.fixed and self._find(name) is None:
            first = next((upstream.first() for upstream in self.upstreams), "")
            return f"{REMOTE}/{first}" if first else REMOTE
        return name

    def _local(self) -> str:
        """The model of this machine that answers where none is named; where none was ever set, the one that serves."""
        beside = self.settings.model or self.settings.gguf
        if self.fixed or not beside or self._find(self.serving) is not None:
            return self.serving
        return catalog.choose(self.settings).name

    def _find(self, name: str) -> Found | None:
        """The language model of that name that is on this machine."""
        if self.fixed:
            return None
        with self._lock:
            if name in self.members:
                return self.members[name][0]
        try:
            found = catalog.find(name, self.settings)
        except NotFound:
            return None
        return found if found.path is not None and found.kind != "speech" else None

    def _member(self, found: Found) -> OnDemandEngine:
        with self._lock:
            if found.name not in self.members:
                asleep = EngineState(name=found.title, status="sleeping", starter=found.starter)
                engine = OnDemandEngine(lambda: self._make(found), asleep, lambda: self._admitted(found))
                self.members[found.name] = (found, engine)
            return self.members[found.name][1]

    def figures(self) -> dict[str, dict[str, Any]]:
        """What the models of this machine measured of themselves, by name; of those only that tell something."""
        engines: dict[str, Engine] = {**self.fixed, **{name: engine for name, (_, engine) in list(self.members.items())}}
        return {name: figures for name, engine in engines.items() if (figures := engine.figures())}

    # memory

    def needs(self) -> dict[str, int]:
        """The bytes that the model that serves is planned to take, by its name; nothing for one of a server elsewhere."""
        found = self._find(self.serving)
        return {} if found is None else {found.name: plan.need(found, self.settings)}

    def check(self, found: Found) -> None:
        """Raises what speaks against a model on this machine: files that are missing or cut, or, with figures, that it and the
        speech model find no room together."""
        if found.path is not None:
            manifest.check(found.path)
        plan.check({**self._beside(), found.name: plan.least(found, self.settings)}, self.settings)

    @contextmanager
    def _admitted(self, found: Found) -> Iterator[None]:
        """One model at a time is let in, once there is room for it. Raises what speaks against it."""
        self.check(found)
        with self._admission:
            self._make_room(found)
            yield

    def _make_room(self, found: Found) -> None:
        """Idle models leave, the longest unused first. Raises Unavailable while those that stay are needed."""
        own = plan.need(found, self.settings) + sum(self._beside().values())
        total = plan.room(self.settings).total
        while True:
            awake = [(other, engine) for other, engine in list(self.members.values()) if engine.awake and other is not found]
            if not awake or own + sum(plan.most(other, self.settings) for other, _ in awake) <= total:
                return
            idle = sorted((engine for _, engine in awake if engine.idle_for() > IDLE_SECONDS), key=lambda engine: engine.used)
            if not any(engine.sleep() for engine in idle):
                raise Unavailable("{name} finds no room in memory while {others} is answering. Please try again in a moment.",
                                  name=found.title, others=", ".join(other.title for other, _ in awake), retry_after=10)

    def _watch(self) -> None:
        """Models that nobody asks leave the memory."""
        while not self._closed.wait(1.0):
            for _, engine in list(self.members.values()):
                if engine.state().status == "ready" and engine.idle_for() > self.settings.unload_after:
                    engine.sleep()

    def unload(self, name: str) -> None:
        """Takes a model out of the memory. Raises Conflict while it answers."""
        member = self.members.get(name)
        if member is not None and not member[1].sleep():
            raise Conflict("{name} is answering. Please wait for the end.", name=member[0].title)

    # choosing

    def wake(self) -> None:
        """Begins to load the model that serves. What speaks against it is told to whoever asks."""
        try:
            self.engine().wake()
        except Problem as problem:
            log.error("%s is not loaded: %s", self.serving, problem)

    def fetch(self) -> None:
        """The starter stands in for a model that the settings name and that is not here yet: it is brought now. What speaks
        against that stands in `coming`; it does not keep the server from starting."""
        standing_in = self._find(self.serving)
        if not self.settings.model or standing_in is None or not standing_in.starter:
            return
        try:
            wanted = catalog.find(self.settings.model, self.settings)
            if wanted.path is None:
                self.use(wanted.name)
        except Problem as problem:
            log.warning("%s cannot be brought: %s", self.settings.model, problem)
            self.coming = Coming(name=self.settings.model, sentence=str(problem), failed=True)

    def use(self, name: str) -> None:
        """Makes that model the one that serves, downloaded first where it is not here; the one that serves goes on until then.

        Returns at once; `coming` says how far it is. Raises NotFound, Conflict while another is on its way, and what speaks
        against the model on this machine.
        """
        wanted = self._wanted(name)
        title = wanted.title if wanted is not None else self.engine(name).state().name
        if wanted is not None:
            self.check(wanted)
            if wanted.path is None:
                catalog.download_command(wanted, self.settings)  # raises where no hub may be asked
        with self._lock:
            if self.coming is not None and not self.coming.failed:
                raise Conflict("{name} is already being loaded.", name=self.coming.name)
            self.coming = Coming(name=title)
        chosen = wanted.name if wanted is not None else name
        threading.Thread(target=self._switch, args=(chosen, title), daemon=True, name=f"use {chosen}").start()

    def _wanted(self, name: str) -> Found | None:
        """The model of this machine, here or to be had; None for one of a server elsewhere. Raises NotFound."""
        try:
            found = None if self.fixed else catalog.find(name, self.settings)
        except NotFound:
            found = None
        if found is None:
            self.engine(name or "(none)", known=True)
        return found

    def _switch(self, name: str, title: str) -> None:
        def tell(progress: float | None, sentence: str) -> None:
            self.coming = Coming(name=title, progress=progress, sentence=sentence)

        try:
            wanted = self._wanted(name)
            if wanted is not None and wanted.path is None:
                self.pulls.fetch(wanted, tell)
            if not self._loaded(name, tell):
                return
            before, self.serving = self.serving, name
            choice.keep(name, self.settings)
            self.coming = None
            log.info("%s serves now", title)
            self._leave(before)
        except Problem as problem:
            log.warning("%s cannot serve: %s", title, problem)
            self.coming = Coming(name=title, sentence=str(problem), failed=True)
        except Exception:
            log.exception("%s cannot serve", title)
            self.coming = Coming(name=title, sentence="The model could not be loaded. See the server's log.", failed=True)

    def _loaded(self, name: str, tell: Callable[[float | None, str], None]) -> bool:
        """Waits until the model can answer. False when the server closes meanwhile. Raises why it cannot."""
        until = time.monotonic() + LEAVE_SECONDS
        while not self._closed.wait(TICK_SECONDS):
            engine = self.engine(name)
            try:
                engine.wake()
            except Unavailable as problem:  # no room while others answer
                if not problem.retry_after or time.monotonic() > until:
                    raise
                tell(None, str(problem))
                continue
            state = engine.state()
            if state.status == "ready":
                return True
            if state.status == "failed":
                self._forget(name)
                raise Unavailable(state.sentence or "The model could not be loaded. See the server's log.")
            tell(state.progress, state.sentence)
        return False

    def _forget(self, name: str) -> None:
        """Drops the engine of a model of this machine; the next one who asks gets a new one."""
        with self._lock:
            member = self.members.pop(name, None)
        if member is not None:
            member[1].close()

    def _leave(self, name: str) -> None:
        """The model that served before leaves the memory once its last answer has ended."""
        member = self.members.get(name)
        until = time.monotonic() + LEAVE_SECONDS
        while member is not None and not self._closed.wait(TICK_SECONDS) and time.monotonic() < until:
            if name == self.serving or member[1].sleep():
                return

    # what is here

    def pull(self, name: str) -> None:
        """Begins to bring a model to this machine, also one of the hub by its owner and name; returns at once.

        Raises NotFound, Conflict while it is on its way, Unavailable where no hub may be asked.
        """
        found = catalog.wanted(name, self.settings)
        if found.path is None:
            self.pulls.start(found)

    def remove(self, name: str) -> None:
        """Deletes the files of a model that webbot downloaded. Raises Conflict for the one that serves."""
        found = catalog.find(name, self.settings)
        if found.name == self.serving:
            raise Conflict("{name} serves now. Please use another model first.", name=found.title)
        if self.coming is not None and not self.coming.failed and self.coming.name == found.title:
            raise Conflict("{name} is already being loaded.", name=found.title)
        member = self.members.get(found.name)
        if member is not None and member[1].busy():
            raise Conflict("{name} is answering. Please wait for the end.", name=found.title)
        catalog.remove(found, self.settings)
        self._forget(found.name)

    def close(self) -> None:
        self._closed.set()
        self.pulls.close()
        with self._lock:
            members = list(self.members.values())
        for _, engine in members:
            engine.close()
        for upstream in self.upstreams:
            upstream.close()
        for fixed in self.fixed.values():
            fixed.close()
