"""What the templates see of an owner's conversations: the list at the side, a page of it at a time, and what was just deleted.

Knows no routes and changes no conversation. What a list shows is asked for in the address: q, the words that are searched;
offset; limit.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import Any

from flask import g, request, session
from flask_babel import gettext

from webbot.messages import Conversation
from webbot.services import Services
from webbot.store.purging import UNDO_SECONDS
from webbot.web import forms

LIST_PAGE = 100  # conversations that a list shows at first, and that "More" adds
MOST_LISTED = 1000  # in one answer, when a list that was made longer is fetched anew
SEARCH_CHARACTERS = 200
MOST_UNDONE = 10  # deleted conversations that a session remembers
UNDO_TITLE = 100  # characters of their titles
DAY = 86400.0
View = dict[str, Any]


class ListViews:
    """Makes the view models of lists."""

    def __init__(self, services: Services) -> None:
        self.store, self.chat = services.store, services.chat

    def asked(self) -> View:
        """The list as the request's address asks for it: `conversations`; `search`, the words; `undo`, what was deleted last."""
        search = request.args.get("q", "").strip()[:SEARCH_CHARACTERS]
        shown = self.shown(g.owner, search, offset=forms.number("offset") or 0, limit=forms.number("limit") or LIST_PAGE)
        return {"conversations": shown, "search": search, "undo": undo()}

    def shown(self, owner: str, search: str = "", *, offset: int = 0, limit: int = LIST_PAGE) -> View:
        """groups of {heading, items}: pinned ones first, then by the day of the last change. `more` and `newer` are the offsets
        of the next and the last page, None where there is none. `titles_only` says that texts were not searched."""
        limit, offset = max(1, min(limit, MOST_LISTED)), min(offset, 2**31)
        found = self.store.conversations(owner, search=search, limit=limit + 1, offset=offset) if owner else ()
        running = self.chat.channels.claimed() if found else ()
        groups: list[View] = []
        for heading, conversation in zip(_headings(found[:limit]), found, strict=False):
            if not groups or groups[-1]["heading"] != heading:
                groups.append({"heading": heading, "items": []})
            groups[-1]["items"].append(self.item(conversation, running))
        return {
            "groups": groups,
            "more": offset + limit if len(found) > limit else None,
            "newer": max(0, offset - limit) if offset else None,
            "titles_only": bool(search) and not self.store.searches_texts,
        }

    @staticmethod
    def item(conversation: Conversation, running: Collection[str]) -> View:
        return {
            "id": conversation.id, "title": conversation.title or gettext("New conversation"), "pinned": conversation.pinned,
            "running": conversation.id in running, "version": conversation.version,
        }


# what was deleted, as long as it can be brought back: the session of who deleted it remembers that

def undo() -> View | None:
    """id and title of what was deleted last, unless that offer was put away."""
    return next((each for each in deleted() if not each["put_away"]), None)


def deleted() -> list[View]:
    """id, title and put_away of all that can be brought back, the newest first."""
    return [{"id": each[0], "title": each[1], "put_away": len(each) > 3} for each in reversed(_deleted())]


def remember_deleted(conversation: Conversation) -> None:
    told = [conversation.id, conversation.title[:UNDO_TITLE], time.time()]
    session["deleted"] = [*_deleted(), told][-MOST_UNDONE:]


def put_away_deleted(conversation: str) -> None:
    """The offer does not stand on every page any more; the settings still have it."""
    session["deleted"] = [[*each[:3], True] if each[0] == conversation else each for each in _deleted()]


def forget_deleted(conversation: str) -> None:
    session["deleted"] = [each for each in _deleted() if each[0] != conversation]


def _deleted() -> list[list[Any]]:
    now = time.time()
    return [each for each in session.get("deleted", ()) if 0 <= now - each[2] < UNDO_SECONDS]


def _headings(conversations: Sequence[Conversation]) -> list[str]:
    """For each its group. One from elsewhere stands above others though it was written before them: it counts as new as they."""
    midnight = time.mktime((*time.localtime()[:3], 0, 0, 0, 0, 0, -1))
    names = [gettext("Pinned"), gettext("Today"), gettext("Yesterday"), gettext("Last week"), gettext("Earlier")]
    found: list[str] = []
    oldest = len(names) - 1
    for conversation in reversed(conversations):
        days = (midnight - conversation.updated_at) / DAY
        age = 1 if days <= 0 else 2 if days <= 1 else 3 if days <= 7 else 4
        oldest = 0 if conversation.pinned else min(oldest, age)
        found.append(names[oldest])
    return found[::-1]
