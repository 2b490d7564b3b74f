"""What can go wrong with a model server, each as one sentence that names its host and never the key."""

from __future__ import annotations

import email.utils
import json
import re
import time
from collections.abc import Mapping
from typing import Any

from webbot.errors import CONTEXT_EXCEEDED, BadInput, NotFound, Problem, TooLong, TooMany, Unavailable

MOST_TOLD = 300  # characters of what a server says that a person is shown
MOST_WAIT = 3600  # seconds: a server that asks for more is asked again sooner
OVERLOADED, CLIENT_ERRORS, SERVER_ERRORS = 429, 400, 500
TRIED_AGAIN = (500, 502, 503)
# The words in which servers say that a prompt is too long.
LONG = re.compile(
    r"context.{0,10}(length|size|window)|max_model_len|maximum model length|max_total_tokens|max_new_tokens"
    r"|max_input_(tokens|length)|(prompt|input)s?`? (is|are) too long|must have less than \d+ tokens", re.IGNORECASE,
)
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]+")
MISSING = re.compile(r"(?s)model.*(not found|not exist|unknown|no such)|(no such|unknown|not found).*model", re.IGNORECASE)
PARAMETER = re.compile(r"[\w.\[\]-]{1,64}")
# Parameters that no message means by their names, and words that mean some others.
UNNAMED = ("messages", "model", "stream", "prompt", "input")
HINTS = {"response_format": re.compile("schema|grammar", re.IGNORECASE), "tools": re.compile("tool|function", re.IGNORECASE)}
UNABLE = re.compile(r"not support|unsupported|unknown|unrecognized|not permitted|extra inputs", re.IGNORECASE)


class Fault(Exception):
    """A request that failed. `problem` is what people are told, `again` says that a second try may help, `blame` that it is a
    failure of the server, after several of which it is left alone for a while, `gone` that it was not even reached. `status` is
    that of its response, 0 without one.
    """

    def __init__(self, problem: Problem, *, again: bool = False, blame: bool = True, gone: bool = False) -> None:
        super().__init__(str(problem))
        self.problem, self.again, self.blame, self.gone, self.status = problem, again, blame, gone, 0


def unreachable(host: str, *, again: bool = False) -> Fault:
    return Fault(Unavailable("The model server {host} cannot be reached. Does it run, and is its address right?", host=host,
                             retry_after=5), again=again, gone=True)


def untrusted(host: str) -> Fault:
    return Fault(Unavailable("The certificate of the model server {host} is not trusted here. If it is your own server's, set "
                             "SSL_CERT_FILE to the certificate of its authority.", host=host))


def no_tls(host: str) -> Fault:
    return Fault(Unavailable("The model server {host} does not speak HTTPS. Does its address begin with http:// perhaps?",
                             host=host))


def silent(host: str) -> Fault:
    return Fault(Unavailable("The model server {host} gave no answer in time. Please try again.", host=host, retry_after=10))


def lost(host: str, *, again: bool = False) -> Fault:
    return Fault(Unavailable("The connection to the model server {host} was lost before the answer was whole. Please try again.",
                             host=host, retry_after=5), again=again)


def unreadable(host: str) -> Fault:
    return Fault(Unavailable("The model server {host} sent something that is no answer of OpenAI's API. Is its address right?",
                             host=host))


def endless(host: str) -> Fault:
    return Fault(Unavailable("The model server {host} sent more than any answer has. It was cut off.", host=host))


def moved(host: str) -> Fault:
    return Fault(Unavailable("The model server {host} sends on to another address. That is not followed: the key would go along. "
                             "Please set the right address.", host=host), blame=False)


def only_tls(host: str) -> Fault:
    return Fault(Unavailable("The model server {host} sends on to its own HTTPS. Does its address begin with https:// perhaps?",
                             host=host), blame=False)


