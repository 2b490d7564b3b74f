"""Conversations and sessions in an SQL database. The statements are here; sql_schema.py has the tables, sql_database.py the file.

Every statement that touches a conversation names its owner, but for the one that asks for it. Numbers and places come
from the table inside the transaction that uses them, so two doors never get the same one.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, ScalarSelect, and_, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.sql import ColumnElement

from webbot.errors import BadInput, Conflict, NotFound
from webbot.messages import Conversation, Message
from webbot.store.base import Store
from webbot.store.sql_database import PATIENCE, Database, fold
from webbot.store.sql_schema import (
    LARGEST,
    about,
    conversation_from,
    conversations,
    folded,
    message_from,
    messages,
    prepare,
    requests,
    row_from,
    sessions,
    usage_value,
)

MISSING = "This conversation is not here. It may have been deleted."
NO_MESSAGE = "This message is not here. It may have been deleted."
BUSY = "An answer is being written in this conversation. Please wait for its end or stop it."
CHANGEABLE = {
    "title": str, "role": str, "pinned": bool, "speaks": bool, "markup": str, "model": str, "remembers_from": int,
    "cut_for": str,
}
BOOK_KEEPING = frozenset({"remembers_from", "cut_for"})  # changes that move no conversation to the top
SEARCH_LENGTH = 200  # characters of a search that count


class SqlStore(Store):
    """The store at `url`: "sqlite:////absolute/path/webbot.db". `patience`: seconds that a call waits for a locked database.

    Raises SettingsError when the file cannot be opened, is damaged, or was written by a newer webbot.
    """

    def __init__(self, url: str, *, patience: float = PATIENCE) -> None:
        self._database = Database(url, prepare, patience=patience)

    # conversations

    def create_conversation(
        self, owner: str, *, title: str = "", role: str = "", model: str = "", beginning: Sequence[Message] = ()
    ) -> Conversation:
        now = time.time()

        def work(connection: Connection) -> Conversation:
            made = _new_id()
            place = _next_place(connection, owner)
            connection.execute(insert(conversations).values(
                id=made, owner=owner, title=title, role=role, model=model, place=place, created_at=now, updated_at=now,
            ))
            if beginning:
                numbered = [replace(message, id=_new_id(), number=number) for number, message in enumerate(beginning, start=1)]
                connection.execute(insert(messages), [row_from(message, made) for message in numbered])
            return _conversation(connection, owner, made)

        return self._database.write(work)

    def conversation(self, owner: str, conversation: str) -> Conversation:
        return self._database.read(lambda connection: _conversation(connection, owner, conversation))

    def owner(self, conversation: str) -> str:
        query = select(conversations.c.owner).where(conversations.c.id == conversation)
        owner = self._database.read(lambda connection: connection.scalar(query))
        if owner is None:
            raise NotFound(MISSING)
        return owner

    def conversations(
        self, owner: str, *, search: str = "", limit: int = 100, offset: int = 0
    ) -> Sequence[Conversation]:
        query = select(conversations).where(conversations.c.owner == owner)
        if wanted := fold(search).strip()[:SEARCH_LENGTH]:
            query = query.where(_contains(wanted))
        query = query.order_by(conversations.c.pinned.desc(), conversations.c.place.desc())
        query = query.limit(_within(limit)).offset(_within(offset))
        return self._database.read(lambda connection: [conversation_from(row) for row in connection.execute(query)])

    def change_conversation(self, owner: str, conversation: str, **changes: object) -> Conversation:
        _check_changes(changes)

        def work(connection: Connection) -> Conversation:
            _touch(connection, owner, conversation, moves=not changes.keys() <= BOOK_KEEPING, **changes)
            return _conversation(connection, owner, conversation)

        return self._database.write(work)

    def delete_conversation(self, owner: str, conversation: str) -> None:
        def work(connection: Connection) -> None:
            _found(connection.execute(delete(conversations).where(_is(owner, conversation))).rowcount)

        self._database.write(work, may_use_reserve=True)

    # messages

    def messages(
        self, owner: str, conversation: str, *, start: int = 0, before: int | None = None, limit: int | None = None
    ) -> Sequence[Message]:
        query = select(messages).where(_in(owner, conversation), messages.c.number >= _within(start))
        if before is not None:
            query = query.where(messages.c.number < _within(before))
        query = query.order_by(messages.c.number.desc())
        if limit is not None:
            query = query.limit(_within(limit))

        def work(connection: Connection) -> list[Message]:
            _conversation(connection, owner, conversation)
            return [message_from(row) for row in connection.execute(query)][::-1]

        return self._database.read(work)

    def message(self, owner: str, conversation: str, message: str) -> Message:
        return self._database.read(lambda connection: _message(connection, owner, conversation, message))

    def delete_messages(self, owner: str, conversation: str, ids: Sequence[str]) -> None:
        these = and_(_in(owner, conversation), messages.c.id.in_(list(ids)))

        def work(connection: Connection) -> None:
            known = _conversation(connection, owner, conversation)
            if connection.scalar(select(messages.c.id).where(these, messages.c.status == "streaming")):
                raise Conflict(BUSY)
            connection.execute(delete(messages).where(these))
            # The numbers of the last messages are given again.
            forgotten = min(known.remembers_from, _next_number(connection, owner, conversation))
            _touch(connection, owner, conversation, remembers_from=forgotten)

        self._database.write(work, may_use_reserve=True)

    def begin_turn(
        self, owner: str, conversation: str, question: Message, *, replace_from: int | None = None
    ) -> tuple[Message, Message]:
        now = time.time()

        def work(connection: Connection) -> tuple[Message, Message]:
            known = _conversation(connection, owner, conversation)
            if connection.scalar(select(messages.c.id).where(_in(owner, conversation), messages.c.status == "streaming")):
                raise Conflict(BUSY)
            forgotten = known.remembers_from
            if replace_from is not None:
                connection.execute(delete(messages).where(_in(owner, conversation), messages.c.number >= _within(replace_from)))
                forgotten = min(forgotten, max(replace_from, 0))  # numbers are given again from here on
            number = _next_number(connection, owner, conversation)
            asked = replace(question, role="user", id=_new_id(), number=number, status="complete", created_at=now)
            answer = Message(role="assistant", text="", id=_new_id(), number=number + 1, status="streaming", created_at=now)
            connection.execute(insert(messages), [row_from(message, conversation) for message in (asked, answer)])
            _touch(connection, owner, conversation, remembers_from=forgotten)
            return _message(connection, owner, conversation, asked.id), answer

        return self._database.write(work)

    def save_answer(self, owner: str, conversation: str, answer: Message) -> None:
        this = and_(_in(owner, conversation), messages.c.id == answer.id, messages.c.role == "assistant")
        values = {
            "text": answer.text, "status": answer.status, "usage": usage_value(answer.usage), "error": answer.error,
            "tokens": answer.tokens, "counted_by": answer.counted_by,
        }
        change = update(messages).where(this).values(values)
        if answer.status == "streaming":  # a late save never brings an ended answer back to life
            change = change.where(messages.c.status == "streaming")

        def work(connection: Connection) -> None:
            if connection.execute(change).rowcount == 0:
                _found(connection.scalar(select(func.count()).select_from(messages).where(this)))
                raise Conflict("This answer has already ended.")

        # The end of an answer is written even to a full disk: else the conversation would stay busy.
        self._database.write(work, may_use_reserve=answer.status != "streaming")

    def save_counts(self, owner: str, conversation: str, counts: Mapping[str, int], counted_by: str) -> None:
        change = update(messages).where(_in(owner, conversation), messages.c.id == bindparam("message"))
        change = change.values(tokens=bindparam("count"), counted_by=bindparam("counter"))

        def work(connection: Connection) -> None:
            _conversation(connection, owner, conversation)
            if counts:
                rows = [{"message": id, "count": count, "counter": counted_by} for id, count in counts.items()]
                connection.execute(change, rows)

        self._database.write(work)

    def keep_request(self, owner: str, conversation: str, message: str, request: Mapping[str, Any]) -> None:
        def work(connection: Connection) -> None:
            known = _message(connection, owner, conversation, message)
            connection.execute(delete(requests).where(requests.c.message == known.id))
            connection.execute(insert(requests).values(message=known.id, value=dict(request)))

        self._database.write(work)

    def request(self, owner: str, conversation: str, message: str) -> Mapping[str, Any] | None:
        def work(connection: Connection) -> Mapping[str, Any] | None:
            known = _message(connection, owner, conversation, message)
            return connection.scalar(select(requests.c.value).where(requests.c.message == known.id))

        return self._database.read(work)

    def clear(self, owner: str, conversation: str) -> None:
        def work(connection: Connection) -> None:
            _touch(connection, owner, conversation, remembers_from=0, cut_for="")
            connection.execute(delete(messages).where(_in(owner, conversation)))

        self._database.write(work, may_use_reserve=True)

    def fail_interrupted(self, sentence: str) -> int:
        change = update(messages).where(messages.c.status == "streaming").values(status="failed", error=sentence)
        return self._database.write(lambda connection: connection.execute(change).rowcount, may_use_reserve=True)

    # sessions

    def read_session(self, key: str) -> bytes | None:
        query = select(sessions.c.value).where(sessions.c.key == key, sessions.c.ends_at > time.time())
        return self._database.read(lambda connection: connection.scalar(query))

    def write_session(self, key: str, value: bytes, seconds: float) -> None:
        """Also deletes the sessions that have ended."""
        now = time.time()

        def work(connection: Connection) -> None:
            connection.execute(delete(sessions).where(or_(sessions.c.key == key, sessions.c.ends_at <= now)))
            connection.execute(insert(sessions).values(key=key, value=value, ends_at=now + seconds))

        self._database.write(work)

    def delete_session(self, key: str) -> None:
        change = delete(sessions).where(sessions.c.key == key)
        self._database.write(lambda connection: connection.execute(change), may_use_reserve=True)

    # operation

    def check(self) -> None:
        """Writes one number; waits for a lock at most a second."""
        change = update(about).where(about.c.name == "checked").values(value=int(time.time()) % LARGEST)
        self._database.write(lambda connection: connection.execute(change), patience=1.0)

    def free_bytes(self) -> int:
        """The free bytes on the disk of the database."""
        return self._database.reserve.free()

    def close(self) -> None:
        self._database.close()


def _new_id() -> str:
    return secrets.token_urlsafe(16)


def _within(number: int) -> int:
    """A number from outside, cut to what a column holds: what lies beyond selects the same rows."""
    return max(0, min(number, LARGEST))


def _is(owner: str, conversation: str) -> ColumnElement[bool]:
    return and_(conversations.c.id == conversation, conversations.c.owner == owner)


def _in(owner: str, conversation: str) -> ColumnElement[bool]:
    """The messages of this conversation, if it is this owner's."""
    mine: ScalarSelect[str] = select(conversations.c.id).where(_is(owner, conversation)).scalar_subquery()
    return messages.c.conversation == mine


