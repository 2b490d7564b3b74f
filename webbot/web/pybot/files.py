"""Files of a conversation over REST, as Pybot has them: several in one request, and their list."""

from __future__ import annotations

from contextlib import suppress

from flask import Blueprint, g, jsonify, request
from flask.typing import ResponseReturnValue

from webbot.errors import BadInput, Problem
from webbot.messages import File
from webbot.services import Services
from webbot.web import files as page_files
from webbot.web import forms
from webbot.web.pybot import wire

FIELD = "files"


class Files:
    """The routes of files. `sizes` checks how much comes before it is read."""

    def __init__(self, services: Services, sizes: page_files.Files, blueprint: Blueprint) -> None:
        self.chat, self.store, self.sizes = services.chat, services.store, sizes
        path = "/api/conversations/<conversation>/files"
        blueprint.add_url_rule(path, "files", self.list)
        blueprint.add_url_rule(path, "upload", self.upload, methods=["POST"])

    def list(self, conversation: str) -> ResponseReturnValue:
        return jsonify([wire.file(each) for each in self.store.files(g.owner, conversation)])

    def upload(self, conversation: str) -> ResponseReturnValue:
        """Takes all of them or none."""
        self.sizes.check_size()
        self.store.conversation(g.owner, conversation)
        forms.only(FIELD)
        sent = [each for each in request.files.getlist(FIELD) if each.filename]
        if not sent:
            raise BadInput("No file came with the request. Send it in the field {name}.", name=FIELD, parameter=FIELD)
        taken: list[File] = []
        try:
            for each in sent:
                taken.append(self.chat.attach(g.owner, conversation, each.filename or "", each.stream.read()))
        except Problem:
            for file in taken:
                with suppress(Problem):
                    self.chat.detach(g.owner, conversation, file.id)
            raise
        return jsonify([wire.file(each) for each in taken]), 201
