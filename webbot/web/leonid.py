"""Leonid's doors: prompts of users that a signed token names, each with one conversation of its own.

A user's prompts are answered one after another, in order; with several web processes each has a line of its own, and the
prompts of one wait for those of the others without an order. What is injected stands in the conversation's role, so that the
memory never loses it. Whoever leaves, or is disconnected, frees the model.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

from flask import Blueprint, Response, jsonify
from flask.typing import ResponseReturnValue

from webbot.auth import token_secret
from webbot.chat import Chat
from webbot.chat.line import Dismissed, Lines, Place
from webbot.errors import BadInput, Conflict, NotAllowed, NotFound, TooLong, Unavailable
from webbot.messages import Cancelled, Conversation, Delta, Failed
from webbot.reply import Reply, follow, problem_of
from webbot.services import Services
from webbot.store.base import Store
from webbot.tokens import LONGEST_TOKEN, Tokens
from webbot.web.plain_text import plain_text
from webbot.web.programs import ProgramDoor, Trouble
from webbot.web.strict_json import json_body

PATHS = ("/receive_prompt", "/inject_context", "/user_disconnection")
TICK = 0.25  # seconds between two looks at whether the client is there
BUSY_SECONDS = 90.0  # the longest wait for an answer that was stopped and has not ended
CLAIM_SECONDS = 10.0  # the longest wait while another web process makes the user's conversation
ATTEMPTS = 10  # at a change that others come before
STRIPES = 64
UNCHECKED = (
    "A client of Leonid is believed without proof: the signature of its token is not verified. Set WEBBOT_LEONID_SECRET."
)
log = logging.getLogger(__name__)


def tell(trouble: Trouble) -> Response:
    """{"error": sentence}"""
    return jsonify(error=trouble.sentence)


LEONID_DOOR = ProgramDoor(prefixes=PATHS, tell=tell, checks=True)


class Leonid:
    """POST /receive_prompt, /inject_context and /user_disconnection, and GET /user_disconnection/<name>."""

    def __init__(self, services: Services) -> None:
        settings = services.settings
        self.services, self.chat = services, services.chat
        self.tokens = Tokens(token_secret(settings))
        self.open = self.tokens.checked or settings.private
        self.users = Users(services.chat, services.store, settings.role)
        self.lines = Lines(settings.queue_owner)
        # A byte takes up to six as \u0041; a token that is much too long is still told to be one.
        self.largest = 6 * (settings.question_bytes + LONGEST_TOKEN) + 2 * 1024 * 1024
        self.warned = False
        self.blueprint = Blueprint("leonid", __name__)
        self.blueprint.add_url_rule("/receive_prompt", "prompt", self.prompt, methods=["POST"])
        self.blueprint.add_url_rule("/inject_context", "inject", self.inject, methods=["POST"])
        self.blueprint.add_url_rule("/user_disconnection", "disconnect", self.disconnect, methods=["POST"])
        self.blueprint.add_url_rule("/user_disconnection/<name>", "alive", self.alive)

    def prompt(self) -> ResponseReturnValue:
        """The answer as plain text, as it grows."""
        name, text = self._read("user_prompt")
        if not text.strip():
            raise BadInput("The question is empty.", parameter="user_prompt")
        return plain_text(self._answer(name, text))

    def inject(self) -> ResponseReturnValue:
        name, context = self._read("injected_context")
        if not context.strip():
            raise BadInput("The injected context is empty.", parameter="injected_context")
        self.users.inject(name, context)
        return jsonify(result="ok")

    def disconnect(self) -> ResponseReturnValue:
        """Ends what the user has asked and deletes the conversation; a user that nobody knows is gone already."""
        name, _ = self._read()
        with self.lines.place(name, alone=True) as place:
            while not place.wait(TICK):
                pass  # the same is being done already
            self.users.forget(name)
        return jsonify(result="ok")

    def alive(self, name: str) -> ResponseReturnValue:
        """Programs of old ask this to learn whether the server is there; it changes nothing."""
        return jsonify(result="ok")

    def _read(self, field: str = "") -> tuple[str, str]:
        """The user's name, and the text in `field`. Raises BadInput for any other body, BadToken for a lie, NotAllowed."""
        if not self.open:
            raise NotAllowed("Others can reach this server, so Leonid's clients have to prove who they are: "
                             "set WEBBOT_LEONID_SECRET.")
        body = json_body(self.largest)
        names = ("user_data", field) if field else ("user_data",)
        for name in body:
            if name not in names:
                raise BadInput("The field {name} is not known here.", name=repr(name[:40]), parameter=name[:40])
        for name in names:
            if not isinstance(body.get(name), str):
                raise BadInput("The field {name} is needed, and must be a text.", name=name, parameter=name)
        user = self.tokens.user_name(body["user_data"])
        if not self.tokens.checked and not self.warned:
            self.warned = True
            log.warning(UNCHECKED)
        return user, body[field] if field else ""

    # an answer

    def _answer(self, name: str, text: str) -> Iterator[str | None]:
        """The words of the answer, after those of the user's earlier prompts; None while nothing comes. Closing it stops it."""
        with self.lines.place(name) as place:
            while not place.wait(TICK):
                yield None
            reply = None
            until = time.monotonic() + BUSY_SECONDS
            while reply is None:
                reply = self._ask(name, text, place, until)
                if reply is None:
                    yield None
            try:
                yield from self._words(reply, place)
            finally:
                reply.stop()

    def _ask(self, name: str, text: str, place: Place, until: float) -> Reply | None:
        """The running answer; None while an earlier one, that nobody reads any more, is about to end."""
        about = self.users.conversation(name, place)
        try:
            return self.chat.ask(about.owner, about.id, text)
        except (Conflict, NotFound):  # NotFound: the user was disconnected in this moment
            if time.monotonic() > until:
                raise Unavailable("An earlier answer of this user does not end. Please try again.", retry_after=5) from None
        time.sleep(TICK / 2)
        return None

    def _words(self, reply: Reply, place: Place) -> Iterator[str | None]:
        for event in follow(reply, TICK):
            place.check()
            if event is None or isinstance(event, Delta):
                yield event.text if event else None
            elif isinstance(event, Failed):
                raise problem_of(event, retry_after=5 if event.status in (429, 503) else None)
            elif isinstance(event, Cancelled):
                if not self.services.closing.is_set():
                    raise Dismissed  # the user was disconnected by way of another web process
                raise Unavailable("The server stops. Please try again in a moment.", retry_after=5)


