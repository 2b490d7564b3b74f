"""Search over titles and texts. Each function works in the transaction it is given."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, Text, func, or_, select

from webbot.messages import Conversation, Message
from webbot.store.sql_rows import CONVERSATION, conversation_from
from webbot.store.sql_schema import conversations, messages, within

SEARCH_LENGTH = 200  # characters of a search that count


def fold(text: str) -> str:
    """A text for comparing without regard to case, accents' encoding and width of letters."""
    return unicodedata.normalize("NFKC", text).casefold()


def list_conversations(
    connection: Connection, owner: str, search: str, limit: int, offset: int
) -> list[Conversation]:
    query = select(*CONVERSATION).where(conversations.c.owner == owner, conversations.c.deleted_at.is_(None))
    if wanted := fold(search).strip()[:SEARCH_LENGTH]:
        query = query.where(_contains(wanted))
    query = query.order_by(conversations.c.pinned.desc(), conversations.c.place.desc())
    query = query.limit(within(limit)).offset(within(offset))
    return [conversation_from(row) for row in connection.execute(query)]


def _contains(wanted: str) -> ColumnElement[bool]:
    """Conversations with `wanted` (folded) in the title or in a message."""
    said = select(messages.c.id).where(
        messages.c.conversation == conversations.c.id,
        func.folded(messages.c.text, type_=Text()).contains(wanted, autoescape=True),
    )
    return or_(func.folded(conversations.c.title, type_=Text()).contains(wanted, autoescape=True), said.exists())


def learn_messages(connection: Connection, owner: str, conversation: str, said: Sequence[Message]) -> None:
    """The texts of these messages are found from now on."""


def learn_title(connection: Connection, owner: str, conversation: str, title: str) -> None:
    """The conversation is found by this title from now on."""


def forget_messages(connection: Connection, conversation: str, ids: Sequence[str] | None = None) -> None:
    """The texts of these messages, or of all, are found no more."""


def forget_conversation(connection: Connection, conversation: str) -> None:
    """Its title and its texts are found no more."""


def learn_again(connection: Connection, ids: Sequence[str]) -> None:
    """The texts of these messages, which have ended, are found from now on."""


def learn_all(connection: Connection) -> None:
    """Every text and title that is not yet found is found from now on."""
