"""The tables, and how their rows become the vocabulary of messages.py. Plain SQL for SQLite and PostgreSQL.

It knows nothing of connections, transactions or files.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import (
    DDL,
    JSON,
    Boolean,
    Column,
    Connection,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    Table,
    Text,
    UniqueConstraint,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import TypeDecorator

from webbot.errors import SettingsError
from webbot.messages import Conversation, Message, Usage

VERSION = 1
LARGEST = 2**31 - 1  # the most that an Integer column holds


class Content(TypeDecorator[str]):
    """Text that people and models wrote. What no database can hold (lone surrogates, NUL) becomes U+FFFD."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else _storable(value)


def _storable(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")


class Key(TypeDecorator[str]):
    """Text that is only compared: two different keys never become one, whatever stands in them."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


class folded(GenericFunction[str]):
    """A text without regard to case. PostgreSQL's lower() knows Unicode; SQLite's does not, so sql_database.py brings its own."""

    type = Text()
    inherit_cache = True


@compiles(folded)
def _folded(element: Any, compiler: Any, **options: Any) -> str:
    return f"lower({compiler.process(element.clauses, **options)})"


@compiles(folded, "sqlite")
def _folded_in_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"folded({compiler.process(element.clauses, **options)})"


metadata = MetaData()

about = Table(
    "about", metadata,
    Column("name", Key, primary_key=True),
    Column("value", Integer, nullable=False),
)

conversations = Table(
    "conversations", metadata,
    Column("id", Key, primary_key=True),
    Column("owner", Key, nullable=False),
    Column("title", Content, nullable=False),
    Column("role", Content, nullable=False),
    Column("pinned", Boolean, nullable=False, default=False),
    Column("speaks", Boolean, nullable=False, default=False),
    Column("markup", Text, nullable=False, default="markdown"),
    Column("model", Content, nullable=False, default="", server_default=""),
    Column("remembers_from", Integer, nullable=False, default=0),
    Column("cut_for", Content, nullable=False, default=""),
    Column("version", Integer, nullable=False, default=1),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    # Orders an owner's conversations by their last change: a clock may jump, a number does not.
    Column("place", Integer, nullable=False),
    Index("conversations_in_order", "owner", "pinned", "place"),
    Index("conversations_by_place", "owner", "place"),
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
    UniqueConstraint("conversation", "number"),
    # The database itself refuses a second running answer, whatever the code above it does.
    Index(
        "one_running_answer", "conversation", unique=True,
        sqlite_where=text("status = 'streaming'"), postgresql_where=text("status = 'streaming'"),
    ),
)

# What programs asked for beside a question, kept with the answer.
requests = Table(
    "requests", metadata,
    Column("message", Key, ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
    Column("value", JSON, nullable=False),
)

sessions = Table(
    "sessions", metadata,
    Column("key", Key, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("ends_at", Double, nullable=False, index=True),
)


def prepare(connection: Connection) -> None:
    """Makes the tables of a new database; of one that is there, checks that this webbot can read it."""
    tables = connection.dialect.get_table_names(connection)
    if not tables:
        metadata.create_all(connection)
        connection.execute(insert(about), [{"name": "schema", "value": VERSION}, {"name": "checked", "value": 0}])
        return
    if about.name not in tables or sessions.name not in tables:
        raise SettingsError("The database in the data folder belongs to another program. Please choose another folder.")
    version = connection.scalar(select(about.c.value).where(about.c.name == "schema")) or 0
    if version > VERSION:
        raise SettingsError(
            "The database was written by a newer webbot (format {found}, this one reads up to {known}). Please update webbot.",
            found=version, known=VERSION,
        )
    # A table or a column that an older webbot did not know; it does not mind them either.
    metadata.create_all(connection)
    if "model" not in {column["name"] for column in inspect(connection).get_columns(conversations.name)}:
        connection.execute(DDL("ALTER TABLE conversations ADD COLUMN model TEXT NOT NULL DEFAULT ''"))


def conversation_from(row: Row[Any]) -> Conversation:
    values = dict(row._mapping)
    del values["place"]
    return Conversation(**values)


def message_from(row: Row[Any]) -> Message:
    values = dict(row._mapping)
    del values["conversation"]
    if values["usage"] is not None:
        values["usage"] = Usage(**values["usage"])
    return Message(**values)


def row_from(message: Message, conversation: str) -> dict[str, Any]:
    return {
        "id": message.id, "conversation": conversation, "number": message.number, "role": message.role,
        "text": message.text, "status": message.status, "tokens": message.tokens, "counted_by": message.counted_by,
        "created_at": message.created_at, "usage": usage_value(message.usage), "error": message.error,
        "spoken": message.spoken,
    }


def usage_value(usage: Usage | None) -> dict[str, Any] | None:
    return None if usage is None else asdict(usage)
