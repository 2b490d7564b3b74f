"""Shares as rows: a branch that whoever has the token may read. Each function works in the transaction it is given."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select

from webbot.errors import BadInput, NotFound
from webbot.messages import Conversation, Message, Share
from webbot.store import sql_branches as branches
from webbot.store import sql_conversations as conversation_rows
from webbot.store.rules import NOT_SHARED, NOTHING, new_id
from webbot.store.sql_rows import CONVERSATION, SHARE, conversation_from, share_from
from webbot.store.sql_schema import conversations, shares


def make(connection: Connection, owner: str, conversation: str) -> Share:
    known = conversation_rows.find(connection, owner, conversation, to_write=True)
    branches.quiet(connection, conversation)
    if not known.tip:
        raise BadInput(NOTHING)
    take_back(connection, owner, conversation)
    made = Share(token=new_id(), conversation=conversation, tip=known.tip, created_at=time.time())
    connection.execute(insert(shares).values(
        token=made.token, conversation=made.conversation, tip=made.tip, created_at=made.created_at,
    ))
    return made


def of(connection: Connection, owner: str, conversation: str) -> Share | None:
    conversation_rows.find(connection, owner, conversation)
    row = connection.execute(select(*SHARE).where(shares.c.conversation == conversation)).first()
    return None if row is None else share_from(row)


def take_back(connection: Connection, owner: str, conversation: str) -> None:
    conversation_rows.find(connection, owner, conversation, to_write=True)
    connection.execute(delete(shares).where(shares.c.conversation == conversation))


def read(connection: Connection, token: str) -> tuple[Conversation, Sequence[Message]]:
    """The conversation and the branch. Here the token is the right to read."""
    share = connection.execute(select(*SHARE).where(shares.c.token == token)).first()
    known = None if share is None else connection.execute(
        select(*CONVERSATION).where(conversations.c.id == share.conversation, conversations.c.deleted_at.is_(None))
    ).first()
    if share is None or known is None:
        raise NotFound(NOT_SHARED)
    return conversation_from(known), branches.branch(connection, share.conversation, share.tip)
