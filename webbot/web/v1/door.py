"""The doors of /v1 put together, and the page of their document."""

from __future__ import annotations

from pathlib import Path

import flask_openapi3_swagger
from flask import Blueprint, Response, current_app, jsonify, render_template, send_from_directory
from flask.typing import ResponseReturnValue
from flask_openapi3 import APIBlueprint

from webbot.services import Services
from webbot.web.access import CONTENT_SECURITY_POLICY
from webbot.web.programs import ProgramDoor
from webbot.web.v1.audio import Audio
from webbot.web.v1.chat import Chats
from webbot.web.v1.completions import Completions
from webbot.web.v1.embeddings import EmbeddingDoor
from webbot.web.v1.models import Models
from webbot.web.v1.problems import tell
from webbot.web.v1.responses import Responses

V1_DOOR = ProgramDoor(prefixes=("/v1",), tell=tell, scopes={"/v1/audio": "speech"})
SWAGGER = Path(flask_openapi3_swagger.__file__).parent / "templates" / "swagger"


class V1:
    """`blueprint` holds the doors of the API, `pages` its document for people: /api and what that page loads."""

    def __init__(self, services: Services) -> None:
        self.blueprint = APIBlueprint("v1", __name__, url_prefix="/v1", abp_security=[{"key": []}])
        audio = Audio(services, self.blueprint)
        embeddings = EmbeddingDoor(services, self.blueprint)
        Models(services, self.blueprint, others=[embeddings.models, audio.models])
        Chats(services, self.blueprint)
        Completions(services, self.blueprint)
        Responses(services, self.blueprint)
        self.blueprint.add_url_rule("/openapi.json", "document", self.document)
        self.pages = Blueprint("api", __name__)
        self.pages.add_url_rule("/api", "reference", self.reference)
        self.pages.add_url_rule("/api/ui/<path:name>", "part", self.part)

    def document(self) -> ResponseReturnValue:
        return jsonify(current_app.api_doc)  # type: ignore[attr-defined]

    def reference(self) -> ResponseReturnValue:
        page = current_app.make_response(render_template("api.html"))
        # The page draws its arrows from data in its own style sheet.
        page.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY.replace("img-src 'self' blob:", "img-src 'self' data:")
        return page

    def part(self, name: str) -> Response:
        return send_from_directory(SWAGGER, name, max_age=86400)
