"""What is done with the turns of a conversation: asked, edited, answered again, gone on with, stopped, shown, pinned, judged."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, cast

from flask import Blueprint, g, jsonify, redirect, render_template, request, session
from flask.typing import ResponseReturnValue

from webbot.errors import NotFound, Problem, Unusable
from webbot.messages import Conversation, Feedback, Message
from webbot.reply import Reply, follow
from webbot.services import Services
from webbot.web import forms
from webbot.web.files import Files
from webbot.web.pages import Pages
from webbot.web.problems import wants_json
from webbot.web.views import Views
from webbot.web.writing import grown

WITHOUT_SCRIPT_SECONDS = 10.0  # a page without script waits so long for a whole answer
ID_BYTES = 100


class Turns:
    """The routes of turns. With script a door answers what the page needs to show at once, without script with the page."""

    def __init__(self, services: Services, views: Views, pages: Pages, files: Files) -> None:
        self.services, self.views, self.pages, self.files = services, views, pages, files
        self.settings, self.chat, self.store = services.settings, services.chat, services.store
        self.blueprint = Blueprint("turns", __name__)
        self._add("/", self.classic)
        self._add("/turns", self.first_turn)
        self._add("/c/<conversation>/turns", self.next_turn)
        self._add("/c/<conversation>/edit", self.edit)
        self._add("/c/<conversation>/again", self.again)
        self._add("/c/<conversation>/on", self.go_on)
        self._add("/c/<conversation>/stop", self.stop)
        self._add("/c/<conversation>/show", self.show)
        self._add("/c/<conversation>/pin", self.pin)
        self._add("/c/<conversation>/feedback", self.feedback)

    def _add(self, path: str, view: Callable[..., ResponseReturnValue]) -> None:
        self.blueprint.add_url_rule(path, view.__name__, view, methods=["POST"])

    # asking

    def first_turn(self) -> ResponseReturnValue:
        self.files.check_size(recording=True)
        return self._turn(None)

    def next_turn(self, conversation: str) -> ResponseReturnValue:
        self.files.check_size(recording=True)
        return self._turn(self.store.conversation(g.owner, conversation))

    def classic(self) -> ResponseReturnValue:
        """The form of the older voice page, on one address: `question`, `bot_role`, `file`, and `ClearChat`."""
        current = self._session_conversation()
        if "ClearChat" in request.form:
            if current is not None:
                self.chat.clear(g.owner, current.id)
            return redirect(f"/c/{current.id}" if current else "/")
        return self._turn(current)

    def _session_conversation(self) -> Conversation | None:
        try:
            return self.store.conversation(g.owner, session.get("conversation", ""))
        except NotFound:
            return None

    def _turn(self, conversation: Conversation | None) -> ResponseReturnValue:
        forms.only("question", "bot_role", "role", "model", "file", "attached", "spoken", "ClearChat")
        attached = self.files.sent()
        try:
            question, spoken = self._question()
        except Problem as problem:
            return self.pages.refused(conversation, problem)
        made = None
        try:
            if conversation is None:
                conversation = made = self.pages.create()
            elif "bot_role" in request.form or "role" in request.form:
                conversation = self.pages.with_role(conversation)
            session["conversation"] = conversation.id
            self.files.attach(conversation, attached)
            if attached and not question:  # files alone: the question comes next
                return redirect(f"/c/{conversation.id}", 303)
            return self._answered(self.chat.ask(g.owner, conversation.id, question, spoken=spoken))
        except Problem as problem:
            if made is not None:
                self.chat.delete(g.owner, made.id, at_once=True)
                conversation = None
            return self.pages.refused(conversation, problem, question)

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
        """Asks a question of the shown branch in other words; what it was stays as another version."""
        forms.only("message", "question")
        question = forms.text("question", limit=self.settings.question_bytes).strip()
        message = forms.text("message", limit=ID_BYTES)
        return self._try(conversation, lambda: self.chat.edit(g.owner, conversation, message, question), question)

    def again(self, conversation: str) -> ResponseReturnValue:
        """One more answer: to the question, or beside the answer, that `message` names; without it the last one."""
        forms.only("message")
        message = forms.text("message", limit=ID_BYTES)
        return self._try(conversation, lambda: self.chat.again(g.owner, conversation, message))

    def go_on(self, conversation: str) -> ResponseReturnValue:
        """The last answer, which was cut or stopped, is gone on with."""
        forms.only("message")
        message = forms.text("message", limit=ID_BYTES)
        return self._try(conversation, lambda: self.chat.go_on(g.owner, conversation, message))

    def _try(self, conversation: str, begin: Callable[[], Reply], draft: str = "") -> ResponseReturnValue:
        about = self.store.conversation(g.owner, conversation)
        try:
            return self._answered(begin())
        except Problem as problem:
            return self.pages.refused(about, problem, draft)

    def _answered(self, reply: Reply) -> ResponseReturnValue:
        """For the page's script the turn as it begins; without script the page, after the whole answer."""
        conversation = self.store.conversation(g.owner, reply.conversation)
        url = f"/c/{conversation.id}"
        if wants_json():
            turn = self.views.turn(conversation, reply.question, reply.answer)
            return jsonify(
                conversation=conversation.id, url=url, question=reply.question.id, answer=reply.answer.id,
                html=render_template("_turn.html", turn=turn, conversation=self.views.conversation(conversation)),
                after=reply.began.after, place=str(grown(reply.began, reply.began.answer.text)),
            ), 201
        until = time.monotonic() + WITHOUT_SCRIPT_SECONDS
        for _ in follow(reply):
            if time.monotonic() > until:
                break  # the page shows what there is, with Stop, and loads itself again
        return redirect(f"{url}#m{reply.question.id}", 303)

    def stop(self, conversation: str) -> ResponseReturnValue:
        forms.only()
        self.store.conversation(g.owner, conversation)
        stopped = self.chat.stop(g.owner, conversation)
        return jsonify(stopped=stopped) if wants_json() else redirect(f"/c/{conversation}", 303)

    # branches and marks

    def show(self, conversation: str) -> ResponseReturnValue:
        """Another version of a question or an answer, with what followed it."""
        forms.only("message")
        about = self.store.conversation(g.owner, conversation)
        message = forms.text("message", limit=ID_BYTES)
        try:
            shown = self.chat.show(g.owner, conversation, message)
        except Problem as problem:
            return self.pages.refused(about, problem)
        if wants_json():
            return jsonify(conversation=self.views.conversation(shown), message=message)
        return redirect(self._at(conversation, self.store.message(g.owner, conversation, message)), 303)

    def pin(self, conversation: str) -> ResponseReturnValue:
        forms.only("message", "pinned")
        pinned = forms.choice("pinned", "on", "off") != "off"
        return self._marked(conversation, lambda message: self.chat.pin(g.owner, conversation, message, pinned))

    def feedback(self, conversation: str) -> ResponseReturnValue:
        forms.only("message", "feedback")
        feedback = cast(Feedback, forms.choice("feedback", "", "up", "down") or "")
        return self._marked(conversation, lambda message: self.chat.judge(g.owner, conversation, message, feedback))

    def _marked(self, conversation: str, mark: Callable[[str], Message]) -> ResponseReturnValue:
        about = self.store.conversation(g.owner, conversation)
        try:
            marked = mark(forms.text("message", limit=ID_BYTES))
        except Problem as problem:
            return self.pages.refused(about, problem)
        if wants_json():
            return jsonify(message=marked.id, pinned=marked.pinned, feedback=marked.feedback)
        return redirect(self._at(conversation, marked), 303)

    def _at(self, conversation: str, message: Message) -> str:
        """The address of the turn of a message."""
        question = message.id if message.role == "user" else message.parent
        return f"/c/{conversation}#m{question}"
