"""A visitor's session: an id in a cookie, its data in the store.

Covered: the id has 256 random bits and only the server makes one (a planted id is never adopted); the store knows only the
hash of an id, so that a stolen database opens no session; data is JSON, and whatever else stands in the store is thrown
away unread; a forgotten session stays forgotten, also for requests that were under way. Not covered: who may enter,
and whose conversations a session sees.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from datetime import timedelta
from typing import Any, cast

from flask import Flask, Request, Response, current_app, request, session
from flask.sessions import SessionMixin
from flask_session.base import Serializer, ServerSideSession, ServerSideSessionInterface

from webbot.errors import Problem
from webbot.store.base import Store

COOKIE = "__Host-session"
ID_BYTES = 32
ID = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)  # ID_BYTES in base64
RENEWED_AFTER = 3600.0  # seconds; a session's end moves on with visits, but is not written for each of them

log = logging.getLogger(__name__)


def install_sessions(app: Flask, store: Store, days: int) -> None:
    """Gives `app` sessions in `store` that end `days` after the last visit."""
    app.config.update(
        SESSION_COOKIE_NAME=COOKIE, SESSION_COOKIE_SECURE=True, SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/", SESSION_COOKIE_DOMAIN=None, PERMANENT_SESSION_LIFETIME=timedelta(days=days),
    )
    app.session_interface = StoreSessionInterface(app, store, days)
    app.before_request(_refuse_unread)


def forget() -> None:
    """Deletes the visitor's session at once; its id is worthless from now on. Raises Unavailable when the store is."""
    cast(StoreSessionInterface, current_app.session_interface).forget(session)


def regenerate() -> None:
    """A new id for this session, so that one that was planted before, or seen by somebody, is worthless."""
    cast(StoreSessionInterface, current_app.session_interface).regenerate(cast(StoredSession, session))


def stored_key(*, fresh: bool = False) -> str:
    """The key of this session in the store; "" for one that was not stored yet, but with `fresh` its key even then."""
    known = cast(StoredSession, session)
    if known.written_at is None and not fresh:
        return ""
    return cast(StoreSessionInterface, current_app.session_interface)._get_store_id(known.sid)


class StoredSession(ServerSideSession):
    """`written_at` is when the store got it, None when it is not there; `problem` is why it could not be read."""

    written_at: float | None = None
    problem: Problem | None = None


class JsonSerializer(Serializer):
    """The library's own serializer unpickles what it cannot read otherwise; this one cannot."""

    def encode(self, session: ServerSideSession) -> bytes:
        return json.dumps({"written_at": time.time(), "data": dict(session)}).encode()

    def decode(self, serialized_data: bytes) -> dict[str, Any]:
        """Raises ValueError for anything that `encode` did not make."""
        try:
            value = json.loads(serialized_data)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        if not (isinstance(value, dict) and isinstance(value.get("data"), dict) and isinstance(value.get("written_at"), float)):
            raise ValueError("not a session")
        return value


class StoreSessionInterface(ServerSideSessionInterface):
    """Flask-Session over the store."""

    session_class = StoredSession

    def __init__(self, app: Flask, store: Store, days: int) -> None:
        super().__init__(app, sid_length=ID_BYTES)
        self.store, self.seconds = store, days * 86400.0
        self.serializer = JsonSerializer()

    def open_session(self, app: Flask, request: Request) -> StoredSession:
        id = request.cookies.get(COOKIE, "")
        if not ID.fullmatch(id) or request.path == "/healthz" or request.path.startswith(f"{app.static_url_path}/"):
            return self._new()  # those two need none, and are answered at once whatever the store does
        try:
            stored = self._retrieve_session_data(self._get_store_id(id))
        except Problem as problem:
            unread = self._new()
            unread.problem = problem
            return unread
        if stored is None:
            return self._new()
        found = StoredSession(stored["data"], sid=id)
        found.written_at = stored["written_at"]
        return found

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """A store that fails here costs the change of the session, not the page that was made."""
        assert isinstance(session, StoredSession)
        if session.accessed or session.modified:
            response.vary.add("Cookie")
        if session.problem is not None:
            return
        try:
            self._save(session, response)
        except Problem as problem:
            log.warning("a session was not saved: %s", problem)

    def regenerate(self, session: ServerSideSession) -> None:
        """A new id for the same session; the old one is worthless."""
        self._delete_session(self._get_store_id(session.sid))
        session.sid, session.written_at, session.modified = self._generate_sid(ID_BYTES), None, True

    def forget(self, session: ServerSideSession) -> None:
        """Deletes the session in the store now, and its cookie with the response."""
        self._delete_session(self._get_store_id(session.sid))
        session.clear()

    def _new(self) -> StoredSession:
        return StoredSession(sid=self._generate_sid(ID_BYTES), permanent=True)

    def _save(self, session: StoredSession, response: Response) -> None:
        key = self._get_store_id(session.sid)
        if not session:
            if session.written_at is not None and session.modified:
                self._delete_session(key)
                self._set_cookie(response, "", 0)
        elif session.modified or _is_old(session):
            if session.written_at is not None and self.store.read_session(key) is None:
                return  # forgotten while this request was under way
            self._upsert_session(timedelta(seconds=self.seconds), session, key)
            self._set_cookie(response, session.sid, int(self.seconds))

    def _set_cookie(self, response: Response, value: str, seconds: int) -> None:
        """A browser takes a __Host- cookie, and the deletion of one, only with Secure and the path /."""
        response.set_cookie(COOKIE, value, max_age=seconds, expires=0 if not seconds else None, path="/",
                            secure=True, httponly=True, samesite="Lax")
        response.vary.add("Cookie")

    # what Flask-Session asks of a back end

    def _get_store_id(self, sid: str) -> str:
        return hashlib.sha256(sid.encode()).hexdigest()

    def _retrieve_session_data(self, store_id: str) -> dict[str, Any] | None:
        value = self.store.read_session(store_id)
        if value is None:
            return None
        try:
            return self.serializer.decode(value)
        except ValueError:
            log.warning("a stored session was none and was deleted")
            self._delete_session(store_id)
            return None

    def _delete_session(self, store_id: str) -> None:
        self.store.delete_session(store_id)

    def _upsert_session(self, session_lifetime: timedelta, session: ServerSideSession, store_id: str) -> None:
        self.store.write_session(store_id, self.serializer.encode(session), session_lifetime.total_seconds())


def _is_old(session: StoredSession) -> bool:
    return session.written_at is not None and abs(time.time() - session.written_at) > RENEWED_AFTER


def _refuse_unread() -> None:
    """A visitor whose session cannot be read now is told so, instead of being met as a stranger."""
    problem = cast(StoredSession, session).problem
    if problem is not None and request.endpoint != "static":
        raise problem
