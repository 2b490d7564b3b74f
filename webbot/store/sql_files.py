"""Files of a conversation as rows, with their texts and bytes. Each function works in the transaction it is given."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Column, Connection, delete, func, insert, select

from webbot.errors import NotFound
from webbot.messages import File
from webbot.store import sql_conversations as conversation_rows
from webbot.store.rules import NO_FILE, new_id
from webbot.store.sql_rows import FILE, file_from, file_row
from webbot.store.sql_schema import files


def add(connection: Connection, owner: str, conversation: str, file: File, text: str, data: bytes) -> File:
    conversation_rows.find(connection, owner, conversation, to_write=True)
    kept = put(connection, conversation, replace(file, created_at=time.time()), text, data)
    conversation_rows.touch(connection, owner, conversation)
    return kept


def put(connection: Connection, conversation: str, file: File, text: str, data: bytes) -> File:
    """Keeps a file behind those of the conversation, with an id of its own."""
    number = connection.scalar(select(func.max(files.c.number)).where(files.c.conversation == conversation)) or 0
    row = file_row(replace(file, id=new_id()), conversation, number + 1, text, data)
    connection.execute(insert(files).values(row))
    return file_from(connection.execute(select(*FILE).where(files.c.id == row["id"])).one())


def all_of(connection: Connection, owner: str, conversation: str) -> Sequence[File]:
    conversation_rows.find(connection, owner, conversation)
    query = select(*FILE).where(files.c.conversation == conversation).order_by(files.c.number)
    return [file_from(row) for row in connection.execute(query)]


def part(connection: Connection, owner: str, conversation: str, file: str, column: Column[Any]) -> Any:
    """The text or the bytes of a file."""
    mine = files.c.conversation == conversation_rows.id_of(owner, conversation)
    row = connection.execute(select(column).where(mine, files.c.id == file)).first()
    if row is None:
        raise NotFound(NO_FILE)
    return row[0]


def remove(connection: Connection, owner: str, conversation: str, file: str) -> None:
    conversation_rows.find(connection, owner, conversation, to_write=True)
    these = delete(files).where(files.c.conversation == conversation, files.c.id == file)
    if connection.execute(these).rowcount == 0:
        raise NotFound(NO_FILE)
    conversation_rows.touch(connection, owner, conversation)
