"""The page of a conversation, the pages beside it, and what a visitor sets. What is done in a conversation: turns, files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Blueprint, g, jsonify, make_response, redirect, render_template, request, session
from flask.typing import ResponseReturnValue

from webbot.errors import BadInput, Conflict, Problem
from webbot.messages import Conversation
from webbot.people.library import mark_of
from webbot.services import Services
from webbot.web import forms
from webbot.web.access import claim
from webbot.web.preferences import preference
from webbot.web.presence import presence
from webbot.web.problems import sentence_of, wants_json
from webbot.web.sessions import forget
from webbot.web.signing import sign_out
from webbot.web.texts import Texts
from webbot.web.views import Views

MODEL_NAME_BYTES = 300
ROLE_KEY_BYTES = 300
CHANGED = "This conversation was changed in another tab meanwhile. Look at it, and send yours again if you still want it."


class Pages:
    """The routes of the page."""

    def __init__(self, services: Services, texts: Texts, views: Views) -> None:
        self.services, self.texts, self.views, self.roles = services, texts, views, views.roles
        self.settings, self.chat, self.store = services.settings, services.chat, services.store
        self.blueprint = Blueprint("pages", __name__)
        self._add("/", self.welcome, "GET")
        self._add("/c/<conversation>", self.talk, "GET")
        self._add("/c/<conversation>/role", self.role, "POST")
        self._add("/c/<conversation>/model", self.model, "POST")
        self._add("/session_out", self.session_out, "GET", "POST")
        self._add("/help", self.help, "GET")

    def _add(self, path: str, view: Callable[..., ResponseReturnValue], *methods: str) -> None:
        self.blueprint.add_url_rule(path, view.__name__, view, methods=list(methods))

    # pages

    def welcome(self) -> ResponseReturnValue:
        """`role` names the one who is to answer."""
        role = request.args.get("role", "")
        return self.page(None, role=self.roles.find(g.owner, role).key if role else "")

    def talk(self, conversation: str) -> ResponseReturnValue:
        return self.page(self.store.conversation(g.owner, conversation), before=forms.number("before"))

    def page(
        self, conversation: Conversation | None, *, before: int | None = None, trouble: str | None = None, draft: str = "",
        status: int = 200, role: str = "",
    ) -> ResponseReturnValue:
        shown: dict[str, Any] = {"turns": [], "edge": None, "memory": None, "earlier": None, "files": []}
        if conversation is not None:
            shown, draft = self.views.talk(conversation, before), draft or self._draft(conversation)
        return render_template(
            "talk.html", **shown, **self.views.lists.asked(), current=conversation.id if conversation else None,
            conversation=self.views.conversation(conversation) if conversation else None, trouble=trouble, draft=draft,
            speaks=conversation.speaks if conversation else preference("speaks") == "on",
            roles=self.roles.offered(g.owner), welcome=self.texts.welcome(), tries=self.texts.tries(), limits=self.views.limits(),
            first_role=None if conversation else self.roles.first(g.owner, role),
            role_mark=mark_of(conversation.role) if conversation else "",
            models=self.views.models.shown(conversation.model if conversation else ""),
        ), status

    def refused(self, conversation: Conversation | None, problem: Problem, draft: str = "") -> ResponseReturnValue:
        """Without script the page comes back with the sentence, and the text in its box: nothing typed is lost."""
        if wants_json():
            raise problem
        draft = draft or request.form.get("question", "")[: self.settings.question_bytes]
        page = make_response(self.page(conversation, trouble=sentence_of(problem), draft=draft, status=problem.status,
                                       role=request.form.get("role", "")))
        if problem.retry_after:
            page.headers["Retry-After"] = str(problem.retry_after)
        return page

    def _draft(self, conversation: Conversation) -> str:
        """What was being written when the model was changed; kept over the reloads of a running answer."""
        place, text = session.get("draft", ("", ""))
        if place != conversation.id:
            return ""
        if self.chat.running(g.owner, conversation.id) is None:
            del session["draft"]
        return text

    def keep_draft(self, conversation: Conversation, draft: str) -> None:
        """What is being written comes back with the next page of that conversation."""
        if draft.strip() and not wants_json():
            session["draft"] = [conversation.id, draft]

    def help(self) -> ResponseReturnValue:
        return render_template(
            "help.html", help=self.texts.help(), current=None, models=self.views.models.shown(), **self.views.lists.asked(),
        )

    # who answers

    def create(self) -> Conversation:
        """A new conversation of the visitor, with the role and the model that the form names."""
        owner = claim()
        chosen = "role" in request.form or "bot_role" in request.form
        made = self.chat.create(owner, self._role() if chosen else self.roles.first_prompt(owner).strip(), self._named())
        return self.chat.change(owner, made.id, speaks=True) if preference("speaks") == "on" else made

    def with_role(self, conversation: Conversation, only_version: int | None = None) -> Conversation:
        role = self._role()
        if role == conversation.role:
            return conversation
        return self.chat.change(g.owner, conversation.id, only_version=only_version, role=role)

    def _role(self) -> str:
        """The prompt in the form: `bot_role` is its text, `role` the key of one that is here. Raises NotFound."""
        if "bot_role" not in request.form and "role" in request.form:
            return self.roles.prompt_of(g.owner, forms.text("role", limit=ROLE_KEY_BYTES)).strip()
        return forms.text("bot_role", limit=self.settings.question_bytes).strip()

    def role(self, conversation: str) -> ResponseReturnValue:
        """`version` is the conversation's as the form knows it: a role that was changed elsewhere meanwhile is not overwritten
        unseen, and the text comes back."""
        forms.only("bot_role", "role", "version")
        about = self.store.conversation(g.owner, conversation)
        version = forms.text("version", limit=20)
        try:
            return self._changed(self.with_role(about, int(version) if version.isascii() and version.isdigit() else None))
        except Conflict:
            return self.refused(about, Conflict(CHANGED), forms.text("bot_role", limit=self.settings.question_bytes))
        except Problem as problem:
            return self.refused(about, problem)

    def model(self, conversation: str) -> ResponseReturnValue:
        """Which model answers from the next question on. Without script the composer's text comes along, and comes back."""
        forms.only("model", "question", "file", "attached")
        about = self.store.conversation(g.owner, conversation)
        if "model" not in request.form:
            raise BadInput("Please choose a model.")
        draft = forms.text("question", limit=self.settings.question_bytes)
        try:
            changed = self.chat.change(g.owner, about.id, model=self._named())
        except Problem as problem:
            return self.refused(about, problem, draft)
        self.keep_draft(about, draft)
        return self._changed(changed)

    def _named(self) -> str:
        return self.views.models.check(forms.text("model", limit=MODEL_NAME_BYTES).strip())

    def _changed(self, conversation: Conversation) -> ResponseReturnValue:
        if wants_json():
            return jsonify(conversation=self.views.conversation(conversation), url=f"/c/{conversation.id}")
        return redirect(f"/c/{conversation.id}", 303)

    # the visitor

    def session_out(self) -> ResponseReturnValue:
        """Forgets the session, and the conversations and roles that only it could reach; its id is worthless from now on.
        A person is signed out here, and keeps everything."""
        if presence().person is not None:
            sign_out(self.services)
            g.owner = ""
            return jsonify(url="/") if wants_json() else redirect("/", 303)
        if g.owner and self.settings.owner == "session":
            for conversation in self.store.conversations(g.owner, limit=100_000):
                self.chat.delete(g.owner, conversation.id, at_once=True)
            self.services.people.library.forget(g.owner)
        forget()
        g.owner = ""
        return jsonify(url="/") if wants_json() else redirect("/", 303)
