"""For whoever runs the server: is it alive, is it ready, what does it measure, and the model that is to be loaded."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, jsonify, redirect
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST

from webbot import metrics
from webbot.engines.embedder import Embedder
from webbot.errors import Problem
from webbot.services import Services
from webbot.shared.asking import SharedEmbedder
from webbot.web import forms
from webbot.web.engine_metrics import EngineMetrics
from webbot.web.problems import wants_json
from webbot.web.views import Views


class Operation:
    """GET /healthz, /readyz, /metrics, /status and POST /models/load."""

    def __init__(self, services: Services, views: Views) -> None:
        self.services, self.views = services, views
        self.blueprint = Blueprint("operation", __name__)
        for view in (self.healthz, self.readyz, self.metrics, self.status):
            self.blueprint.add_url_rule(f"/{view.__name__}", view.__name__, view)
        self.blueprint.add_url_rule("/models/load", "load", self.load, methods=["POST"])

    def healthz(self) -> ResponseReturnValue:
        """200 as long as this process answers at all."""
        return jsonify(status="alive")

    def readyz(self) -> ResponseReturnValue:
        """200 when questions are answered and stored; else 503. Says what is loading and what failed either way."""
        parts = {
            "language": _part(self.services.engine.state()), "store": _checked(self.services.store.check),
            "speech": self._speech(),
        }
        if self.services.embedder is not None:
            parts["embedding"] = self._embedding(self.services.embedder)
        needed = [parts["language"], parts["store"]]
        if self.services.relay is not None:
            parts["relay"] = _checked(self.services.relay.check)
            needed.append(parts["relay"])
        # One that sleeps loads when somebody asks.
        ready = all(part["status"] in ("ready", "sleeping") for part in needed) and not self.services.closing.is_set()
        return jsonify(status="ready" if ready else "not ready", parts=parts), 200 if ready else 503

    def _speech(self) -> dict[str, object]:
        state = self.services.transcriber_state()
        return {"name": state["name"], "status": state["status"], "progress": state["progress"], "sentence": state["sentence"]}

    @staticmethod
    def _embedding(embedder: Embedder | SharedEmbedder) -> dict[str, object]:
        state = embedder.state()
        return {"name": embedder.name, "status": state.status, "progress": state.progress, "sentence": state.sentence}

    def metrics(self) -> ResponseReturnValue:
        metrics.busy.set(self.services.engine.busy())
        state = self.services.engine.state()
        metrics.ready.set(state.status in ("ready", "sleeping"))
        metrics.queue_waiting.set(state.waiting)
        metrics.queue_working.set(state.working)
        return Response(metrics.printed(EngineMetrics(self.services.figures())), content_type=CONTENT_TYPE_LATEST)

    def status(self) -> ResponseReturnValue:
        embedder = self.services.embedder
        return jsonify(self.views.models.status() | ({"embedding": self._embedding(embedder)} if embedder is not None else {}))

    def load(self) -> ResponseReturnValue:
        forms.only("model")
        self.services.use(forms.text("model", limit=300).strip())
        self.views.models.changed()
        return (jsonify(self.views.models.status()), 202) if wants_json() else redirect("/", 303)


def _part(state: object) -> dict[str, object]:
    return {name: getattr(state, name) for name in ("name", "status", "progress", "sentence")}


def _checked(check: Callable[[], None]) -> dict[str, object]:
    try:
        check()
    except Problem as problem:
        return {"status": "failed", "sentence": str(problem)}
    return {"status": "ready"}
