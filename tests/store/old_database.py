"""A database file as the first webbot wrote it, with a little in it."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

TABLES = """
    CREATE TABLE about (name TEXT NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (name));
    CREATE TABLE conversations (
        id TEXT NOT NULL, owner TEXT NOT NULL, title TEXT NOT NULL, role TEXT NOT NULL, pinned BOOLEAN NOT NULL,
        speaks BOOLEAN NOT NULL, markup TEXT NOT NULL, remembers_from INTEGER NOT NULL, cut_for TEXT NOT NULL,
        version INTEGER NOT NULL, created_at DOUBLE NOT NULL, updated_at DOUBLE NOT NULL, place INTEGER NOT NULL, PRIMARY KEY (id)
    );
    CREATE INDEX conversations_in_order ON conversations (owner, pinned, place);
    CREATE INDEX conversations_by_place ON conversations (owner, place);
    CREATE TABLE sessions ("key" TEXT NOT NULL, value BLOB NOT NULL, ends_at DOUBLE NOT NULL, PRIMARY KEY ("key"));
    CREATE INDEX ix_sessions_ends_at ON sessions (ends_at);
    CREATE TABLE messages (
        id TEXT NOT NULL, conversation TEXT NOT NULL, number INTEGER NOT NULL, role TEXT NOT NULL, text TEXT NOT NULL,
        status TEXT NOT NULL, tokens INTEGER, counted_by TEXT NOT NULL, created_at DOUBLE NOT NULL, usage JSON,
        error TEXT NOT NULL, spoken JSON NOT NULL, PRIMARY KEY (id), UNIQUE (conversation, number),
        FOREIGN KEY(conversation) REFERENCES conversations (id) ON DELETE CASCADE
    );
    CREATE UNIQUE INDEX one_running_answer ON messages (conversation) WHERE status = 'streaming';
"""
REQUESTS = """
    CREATE TABLE requests (
        message TEXT NOT NULL, value JSON NOT NULL, PRIMARY KEY (message),
        FOREIGN KEY(message) REFERENCES messages (id) ON DELETE CASCADE
    );
    INSERT INTO requests VALUES ('a1', '{"model": "llama"}');
"""
MODEL = """
    ALTER TABLE conversations ADD COLUMN model TEXT NOT NULL DEFAULT '';
    UPDATE conversations SET model = 'llama' WHERE id = 'c1';
"""
ROWS = """
    INSERT INTO about VALUES ('schema', 1), ('checked', 0);
    INSERT INTO conversations VALUES
        ('c1', 'ann', 'Trees', 'Be kind.', 1, 0, 'markdown', 3, 'echo', 7, 5.0, 6.0, 1),
        ('c2', 'ann', '', '', 0, 1, 'textile', 0, '', 1, 7.0, 8.0, 2),
        ('c3', 'bob', 'Runs', '', 0, 0, 'markdown', 0, '', 2, 9.0, 9.5, 1);
    INSERT INTO messages VALUES
        ('q1', 'c1', 1, 'user', 'What is a tree?', 'complete', 4, 'echo', 5.0, NULL, '', '{"language": "en"}'),
        ('a1', 'c1', 2, 'assistant', 'A plant.', 'complete', NULL, '', 5.1,
            '{"prompt_tokens": 7, "answer_tokens": 2, "cached_tokens": 0, "first_token_seconds": 0.25, "seconds": 1.5}', '',
            '{}'),
        ('q2', 'c1', 3, 'user', '一棵树?', 'complete', NULL, '', 5.2, NULL, '', '{}'),
        ('a2', 'c1', 6, 'assistant', 'An oak', 'failed', NULL, '', 5.3, NULL, 'It broke.', '{}'),
        ('q3', 'c3', 1, 'user', 'Hm?', 'complete', NULL, '', 9.0, NULL, '', '{}'),
        ('a3', 'c3', 2, 'assistant', 'Half', 'streaming', NULL, '', 9.0, NULL, '', '{}');
    INSERT INTO sessions VALUES ('k', x'00ff', 99999999999.0);
"""


def write(file: Path, *, requests: bool = False, model: bool = False) -> None:
    """`requests` and `model`: as later webbots of that time wrote it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(file)) as raw:
        raw.executescript("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;")
        raw.executescript(TABLES + ROWS + (REQUESTS if requests else "") + (MODEL if model else ""))
