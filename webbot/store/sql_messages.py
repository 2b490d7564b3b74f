"""Messages as rows: read by pages, held, judged, deleted; the counts of their tokens, and what programs asked for beside them.

Each function works in the transaction it is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from webbot.errors import BadInput, Conflict, NotFound
from webbot.messages import Feedback, Message
from webbot.store import sql_branches as branches
from webbot.store import sql_conversations as conversation_rows
from webbot.store import sql_index as index
from webbot.store.rules import BUSY, NO_FEEDBACK, NO_MESSAGE, within
from webbot.store.sql_rows import MESSAGE, message_from
from webbot.store.sql_schema import files, messages, requests, shares


def page(
    connection: Connection, owner: str, conversation: str, *, start: int = 0, before: int | None = None,
    limit: int | None = None,
) -> list[Message]:
    conversation_rows.find(connection, owner, conversation)
    query = select(*MESSAGE).where(
        messages.c.conversation == conversation, messages.c.shown.is_(True), messages.c.number >= within(start)
    )
    if before is not None:
        query = query.where(messages.c.number < within(before))
    query = query.order_by(messages.c.number.desc())
    if limit is not None:
        query = query.limit(within(limit))
    return [message_from(row) for row in connection.execute(query)][::-1]


def tree(connection: Connection, owner: str, conversation: str) -> list[Message]:
    conversation_rows.find(connection, owner, conversation)
    query = select(*MESSAGE).where(messages.c.conversation == conversation).order_by(messages.c.number)
    return [message_from(row) for row in connection.execute(query)]


def find(connection: Connection, owner: str, conversation: str, message: str) -> Message:
    mine = messages.c.conversation == conversation_rows.id_of(owner, conversation)
    row = connection.execute(select(*MESSAGE).where(mine, messages.c.id == message)).first()
    if row is None:
        raise NotFound(NO_MESSAGE)
    return message_from(row)


def held(connection: Connection, owner: str, conversation: str) -> list[Message]:
    conversation_rows.find(connection, owner, conversation)
    pinned = select(*MESSAGE).where(messages.c.conversation == conversation, messages.c.shown.is_(True), messages.c.pinned)
    found = {row.id: message_from(row) for row in connection.execute(pinned)}
    asked = [message.id for message in found.values() if message.role == "user"]
    questions = [message.parent for message in found.values() if message.role == "assistant"]
    for role, column, ids in (("assistant", messages.c.parent, asked), ("user", messages.c.id, questions)):
        for portion in branches.portions(ids):
            beside = select(*MESSAGE).where(column.in_(portion), messages.c.role == role, messages.c.shown.is_(True))
            if role == "assistant":
                beside = beside.where(messages.c.conversation == conversation)
            found |= {row.id: message_from(row) for row in connection.execute(beside)}
    return sorted(found.values(), key=lambda message: message.number)


def change(
    connection: Connection, owner: str, conversation: str, message: str, *, pinned: bool | None, feedback: Feedback | None
) -> Message:
    conversation_rows.find(connection, owner, conversation, to_write=True)
    known = find(connection, owner, conversation, message)
    if feedback is not None and (known.role != "assistant" or feedback not in ("", "up", "down")):
        raise BadInput(NO_FEEDBACK)
    changes = {name: value for name, value in (("pinned", pinned), ("feedback", feedback)) if value is not None}
    if changes:
        connection.execute(update(messages).where(messages.c.id == known.id).values(**changes))
        conversation_rows.touch(connection, owner, conversation, moves=False)
    return find(connection, owner, conversation, message)


def remove(connection: Connection, owner: str, conversation: str, ids: Sequence[str]) -> None:
    """Deletes messages; what follows one of them then follows what was before it."""
    known = conversation_rows.find(connection, owner, conversation, to_write=True)
    here = messages.c.conversation == conversation
    gone: dict[str, str] = {}
    for portion in branches.portions(list(ids)):
        # By their ids alone: with the conversation beside them SQLite would read all of it.
        columns = (messages.c.id, messages.c.parent, messages.c.status, messages.c.conversation)
        for row in connection.execute(select(*columns).where(messages.c.id.in_(portion))):
            if row.conversation != conversation:
                continue
            if row.status == "streaming":
                raise Conflict(BUSY)
            gone[row.id] = row.parent
    if not gone:
        return
    before = {id: _kept(gone, id) for id in gone}
    moved = [{"old": id, "new": parent} for id, parent in before.items()]
    connection.execute(update(messages).where(here, messages.c.parent == bindparam("old")).values(parent=bindparam("new")), moved)
    connection.execute(
        update(shares).where(shares.c.conversation == conversation, shares.c.tip == bindparam("old"))
        .values(tip=bindparam("new")), moved,
    )
    connection.execute(delete(shares).where(shares.c.conversation == conversation, shares.c.tip == ""))
    index.forget_messages(connection, conversation, list(gone))
    for portion in branches.portions(list(gone)):
        connection.execute(delete(messages).where(messages.c.id.in_(portion)))
    tip = known.tip
    if tip in gone:
        tip = branches.newest_behind(connection, conversation, before[tip])
        branches.mark_shown(connection, conversation, tip)
    conversation_rows.touch(connection, owner, conversation, tip=tip, **branches.marks(connection, conversation))


def _kept(gone: Mapping[str, str], message: str) -> str:
    """The first message before that one that stays, "" without one."""
    while message in gone:
        message = gone[message]
    return message


def clear(connection: Connection, owner: str, conversation: str) -> None:
    conversation_rows.touch(connection, owner, conversation, remembers_from=0, cut_for="", tip="")
    index.forget_messages(connection, conversation)
    for table in (messages, files, shares):
        connection.execute(delete(table).where(table.c.conversation == conversation))


def save_counts(
    connection: Connection, owner: str, conversation: str, counts: Mapping[str, int], counted_by: str
) -> None:
    conversation_rows.find(connection, owner, conversation)
    rows = [{"which": id, "count": count, "counter": counted_by} for id, count in counts.items()]
    for table in (messages, files) if rows else ():
        these = update(table).where(table.c.conversation == conversation, table.c.id == bindparam("which"))
        connection.execute(these.values(tokens=bindparam("count"), counted_by=bindparam("counter")), rows)


def keep_request(
    connection: Connection, owner: str, conversation: str, message: str, request: Mapping[str, Any]
) -> None:
    conversation_rows.find(connection, owner, conversation, to_write=True)
    known = find(connection, owner, conversation, message)
    connection.execute(delete(requests).where(requests.c.message == known.id))
    connection.execute(insert(requests).values(message=known.id, value=dict(request)))


def request(connection: Connection, owner: str, conversation: str, message: str) -> Mapping[str, Any] | None:
    known = find(connection, owner, conversation, message)
    return connection.scalar(select(requests.c.value).where(requests.c.message == known.id))
