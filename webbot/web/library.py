"""The page of the roles: the operator's, the visitor's own, and those that others share; written, copied, shared, deleted.

A form says which version of a role it knows (`version`): what another tab changed meanwhile is not overwritten unseen, and what
was typed comes back with the sentence. A role that somebody else keeps is not told apart from one that never was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, g, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from webbot.errors import NotFound, Problem
from webbot.people.library import LONGEST_DESCRIPTION, LONGEST_TITLE, OPENINGS, Role
from webbot.services import Services
from webbot.web import forms
from webbot.web.access import claim
from webbot.web.problems import sentence_of, wants_json
from webbot.web.views import Views

FIELDS = ("title", "description", "prompt", "openings")


class Library:
    """The routes of roles."""

    def __init__(self, services: Services, views: Views) -> None:
        self.library, self.views, self.roles = services.people.library, views, views.roles
        self.blueprint = Blueprint("library", __name__)
        self._add("/roles", self.all, "GET")
        self._add("/roles", self.add, "POST")
        self._add("/roles/new", self.new, "GET", "POST")
        self._add("/roles/<role>", self.one, "GET")
        for act in (self.change, self.copy, self.share, self.unshare, self.delete):
            self._add(f"/roles/<role>/{act.__name__}", act, "POST")

    def _add(self, path: str, view: Callable[..., ResponseReturnValue], *methods: str) -> None:
        self.blueprint.add_url_rule(path, view.__name__, view, methods=list(methods))

    # pages

    def all(self) -> ResponseReturnValue:
        return self._page("roles.html", roles=self.roles.offered(g.owner))

    def new(self) -> ResponseReturnValue:
        """A form for one more; `bot_role` are instructions that were typed elsewhere."""
        forms.only("bot_role")
        typed = {"prompt": forms.text("bot_role", limit=self.library.prompt_bytes)}
        return self._page("role.html", role=None, typed=typed)

    def one(self, role: str) -> ResponseReturnValue:
        return self._shown(role)

    def _shown(
        self, key: str, *, typed: Mapping[str, str] | None = None, trouble: str = "", status: int = 200
    ) -> ResponseReturnValue:
        offer = self.roles.find(g.owner, key)
        kept = {"title": offer.title, "description": offer.description, "prompt": offer.prompt,
                "openings": "\n".join(offer.openings)}
        return self._page("role.html", role=offer, typed=typed or kept, trouble=trouble, status=status)

    def _page(self, template: str, *, status: int = 200, **shown: Any) -> ResponseReturnValue:
        return render_template(template, current=None, **shown, **self.views.lists.asked()), status

    # what is done

    def add(self) -> ResponseReturnValue:
        forms.only(*FIELDS)
        try:
            return self._told(self.library.add(claim(), **{"title": "", "prompt": "", **_parts()}), 201)
        except Problem as problem:
            if wants_json():
                raise
            return self._page("role.html", role=None, typed=_typed(), trouble=sentence_of(problem), status=problem.status)

    def change(self, role: str) -> ResponseReturnValue:
        forms.only(*FIELDS, "version")
        self.library.own(g.owner, role)
        try:
            return self._told(self.library.change(g.owner, role, only_version=forms.version(), **_parts()))
        except NotFound:
            raise
        except Problem as problem:
            if wants_json():
                raise
            return self._shown(role, typed=_typed(), trouble=sentence_of(problem), status=problem.status)

    def copy(self, role: str) -> ResponseReturnValue:
        """One of one's own with the same words, which can be changed then."""
        forms.only()
        offer = self.roles.find(g.owner, role)
        said = offer.description.striptags() if isinstance(offer.description, Markup) else offer.description
        made = self.library.add(claim(), title=offer.title[:LONGEST_TITLE], description=said[:LONGEST_DESCRIPTION],
                                prompt=offer.prompt, openings=offer.openings[:OPENINGS])
        return self._told(made, 201, page=True)

    def share(self, role: str) -> ResponseReturnValue:
        forms.only()
        return self._told(self.library.share(g.owner, role), page=True)

    def unshare(self, role: str) -> ResponseReturnValue:
        forms.only()
        return self._told(self.library.unshare(g.owner, role), page=True)

    def delete(self, role: str) -> ResponseReturnValue:
        forms.only()
        self.library.delete(g.owner, role)
        return jsonify(url="/roles") if wants_json() else redirect("/roles", 303)

    @staticmethod
    def _told(role: Role, status: int = 200, *, page: bool = False) -> ResponseReturnValue:
        """Without script the role's own `page`, or the place in the list."""
        if not wants_json():
            return redirect(f"/roles/{role.id}" if page else f"/roles#role-{role.id}", 303)
        told = {name: getattr(role, name) for name in ("id", "title", "description", "prompt", "openings", "shared", "version")}
        return jsonify(role=told, url=f"/roles/{role.id}"), status


def _typed() -> dict[str, str]:
    """The fields as they came: the library says what is wrong with them."""
    return {name: request.form.get(name, "") for name in FIELDS}


def _parts() -> dict[str, Any]:
    """Those that came; of the questions to begin with each stands on a line."""
    parts: dict[str, Any] = {name: text for name, text in _typed().items() if name in request.form}
    return parts | ({"openings": parts["openings"].splitlines()} if "openings" in parts else {})
