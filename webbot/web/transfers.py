"""Conversations, and roles beside them, as files over HTTP: one or all go out, files of other programs come in. The formats are
webbot.transfer's."""

from __future__ import annotations

import dataclasses
import math
import shutil
import tempfile
import time
import unicodedata
from collections.abc import Iterator
from urllib.parse import quote

from flask import Blueprint, Response, g, jsonify, render_template, request, stream_with_context
from flask.typing import ResponseReturnValue

from webbot import transfer
from webbot.errors import BadInput, DiskFull, NotFound, Problem, TooLong
from webbot.messages import Conversation, File
from webbot.news import Changed
from webbot.services import Services
from webbot.transfer import markdown, webbot_json
from webbot.web import forms
from webbot.web.access import claim
from webbot.web.account import Account
from webbot.web.files import FULL
from webbot.web.problems import sentence_of, wants_json
from webbot.web.views import View, Views

AT_ONCE = 500  # conversations whose ids are read at once
PIECE = 65536  # characters that go out together
WORK_SECONDS, BREATH_SECONDS = 0.02, 0.001
TITLE = 80  # characters of a refused role's title that the page shows
TOLD = 20  # conversations that came in, and reasons why others did not, that the page names


class Transfers:
    """The routes of export and import."""

    def __init__(self, services: Services, views: Views, account: Account) -> None:
        self.settings, self.chat, self.store, self.views = services.settings, services.chat, services.store, views
        self.account, self.library = account, services.people.library
        self.blueprint = Blueprint("transfers", __name__)
        self.blueprint.add_url_rule("/c/<conversation>/export.json", "json", self.json)
        self.blueprint.add_url_rule("/c/<conversation>/export.md", "markdown", self.markdown)
        self.blueprint.add_url_rule("/export.json", "everything", self.everything)
        self.blueprint.add_url_rule("/import", "import_file", self.import_file, methods=["POST"])

    # out

    def json(self, conversation: str) -> ResponseReturnValue:
        about = self.store.conversation(g.owner, conversation)
        return _download(webbot_json.whole([self._written(about)]), transfer.file_name(about.title, "json"), "application/json")

    def markdown(self, conversation: str) -> ResponseReturnValue:
        about = self.store.conversation(g.owner, conversation)
        names = [file.name for file in self.store.files(g.owner, conversation)]
        written = markdown.written(about, self.store.messages(g.owner, conversation), names)
        return _download(written, transfer.file_name(about.title, "md"), "text/markdown; charset=utf-8")

    def everything(self) -> ResponseReturnValue:
        """All conversations and roles of the visitor; one conversation after another is read while the file goes out."""
        name = transfer.file_name(f"webbot {time.strftime('%Y-%m-%d')}", "json")
        roles = [
            transfer.WrittenRole(role.title, role.prompt, role.description, role.openings) for role in self.library.of(g.owner)
        ]
        return _download(webbot_json.whole(self._all(g.owner), roles), name, "application/json")

    def _all(self, owner: str) -> Iterator[Iterator[str]]:
        for key in self._ids(owner):
            try:
                yield self._written(self.store.conversation(owner, key))
            except NotFound:
                continue  # deleted while the file was going out

    def _ids(self, owner: str) -> list[str]:
        """Read before anything goes out: the order changes while people write."""
        return list(dict.fromkeys(each.id for each in self._listed(owner)))

    def _listed(self, owner: str) -> Iterator[Conversation]:
        """All of the owner's list, some at once. One that moves meanwhile may come twice."""
        offset = 0
        while owner and (found := self.store.conversations(owner, limit=AT_ONCE, offset=offset)):
            yield from found
            offset += len(found)

    def _written(self, about: Conversation) -> Iterator[str]:
        messages = self.store.tree(about.owner, about.id)
        if about.tip not in {message.id for message in messages}:
            about = dataclasses.replace(about, tip="")  # it went on, or was cleared, between the two
        return webbot_json.written(about, messages, self._files(about))

    def _files(self, about: Conversation) -> Iterator[tuple[File, str, bytes]]:
        for file in self.store.files(about.owner, about.id):
            try:
                text = self.store.file_text(about.owner, about.id, file.id)
                data = self.store.file_data(about.owner, about.id, file.id)
            except NotFound:
                continue
            yield dataclasses.replace(file, size=len(data)), text, data

    # in

    def import_file(self) -> ResponseReturnValue:
        """What is good of a file comes in; of what is broken nothing is stored, and the page says why."""
        self._check_size(request.content_length or 0)
        forms.only("file")
        file = request.files.get("file")
        told = Told()
        try:
            if file is None or not file.filename:
                raise BadInput("Please choose a file.")
            self._take(file.stream.read(), claim(), told)
        except Problem as problem:
            if not told.count and not told.roles:
                return self._nothing(problem)
            told.broken += 1
            told.reasons.append({"number": told.count + told.broken, "title": "", "sentence": sentence_of(problem)})
        if told.last is not None:
            self.chat.told(told.last.owner, told.last.id, Changed())
        return self._shown(told)

    def _check_size(self, length: int) -> None:
        """Looks at the length that the request tells, before anything of it is read. Raises TooLong and DiskFull."""
        if length > self.settings.max_upload_bytes + PIECE:
            raise TooLong("What was sent is larger than {limit} MB.", limit=self.settings.max_upload)
        free = min(shutil.disk_usage(folder).free for folder in (tempfile.gettempdir(), self.settings.data))
        if length > PIECE and free < 2 * length:
            raise DiskFull(FULL)

    def _take(self, data: bytes, owner: str, told: Told) -> None:
        """Raises a Problem where the rest of the file cannot be read, or nothing more can be stored."""
        breathe = Breath()
        talks: list[tuple[int, transfer.Talk]] = []
        roles: dict[int, transfer.WrittenRole] = {}  # by number
        unread: Problem | None = None
        try:
            for number, talk in enumerate(transfer.read(data, most=self.settings.max_upload_bytes, breathe=breathe), start=1):
                if isinstance(talk, transfer.Broken):
                    (told.refuse_role if talk.role else told.refuse)(talk.number, talk.title, talk.problem)
                elif isinstance(talk, transfer.WrittenRole):
                    roles[len(roles) + told.roles_broken + 1] = talk
                else:
                    talks.append((number, talk))
        except Problem as problem:
            unread = problem
        self._take_roles(owner, roles, told, breathe)
        for number, talk in self._in_order(owner, talks):
            try:
                told.take(self.store.add_conversation(owner, talk.about, talk.messages, talk.files), len(talk.messages))
            except BadInput as problem:
                told.refuse(number, talk.about.title, problem)
            breathe()
        if unread is not None:
            raise unread

    def _take_roles(self, owner: str, roles: dict[int, transfer.WrittenRole], told: Told, breathe: Breath) -> None:
        given = map(dataclasses.asdict, roles.values())
        for number, found in zip(roles, self.library.bring(owner, given), strict=True):
            if isinstance(found, Problem):
                told.refuse_role(number, roles[number].title, found)
            elif found is not None:
                told.roles += 1
            breathe()

    def _in_order(self, owner: str, talks: list[tuple[int, transfer.Talk]]) -> list[tuple[int, transfer.Talk]]:
        """The order in which the store puts them one under the other, newest first. What goes below all that is there comes
        newest first; before it what goes above, so that the newest of that is the last."""
        last: dict[bool, float] = {}
        for about in self._listed(owner):
            last[about.pinned] = about.updated_at
        talks = sorted(talks, key=lambda each: each[1].about.updated_at, reverse=True)

        def goes_above(talk: transfer.Talk) -> bool:
            return talk.about.updated_at > last.get(talk.about.pinned, math.inf)

        return [each for each in reversed(talks) if goes_above(each[1])] + [each for each in talks if not goes_above(each[1])]

    def _nothing(self, problem: Problem) -> ResponseReturnValue:
        if wants_json():
            raise problem
        return self.account.page(trouble=sentence_of(problem), status=problem.status)

    def _shown(self, told: Told) -> ResponseReturnValue:
        status = 200 if told.count or told.roles or not (told.broken or told.roles_broken) else 422
        if wants_json():
            return jsonify(
                conversations=told.count, messages=told.messages, broken=told.broken, reasons=told.reasons, taken=told.taken,
                roles=told.roles, roles_broken=told.roles_broken, roles_reasons=told.roles_reasons,
            ), status
        return render_template("imported.html", told=told, current=None, **self.views.lists.asked()), status


