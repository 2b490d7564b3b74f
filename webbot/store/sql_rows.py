"""How rows become the vocabulary of messages.py, and back. It knows nothing of transactions."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import Row

from webbot.messages import Conversation, File, Message, Share, Usage
from webbot.store.sql_schema import conversations, files, messages, shares

# What a row has beside the fields of the value that it holds.
CONVERSATION = [column for column in conversations.c if column.name not in ("place", "deleted_at")]
MESSAGE = [column for column in messages.c if column.name not in ("conversation", "shown")]
FILE = [column for column in files.c if column.name not in ("conversation", "number", "text", "data")]
SHARE = list(shares.c)


def conversation_from(row: Row[Any]) -> Conversation:
    """From a row of the columns CONVERSATION."""
    return Conversation(**row._mapping)


def message_from(row: Row[Any]) -> Message:
    """From a row of the columns MESSAGE."""
    values = dict(row._mapping)
    if values["usage"] is not None:
        values["usage"] = Usage(**values["usage"])
    return Message(**values)


def file_from(row: Row[Any]) -> File:
    """From a row of the columns FILE."""
    return File(**row._mapping)


def share_from(row: Row[Any]) -> Share:
    return Share(**row._mapping)


def message_row(message: Message, conversation: str, *, shown: bool) -> dict[str, Any]:
    return {
        "id": message.id, "conversation": conversation, "number": message.number, "role": message.role,
        "text": message.text, "status": message.status, "tokens": message.tokens, "counted_by": message.counted_by,
        "created_at": message.created_at, "usage": usage_value(message.usage), "error": message.error,
        "spoken": message.spoken, "parent": message.parent, "shown": shown, "pinned": message.pinned,
        "feedback": message.feedback, "remembers_from": message.remembers_from, "cut_for": message.cut_for,
    }


def file_row(file: File, conversation: str, number: int, text: str, data: bytes) -> dict[str, Any]:
    return {**asdict(file), "conversation": conversation, "number": number, "text": text, "data": data}


def usage_value(usage: Usage | None) -> dict[str, Any] | None:
    return None if usage is None else asdict(usage)
