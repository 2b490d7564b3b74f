"""Conversations over REST, as Pybot has them under /api/conversations.

What is somebody else's is not there: one and the same 404. An id is looked for as it is, whatever it holds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, g, jsonify
from flask.typing import ResponseReturnValue

from webbot.errors import BadInput, TooLong
from webbot.messages import Conversation, Feedback, Message
from webbot.services import Services
from webbot.web.access import claim
from webbot.web.leaving import gone
from webbot.web.pybot import wire
from webbot.web.pybot.person import user
from webbot.web.pybot.titles import Titles
from webbot.web.roles import Roles
from webbot.web.strict_json import json_body

LARGEST = 16384  # bytes of a body
TITLE_BYTES = 400
AT_ONCE = 500  # conversations that are read at once
READ_ONLY = frozenset({"id", "owner", "created_at", "last_message_at", "updated_at", "messages"})  # sent back by some clients


class Conversations:
    """The routes of conversations and their messages."""

    def __init__(self, services: Services, roles: Roles, titles: Titles, blueprint: Blueprint) -> None:
        self.chat, self.store, self.roles, self.titles = services.chat, services.store, roles, titles
        self.blueprint = blueprint
        self._add("/api/conversations", self.list, "GET")
        self._add("/api/conversations", self.create, "POST")
        self._add("/api/conversations/<conversation>", self.get, "GET")
        self._add("/api/conversations/<conversation>", self.change, "PUT")
        self._add("/api/conversations/<conversation>", self.delete, "DELETE")
        self._add("/api/conversations/<conversation>/summarization", self.summarize, "POST")
        self._add("/api/conversations/<conversation>/messages/<message>/thumbup", self.thumb_up, "PUT")
        self._add("/api/conversations/<conversation>/messages/<message>/thumbdown", self.thumb_down, "PUT")

    def _add(self, path: str, view: Callable[..., ResponseReturnValue], method: str) -> None:
        self.blueprint.add_url_rule(path, view.__name__, view, methods=[method])

    def list(self) -> ResponseReturnValue:
        """All of them: pinned ones first, then the last changed."""
        found: dict[str, Conversation] = {}
        offset = 0
        while some := self.store.conversations(g.owner, limit=AT_ONCE, offset=offset):
            found |= {about.id: about for about in some}
            offset += len(some)
        name = user()
        return jsonify([wire.conversation(about, name) for about in found.values()])

    def create(self) -> ResponseReturnValue:
        """`{title?}`; the title is the client's, so that nothing but a wish for a title changes it."""
        changes = _changes(json_body(LARGEST), "title")
        owner = claim()
        made = self.chat.create(owner, self.roles.first_prompt(owner).strip())
        if changes.get("title"):
            made = self.chat.change(g.owner, made.id, **changes)
        return jsonify(wire.conversation(made, user()) | {"messages": []}), 201

    def get(self, conversation: str) -> ResponseReturnValue:
        """With the messages that are shown; an answer that is being written has the text it has by now."""
        about, name = self.store.conversation(g.owner, conversation), user()
        messages = [wire.message(self._now(about, message), about.id, name) for message in
                    self.store.messages(g.owner, conversation)]
        return jsonify(wire.conversation(about, name) | {"messages": messages})

    def _now(self, about: Conversation, message: Message) -> Message:
        running = self.chat.running(about.owner, about.id) if message.status == "streaming" else None
        if running is None or running.began.answer.id != message.id:
            return message
        return dataclasses.replace(message, text=max(running.text, message.text, key=len))

    def change(self, conversation: str) -> ResponseReturnValue:
        """`{title?, pinned?}`"""
        about = self.store.conversation(g.owner, conversation)
        changes = _changes(json_body(LARGEST), "title", "pinned")
        if "title" in changes and not changes["title"]:
            raise BadInput("The title is empty.", parameter="title")
        if changes:
            about = self.chat.change(g.owner, conversation, **changes)
        return jsonify(wire.conversation(about, user()))

    def delete(self, conversation: str) -> ResponseReturnValue:
        self.chat.delete(g.owner, conversation)
        return "", 204

    def summarize(self, conversation: str) -> ResponseReturnValue:
        self.store.conversation(g.owner, conversation)
        return jsonify(title=self.titles.name(g.owner, conversation, gone())), 201

    def thumb_up(self, conversation: str, message: str) -> ResponseReturnValue:
        return self._judged(conversation, message, "up")

    def thumb_down(self, conversation: str, message: str) -> ResponseReturnValue:
        return self._judged(conversation, message, "down")

    def _judged(self, conversation: str, message: str, feedback: Feedback) -> ResponseReturnValue:
        judged = self.chat.judge(g.owner, conversation, message, feedback)
        return jsonify(wire.message(judged, conversation, user()))


def _changes(body: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """What is to be changed. Raises BadInput for a name that nobody reads and for other types, TooLong."""
    changes: dict[str, Any] = {}
    for name, value in body.items():
        if name not in (*names, *READ_ONLY):
            raise BadInput("The parameter {name} is not known here.", name=repr(name[:40]), parameter=name[:40])
        if name in names and value is not None:
            changes[name] = value
    title, pinned = changes.get("title", ""), changes.get("pinned", False)
    if not isinstance(title, str):
        raise BadInput("{name} must be a text.", name="title", parameter="title")
    if not isinstance(pinned, bool):
        raise BadInput("{name} must be true or false.", name="pinned", parameter="pinned")
    if len(title.encode()) > TITLE_BYTES:
        raise TooLong("The field {name} is longer than {limit} bytes.", name="title", limit=TITLE_BYTES, parameter="title")
    return changes | ({"title": title.strip()} if "title" in changes else {})