class Breath:
    """Called often, it lets other greenlets have their turn now and then. A sleep of nothing would not: the loop looks at its
    sockets only after a thousand of these."""

    def __init__(self) -> None:
        self.last = time.monotonic()

    def __call__(self) -> None:
        if time.monotonic() - self.last > WORK_SECONDS:
            time.sleep(BREATH_SECONDS)
            self.last = time.monotonic()


class Told:
    """What became of a file's conversations, and of its roles."""

    def __init__(self) -> None:
        self.count = self.messages = self.broken = self.roles = self.roles_broken = 0
        self.taken: list[View] = []
        self.reasons: list[View] = []
        self.roles_reasons: list[View] = []
        self.last: Conversation | None = None

    def take(self, conversation: Conversation, messages: int) -> None:
        self.count += 1
        self.messages += messages
        self.last = conversation
        if len(self.taken) < TOLD:
            self.taken.append({"id": conversation.id, "title": conversation.title})

    def refuse(self, number: int, title: str, problem: Problem) -> None:
        self.broken += 1
        if len(self.reasons) < TOLD:
            self.reasons.append({"number": number, "title": title, "sentence": sentence_of(problem)})

    def refuse_role(self, number: int, title: str, problem: Problem) -> None:
        self.roles_broken += 1
        if len(self.roles_reasons) < TOLD:
            self.roles_reasons.append({"number": number, "title": title[:TITLE], "sentence": sentence_of(problem)})


def _download(pieces: Iterator[str], name: str, media_type: str) -> Response:
    response = Response(stream_with_context(_gathered(pieces)), content_type=media_type)
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().strip()
    plain = plain if not plain.startswith(".") else f"conversation{plain}"
    response.headers["Content-Disposition"] = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    return response


def _gathered(pieces: Iterator[str]) -> Iterator[bytes]:
    held: list[str] = []
    length = 0
    breathe = Breath()
    for piece in pieces:
        held.append(piece)
        length += len(piece)
        if length >= PIECE:
            yield "".join(held).encode()
            held, length = [], 0
            breathe()
    yield "".join(held).encode()
