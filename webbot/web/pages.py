"""The page of a conversation: its turns, first as plain forms, better with the page's script."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from flask import Blueprint, g, jsonify, redirect, render_template, request, session
from flask.typing import ResponseReturnValue

from webbot.errors import BadInput, NotFound, Problem, Unusable
from webbot.messages import Conversation
from webbot.reply import Reply, follow
from webbot.services import Services
from webbot.web import forms
from webbot.web.access import claim
from webbot.web.languages import LANGUAGES
from webbot.web.problems import sentence_of, wants_json
from webbot.web.sessions import forget
from webbot.web.texts import Texts
from webbot.web.views import Views

THEMES = ("auto", "light", "dark")
MODEL_NAME_BYTES = 300
WITHOUT_SCRIPT_SECONDS = 10.0  # a page without script waits so long for a whole answer


class Pages:
    """The routes of the page."""

    def __init__(self, services: Services, texts: Texts, views: Views) -> None:
        self.services, self.texts, self.views = services, texts, views
        self.settings, self.chat, self.store = services.settings, services.chat, services.store
        self.blueprint = Blueprint("pages", __name__)
        self._add("/", self.welcome, "GET")
        self._add("/", self.classic, "POST")
        self._add("/c/<conversation>", self.talk, "GET")
        self._add("/turns", self.first_turn, "POST")
        self._add("/c/<conversation>/turns", self.next_turn, "POST")
        self._add("/c/<conversation>/edit", self.edit, "POST")
        self._add("/c/<conversation>/again", self.again, "POST")
        self._add("/c/<conversation>/stop", self.stop, "POST")
        self._add("/c/<conversation>/role", self.role, "POST")
        self._add("/c/<conversation>/model", self.model, "POST")
        self._add("/session_out", self.session_out, "GET", "POST")
        self._add("/help", self.help, "GET")
        self._add("/preferences", self.preferences, "GET", "POST")

    def _add(self, path: str, view: Callable[..., ResponseReturnValue], *methods: str) -> None:
        self.blueprint.add_url_rule(path, view.__name__, view, methods=list(methods))

    # pages

    def welcome(self) -> ResponseReturnValue:
        return self._page(None)

    def talk(self, conversation: str) -> ResponseReturnValue:
        return self._page(self.store.conversation(g.owner, conversation), before=forms.number("before"))

    def _page(
        self, conversation: Conversation | None, *, before: int | None = None, trouble: str | None = None, draft: str = "",
        status: int = 200,
    ) -> ResponseReturnValue:
        shown: dict[str, Any] = {"turns": [], "edge": None, "memory": None, "earlier": None}
        if conversation is not None:
            shown, draft = self.views.talk(conversation, before), draft or self._draft(conversation)
        return render_template(
            "talk.html", **shown, **self.views.lists.asked(), current=conversation.id if conversation else None,
            conversation=self.views.conversation(conversation) if conversation else None, trouble=trouble, draft=draft,
            roles=self.texts.roles(), welcome=self.texts.welcome(), tries=self.texts.tries(), limits=self.views.limits(),
            default_role=self.settings.role, models=self.views.models.shown(conversation.model if conversation else ""),
        ), status

    def help(self) -> ResponseReturnValue:
        return render_template(
            "help.html", help=self.texts.help(), current=None, models=self.views.models.shown(), **self.views.lists.asked(),
        )

    # turns

    def first_turn(self) -> ResponseReturnValue:
        return self._turn(None)

    def next_turn(self, conversation: str) -> ResponseReturnValue:
        return self._turn(self.store.conversation(g.owner, conversation))

    def classic(self) -> ResponseReturnValue:
        """The form of the older voice page, on one address: `question`, `bot_role`, `file`, and `ClearChat`."""
        current = self._session_conversation()
        if "ClearChat" in request.form:
            if current is not None:
                self.chat.clear(g.owner, current.id)
            return redirect(_url(current))
        return self._turn(current)

    def _session_conversation(self) -> Conversation | None:
        try:
            return self.store.conversation(g.owner, session.get("conversation", ""))
        except NotFound:
            return None

    def _turn(self, conversation: Conversation | None) -> ResponseReturnValue:
        forms.only("question", "bot_role", "model", "file", "spoken", "ClearChat")
        try:
            question, spoken = self._question()
        except Problem as problem:
            return self._refused(conversation, problem)
        made = None
        try:
            if conversation is None:
                conversation = made = self._create()
            elif "bot_role" in request.form:
                conversation = self._with_role(conversation)
            session["conversation"] = conversation.id
            return self._answered(self.chat.ask(g.owner, conversation.id, question, spoken=spoken))
        except Problem as problem:
            if made is not None:
                self.chat.delete(g.owner, made.id)
                conversation = None
            return self._refused(conversation, problem, question)

    def _create(self) -> Conversation:
        role = forms.text("bot_role", limit=self.settings.question_bytes, default=self.settings.role)
        return self.chat.create(claim(), role.strip(), self._named())

    def _with_role(self, conversation: Conversation) -> Conversation:
        role = forms.text("bot_role", limit=self.settings.question_bytes).strip()
        if role == conversation.role:
            return conversation
        return self.chat.change(g.owner, conversation.id, role=role)

    def _question(self) -> tuple[str, dict[str, Any]]:
        """The typed question, or the words of the recording that came with the form."""
        typed = forms.text("question", limit=self.settings.question_bytes).strip()
        recording = request.files.get("file")
        if typed or recording is None or not recording.filename:
            return typed, forms.spoken()
        heard = self.services.transcribe(recording.stream.read(), self.settings.speech_language)
        if not heard.text:
            raise Unusable(heard.sentence or "Nothing was understood in the recording.")
        return heard.text, {"language": heard.language, "seconds": round(heard.seconds, 2), "took": round(heard.took, 2)}

    def edit(self, conversation: str) -> ResponseReturnValue:
        forms.only("message", "question")
        question = forms.text("question", limit=self.settings.question_bytes).strip()
        message = forms.text("message", limit=100)
        return self._try(conversation, lambda: self.chat.edit(g.owner, conversation, message, question), question)

    def again(self, conversation: str) -> ResponseReturnValue:
        forms.only()
        return self._try(conversation, lambda: self.chat.again(g.owner, conversation))

    def _try(self, conversation: str, begin: Callable[[], Reply], draft: str = "") -> ResponseReturnValue:
        about = self.store.conversation(g.owner, conversation)
        try:
            return self._answered(begin())
        except Problem as problem:
            return self._refused(about, problem, draft)

    def _answered(self, reply: Reply) -> ResponseReturnValue:
        """For the page's script the turn as it begins; without script the page, after the whole answer."""
        conversation = self.store.conversation(g.owner, reply.conversation)
        if wants_json():
            turn = self.views.turn(conversation, reply.question, reply.answer, reply)
            return jsonify(
                conversation=conversation.id, url=_url(conversation), question=reply.question.id, answer=reply.answer.id,
                html=render_template("_turn.html", turn=turn, conversation=self.views.conversation(conversation)),
            ), 201
        until = time.monotonic() + WITHOUT_SCRIPT_SECONDS
        for _ in follow(reply):
            if time.monotonic() > until:
                break  # the page shows what there is, with Stop, and loads itself again
        return redirect(f"{_url(conversation)}#m{reply.question.id}", 303)

    def _refused(self, conversation: Conversation | None, problem: Problem, draft: str = "") -> ResponseReturnValue:
        """Without script the page comes back with the sentence, and the text in its box: nothing typed is lost."""
        if wants_json():
            raise problem
        draft = draft or request.form.get("question", "")[: self.settings.question_bytes]
        return self._page(conversation, trouble=sentence_of(problem), draft=draft, status=problem.status)

    def stop(self, conversation: str) -> ResponseReturnValue:
        forms.only()
        self.store.conversation(g.owner, conversation)
        stopped = self.chat.stop(g.owner, conversation)
        return jsonify(stopped=stopped) if wants_json() else redirect(f"/c/{conversation}", 303)

    # conversations

    def role(self, conversation: str) -> ResponseReturnValue:
        forms.only("bot_role")
        about = self.store.conversation(g.owner, conversation)
        try:
            return self._changed(self._with_role(about))
        except Problem as problem:
            return self._refused(about, problem)

    def model(self, conversation: str) -> ResponseReturnValue:
        """Which model answers from the next question on. Without script the composer's text comes along, and comes back."""
        forms.only("model", "question", "file")
        about = self.store.conversation(g.owner, conversation)
        if "model" not in request.form:
            raise BadInput("Please choose a model.")
        draft = forms.text("question", limit=self.settings.question_bytes)
        try:
            changed = self.chat.change(g.owner, about.id, model=self._named())
        except Problem as problem:
            return self._refused(about, problem, draft)
        if draft.strip() and not wants_json():
            session["draft"] = [about.id, draft]
        return self._changed(changed)

    def _named(self) -> str:
        return self.views.models.check(forms.text("model", limit=MODEL_NAME_BYTES).strip())

    def _draft(self, conversation: Conversation) -> str:
        """What was being written when the model was changed; kept over the reloads of a running answer."""
        place, text = session.get("draft", ("", ""))
        if place != conversation.id:
            return ""
        if self.chat.running(g.owner, conversation.id) is None:
            del session["draft"]
        return text

    def _changed(self, conversation: Conversation) -> ResponseReturnValue:
        if wants_json():
            return jsonify(conversation=self.views.conversation(conversation), url=_url(conversation))
        return redirect(_url(conversation), 303)

    # the visitor

    def session_out(self) -> ResponseReturnValue:
        """Forgets the session and the conversations that only it could reach; its id is worthless from now on."""
        if g.owner and self.settings.owner == "session":
            for conversation in self.store.conversations(g.owner, limit=100_000):
                self.chat.delete(g.owner, conversation.id)
        forget()
        g.owner = ""
        return jsonify(url="/") if wants_json() else redirect("/", 303)

    def preferences(self) -> ResponseReturnValue:
        if request.method == "GET":
            return render_template(
                "preferences.html", current=None, models=self.views.models.shown(), **self.views.lists.asked(),
            )
        forms.only("language", "theme")
        for name, choices in (("language", ("", *LANGUAGES)), ("theme", THEMES)):
            chosen = forms.choice(name, *choices)
            if chosen is not None:
                session[name] = chosen
        return jsonify(url="/preferences") if wants_json() else redirect("/preferences", 303)


def _url(conversation: Conversation | None) -> str:
    return f"/c/{conversation.id}" if conversation else "/"
