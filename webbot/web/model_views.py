"""What the templates see of the models: the chip and the menu of a conversation, and the owner's list. Changes nothing.

Looking at the models asks the disk and other servers' lists, so what was seen is kept for half a second, for all tabs together.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from flask import render_template
from flask_babel import get_locale

from webbot.errors import NotFound
from webbot.exchange import Coming
from webbot.models import plan
from webbot.models.fleet import REMOTE
from webbot.models.state import ModelState
from webbot.services import Services
from webbot.web.presence import presence
from webbot.web.problems import translated

FRESH_SECONDS = 0.5
MOST_KEPT = 200
NOWHERE = "-"  # stands for a conversation's id in what is drawn once for many
HERE = ("sleeping", "loading", "ready", "failed")
View = dict[str, Any]


class ModelViews:
    """Makes the view models of one server's models."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._kept: dict[tuple[str, ...], tuple[float, Any]] = {}

    # a conversation

    def shown(self, model: str = "") -> View:
        """How the models are for a conversation with that model: what `status` says, and its menu. "" is the one that serves,
        also in a conversation that has not begun."""
        answering, gone = self._answering(model)
        return self.status() | {
            "answering": answering, "menu": self._menu(model, gone),
            "offer": self.services.offer() if answering["starter"] else None,
        }

    def status(self) -> View:
        """answering (the model that serves), coming, offer, speech."""
        services = self.services
        answering, _ = self._answering("")
        speech = services.transcriber_state()
        return {
            "answering": answering, "coming": _coming(services.coming()),
            "offer": services.offer() if answering["starter"] else None,
            "speech": {**speech, "sentence": translated(speech["sentence"]), "coming": _coming(services.coming_speech())},
        }

    def html(self, model: str = "", conversation: str = "") -> str:
        """The chip, the line and the menu of a conversation, each with the id by which the page's script finds its place."""
        here = f"/c/{NOWHERE}" if conversation else ""
        html = self._fresh(
            ("line", str(get_locale()), presence().rank, model, here),
            lambda: render_template("_models.html", models=self.shown(model), here=here),
        )
        return html.replace(f'"{here}/model"', f'"/c/{conversation}/model"') if conversation else html

    def _answering(self, model: str) -> tuple[View, bool]:
        """The state of the engine that answers, and whether it is gone."""
        try:
            state = self.services.fleet.engine(model).state() if model else self.services.engine.state()
        except NotFound:
            state, gone = self.services.engine.state(), True
        else:
            gone = False
        view = asdict(state) | {"sentence": translated(state.sentence), "abilities": sorted(state.abilities)}
        return view | ({"name": model, "status": "failed", "starter": False, "sentence": ""} if gone else {}), gone

    def starter(self, model: str) -> bool:
        """Whether the small model in the box answers there."""
        return bool(self._answering(model)[0]["starter"])

    def check(self, name: str) -> str:
        """The name of a model of the menu, or "". Raises NotFound: a form names no others, though programs may."""
        if name and not any(state.name == name and _askable(state) for state in self.states()):
            raise unknown(name)
        return name

    def _menu(self, model: str, gone: bool) -> View:
        """`items` are the models that can be asked; `default` is the title of the one that serves; `open` says whether there
        is anything to choose."""
        items = [self._row(state) for state in self.states() if _askable(state)]
        serving = next((item["title"] for item in items if item["serves"]), self.services.engine.state().name)
        return {"items": items, "chosen": model, "gone": gone, "default": serving, "open": len(items) > 1 or gone}

    def _row(self, state: ModelState) -> View:
        return asdict(state) | {
            "key": key_of(state.name), "host": self._host(state) if state.kind == "remote" else "",
            "sentence": translated(state.sentence), "reason": translated(state.reason),
        }

    def _host(self, state: ModelState) -> str:
        """The name of the server where the model computes; "" where that cannot be told."""
        settings, name = self.services.settings, state.name.removeprefix(f"{REMOTE}/")
        addresses = [settings.remote_url] if settings.remote_url else []
        for names, address in zip(self.services.upstream_names(), [*addresses, settings.openai_url], strict=False):
            if name == REMOTE or name in names:
                with suppress(ValueError):
                    return urlsplit(address).hostname or ""
        return ""

    # the owner's list

    def page(self) -> View:
        """Everything that the list shows: language, speech, memory, coming, moving, offline."""
        rows = [self._card(state) for state in self.states()]
        coming, speech = _coming(self.services.coming()), _coming(self.services.coming_speech())
        on_way = [each for each in (coming, speech) if each is not None]
        moving = any(row["status"] in ("loading", "coming") for row in rows) or any(not each["failed"] for each in on_way)
        return {
            "language": [row for row in rows if row["kind"] != "speech"], "coming": on_way, "moving": moving,
            "speech": [row for row in rows if row["kind"] == "speech"], "memory": self.memory(),
            "offline": self.services.settings.offline,
        }

    def list_html(self) -> str:
        key = ("list", str(get_locale()), presence().rank)
        return self._fresh(key, lambda: render_template("_model_list.html", page=self.page()))

    def _card(self, state: ModelState) -> View:
        """A row of the list. `can` are the acts that make sense now; the server refuses the others anyway."""
        coming = self.services.coming_speech() if state.kind == "speech" else self.services.coming()
        wanted = coming is not None and not coming.failed and coming.name == state.title
        free = state.possible and not state.serves and (coming is None or coming.failed)
        here = state.status in HERE
        absent = state.status == "absent" and not self.services.settings.offline  # otherwise nothing can be brought
        can = {
            "use": free and (here or absent),
            "pull": absent and state.possible and not wanted,
            "cancel": state.status == "coming" and (state.kind != "speech" or not wanted),
            "unload": state.kind in ("local", "gguf") and state.status in ("loading", "ready", "failed") and not wanted,
            "remove": state.removable and not state.serves and not wanted and state.status != "coming",
        }
        return self._row(state) | {"can": {name for name, possible in can.items() if possible}, "wanted": wanted}

    def memory(self) -> View | None:
        """What the models hold of what there is; None where that cannot be told."""
        room = plan.room(self.services.settings)
        held = sum(state.memory or state.needs for state in self.states() if state.status in ("loading", "ready"))
        return asdict(room) | {"held": held} if room.total else None

    # what is kept for a moment

    def states(self) -> Sequence[ModelState]:
        return self._fresh(("states",), lambda: in_own_rows(self.services.model_states()))

    def changed(self) -> None:
        """A door changed something: the next look is a new one."""
        self._kept.clear()

    def _fresh(self, key: tuple[str, ...], make: Callable[[], Any]) -> Any:
        made, value = self._kept.get(key, (0.0, None))
        now = time.monotonic()
        if not made or now - made > FRESH_SECONDS:
            value = make()
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[key] = (now, value)
        return value


def in_own_rows(states: Sequence[ModelState]) -> Sequence[ModelState]:
    """A speech model that is downloaded without being used comes twice, also among the downloads: it is one row."""
    speech = {state.name for state in states if state.kind == "speech"}
    pulled = {state.name: state for state in states if state.kind != "speech" and state.name in speech}
    rows = []
    for state in states:
        other = pulled.get(state.name)
        if other is not None and state.kind == "speech" and state.status == "absent":
            rows.append(state.but(status=other.status, progress=other.progress, sentence=other.sentence))
        elif state.kind == "speech" or other is None:
            rows.append(state)
    return rows


def key_of(name: str) -> str:
    """The id of a model's row: names hold slashes and colons, and come from other servers."""
    return f"model-{hashlib.blake2b(name.encode('utf-8', 'surrogatepass'), digest_size=6).hexdigest()}"


def unknown(name: str) -> NotFound:
    return NotFound("There is no model {name} here. Please choose another one.", name=repr(name)[:80])


def _askable(state: ModelState) -> bool:
    return state.kind != "speech" and state.possible and state.status in HERE


def _coming(coming: Coming | None) -> View | None:
    return None if coming is None else {**asdict(coming), "sentence": translated(coming.sentence)}
