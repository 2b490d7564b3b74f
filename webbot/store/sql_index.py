"""The index of words over titles and texts: FTS5 in SQLite, a GIN index in PostgreSQL, over the same words (words.py).

Each row of `indexed` is a title or a piece of a message. Under its id the words stand in a table of SQLite, `search` or
`search_titles`, or in its column `words` in PostgreSQL. Beside the words of the text stand signs, words that no text has: whose
it was when it was indexed, and in PostgreSQL whether it is a title, and its block. Who got conversations from others searches
with their signs, too (`earlier_owners`). An id grows with time, so the newest texts have the greatest. Each function works in the
transaction it is given.

What is forgotten leaves the index with its row in PostgreSQL. In SQLite its words stay in the file until the parts of the index
that had them are written anew; `settle` does that.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, text, update

from webbot.messages import Message
from webbot.store import words
from webbot.store.sql_branches import portions
from webbot.store.sql_schema import Key, about, conversations, earlier_owners, indexed, messages
from webbot.store.words import Term

TITLE = "\u00a4title"  # no word of a text has this sign
ROWS_AT_ONCE = 500
MANY = 50_000  # texts after which a line in the log says how far it is
# PostgreSQL looks for the newest hits block by block, and each row has the word of its block.
BLOCK = 16_384
SETTLED_PAGES = 200  # pages of 4 kB that one step of `settle` writes
FORGOTTEN = "forgotten"  # the name of the row in `about` that says whether there is something to settle
log = logging.getLogger(__name__)

Row = tuple[str, str, str, list[str]]  # owner, conversation, message ("" for a title), words

TABLES = {
    "sqlite": (
        "CREATE VIRTUAL TABLE search USING fts5(words, tokenize='ascii', prefix='1 2')",
        "CREATE VIRTUAL TABLE search_titles USING fts5(words, tokenize='ascii', prefix='1 2')",
    ),
    "postgresql": (
        "ALTER TABLE indexed ADD COLUMN words tsvector NOT NULL DEFAULT ''",
        "CREATE INDEX indexed_words ON indexed USING gin (words) WITH (fastupdate = off)",
    ),
}


def make(connection: Connection) -> None:
    """Makes what `indexed` needs beside it."""
    for statement in TABLES[connection.dialect.name]:
        connection.execute(text(statement))
    connection.execute(insert(about).values(name=FORGOTTEN, value=0))


def owner_word(owner: str) -> str:
    return "\u00a4" + blake2b(owner.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def owner_words(connection: Connection, owner: str) -> list[str]:
    """The words that texts of this owner may have."""
    return [owner_word(owner), *connection.scalars(select(earlier_owners.c.word).where(earlier_owners.c.owner == owner))]


def inherit(connection: Connection, owner: str, to: str) -> None:
    """What has the words of `owner` may be the other one's from now on."""
    new = set(owner_words(connection, owner)) - set(owner_words(connection, to))
    if new:
        put = text("INSERT INTO earlier_owners (owner, word) VALUES (:to, :word) ON CONFLICT DO NOTHING")
        connection.execute(put.bindparams(bindparam("to", type_=Key())), [{"to": to, "word": word} for word in sorted(new)])


# learning


def learn_messages(connection: Connection, owner: str, conversation: str, said: Sequence[Message], *, anew: bool = False) -> None:
    """The texts of these messages are found from now on; `anew`: they may have been found with another text before."""
    if anew:
        _drop(connection, conversation, [message.id for message in said])
    _put(connection, [
        (owner, conversation, message.id, piece) for message in said for piece in words.pieces(message.text)
    ])


def learn_title(connection: Connection, owner: str, conversation: str, title: str, *, anew: bool = False) -> None:
    """The conversation is found by this title from now on."""
    if anew:
        _drop(connection, conversation, [""])
    _put(connection, [(owner, conversation, "", piece) for piece in words.pieces(title)])


def learn_ended(connection: Connection, ids: Sequence[str]) -> None:
    """The texts of these messages, which have ended, are found from now on."""
    for portion in portions(ids):
        query = select(conversations.c.owner, messages.c.conversation, messages.c.id, messages.c.text)
        rows = connection.execute(query.join(conversations).where(messages.c.id.in_(portion))).all()
        for row in rows:
            _drop(connection, row.conversation, [row.id])
        _put(connection, [(row.owner, row.conversation, row.id, piece) for row in rows for piece in words.pieces(row.text)])


def learn_all(connection: Connection) -> None:
    """Every title and every text that has ended is found from now on; nothing was found before."""
    total = connection.scalar(select(func.count()).select_from(messages)) or 0
    in_postgresql = connection.dialect.name == "postgresql"
    if in_postgresql:  # an index of much is made faster than it grows
        connection.execute(text("DROP INDEX indexed_words"))
    learned, waiting = 0, []
    ordered = select(conversations.c.id, conversations.c.owner, conversations.c.title)
    for id, owner, title in connection.execute(ordered.order_by(conversations.c.place)).all():
        waiting += [(owner, id, "", piece) for piece in words.pieces(title)]
        query = select(messages.c.id, messages.c.text).where(messages.c.conversation == id, messages.c.status != "streaming")
        for message, said in connection.execute(query.order_by(messages.c.number)):
            waiting += [(owner, id, message, piece) for piece in words.pieces(said)]
            learned += 1
            if learned % MANY == 0:
                log.info("texts are indexed for search: %d of %d", learned, total)
            if len(waiting) >= ROWS_AT_ONCE:
                _put(connection, waiting)
                waiting = []
    _put(connection, waiting)
    if in_postgresql:
        connection.execute(text(TABLES["postgresql"][1]))


