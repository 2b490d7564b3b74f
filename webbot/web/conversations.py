"""The list of conversations and what can be done with each: found, renamed, pinned, cleared, deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, g, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from webbot.errors import BadInput
from webbot.messages import Conversation
from webbot.services import Services
from webbot.web import forms
from webbot.web.problems import wants_json
from webbot.web.views import Views

TITLE_BYTES = 400


class Conversations:
    """The routes of the list."""

    def __init__(self, services: Services, views: Views) -> None:
        self.chat, self.store, self.views = services.chat, services.store, views
        self.blueprint = Blueprint("conversations", __name__)
        self._add("/list", self.list, "GET")
        self._add("/c/<conversation>/options", self.options, "POST")
        self._add("/c/<conversation>/clear", self.clear, "POST")
        self._add("/c/<conversation>/delete", self.delete, "POST")

    def _add(self, path: str, view: Callable[..., ResponseReturnValue], *methods: str) -> None:
        self.blueprint.add_url_rule(path, view.__name__, view, methods=list(methods))

    def list(self) -> ResponseReturnValue:
        return render_template("_list.html", current=request.args.get("current"), **self.views.lists.asked())

    def options(self, conversation: str) -> ResponseReturnValue:
        forms.only("speaks", "markup", "title", "pinned")
        changes: dict[str, Any] = {}
        for name in ("speaks", "pinned"):
            chosen = forms.choice(name, "on", "off")
            if chosen is not None:
                changes[name] = chosen == "on"
        markup = forms.choice("markup", "markdown", "textile")
        if markup is not None:
            changes["markup"] = markup
        if "title" in request.form:
            title = forms.text("title", limit=TITLE_BYTES).strip()
            if not title:
                raise BadInput("The title is empty.")
            changes["title"] = title
        self.store.conversation(g.owner, conversation)
        return self._changed(self.chat.change(g.owner, conversation, **changes))

    def _changed(self, conversation: Conversation) -> ResponseReturnValue:
        if wants_json():
            return jsonify(conversation=self.views.conversation(conversation), url=f"/c/{conversation.id}")
        return redirect(f"/c/{conversation.id}", 303)

    def clear(self, conversation: str) -> ResponseReturnValue:
        forms.only()
        self.chat.clear(g.owner, conversation)
        return self._changed(self.store.conversation(g.owner, conversation))

    def delete(self, conversation: str) -> ResponseReturnValue:
        forms.only()
        self.chat.delete(g.owner, conversation)
        return jsonify(url="/") if wants_json() else redirect("/", 303)