class Refusals:
    """Turns what one server refuses into faults. What it says is shown without `secrets`."""

    def __init__(self, host: str, secrets: tuple[str, ...] = ()) -> None:
        self.host = host
        self._secrets = tuple(sorted((secret for secret in secrets if secret), key=len, reverse=True))

    def read(self, status: int, headers: Mapping[str, str], body: bytes, *, model: str = "", sent: Mapping[str, Any]) -> Fault:
        """The fault behind a response with another status than 200; `sent` are the parameters of its request."""
        fault = self._fault(status, headers, body, model, sent)
        fault.status = status
        return fault

    def _fault(self, status: int, headers: Mapping[str, str], body: bytes, model: str, sent: Mapping[str, Any]) -> Fault:
        error = _error(body)
        told = self.clean(_message(error))
        if 300 <= status < CLIENT_ERRORS:
            return moved(self.host)
        if status in (401, 403):
            return self._stranger()
        if status == OVERLOADED:
            return Fault(self._too_many(told, _retry_after(headers)), blame=False)
        if status >= SERVER_ERRORS and not LONG.search(told):
            return self._broken(status, told, _retry_after(headers))
        if status == 404 or _word(error, "code") == "model_not_found":
            return self._not_found(error, told, model)
        return Fault(self._refused(status, error, told, sent), blame=False)

    def inside(self, error: Any) -> Fault:
        """The fault that a server tells in the middle of a stream."""
        told = self.clean(_message(error if isinstance(error, dict) else {"message": error}))
        if _long(_dict(error), told):
            return Fault(self._too_long(_dict(error)), blame=False)
        if told:
            return Fault(Unavailable("The model server {host} ended the answer with an error: {told}", host=self.host, told=told))
        return Fault(Unavailable("The model server {host} ended the answer with an error. Please try again.", host=self.host))

    def clean(self, text: str) -> str:
        """One line for people: no control characters, no secret, not too long."""
        for secret in self._secrets:
            text = text.replace(secret, "…")
        text = CONTROL.sub(" ", text).encode("utf-8", "replace").decode().strip()
        return text if len(text) <= MOST_TOLD else text[: MOST_TOLD - 1].rstrip() + "…"

    def _stranger(self) -> Fault:
        if self._secrets:
            return Fault(Unavailable("The model server {host} refuses the key.", host=self.host), blame=False)
        return Fault(Unavailable("The model server {host} asks for a key.", host=self.host), blame=False)

    def _too_many(self, told: str, retry_after: int | None) -> TooMany:
        code = "rate_limit_exceeded"
        if told:
            return TooMany("The model server {host} has too many requests: {told}", host=self.host, told=told, code=code,
                           retry_after=retry_after or 5)
        return TooMany("The model server {host} has too many requests. Please try again in a moment.", host=self.host, code=code,
                       retry_after=retry_after or 5)

    def _broken(self, status: int, told: str, retry_after: int | None) -> Fault:
        if status == 501:
            return Fault(BadInput("The model server {host} cannot do this: {told}", host=self.host, told=told or "501",
                                  parameter="model", code="unsupported_parameter"), blame=False)
        if status == 503 and "loading" in told.lower():
            problem = Unavailable("The model server {host} is loading its model.", host=self.host, retry_after=retry_after or 5)
            return Fault(problem, again=True, blame=False)
        return Fault(
            Unavailable("The model server {host} has failed (status {status}). Please try again.", host=self.host, status=status,
                        retry_after=retry_after), again=status in TRIED_AGAIN,
        )

    def _not_found(self, error: Mapping[str, Any], told: str, model: str) -> Fault:
        if _word(error, "code") != "model_not_found" and not MISSING.search(told):
            return unreadable(self.host)
        return Fault(NotFound("The model server {host} has no model {model} for this: {told}", host=self.host,
                              model=repr(model[:80]), told=told, parameter="model", code="model_not_found"), blame=False)

    def _refused(self, status: int, error: Mapping[str, Any], told: str, sent: Mapping[str, Any]) -> Problem:
        if status == 413 or _long(error, told):
            return self._too_long(error)
        parameter = _parameter(error, told, sent)
        unable = _word(error, "code").startswith("unsupported") or (parameter and UNABLE.search(told))
        code = "unsupported_parameter" if unable else "invalid_value"
        return BadInput("The model server {host} refuses this: {told}", host=self.host, told=told or f"({status})",
                        parameter=parameter, code=code)

    def _too_long(self, error: Mapping[str, Any]) -> TooLong:
        count, limit = error.get("n_prompt_tokens"), error.get("n_ctx")
        if isinstance(count, int) and isinstance(limit, int):
            return TooLong("The prompt has {count} tokens, the model reads {limit}.", count=count, limit=limit,
                           code=CONTEXT_EXCEEDED)
        return TooLong("The prompt is longer than the model of {host} reads.", host=self.host, code=CONTEXT_EXCEEDED)


def _error(body: bytes) -> dict[str, Any]:
    """What a server says of an error, in any of the forms that are known: {"error": {...}}, {"error": "..."}, {"detail": ...}."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(said, dict):
        return {}
    error = said.get("error")
    return error if isinstance(error, dict) else {**said, "message": error or said.get("message") or said.get("detail")}


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _message(error: Mapping[str, Any]) -> str:
    message = error.get("message")
    if isinstance(message, list) and message and isinstance(message[0], dict):
        message = message[0].get("msg")
    return message[:10_000] if isinstance(message, str) else ""


def _word(error: Mapping[str, Any], name: str) -> str:
    value = error.get(name)
    return value if isinstance(value, str) else ""


def _long(error: Mapping[str, Any], told: str) -> bool:
    kind = (_word(error, "code"), _word(error, "type"))
    return CONTEXT_EXCEEDED in kind or "exceed_context_size_error" in kind or bool(LONG.search(told))


def _parameter(error: Mapping[str, Any], told: str, sent: Mapping[str, Any]) -> str:
    """The parameter that an error names, in its own field or among its words."""
    named = _word(error, "param")
    detail = error.get("detail")
    if not named and isinstance(detail, list) and detail and isinstance(detail[0], dict):
        place = [part for part in detail[0].get("loc", ()) if isinstance(part, str) and part != "body"]
        named = place[0] if place else ""
    if PARAMETER.fullmatch(named):
        return named
    names = sorted((name for name in sent if name not in UNNAMED), key=len, reverse=True)
    exact = (name for name in names if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", told))
    hinted = (name for name in names if name in HINTS and HINTS[name].search(told))
    return next(exact, "") or next(hinted, "")


def _retry_after(headers: Mapping[str, str]) -> int | None:
    """The seconds of a Retry-After, which may also be a date."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(max(int(value[:9]), 1), MOST_WAIT)
    try:
        moment = email.utils.parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(int(moment - time.time()) + 1, 1), MOST_WAIT)
