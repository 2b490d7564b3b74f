"""The tree of a conversation: which branch is shown, what its newest answer remembers, the versions of a message.

Each function works in the transaction it is given, on a conversation that was found to be the caller's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import CTE, Connection, func, select, text, update

from webbot.errors import Conflict
from webbot.messages import Message
from webbot.store.rules import BUSY
from webbot.store.sql_rows import MESSAGE, message_from
from webbot.store.sql_schema import messages

PORTION = 500  # values in one statement
T = TypeVar("T")

# Marks the branches that are shown of all conversations anew, where no message is marked yet.
SHOW_ALL = text("""
    WITH RECURSIVE branch (id, parent) AS (
        SELECT messages.id, messages.parent FROM conversations JOIN messages ON messages.id = conversations.tip
        UNION ALL SELECT messages.id, messages.parent FROM messages JOIN branch ON messages.id = branch.parent
    )
    UPDATE messages SET shown = true WHERE id IN (SELECT id FROM branch)
""")


def portions(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), PORTION):
        yield values[start:start + PORTION]


def quiet(connection: Connection, conversation: str) -> int:
    """The number of its next message. Raises Conflict while an answer is streaming."""
    here = messages.c.conversation == conversation
    streaming = select(messages.c.id).where(here, messages.c.status == "streaming").limit(1)
    last = select(func.max(messages.c.number)).where(here)
    row = connection.execute(select(streaming.scalar_subquery(), last.scalar_subquery())).one()
    if row[0] is not None:
        raise Conflict(BUSY)
    return (row[1] or 0) + 1


def _up(conversation: str, message: str, *, to_shown: bool) -> CTE:
    """The branch from a message back to the beginning, or to the first message that is shown."""
    columns = (messages.c.id, messages.c.parent, messages.c.number, messages.c.shown)
    up = select(*columns).where(messages.c.conversation == conversation, messages.c.id == message).cte("up", recursive=True)
    before = select(*columns).join(up, messages.c.id == up.c.parent).where(messages.c.conversation == conversation)
    return up.union_all(before.where(up.c.shown.is_(False)) if to_shown else before)


def branch(connection: Connection, conversation: str, tip: str) -> list[Message]:
    """The messages from the beginning to `tip`, which need not be shown."""
    up = _up(conversation, tip, to_shown=False)
    query = select(*MESSAGE).where(messages.c.id.in_(select(up.c.id))).order_by(messages.c.number)
    return [message_from(row) for row in connection.execute(query)]


def newest_behind(connection: Connection, conversation: str, message: str) -> str:
    """The newest message behind that one, itself when it is the last; with "" the newest of all, "" when there is none."""
    columns = (messages.c.id, messages.c.number)
    if not message:
        query = select(messages.c.id).where(messages.c.conversation == conversation)
        return connection.scalar(query.order_by(messages.c.number.desc()).limit(1)) or ""
    down = select(*columns).where(messages.c.conversation == conversation, messages.c.id == message).cte("down", recursive=True)
    behind = select(*columns).join(down, messages.c.parent == down.c.id).where(messages.c.conversation == conversation)
    down = down.union_all(behind)
    return connection.scalar(select(down.c.id).order_by(down.c.number.desc()).limit(1)) or message


def mark_shown(connection: Connection, conversation: str, tip: str) -> None:
    """Marks the messages of the branch that ends in `tip`, and no others. It looks only at what two branches do not share."""
    up = _up(conversation, tip, to_shown=True)
    way = connection.execute(select(up.c.id, up.c.number, up.c.shown)).all()
    fork = max((row.number for row in way if row.shown), default=0)
    hidden = (messages.c.conversation == conversation) & messages.c.shown.is_(True) & (messages.c.number > fork)
    connection.execute(update(messages).where(hidden).values(shown=False))
    for ids in portions([row.id for row in way if not row.shown]):
        connection.execute(update(messages).where(messages.c.id.in_(ids)).values(shown=True))


def marks(connection: Connection, conversation: str) -> dict[str, Any]:
    """remembers_from and cut_for of the newest answer that is shown, 0 and "" without one."""
    row = connection.execute(
        select(messages.c.remembers_from, messages.c.cut_for).where(_answers(conversation))
        .order_by(messages.c.number.desc()).limit(1)
    ).first()
    return {"remembers_from": 0, "cut_for": ""} if row is None else dict(row._mapping)


def keep_marks(connection: Connection, conversation: str, changes: Mapping[str, object]) -> None:
    """Writes those marks to the newest answer that is shown."""
    newest = select(messages.c.id).where(_answers(conversation)).order_by(messages.c.number.desc()).limit(1)
    connection.execute(update(messages).where(messages.c.id == newest.scalar_subquery()).values(**changes))


def _answers(conversation: str) -> Any:
    return (messages.c.conversation == conversation) & messages.c.shown.is_(True) & (messages.c.role == "assistant")


def versions(connection: Connection, conversation: str, ids: Sequence[str]) -> dict[str, list[str]]:
    """For those of the messages that have versions: the ids of all, oldest first."""
    parents: dict[str, str] = {}
    for portion in portions(ids):
        # By their ids alone: with the conversation beside them SQLite would read all of it.
        query = select(messages.c.id, messages.c.parent, messages.c.conversation).where(messages.c.id.in_(portion))
        parents |= {row.id: row.parent for row in connection.execute(query) if row.conversation == conversation}
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for portion in portions(sorted(set(parents.values()))):
        beside = select(messages.c.parent, messages.c.number, messages.c.id).where(
            messages.c.conversation == conversation, messages.c.parent.in_(portion)
        )
        for row in connection.execute(beside):
            found[row.parent].append((row.number, row.id))
    return {
        message: [id for _, id in sorted(found[parent])] for message, parent in parents.items() if len(found[parent]) > 1
    }
