"""The list of conversations and what can be done with each: found, renamed, pinned, cleared, deleted, brought back.

A form says which version of the conversation it knows (the field `version`, or If-Match): what another tab changed meanwhile is
never overwritten unseen, and what was typed comes back with the sentence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, g, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from webbot.errors import BadInput, Conflict, Problem
from webbot.messages import Conversation
from webbot.services import Services
from webbot.web import forms
from webbot.web.list_views import deleted, forget_deleted, put_away_deleted, remember_deleted, undo
from webbot.web.problems import sentence_of, wants_json
from webbot.web.sharing import share_view
from webbot.web.views import Views

TITLE_BYTES = 400
STALE = "The conversation was changed elsewhere meanwhile, so nothing was done. Look at it, and do it again if you still want it."


class Conversations:
    """The routes of the list."""

    def __init__(self, services: Services, views: Views) -> None:
        self.chat, self.store, self.views = services.chat, services.store, views
        self.blueprint = Blueprint("conversations", __name__)
        self._add("/list", self.list, "GET")
        self._add("/c/<conversation>/manage", self.manage, "GET")
        self._add("/c/<conversation>/options", self.options, "POST")
        self._add("/c/<conversation>/clear", self.clear, "POST")
        self._add("/c/<conversation>/delete", self.delete, "POST")
        self._add("/c/<conversation>/restore", self.restore, "POST")
        self._add("/deleted", self.deleted, "GET")
        self._add("/deleted/forget", self.forget, "POST")

    def _add(self, path: str, view: Callable[..., ResponseReturnValue], *methods: str) -> None:
        self.blueprint.add_url_rule(path, view.__name__, view, methods=list(methods))

    def list(self) -> ResponseReturnValue:
        return render_template("_list.html", current=request.args.get("current"), **self.views.lists.asked())

    def manage(self, conversation: str) -> ResponseReturnValue:
        """What can be done with one conversation: a page, or with ?part its content, for a menu of the page's script."""
        return self._manage(self.store.conversation(g.owner, conversation))

    def _manage(self, about: Conversation, *, trouble: str = "", typed: str = "", status: int = 200) -> ResponseReturnValue:
        view = self.views.conversation(about) | {"share": share_view(self.store, about), "typed": typed}
        if "part" in request.args:
            place = "own" if request.args["part"] == "own" else "item"
            return render_template("_managing.html", conversation=view, place=place), status
        return render_template(
            "manage.html", conversation=view, trouble=trouble, current=about.id, **self.views.lists.asked(),
        ), status

    def options(self, conversation: str) -> ResponseReturnValue:
        forms.only("speaks", "markup", "title", "pinned", "version")
        changes: dict[str, Any] = {}
        for name in ("speaks", "pinned"):
            chosen = forms.choice(name, "on", "off")
            if chosen is not None:
                changes[name] = chosen == "on"
        markup = forms.choice("markup", "markdown", "textile")
        if markup is not None:
            changes["markup"] = markup
        if "title" in request.form:
            changes["title"] = forms.text("title", limit=TITLE_BYTES).strip()
        about = self.store.conversation(g.owner, conversation)
        try:
            if changes.get("title") == "":
                raise BadInput("The title is empty.")
            return self._changed(self.chat.change(g.owner, conversation, only_version=forms.version(), **changes))
        except Problem as problem:
            return self._refused(about, problem)

    def _changed(self, conversation: Conversation) -> ResponseReturnValue:
        if wants_json():
            return jsonify(conversation=self.views.conversation(conversation), url=f"/c/{conversation.id}")
        return redirect(f"/c/{conversation.id}", 303)

    def _refused(self, about: Conversation, problem: Problem) -> ResponseReturnValue:
        """Without script what can be done comes back, with the sentence, the typed title, and the version that is there now."""
        problem = Conflict(STALE) if isinstance(problem, Conflict) else problem
        if wants_json():
            raise problem
        now = self.store.conversation(g.owner, about.id)
        typed = forms.text("title", limit=TITLE_BYTES)
        return self._manage(now, trouble=sentence_of(problem), typed=typed, status=problem.status)

    def clear(self, conversation: str) -> ResponseReturnValue:
        forms.only()
        self.chat.clear(g.owner, conversation)
        return self._changed(self.store.conversation(g.owner, conversation))

    def delete(self, conversation: str) -> ResponseReturnValue:
        """The next page, whichever, offers for a while to bring it back."""
        forms.only("version")
        about = self.store.conversation(g.owner, conversation)
        try:
            self.chat.delete(g.owner, conversation, only_version=forms.version())
        except Conflict as problem:
            return self._refused(about, problem)
        remember_deleted(about)
        return self._told("/")

    def restore(self, conversation: str) -> ResponseReturnValue:
        forms.only()
        forget_deleted(conversation)
        about = self.chat.restore(g.owner, conversation)
        return self._told(f"/c/{about.id}")

    def deleted(self) -> ResponseReturnValue:
        """For an open page whose conversation was deleted elsewhere: what can be done there now."""
        key = request.args.get("conversation", "")
        return render_template("_gone.html", undo=next((each for each in deleted() if each["id"] == key), None))

    def forget(self) -> ResponseReturnValue:
        """The offer to bring back what was deleted is put away from the pages; the settings keep it while it is possible."""
        forms.only("conversation")
        put_away_deleted(forms.text("conversation", limit=100))
        return self._told("/")

    @staticmethod
    def _told(url: str) -> ResponseReturnValue:
        if wants_json():
            return jsonify(url=url, undo_html=render_template("_undo.html", undo=undo()))
        return redirect(url, 303)
