"""OpenAI's error object."""

from __future__ import annotations

from typing import Any, Literal

from flask import Response, jsonify
from pydantic import BaseModel

from webbot.errors import Problem
from webbot.web.programs import Trouble

TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
CODES = {
    401: "invalid_api_key", 404: "not_found", 409: "conflict", 413: "too_large", 429: "rate_limit_exceeded", 503: "unavailable",
}
ErrorType = Literal["invalid_request_error", "authentication_error", "permission_error", "rate_limit_error", "server_error"]


class ErrorObject(BaseModel):
    """`param` names the parameter that is wrong, `code` tells errors apart."""

    message: str
    type: ErrorType
    param: str | None
    code: str | None


class ErrorBody(BaseModel):
    """What every refused request is answered with."""

    error: ErrorObject


def error_object(trouble: Trouble) -> dict[str, Any]:
    """{"error": {"message", "type", "param", "code"}}"""
    kind = TYPES.get(trouble.status, "invalid_request_error" if trouble.status < 500 else "server_error")
    return {"error": {
        "message": trouble.sentence, "type": kind, "param": trouble.parameter or None,
        "code": trouble.code or CODES.get(trouble.status),
    }}


def tell(trouble: Trouble) -> Response:
    return jsonify(error_object(trouble))


def error_of(problem: Problem) -> dict[str, Any]:
    """The error object of a problem, for a stream that has begun."""
    return error_object(Trouble.of(problem))
