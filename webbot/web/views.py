"""What the templates see of one conversation: turns, memory and files as plain values (its list: list_views, the models:
model_views).

Knows no routes and changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from flask import render_template
from flask_babel import gettext

from webbot.chat import Chat
from webbot.errors import Problem
from webbot.messages import Conversation, Message, Preparing, Queued, Window
from webbot.news import Running
from webbot.services import Services
from webbot.web.languages import language_name
from webbot.web.list_views import ListViews
from webbot.web.model_views import ModelViews
from webbot.web.place import Place, end_of
from webbot.web.problems import translated
from webbot.web.render import answer_html, question_html
from webbot.web.roles import Roles
from webbot.web.texts import Texts
from webbot.web.writing import grown, sentences_of

PAGE_MESSAGES = 100  # fifty turns
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")  # what a browser may draw of what was attached
SMALL_PICTURE = 2_000_000  # bytes; a larger one is shown only when it is opened
View = dict[str, Any]


class Views:
    """Makes the view models of one server."""

    def __init__(self, services: Services, texts: Texts) -> None:
        self.services, self.store = services, services.store
        self.roles = Roles(texts, services.people, services.settings.role)
        self.chat: Chat = services.chat
        self.models = ModelViews(services)
        self.lists = ListViews(services)

    def conversations(self, owner: str, search: str = "", offset: int = 0) -> View:
        return self.lists.shown(owner, search, offset=offset)

    # one conversation

    def conversation(self, conversation: Conversation) -> View:
        return {
            "id": conversation.id, "title": conversation.title or gettext("New conversation"), "role": conversation.role,
            "role_name": self.roles.title(conversation.owner, conversation.role), "speaks": conversation.speaks,
            "markup": conversation.markup, "pinned": conversation.pinned, "model": conversation.model,
            "version": conversation.version,
        }

    def talk(self, conversation: Conversation, before: int | None = None) -> View:
        """What talk.html shows of a conversation: turns, edge, memory, files, the address of earlier turns, and the place that
        the page is at. `before` asks for a page of earlier turns."""
        owner, key = conversation.owner, conversation.id
        messages = list(self.store.messages(owner, key, before=before, limit=PAGE_MESSAGES))
        if messages and messages[0].role != "user":
            messages = messages[1:]
        running = self.chat.running(owner, key)
        window = self.window(conversation, running)
        turns = self.turns(conversation, messages, seen_ids(window, running), running)
        more = bool(messages) and messages[0].parent != ""
        return {
            "turns": turns, "edge": edge(turns, window.first, more) if window else None, "first": window.first if window else 0,
            "memory": asdict(window) if window else None, "files": self.files(conversation, window),
            "unused": self.unused(conversation),
            "earlier": f"/c/{key}?before={messages[0].number}" if more else None, "older": before is not None,
            "place": "" if before is not None else str(self.place(messages, running)),
        }

    def place(self, messages: Sequence[Message], running: Running | None) -> Place:
        """What a page with these messages has of the conversation."""
        if not messages:
            return Place()
        answer = messages[-1]
        if running is not None and running.began.answer.id == answer.id:
            return grown(running.began, running.text)
        if answer.status == "streaming":
            return Place(answer.id, 0, max(0, len(sentences_of(answer.text)) - 1))
        return end_of(answer)

    # the memory

    def window(self, conversation: Conversation, running: Running | None = None) -> Window | None:
        """What the model sees: of the running answer, else of the next turn. None when no model can say."""
        if running is not None and running.window is not None:
            return running.window
        try:
            return self.chat.window(conversation.owner, conversation.id)
        except Problem:
            return None

    def memory(self, conversation: Conversation, running: Running | None = None) -> View:
        """The same as the page's script is told it: the number of the oldest remembered message, the ids of all that are seen,
        the meter and the files."""
        window = self.window(conversation, running)
        seen = seen_ids(window, running)
        here = self.conversation(conversation)
        return {
            "first": window.first if window else None, "kept": sorted(seen) if seen is not None else None,
            "memory_html": render_template("_memory.html", memory=asdict(window) if window else None),
            "files_html": render_template(
                "_files.html", files=self.files(conversation, window), unused=self.unused(conversation), conversation=here
            ),
        }

    def files(self, conversation: Conversation, window: Window | None) -> list[View]:
        """The files, and how much of each the model sees. `crowded`: nothing, because pinned turns hold the share of both."""
        crowded = window is not None and window.pinned > 0 and not any(file.tokens for file in window.seen_files)
        seen = {file.id: file for file in window.seen_files} if window else {}
        return [
            {
                "id": file.id, "name": file.name, "size": file.size, "picture": file.media_type in PICTURES,
                "small": file.size <= SMALL_PICTURE, "whole": seen[file.id].whole if file.id in seen else file.tokens,
                "seen": seen[file.id].tokens if file.id in seen else (0 if window else None), "crowded": crowded,
            }
            for file in self.store.files(conversation.owner, conversation.id)
        ]

    def unused(self, conversation: Conversation) -> bool:
        """Whether the model that answers is too small to make use of files."""
        return self.models.starter(conversation.model)

    def marks(self, conversation: Conversation) -> View:
        """What people marked among the newest messages, from the number `start` on: pinned ones, liked and disliked answers."""
        messages = self.store.messages(conversation.owner, conversation.id, limit=PAGE_MESSAGES)
        return {
            "start": messages[0].number if messages else 0, "pinned": [m.id for m in messages if m.pinned],
            "up": [m.id for m in messages if m.feedback == "up"], "down": [m.id for m in messages if m.feedback == "down"],
        }

    # turns

    def turns(
        self, conversation: Conversation, messages: Sequence[Message], seen: set[str] | None, running: Running | None = None
    ) -> list[View]:
        versions = self.store.versions(conversation.owner, conversation.id, [message.id for message in messages])
        found: list[View] = []
        for message in messages:
            view = self.message(conversation, message, seen is None or message.id in seen, running)
            view["versions"] = version_of(message.id, versions.get(message.id, ()))
            if message.role == "user":
                found.append({"question": view, "answer": None, "last": False, "pinned": message.pinned})
            elif found:
                found[-1]["answer"] = view
                found[-1]["pinned"] = found[-1]["pinned"] or message.pinned
        if found:
            found[-1]["last"] = True
        return found

    def turn(self, conversation: Conversation, question: Message, answer: Message) -> View:
        """The last turn, alone."""
        return self.turns(conversation, [question, answer], None)[0]

    def message(self, conversation: Conversation, message: Message, seen: bool, running: Running | None = None) -> View:
        text, preparing, queued = message.text, None, None
        if running is not None and message.id == running.began.answer.id:
            text, preparing, queued = running.text, running.preparing, running.queued
        html = question_html(text) if message.role == "user" else answer_html(text, conversation.markup)
        cut = message.status in ("stopped", "failed") or bool(message.error)
        return {
            "id": message.id, "number": message.number, "html": html, "text": text, "status": message.status,
            "error": translated(message.error) if message.error else "", "spoken": _spoken(message.spoken),
            "usage": asdict(message.usage) if message.usage else None, "seen": seen,
            "preparing": preparing_view(preparing) if preparing else None, "pinned": message.pinned,
            "queued": queued_view(queued) if queued else None, "feedback": message.feedback,
            "goes_on": bool(text) and cut, "versions": None,
        }

    def limits(self) -> View:
        settings = self.services.settings
        return {
            "upload_mb": settings.max_upload, "audio_seconds": settings.audio_seconds, "question_bytes": settings.question_bytes,
            "file_mb": settings.max_file,
        }


def preparing_view(preparing: Preparing) -> View:
    return {**asdict(preparing), "sentence": translated(preparing.sentence)}


def queued_view(queued: Queued) -> View:
    """How many answers are before this one, and the whole seconds of its wait."""
    return {"before": queued.position - 1, "seconds": max(1, round(queued.seconds))}


def seen_ids(window: Window | None, running: Running | None) -> set[str] | None:
    """The ids of the messages that the model sees; None when nobody can say."""
    if window is None:
        return None
    asked = {running.began.question.id, running.began.answer.id} if running is not None else set()
    return {*window.kept, *window.held, *asked}


def edge(turns: Sequence[Mapping[str, Any]], first: int, more: bool) -> str | None:
    """The id of the question where the memory begins, at the number `first`, when something before it is forgotten; `more`: there
    are earlier turns that this page does not show. Pinned turns above it are seen all the same."""
    begins = next((at for at, turn in enumerate(turns) if turn["question"]["number"] >= first > 0), None)
    if begins is None:
        return None
    at_top = begins == 0 and more and turns[0]["question"]["number"] == first
    forgotten = at_top or any(not turn["question"]["seen"] for turn in turns[:begins])
    return turns[begins]["question"]["id"] if forgotten else None


def version_of(message: str, versions: Sequence[str]) -> View | None:
    """Which of its versions a message is, and the ids of those beside it ("" at an end); None where there is only one."""
    if len(versions) < 2 or message not in versions:
        return None
    at = list(versions).index(message)
    return {
        "number": at + 1, "count": len(versions), "previous": versions[at - 1] if at else "",
        "next": versions[at + 1] if at + 1 < len(versions) else "",
    }


def _spoken(spoken: Mapping[str, Any]) -> View:
    if not spoken:
        return {}
    return {**spoken, "language_name": language_name(spoken.get("language", ""))}
