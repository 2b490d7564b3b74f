"""The page of the models: what is here, what it takes, and what can be done with it. Every act is a form.

Whoever may use this server may do this, too; another site's page may not (web/access).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial

from flask import Blueprint, jsonify, redirect, render_template
from flask.typing import ResponseReturnValue

from webbot.errors import BadInput, Problem
from webbot.services import Services
from webbot.web import forms
from webbot.web.model_views import key_of, unknown
from webbot.web.problems import sentence_of, wants_json
from webbot.web.views import Views

NAME_BYTES = 200  # a name becomes a file's


class Models:
    """GET /models, and POST /models/use, pull, cancel, unload and remove with the field `model`."""

    def __init__(self, services: Services, views: Views) -> None:
        self.services, self.views = services, views
        self.blueprint = Blueprint("models", __name__)
        self.blueprint.add_url_rule("/models", "models", self.models)
        acts = {
            "use": self._use, "pull": services.pull, "cancel": services.cancel, "unload": self._unload,
            "remove": services.remove,
        }
        for name, act in acts.items():
            self.blueprint.add_url_rule(f"/models/{name}", name, partial(self._do, act), methods=["POST"])

    def models(self) -> ResponseReturnValue:
        if wants_json():
            models = [asdict(state) for state in self.views.models.states()]
            return jsonify(models=models, memory=self.views.models.memory())
        return self._page()

    def _page(self, *, trouble: str | None = None, named: str = "", status: int = 200) -> ResponseReturnValue:
        return render_template(
            "models.html", page=self.views.models.page(), current=None, trouble=trouble, named=named, **self.views.lists.asked(),
        ), status

    def _use(self, name: str) -> None:
        self._check(name)
        self.services.use(name)

    def _unload(self, name: str) -> None:
        self._check(name)
        self.services.unload(name)

    def _check(self, name: str) -> None:
        """Raises NotFound for what is not on the list: a server elsewhere might take any name."""
        if name not in {state.name for state in self.views.models.states()}:
            raise unknown(name)

    def _do(self, act: Callable[[str], None]) -> ResponseReturnValue:
        """Without script a refusal is the page with the sentence above the list, and the name back in its field."""
        forms.only("model")
        name = forms.text("model", limit=NAME_BYTES).strip()
        try:
            if not name:
                raise BadInput("Please name a model.")
            act(name)
        except Problem as problem:
            if wants_json():
                raise
            return self._page(trouble=sentence_of(problem), named=name, status=problem.status)
        finally:
            self.views.models.changed()
        if wants_json():
            return jsonify(html=self.views.models.list_html(), key=key_of(name)), 202
        return redirect(f"/models#{key_of(name)}", 303)
