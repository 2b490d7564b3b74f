"""The door for speech: a recording comes in, its words go out. The recording is not kept."""

from __future__ import annotations

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from webbot import metrics
from webbot.errors import BadInput, Problem
from webbot.services import Services
from webbot.web import forms
from webbot.web.languages import language_name
from webbot.web.preferences import preference
from webbot.web.problems import translated


class Voice:
    """POST /transcribe."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.blueprint = Blueprint("voice", __name__)
        self.blueprint.add_url_rule("/transcribe", "transcribe", self.transcribe, methods=["POST"])

    def transcribe(self) -> ResponseReturnValue:
        forms.only("file", "language")
        recording = request.files.get("file")
        if recording is None:
            raise BadInput("No recording came with the request. Send it in the field file.")
        language = forms.text("language", limit=20) or preference("speech_language") or self.services.settings.speech_language
        try:
            heard = self.services.transcribe(recording.stream.read(), language)
        except Problem:
            metrics.transcripts.labels("failed").inc()
            raise
        metrics.transcripts.labels("text" if heard.text else "empty").inc()
        metrics.transcribe_seconds.observe(heard.took)
        return jsonify(
            text=heard.text, language=heard.language, language_name=language_name(heard.language),
            seconds=round(heard.seconds, 2), took=round(heard.took, 2), sentence=translated(heard.sentence),
        )
