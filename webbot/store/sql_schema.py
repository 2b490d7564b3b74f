"""The tables: plain SQL for SQLite and PostgreSQL. It knows nothing of connections, transactions or files.

A branch is the way from a message back to the beginning by `parent`. `shown` marks the messages of the branch that is shown, so
that its pages are a range of an index; whoever changes a conversation's `tip` keeps them in step (sql_branches.py).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Sequence,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeDecorator

from webbot.store.rules import storable


class Content(TypeDecorator[str]):
    """Text that people and models wrote. What no database can hold (lone surrogates, NUL) becomes U+FFFD."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else storable(value)


class Key(TypeDecorator[str]):
    """Text that is only compared: two different keys never become one, whatever stands in them."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def _where(condition: str, in_sqlite: str = "") -> dict[str, Any]:
    return {"sqlite_where": text(in_sqlite or condition), "postgresql_where": text(condition)}


metadata = MetaData()

about = Table(
    "about", metadata,
    Column("name", Key, primary_key=True),
    Column("value", Integer, nullable=False),
)

# The revision of the schema, as Alembic keeps it.
alembic_version = Table(
    "alembic_version", metadata,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)

# Places of conversations where several processes write at once; SQLite has no sequences, and one writer at a time.
places = Sequence("places", metadata=metadata)

conversations = Table(
    "conversations", metadata,
    Column("id", Key, primary_key=True),
    Column("owner", Key, nullable=False),
    Column("title", Content, nullable=False),
    Column("role", Content, nullable=False),
    Column("pinned", Boolean, nullable=False, default=False),
    Column("speaks", Boolean, nullable=False, default=False),
    Column("markup", Text, nullable=False, default="markdown"),
    Column("remembers_from", Integer, nullable=False, default=0),
    Column("cut_for", Content, nullable=False, default=""),
    Column("version", Integer, nullable=False, default=1),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    # Orders an owner's conversations by their last change: a clock may jump, a number does not. Less than that of all others,
    # also less than 0, for an older one from elsewhere.
    Column("place", Integer, nullable=False),
    Column("model", Content, nullable=False, default="", server_default=""),
    Column("titled_by", Text, nullable=False, default="", server_default=""),
    Column("tip", Key, nullable=False, default="", server_default=""),
    Column("deleted_at", Double),
    Index("conversations_in_order", "owner", "pinned", "place"),
    Index("conversations_by_place", "owner", "place"),
    Index("conversations_deleted", "deleted_at", **_where("deleted_at IS NOT NULL")),
)

messages = Table(
    "messages", metadata,
    Column("id", Key, primary_key=True),
    Column("conversation", Key, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("role", Text, nullable=False),
    Column("text", Content, nullable=False),
    Column("status", Text, nullable=False),
    Column("tokens", Integer),
    Column("counted_by", Content, nullable=False, default=""),
    Column("created_at", Double, nullable=False),
    Column("usage", JSON(none_as_null=True)),
    Column("error", Content, nullable=False, default=""),
    Column("spoken", JSON, nullable=False),
    Column("parent", Key, nullable=False, default="", server_default=""),
    Column("shown", Boolean, nullable=False, default=False, server_default=text("false")),
    Column("pinned", Boolean, nullable=False, default=False, server_default=text("false")),
    Column("feedback", Text, nullable=False, default="", server_default=""),
    Column("remembers_from", Integer, nullable=False, default=0, server_default=text("0")),
    Column("cut_for", Content, nullable=False, default="", server_default=""),
    UniqueConstraint("conversation", "number"),
    Index("messages_shown", "conversation", "shown", "number"),
    Index("messages_by_parent", "conversation", "parent", "number"),
    Index("messages_pinned", "conversation", "shown", **_where("pinned", in_sqlite="pinned = 1")),
    # The database itself refuses a second running answer, whatever the code above it does.
    Index("one_running_answer", "conversation", unique=True, **_where("status = 'streaming'")),
)

# What programs asked for beside a question, kept with the answer.
requests = Table(
    "requests", metadata,
    Column("message", Key, ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
    Column("value", JSON, nullable=False),
)

files = Table(
    "files", metadata,
    Column("id", Key, primary_key=True),
    Column("conversation", Key, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("name", Content, nullable=False),
    Column("media_type", Content, nullable=False),
    Column("size", Integer, nullable=False),
    Column("tokens", Integer),
    Column("counted_by", Content, nullable=False, default=""),
    Column("created_at", Double, nullable=False),
    # Last, so that a list of files reads neither.
    Column("text", Content, nullable=False),
    Column("data", LargeBinary, nullable=False),
    UniqueConstraint("conversation", "number"),
)

# What search looks at: titles (message "") and messages, long ones in several pieces. sql_index.py has the words beside it.
indexed_ids = Sequence("indexed_ids", metadata=metadata)
indexed = Table(
    "indexed", metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("conversation", Key, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("message", Key, nullable=False),
    Index("indexed_of", "conversation", "message"),
)

shares = Table(
    "shares", metadata,
    Column("token", Key, primary_key=True),
    Column("conversation", Key, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False, unique=True),
    Column("tip", Key, nullable=False),
    Column("created_at", Double, nullable=False),
)

sessions = Table(
    "sessions", metadata,
    Column("key", Key, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("ends_at", Double, nullable=False, index=True),
)

# People and what belongs to them: small JSON values.
entries = Table(
    "entries", metadata,
    Column("kind", Key, primary_key=True),
    Column("id", Key, primary_key=True),
    Column("owner", Key, nullable=False),
    Column("value", JSON, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("ends_at", Double),
    Index("entries_of", "kind", "owner"),
    Index("entries_ending", "ends_at"),
)

# The words (sql_index.py) by which search finds what an owner got from others: its texts are not indexed anew.
earlier_owners = Table(
    "earlier_owners", metadata,
    Column("owner", Key, primary_key=True),
    Column("word", Text, primary_key=True),
)

counters = Table(
    "counters", metadata,
    Column("key", Key, primary_key=True),
    Column("value", BigInteger, nullable=False),
    Column("ends_at", Double, nullable=False, index=True),
)
