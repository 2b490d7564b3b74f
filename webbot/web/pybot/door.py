"""Pybot's doors put together: its REST API under /api, and its WebSocket."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify
from flask.typing import ResponseReturnValue

from webbot.connection import Connection
from webbot.services import Services
from webbot.web import files as page_files
from webbot.web.access import claim
from webbot.web.presence import watch
from webbot.web.programs import ProgramDoor, Trouble
from webbot.web.pybot import handshake
from webbot.web.pybot.conversations import Conversations
from webbot.web.pybot.files import Files
from webbot.web.pybot.person import profile, user
from webbot.web.pybot.sockets import Seat, Sockets
from webbot.web.pybot.talk import SocketTalk
from webbot.web.pybot.titles import Titles
from webbot.web.socket import Limits, Socket, accepted

FRAME_OVERHEAD = 65536  # bytes of a question's frame beside its text
ESCAPED = 6  # bytes that a byte of a text may take in JSON


def tell(trouble: Trouble) -> Response:
    """{"detail": sentence}, as FastAPI tells an error."""
    return jsonify(detail=trouble.sentence)


# /api and /api/ui are the page of /v1's document.
PYBOT_DOOR = ProgramDoor(
    prefixes=("/api/healthz", "/api/userinfo", "/api/conversations", "/api/chat"), tell=tell, scope="conversations",
)


class Pybot:
    """`sizes` are the page's routes of files, which know how much may come."""

    def __init__(self, services: Services, sizes: page_files.Files) -> None:
        self.services = services
        self.blueprint = Blueprint("pybot", __name__)
        self.blueprint.add_url_rule("/api/healthz", "healthz", self.healthz)
        self.blueprint.add_url_rule("/api/userinfo", "userinfo", self.userinfo)
        for path, name in (("/api/chat", "chat"), ("/api/chat/", "chat_below")):
            self.blueprint.add_url_rule(path, f"plain_{name}", self.plain)
            self.blueprint.add_url_rule(path, name, self.chat, websocket=True)
        self.titles = Titles(services)
        Conversations(services, sizes.views.roles, self.titles, self.blueprint)
        Files(services, sizes, self.blueprint)
        self.sockets = Sockets(services.closing)
        self.limits = Limits(message_bytes=ESCAPED * services.settings.question_bytes + FRAME_OVERHEAD)

    def healthz(self) -> ResponseReturnValue:
        """200 as long as this process answers at all; nobody needs to say who they are."""
        return jsonify("OK")

    def userinfo(self) -> ResponseReturnValue:
        return jsonify(profile())

    def plain(self) -> ResponseReturnValue:
        refusal = PYBOT_DOOR.refusal(Trouble(status=426, sentence=handshake.NEEDED))
        refusal.headers["Upgrade"], refusal.headers["Sec-WebSocket-Version"] = "websocket", handshake.VERSION
        return refusal

    def chat(self) -> ResponseReturnValue:
        """The WebSocket. Whatever is refused is refused here, with a status, before it is open."""
        if not handshake.is_upgrade():
            return self.plain()
        handshake.check_origin()
        key = handshake.key()
        owner, name, has_left = claim(), user(), watch()
        self.sockets.check(owner)

        def run(connection: Connection, headers: list[tuple[str, str]]) -> None:
            def talk(socket: Socket) -> SocketTalk:
                return SocketTalk(self.services, self.titles, owner, name, socket.send, socket.wake)

            self.sockets.run(Seat(owner, Socket(connection, accepted(key, headers), self.limits, talk), has_left))

        return handshake.Opened(run)
