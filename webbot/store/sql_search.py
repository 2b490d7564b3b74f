"""The list of an owner's conversations, and those that a search finds in it. Each function works in the transaction it is given.

A search looks at the newest HITS texts that have all its words, so that its time is bounded also for a word that stands in nearly
every message: of such a word only the conversations of those texts are found. Titles are looked at by themselves, HITS of them.
In SQLite the last word is taken as whole first, and as begun only where that gives fewer hits. PostgreSQL looks at the newest two
blocks of texts first, and at all others only where few of those had the words.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, TextClause, select, text

from webbot.messages import Conversation
from webbot.store import words
from webbot.store.rules import within
from webbot.store.sql_index import BLOCK, TITLE, block_word, owner_words, query_text
from webbot.store.sql_rows import CONVERSATION, conversation_from
from webbot.store.sql_schema import conversations
from webbot.store.words import Term

HITS = 20_000
ENOUGH = 2_000  # hits in the newest two blocks by which a word is one that stands in many texts

# The conversations of the newest hits, and how many hits each has.
IN_TEXTS, IN_TITLES, IN_POSTGRESQL = map(text, ("""
    SELECT indexed.conversation, count(*) FROM (
        SELECT rowid AS id FROM search WHERE search MATCH :query ORDER BY rowid DESC LIMIT :hits
    ) AS hit JOIN indexed ON indexed.id = hit.id GROUP BY indexed.conversation
""", """
    SELECT indexed.conversation, count(*) FROM (
        SELECT rowid AS id FROM search_titles WHERE search_titles MATCH :query ORDER BY rowid DESC LIMIT :hits
    ) AS hit JOIN indexed ON indexed.id = hit.id GROUP BY indexed.conversation
""", """
    SELECT conversation, count(*) FROM (
        SELECT conversation FROM indexed WHERE words @@ CAST(:query AS tsquery) ORDER BY id DESC LIMIT :hits
    ) AS hit GROUP BY conversation
"""))
# Without it PostgreSQL may read the rows one after the other, newest first, in the hope of a word that stands in many.
ONLY_BITMAPS = text("SELECT set_config('enable_seqscan', 'off', true), set_config('enable_indexscan', 'off', true)")
ONE_IN_SQLITE = text("conversations.id IN (SELECT value FROM json_each(:ids))")
# An array whose length PostgreSQL knows: it may know nothing yet of an owner who just got thousands of conversations.
ONE_IN_POSTGRESQL = text("conversations.id = ANY(CAST(:ids AS text[]))")


def list_conversations(connection: Connection, owner: str, search: str, limit: int, offset: int) -> list[Conversation]:
    """Pinned ones first, then the last changed; those that are found, when there is something to look for."""
    query = select(*CONVERSATION).where(conversations.c.owner == owner, conversations.c.deleted_at.is_(None))
    if search.strip():
        wanted = words.terms(search)
        found = _found(connection, owner, wanted) if wanted else ()
        if not found:
            return []
        if connection.dialect.name == "sqlite":
            query = query.where(ONE_IN_SQLITE.bindparams(ids=json.dumps(sorted(found))))
        else:
            query = query.where(ONE_IN_POSTGRESQL.bindparams(ids=sorted(found)))
    query = query.order_by(conversations.c.pinned.desc(), conversations.c.place.desc())
    return [conversation_from(row) for row in connection.execute(query.limit(within(limit)).offset(within(offset)))]


def _found(connection: Connection, owner: str, wanted: Sequence[Term]) -> set[str]:
    """The ids of conversations with all these words in the title or in one text."""
    mine = owner_words(connection, owner)
    if connection.dialect.name == "sqlite":
        return _found_in_sqlite(connection, mine, wanted)
    connection.execute(ONLY_BITMAPS)
    blocks = _newest_blocks(connection)
    found = _newest(connection, IN_POSTGRESQL, query_text(connection, wanted, mine, one_of=blocks))
    if blocks and sum(found.values()) < ENOUGH:
        found = _newest(connection, IN_POSTGRESQL, query_text(connection, wanted, mine))
    if blocks:  # titles are older than the newest hits
        found |= _newest(connection, IN_POSTGRESQL, query_text(connection, wanted, mine, [TITLE]))
    return set(found)


def _found_in_sqlite(connection: Connection, mine: Sequence[str], wanted: Sequence[Term]) -> set[str]:
    whole = [replace(term, begun=False) for term in wanted]
    found = _newest(connection, IN_TEXTS, query_text(connection, whole, mine))
    if sum(found.values()) < HITS:
        found = _newest(connection, IN_TEXTS, query_text(connection, wanted, mine))
    return set(found) | set(_newest(connection, IN_TITLES, query_text(connection, wanted, mine)))


def _newest(connection: Connection, where: TextClause, query: str) -> dict[str, int]:
    return {row[0]: row[1] for row in connection.execute(where, {"query": query, "hits": HITS})}


def _newest_blocks(connection: Connection) -> list[str]:
    """The words of the newest two blocks; none where these are all."""
    last = connection.scalar(text("SELECT last_value FROM indexed_ids")) or 0
    return [block_word(last), block_word(last - BLOCK)] if last >= 2 * BLOCK else []