def _found(count: int | None) -> None:
    if not count:
        raise NotFound(MISSING)


def _conversation(connection: Connection, owner: str, conversation: str) -> Conversation:
    row = connection.execute(select(conversations).where(_is(owner, conversation))).first()
    if row is None:
        raise NotFound(MISSING)
    return conversation_from(row)


def _message(connection: Connection, owner: str, conversation: str, message: str) -> Message:
    row = connection.execute(select(messages).where(_in(owner, conversation), messages.c.id == message)).first()
    if row is None:
        raise NotFound(NO_MESSAGE)
    return message_from(row)


def _touch(connection: Connection, owner: str, conversation: str, *, moves: bool = True, **values: Any) -> None:
    """Changes a conversation; `moves` makes it the owner's last changed one. Raises NotFound."""
    values["version"] = conversations.c.version + 1
    if moves:
        values |= {"updated_at": time.time(), "place": _next_place(connection, owner)}
    _found(connection.execute(update(conversations).where(_is(owner, conversation)).values(values)).rowcount)


def _next_place(connection: Connection, owner: str) -> int:
    highest = select(conversations.c.place).where(conversations.c.owner == owner).order_by(conversations.c.place.desc()).limit(1)
    return (connection.scalar(highest) or 0) + 1


def _next_number(connection: Connection, owner: str, conversation: str) -> int:
    return (connection.scalar(select(func.max(messages.c.number)).where(_in(owner, conversation))) or 0) + 1


def _contains(wanted: str) -> ColumnElement[bool]:
    """Conversations with `wanted` (folded) in the title or in a message."""
    said = select(messages.c.id).where(
        messages.c.conversation == conversations.c.id, folded(messages.c.text).contains(wanted, autoescape=True)
    )
    return or_(folded(conversations.c.title).contains(wanted, autoescape=True), said.exists())


def _check_changes(changes: Mapping[str, object]) -> None:
    for name, value in changes.items():
        if not isinstance(value, CHANGEABLE.get(name, ())):
            raise BadInput("{name} cannot be set to that value.", name=name)
    if changes.get("markup", "markdown") not in ("markdown", "textile"):
        raise BadInput("{name} cannot be set to that value.", name="markup")