class Users:
    """The conversation of each user. Its owner is made of the name, so that it is found again after a restart."""

    def __init__(self, chat: Chat, store: Store, role: str) -> None:
        """`role` is the system prompt of a new conversation."""
        self.chat, self.store, self.role = chat, store, role
        # A name always has the same lock, and no name leaves one behind.
        self._locks = [threading.Lock() for _ in range(STRIPES)]

    def conversation(self, name: str, place: Place) -> Conversation:
        """The user's conversation, made where there is none; never by a prompt that was sent away, after `forget`."""
        with self._locked(name):
            place.check()
            found = self._found(name)
            while found is None:
                found = self._made_once(name, self.role) or self._found(name)
            return found

    def inject(self, name: str, context: str) -> None:
        """Adds to what the model always sees. Raises TooLong for more than a quarter of the window, and changes nothing then."""
        with self._locked(name):
            try:
                for left in reversed(range(ATTEMPTS)):
                    if self._added(name, context, last=left == 0):
                        return
            except TooLong as problem:
                raise TooLong("The context does not fit what is always remembered, a quarter of the window: {why}", why=problem,
                              parameter="injected_context") from None

    def _added(self, name: str, context: str, *, last: bool) -> bool:
        """Adds to the role; False when the conversation was changed in this moment, be it by another web process."""
        about = self._found(name)
        role = "\n\n".join(part for part in (about.role if about else self.role, context) if part)
        if about is None:
            return self._made_once(name, role) is not None
        try:
            self.chat.change(about.owner, about.id, only_version=about.version, role=role)
        except (Conflict, NotFound):
            if last:
                raise
            return False
        return True

    def forget(self, name: str) -> None:
        """Ends the running answer and deletes the conversation, if there is one."""
        owner = owner_of(name)
        for about in self.store.conversations(owner):
            self.chat.stop(owner, about.id)
        with self._locked(name):
            for about in self.store.conversations(owner):
                with suppress(NotFound):
                    self.chat.delete(owner, about.id, at_once=True)

    def _found(self, name: str) -> Conversation | None:
        return next(iter(self.store.conversations(owner_of(name), limit=1)), None)

    def _made_once(self, name: str, role: str) -> Conversation | None:
        """The user's conversation; None where another web process has made it in this moment."""
        claimed = owner_of(name)
        until = time.monotonic() + CLAIM_SECONDS
        while True:
            try:
                self.chat.channels.claim(claimed)
                break
            except Conflict:
                if time.monotonic() > until:
                    raise
            time.sleep(TICK / 2)
        try:
            return self._made(name, role) if self._found(name) is None else None
        finally:
            self.chat.channels.release(claimed)

    def _made(self, name: str, role: str) -> Conversation:
        about = self.chat.create(owner_of(name), role)
        return self.chat.change(about.owner, about.id, title=name)

    def _locked(self, name: str) -> threading.Lock:
        return self._locks[hash(name) % STRIPES]


def owner_of(name: str) -> str:
    """The owner's id of a user: any name, whatever letters it has and however long it is, and no other owner's."""
    return "leonid:" + hashlib.sha256(name.encode()).hexdigest()[:40]
