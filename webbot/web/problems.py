"""Errors on their way out: one sentence and the right status, as a page or as JSON. Never a stack trace."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from flask import Flask, Response, current_app, g, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from werkzeug.exceptions import HTTPException, InternalServerError, MethodNotAllowed, RequestEntityTooLarge, SecurityError

from webbot.errors import Problem
from webbot.web.chain import Unwelcome
from webbot.web.programs import Trouble, program_door

log = logging.getLogger(__name__)

SENTENCES: Mapping[int, str] = {
    400: "The request cannot be read.",
    404: "There is nothing here.",
    405: "This address does not take such a request.",
    408: "The request took too long to arrive.",
    411: "The length of what is sent must be told first (Content-Length).",
    413: "What was sent is larger than this server takes.",
    414: "The address is too long.",
    415: "This address does not take this kind of data.",
    421: "This server does not answer to that host name. Its names are set with WEBBOT_HOSTS.",
    431: "The request's headers are too long.",
}
UNEXPECTED = "Something went wrong here. Nothing that was stored is lost. Please try again."


def wants_json() -> bool:
    """Whether the other side is a program: it says so, or it asks for no page at all."""
    accepts = request.accept_mimetypes
    return accepts.best_match(["text/html", "application/json"], default="text/html") == "application/json"


def sentence_of(problem: Problem) -> str:
    """The problem's sentence in the visitor's language."""
    return translated(problem.sentence, problem.values)


def translated(sentence: str, values: Mapping[str, object] | None = None) -> str:
    text = gettext(sentence) if sentence else ""  # the translation of nothing is the catalog's own head
    return text.format(**values) if values else text


def install_problems(app: Flask) -> None:
    app.register_error_handler(Problem, _problem)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(RecursionError, lambda error: _tell(400, SENTENCES[400]))
    app.register_error_handler(UnicodeError, lambda error: _tell(400, SENTENCES[400]))
    app.register_error_handler(Exception, _unexpected)


def _problem(problem: Problem) -> ResponseReturnValue:
    door = program_door()
    if door is not None:
        return door.refusal(Trouble.of(problem))
    if isinstance(problem, Unwelcome) and not wants_json():
        return render_template("enter.html", trouble=None), problem.status
    return _tell_translated(problem.status, sentence_of(problem), problem.retry_after)


def _http(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    if status < 400:
        return error
    if isinstance(error, SecurityError):
        return _foreign_host()
    if isinstance(error, InternalServerError):  # what failed while another failure was told
        _log(error.original_exception or error)
    told = 413 if isinstance(error, RequestEntityTooLarge) else status
    answer = current_app.make_response(_tell(status, SENTENCES.get(told, SENTENCES[400] if status < 500 else UNEXPECTED)))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return answer


def _foreign_host() -> ResponseReturnValue:
    """As plain text: a page would need the addresses of its parts, and there are none for a host that is not ours."""
    door = program_door()
    if door is not None:
        return door.refusal(Trouble(status=400, sentence=SENTENCES[421]))
    sentence = gettext(SENTENCES[421])
    if wants_json():
        return jsonify(error={"message": sentence, "status": 400, "request_id": g.get("request_id", "-")}), 400
    return Response(f"{sentence}\n", 400, mimetype="text/plain")


def _unexpected(error: Exception) -> ResponseReturnValue:
    _log(error)
    return _tell(500, UNEXPECTED)


def _log(error: BaseException) -> None:
    log.error("request %s failed: %s %s", g.get("request_id", "-"), request.method, request.path, exc_info=error)


def _tell(status: int, sentence: str) -> ResponseReturnValue:
    """`sentence` is one of this module's, in English."""
    door = program_door()
    if door is not None:
        return door.refusal(Trouble(status=status, sentence=sentence))
    return _tell_translated(status, gettext(sentence))


def _tell_translated(status: int, sentence: str, retry_after: int | None = None) -> ResponseReturnValue:
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    if wants_json():
        error = {"message": sentence, "status": status, "request_id": g.get("request_id", "-")}
        if retry_after:
            error["retry_after"] = retry_after
        return jsonify(error=error), status, headers
    try:
        page = render_template("problem.html", status=status, sentence=sentence, request_id=g.get("request_id", "-"))
    except Exception as error:  # the page for errors fails, too: the sentence alone
        _log(error)
        return Response(f"{sentence}\n", status, headers, mimetype="text/plain")
    return page, status, headers
