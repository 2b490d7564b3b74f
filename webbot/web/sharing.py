"""Conversations that others may read: the link is made, told, taken back, and followed.

Whoever has the link reads the branch as it was when the link was made; no access code is asked for. Such a page has no script,
no role, no file (only names), nothing that says whose it is. Links that never were, were taken back, or belong to what was
deleted are not told apart. Not covered: a reader may keep what was read.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, g, jsonify, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import format_date

from webbot.errors import NotFound, TooMany
from webbot.messages import Conversation, Message
from webbot.services import Services
from webbot.store.base import Store
from webbot.web import forms
from webbot.web.brake import Brake
from webbot.web.problems import translated, wants_json
from webbot.web.render import answer_html, question_html

SHARED_MESSAGES = 100  # on one page
READS_A_MINUTE = 120  # by one address
TOKEN = re.compile(r"[\w-]{16,128}", re.ASCII)
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",  # the address is the right to read: no other site learns it
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}


class Sharing:
    """The routes of links."""

    def __init__(self, services: Services) -> None:
        self.chat, self.store = services.chat, services.store
        self.reads = Brake(READS_A_MINUTE)
        self.blueprint = Blueprint("sharing", __name__)
        self.blueprint.add_url_rule("/c/<conversation>/share", "share", self.share, methods=["POST"])
        self.blueprint.add_url_rule("/c/<conversation>/unshare", "unshare", self.unshare, methods=["POST"])
        self.blueprint.add_url_rule("/s/<token>", "read", self.read)

    def share(self, conversation: str) -> ResponseReturnValue:
        """Makes a link to what is shown now; an older link ends."""
        forms.only("version")
        self.store.conversation(g.owner, conversation)
        self.chat.share(g.owner, conversation)
        return self._told(conversation)

    def unshare(self, conversation: str) -> ResponseReturnValue:
        forms.only("version")
        self.store.unshare(g.owner, conversation)
        return self._told(conversation)

    def _told(self, conversation: str) -> ResponseReturnValue:
        share = share_view(self.store, self.store.conversation(g.owner, conversation))
        if wants_json():
            return jsonify(link=share["link"] if share else None)
        return redirect(f"/c/{conversation}/manage#page-share", 303)

    def read(self, token: str) -> ResponseReturnValue:
        if not self.reads.admits(request.remote_addr or ""):
            raise TooMany("That was very fast. Please wait a moment and try again.", retry_after=10)
        if not TOKEN.fullmatch(token):
            raise NotFound("There is nothing here.")
        try:
            about, messages = self.store.read_share(token)
        except NotFound:
            raise NotFound("There is nothing here.") from None
        pages = max(1, -(-len(messages) // SHARED_MESSAGES))
        page = min(max(1, forms.number("page") or 1), pages)
        part = messages[(page - 1) * SHARED_MESSAGES : page * SHARED_MESSAGES]
        response: Response = make_response(render_template(
            "shared.html", title=about.title, said=[_view(about, message) for message in part], page=page, pages=pages,
            token=token,
        ))
        response.headers.update(HEADERS)
        return response


def share_view(store: Store, about: Conversation) -> dict[str, Any] | None:
    """The link by which a conversation can be read, and when it was made; None where there is none."""
    share = store.shared(about.owner, about.id)
    if share is None:
        return None
    return {
        "link": f"{request.host_url}s/{share.token}", "path": f"/s/{share.token}", "whole": share.tip == about.tip,
        "made_on": format_date(datetime.fromtimestamp(share.created_at, UTC)),
    }


def _view(about: Conversation, message: Message) -> dict[str, Any]:
    asked = message.role == "user"
    return {
        "asked": asked, "html": question_html(message.text) if asked else answer_html(message.text, about.markup),
        "status": message.status, "note": translated(message.error) if message.error and not asked else "",
    }


