"""Looks for damage in what is stored: whether the trees of messages are trees, and the branches that are shown are branches."""

from __future__ import annotations

from sqlalchemy import Connection, text

# A sentence, and a query for the number of rows of which it is true.
RULES = (
    ("{count} messages follow one that is not there, or that is newer.", """
        SELECT count(*) FROM messages AS message
        LEFT JOIN messages AS before ON before.id = message.parent AND before.conversation = message.conversation
        WHERE message.parent <> '' AND (before.id IS NULL OR before.number >= message.number)
    """),
    ("{count} messages are shown behind one that is not shown.", """
        SELECT count(*) FROM messages AS message
        JOIN messages AS before ON before.id = message.parent AND before.conversation = message.conversation
        WHERE message.shown AND NOT before.shown
    """),
    ("{count} messages have two versions that are shown at once.", """
        SELECT count(*) FROM (SELECT 1 FROM messages WHERE shown GROUP BY conversation, parent HAVING count(*) > 1) AS twice
    """),
    ("{count} conversations do not end where their shown messages end.", """
        SELECT count(*) FROM conversations
        WHERE tip <> coalesce((
            SELECT id FROM messages WHERE conversation = conversations.id AND shown ORDER BY number DESC LIMIT 1
        ), '') OR (tip = '' AND EXISTS (SELECT 1 FROM messages WHERE conversation = conversations.id))
    """),
    ("{count} conversations have two running answers.", """
        SELECT count(*) FROM (
            SELECT 1 FROM messages WHERE status = 'streaming' GROUP BY conversation HAVING count(*) > 1
        ) AS twice
    """),
    ("{count} texts are not found by search.", """
        SELECT count(*) FROM messages WHERE status <> 'streaming' AND NOT EXISTS (
            SELECT 1 FROM indexed WHERE indexed.conversation = messages.conversation AND indexed.message = messages.id
        )
    """),
    ("{count} titles are not found by search.", """
        SELECT count(*) FROM conversations WHERE NOT EXISTS (
            SELECT 1 FROM indexed WHERE indexed.conversation = conversations.id AND indexed.message = ''
        )
    """),
    ("Search finds {count} texts that are not there.", """
        SELECT count(*) FROM indexed WHERE message <> '' AND NOT EXISTS (
            SELECT 1 FROM messages WHERE messages.id = indexed.message AND messages.conversation = indexed.conversation
        )
    """),
    ("{count} links let read a message that is not there.", """
        SELECT count(*) FROM shares
        WHERE NOT EXISTS (SELECT 1 FROM messages WHERE id = shares.tip AND conversation = shares.conversation)
    """),
)
# FTS5 keeps the words of a text in a table of its own.
IN_SQLITE = (
    ("The words of {count} texts are lost.", """
        SELECT count(*) FROM indexed
        WHERE id NOT IN (SELECT id FROM search_docsize UNION ALL SELECT id FROM search_titles_docsize)
    """),
    ("Search has the words of {count} texts that are not there.", """
        SELECT count(*) FROM (SELECT id FROM search_docsize UNION ALL SELECT id FROM search_titles_docsize) AS kept
        WHERE id NOT IN (SELECT id FROM indexed)
    """),
)


def damage(connection: Connection) -> list[str]:
    """A sentence for each kind of damage, none when all is well."""
    found = []
    for sentence, query in RULES:
        if count := connection.scalar(text(query)):
            found.append(sentence.format(count=count))
    if connection.dialect.name == "sqlite":
        found += _damaged_file(connection)
    return found


def _damaged_file(connection: Connection) -> list[str]:
    found = []
    for sentence, query in IN_SQLITE:
        if count := connection.scalar(text(query)):
            found.append(sentence.format(count=count))
    told = [row[0] for row in connection.exec_driver_sql("PRAGMA integrity_check(20)")]
    if told != ["ok"]:
        found.append(f"The file is damaged: {'; '.join(told)}.")
    lost = len(connection.exec_driver_sql("PRAGMA foreign_key_check").all())
    if lost:
        found.append(f"{lost} rows belong to something that is not there.")
    return found
