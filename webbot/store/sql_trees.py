"""Whole conversations written at once: a beginning that is copied, a conversation from elsewhere with all its branches.

Each function works in the transaction it is given.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, insert

from webbot.errors import BadInput
from webbot.messages import Conversation, File, Message
from webbot.store import sql_branches as branches
from webbot.store import sql_conversations as conversation_rows
from webbot.store import sql_files as file_rows
from webbot.store import sql_index as index
from webbot.store.rules import new_id
from webbot.store.sql_rows import message_row
from webbot.store.sql_schema import messages

NO_PARENT = "A message follows one that does not come before it."


def make(
    connection: Connection, owner: str, beginning: Sequence[Message], *, title: str, role: str, model: str
) -> Conversation:
    """A new conversation with these messages as its only branch."""
    made = conversation_rows.make(connection, owner, title=title, role=role, model=model)
    index.learn_title(connection, owner, made, title)
    said = [replace(message, id=str(at), parent=str(at - 1) if at else "") for at, message in enumerate(beginning)]
    _write(connection, owner, made, said, tip=said[-1].id if said else "")
    return conversation_rows.find(connection, owner, made)


def add(
    connection: Connection, owner: str, about: Conversation, said: Sequence[Message],
    files: Sequence[tuple[File, str, bytes]],
) -> Conversation:
    """A conversation from elsewhere. Raises BadInput for a parent that is not there before its child."""
    made = conversation_rows.make(
        connection, owner, title=about.title, titled_by=about.titled_by, role=about.role, pinned=about.pinned,
        speaks=about.speaks, markup=about.markup, model=about.model, created_at=about.created_at, updated_at=about.updated_at,
        place=conversation_rows.place_by_time(connection, owner, about.updated_at, pinned=about.pinned),
    )
    index.learn_title(connection, owner, made, about.title)
    _write(connection, owner, made, said, tip=about.tip)
    for file, text, data in files:
        file_rows.put(connection, made, file, text, data)
    return conversation_rows.find(connection, owner, made)


def _write(connection: Connection, owner: str, conversation: str, said: Sequence[Message], *, tip: str) -> None:
    """Writes messages with ids and numbers of their own, and shows the branch that ends in `tip`, else the newest one."""
    if not said:
        return
    ids: dict[str, str] = {}
    known = sorted(message.number for message in said)
    rows = []
    for number, message in enumerate(said, start=1):
        if message.id in ids or (message.parent and message.parent not in ids):
            raise BadInput(NO_PARENT)
        ids[message.id] = new_id()
        rows.append(replace(
            message, id=ids[message.id], number=number, parent=ids[message.parent] if message.parent else "",
            status="stopped" if message.status == "streaming" else message.status,
            # The number of the first message that is remembered, or of the one that would have come next.
            remembers_from=bisect_left(known, message.remembers_from) + 1 if message.remembers_from > 0 else 0,
        ))
    for portion in branches.portions(rows):
        connection.execute(insert(messages), [message_row(message, conversation, shown=False) for message in portion])
    index.learn_messages(connection, owner, conversation, rows)
    shown = branches.newest_behind(connection, conversation, ids.get(tip, ""))
    branches.mark_shown(connection, conversation, shown)
    connection.execute(conversation_rows.setting(conversation, tip=shown, **branches.marks(connection, conversation)))