def _put(connection: Connection, rows: Sequence[Row]) -> None:
    if not rows:
        return
    ids = _new_ids(connection, len(rows))
    # Many at a time, of values that come from the tables: the driver's own statements take half the time.
    if connection.dialect.name == "sqlite":
        made = [(id, conversation, message) for id, (_, conversation, message, _) in zip(ids, rows, strict=True)]
        connection.exec_driver_sql("INSERT INTO indexed (id, conversation, message) VALUES (?, ?, ?)", made)
        for table, of_titles in (("search", False), ("search_titles", True)):
            said = [
                (id, " ".join([owner_word(owner), *piece]))
                for id, (owner, _, message, piece) in zip(ids, rows, strict=True) if (message == "") is of_titles
            ]
            if said:
                connection.exec_driver_sql(f"INSERT INTO {table} (rowid, words) VALUES (?, ?)", said)  # noqa: S608 - see above
        return
    vectors = [
        (id, conversation, message, _vector([owner_word(owner), block_word(id), *([] if message else [TITLE])], piece))
        for id, (owner, conversation, message, piece) in zip(ids, rows, strict=True)
    ]
    connection.exec_driver_sql(
        "INSERT INTO indexed (id, conversation, message, words) VALUES (%s, %s, %s, %s::tsvector)", vectors
    )


def _new_ids(connection: Connection, count: int) -> Sequence[int]:
    if connection.dialect.supports_sequences:
        return connection.scalars(
            text("SELECT nextval('indexed_ids') FROM generate_series(1, :count)"), {"count": count}
        ).all()
    last = connection.scalar(select(func.max(indexed.c.id))) or 0
    return range(last + 1, last + 1 + count)


def block_word(id: int) -> str:
    return f"\u00a4block{id // BLOCK}"


def _vector(signs: Iterable[str], piece: Sequence[str]) -> str:
    """The words with their places, as PostgreSQL reads them. They have no quotes and no backslashes."""
    places: dict[str, list[str]] = defaultdict(list)
    for place, word in enumerate(piece, start=1):
        places[word].append(str(place))
    return " ".join([*(f"'{sign}'" for sign in signs), *(f"'{word}':{','.join(at)}" for word, at in places.items())])


# forgetting


def forget_messages(connection: Connection, conversation: str, ids: Sequence[str] | None = None) -> None:
    """The texts of these messages, or of all of the conversation, are found no more."""
    if ids is None:
        _drop_where(connection, (indexed.c.conversation == conversation) & (indexed.c.message != ""))
    else:
        _drop(connection, conversation, ids)
    connection.execute(update(about).where(about.c.name == FORGOTTEN).values(value=1))


def forget_conversation(connection: Connection, conversation: str) -> None:
    """Its title and its texts are found no more."""
    _drop_where(connection, indexed.c.conversation == conversation)
    connection.execute(update(about).where(about.c.name == FORGOTTEN).values(value=1))


def _drop(connection: Connection, conversation: str, ids: Sequence[str]) -> None:
    for portion in portions(ids):
        _drop_where(connection, (indexed.c.conversation == conversation) & indexed.c.message.in_(portion))


def _drop_where(connection: Connection, these: Any) -> None:
    if connection.dialect.name == "sqlite":
        gone = [{"id": id} for id in connection.scalars(select(indexed.c.id).where(these))]
        if not gone:
            return
        for statement in ("DELETE FROM search WHERE rowid = :id", "DELETE FROM search_titles WHERE rowid = :id"):
            connection.execute(text(statement), gone)
    connection.execute(delete(indexed).where(these))


def unsettled(connection: Connection) -> int:
    """How many pages of 4 kB the index has, when words of what was forgotten may be left in the file; else 0."""
    if connection.dialect.name != "sqlite" or not connection.scalar(select(about.c.value).where(about.c.name == FORGOTTEN)):
        return 0
    return connection.scalar(text("SELECT count(*) FROM search_idx")) or 1


def settle(connection: Connection, *, first: bool) -> bool:
    """Writes some of the index anew; `first` begins with all of it. Returns whether all is done."""
    raw: Any = connection.connection.driver_connection
    before = raw.total_changes
    pages = {"pages": -SETTLED_PAGES if first else SETTLED_PAGES}
    connection.execute(text("INSERT INTO search (search, rank) VALUES ('merge', :pages)"), pages)
    connection.execute(text("INSERT INTO search_titles (search_titles, rank) VALUES ('merge', :pages)"), pages)
    done = raw.total_changes - before < 3  # each of the two counts one, and FTS5 one more where there was something to do
    if done:
        connection.execute(update(about).where(about.c.name == FORGOTTEN).values(value=0))
    return done


# finding


def query_text(
    connection: Connection, terms: Sequence[Term], owners: Sequence[str], signs: Sequence[str] = (), one_of: Sequence[str] = ()
) -> str:
    """What asks the index for texts with all these words and signs, one of `owners`, and one of `one_of` (PostgreSQL only)."""
    if connection.dialect.name == "sqlite":
        said = [f'"{" ".join(term.words)}"{" *" if term.begun else ""}' for term in terms]
        any_owner = " OR ".join(f'"{word}"' for word in owners)
        return " AND ".join([f"({any_owner})", *(f'"{sign}"' for sign in signs), *said])
    said = [" <-> ".join(f"'{word}'" for word in term.words) + (":*" if term.begun else "") for term in terms]
    any_of = [" | ".join(f"'{sign}'" for sign in some) for some in (owners, one_of) if some]
    return " & ".join([*(f"'{sign}'" for sign in signs), *(f"({part})" for part in [*any_of, *said])])
