"""The files of a conversation over HTTP: sent, shown, taken out again.

Covered: what is too large, or comes while the disk has no room, is refused before its body is read; a browser runs nothing of
what a file holds (it is downloaded, except for four kinds of pictures, and its policy is an empty sandbox); names reach a header
only in their quoted form. What a file's text may be is the chat's matter.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Sequence

from flask import Blueprint, Response, g, jsonify, redirect, request, send_file
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage

from webbot.errors import BadInput, DiskFull, NotFound, Problem, TooLong
from webbot.messages import Conversation
from webbot.services import Services
from webbot.web import forms
from webbot.web.pages import Pages
from webbot.web.problems import wants_json
from webbot.web.views import PICTURES, Views

MEGABYTE = 1_000_000
OVERHEAD = 65536  # names, boundaries and the small fields of a form, in bytes
ALONE = "default-src 'none'; sandbox; frame-ancestors 'none'"
PICTURE = f"{ALONE}; style-src 'unsafe-inline'"  # browsers centre a picture with a style of their own
FULL = "The server's disk is nearly full, so it takes no files at the moment."


class Files:
    """The routes of files."""

    def __init__(self, services: Services, views: Views, pages: Pages) -> None:
        self.views, self.pages = views, pages
        self.settings, self.chat, self.store = services.settings, services.chat, services.store
        self.blueprint = Blueprint("files", __name__)
        self.blueprint.add_url_rule("/files", "first", self.first, methods=["POST"])
        self.blueprint.add_url_rule("/c/<conversation>/files", "add", self.add, methods=["POST"])
        self.blueprint.add_url_rule("/c/<conversation>/files/<file>", "get", self.get)
        self.blueprint.add_url_rule("/c/<conversation>/files/<file>/delete", "remove", self.remove, methods=["POST"])

    # coming in

    def check_size(self, *, recording: bool = False) -> None:
        """Looks at the length that the request tells, before anything of it is read. Raises TooLong and DiskFull."""
        length = request.content_length or 0
        limit = self.settings.max_file * MEGABYTE
        most = max(limit, self.settings.max_upload_bytes) if recording else limit
        request.max_content_length = most + OVERHEAD
        if length > most + OVERHEAD:
            raise TooLong("What was sent is larger than {limit} MB.", limit=most // MEGABYTE)
        if length > OVERHEAD and min(self._free()) < 2 * limit:
            raise DiskFull(FULL)

    def _free(self) -> list[int]:
        """Bytes that are free where a body is put while it is read, and where files are kept."""
        return [shutil.disk_usage(folder).free for folder in (tempfile.gettempdir(), self.settings.data)]

    def sent(self) -> Sequence[FileStorage]:
        """The files that came with the request. A browser sends an empty one where nothing was chosen."""
        return [file for file in request.files.getlist("attached") if file.filename]

    def attach(self, conversation: Conversation, files: Sequence[FileStorage]) -> None:
        """Raises what Chat.attach raises; the files before that one are attached then."""
        for file in files:
            self.chat.attach(conversation.owner, conversation.id, file.filename or "", file.stream.read())

    def first(self) -> ResponseReturnValue:
        """Files before the first question: their conversation is made with them."""
        self.check_size()
        forms.only("attached", "bot_role", "role", "model", "question")
        files = self._some()
        made = None
        try:
            made = self.pages.create()
            self.attach(made, files)
        except Problem as problem:
            if made is not None:
                self.chat.delete(g.owner, made.id, at_once=True)
            return self.pages.refused(None, problem)
        return self._shown(made, 201)

    def add(self, conversation: str) -> ResponseReturnValue:
        self.check_size()
        about = self.store.conversation(g.owner, conversation)
        forms.only("attached", "question")
        try:
            self.attach(about, self._some())
        except Problem as problem:
            return self.pages.refused(about, problem)
        return self._shown(about, 201)

    def _some(self) -> Sequence[FileStorage]:
        files = self.sent()
        if not files:
            raise BadInput("No file came with the request. Send it in the field attached.")
        return files

    def remove(self, conversation: str, file: str) -> ResponseReturnValue:
        forms.only("question")
        about = self.store.conversation(g.owner, conversation)
        try:
            self.chat.detach(g.owner, conversation, file)
        except Problem as problem:
            return self.pages.refused(about, problem)
        return self._shown(about, 200)

    def _shown(self, about: Conversation, status: int) -> ResponseReturnValue:
        if wants_json():
            about = self.store.conversation(g.owner, about.id)
            memory = self.views.memory(about, self.chat.running(g.owner, about.id))
            return jsonify(
                conversation=about.id, url=f"/c/{about.id}", files_html=memory["files_html"], memory_html=memory["memory_html"],
            ), status
        self.pages.keep_draft(about, forms.text("question", limit=self.settings.question_bytes))
        return redirect(f"/c/{about.id}", 303)

    # going out

    def get(self, conversation: str, file: str) -> Response:
        found = next((each for each in self.store.files(g.owner, conversation) if each.id == file), None)
        if found is None:
            raise NotFound("There is no such file in this conversation.")
        shown = found.media_type in PICTURES
        response = send_file(
            io.BytesIO(self.store.file_data(g.owner, conversation, file)), download_name=found.name, as_attachment=not shown,
            mimetype=found.media_type if shown else "application/octet-stream", conditional=False, etag=False,
        )
        response.headers["Content-Security-Policy"] = PICTURE if shown else ALONE
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return response
