"""The Socratic door: raw text in, the words of a short answer out as they come. No history, no session, nothing is stored."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from flask import Blueprint, Response, g, request
from flask.typing import ResponseReturnValue

from webbot.errors import BadInput, TooLong
from webbot.messages import Delta, Message
from webbot.services import Services
from webbot.web.forms import FORBIDDEN
from webbot.web.plain_text import plain_text
from webbot.web.programs import ProgramDoor, Trouble
from webbot.web.sending import close

LONGEST_ANSWER = 200  # tokens


def tell(trouble: Trouble) -> Response:
    """The sentence as a line of plain text."""
    return Response(f"{trouble.sentence}\n", content_type="text/plain; charset=utf-8")


SOCRATIC_DOOR = ProgramDoor(prefixes=("/prompt",), tell=tell)


class Socratic:
    """POST /prompt."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.blueprint = Blueprint("socratic", __name__)
        self.blueprint.add_url_rule("/prompt", "prompt", self.prompt, methods=["POST"])

    def prompt(self) -> ResponseReturnValue:
        return plain_text(self._answer(self._question(), g.owner))

    def _question(self) -> str:
        """The body, whatever its Content-Type says: `curl -d` calls everything a form."""
        limit = self.services.settings.question_bytes
        if (request.content_length or 0) > limit:
            raise TooLong("The question is longer than {limit} bytes. Please shorten it.", limit=limit)
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise BadInput("Compressed bodies are not read here.")
        try:
            text = request.get_data(cache=False).decode("utf-8")
        except UnicodeDecodeError:
            raise BadInput("The question is not valid UTF-8.") from None
        if FORBIDDEN.search(text):
            raise BadInput("The question holds a character that is no text.")
        if not text.strip():
            raise BadInput("The question is empty.")
        return text

    def _answer(self, question: str, owner: str) -> Iterator[str | None]:
        settings = self.services.settings
        persona = [Message(role="system", text=settings.socrates)] if settings.socrates else []
        options = dataclasses.replace(self.services.chat.options(self.services.engine.state()), max_tokens=LONGEST_ANSWER)
        parts = self.services.chat.programs.answers(owner, [*persona, Message(role="user", text=question)], options)
        try:
            for _, part in parts:
                if isinstance(part, Delta):
                    yield part.text or None
        finally:
            close(parts)
