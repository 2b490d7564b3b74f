"""What the templates see: conversations, turns and memory as plain values (the models: model_views).

Knows no routes and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from flask_babel import gettext

from webbot.chat import Chat
from webbot.errors import Problem
from webbot.messages import Conversation, Message, Preparing, Window
from webbot.reply import Reply
from webbot.services import Services
from webbot.web.languages import language_name
from webbot.web.list_views import ListViews
from webbot.web.model_views import ModelViews
from webbot.web.problems import translated
from webbot.web.render import answer_html, question_html
from webbot.web.texts import Texts

PAGE_MESSAGES = 100  # fifty turns
View = dict[str, Any]


class Views:
    """Makes the view models of one server."""

    def __init__(self, services: Services, texts: Texts) -> None:
        self.services, self.texts = services, texts
        self.chat: Chat = services.chat
        self.models = ModelViews(services)
        self.lists = ListViews(services)

    # the list of conversations

    def conversations(self, owner: str, search: str = "", offset: int = 0) -> View:
        return self.lists.shown(owner, search, offset=offset)

    # one conversation

    def conversation(self, conversation: Conversation) -> View:
        return {
            "id": conversation.id, "title": conversation.title or gettext("New conversation"), "role": conversation.role,
            "role_name": self.texts.role_title(conversation.role), "speaks": conversation.speaks,
            "markup": conversation.markup, "pinned": conversation.pinned, "model": conversation.model,
        }

    def talk(self, conversation: Conversation, before: int | None = None) -> View:
        """turns, edge, memory and the address of earlier turns: what talk.html shows of a conversation."""
        owner, key = conversation.owner, conversation.id
        messages = list(self.services.store.messages(owner, key, before=before, limit=PAGE_MESSAGES))
        if messages and messages[0].role != "user":
            messages = messages[1:]
        reply = self.chat.running(owner, key)
        window = self.window(conversation, reply)
        seen = seen_ids(window, reply)
        turns = self.turns(conversation, messages, seen, reply)
        more = bool(messages) and messages[0].number > 1
        return {
            "turns": turns, "edge": edge(turns), "memory": asdict(window) if window else None,
            "earlier": f"/c/{key}?before={messages[0].number}" if more else None,
        }

    def window(self, conversation: Conversation, reply: Reply | None = None) -> Window | None:
        """What the model sees: of the running answer, else of the next turn. None when no model can say."""
        if reply is not None and reply.window is not None:
            return reply.window
        try:
            return self.chat.window(conversation.owner, conversation.id)
        except Problem:
            return None

    def turns(
        self, conversation: Conversation, messages: Sequence[Message], seen: set[str] | None, reply: Reply | None = None
    ) -> list[View]:
        found: list[View] = []
        for message in messages:
            view = self.message(conversation, message, seen is None or message.id in seen, reply)
            if message.role == "user":
                found.append({"question": view, "answer": None, "last": False})
            elif found:
                found[-1]["answer"] = view
        if found:
            found[-1]["last"] = True
        return found

    def turn(self, conversation: Conversation, question: Message, answer: Message, reply: Reply | None = None) -> View:
        """The last turn, alone."""
        return self.turns(conversation, [question, answer], None, reply)[0]

    def message(self, conversation: Conversation, message: Message, seen: bool, reply: Reply | None = None) -> View:
        text, preparing = message.text, None
        if reply is not None and message.id == reply.answer.id:
            text, preparing = reply.text, reply.preparing
        html = question_html(text) if message.role == "user" else answer_html(text, conversation.markup)
        return {
            "id": message.id, "number": message.number, "html": html, "text": text, "status": message.status,
            "error": translated(message.error) if message.error else "", "spoken": _spoken(message.spoken),
            "usage": asdict(message.usage) if message.usage else None, "seen": seen,
            "preparing": preparing_view(preparing) if preparing else None,
        }

    def limits(self) -> View:
        settings = self.services.settings
        return {
            "upload_mb": settings.max_upload, "audio_seconds": settings.audio_seconds, "question_bytes": settings.question_bytes,
        }


def preparing_view(preparing: Preparing) -> View:
    return {**asdict(preparing), "sentence": translated(preparing.sentence)}


def seen_ids(window: Window | None, reply: Reply | None) -> set[str] | None:
    """The ids of the messages that the model sees; None when nobody can say."""
    if window is None:
        return None
    running = {reply.question.id, reply.answer.id} if reply is not None else set()
    return set(window.kept) | running


def edge(turns: Sequence[Mapping[str, Any]]) -> str | None:
    """The id of the first question that the model still sees, when something before it is forgotten."""
    if not turns or turns[0]["question"]["seen"]:
        return None
    return next((turn["question"]["id"] for turn in turns if turn["question"]["seen"]), None)


def _spoken(spoken: Mapping[str, Any]) -> View:
    if not spoken:
        return {}
    return {**spoken, "language_name": language_name(spoken.get("language", ""))}
