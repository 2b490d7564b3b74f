"""Messages become a tree. Those of a conversation were in the order of their numbers; each follows the one before, all are shown.

The marks of a conversation are kept with its newest answer too. Nobody knows any more who gave a title: it is taken for a
person's, so that no model changes it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    for column in (
        sa.Column("titled_by", sa.Text, nullable=False, server_default=""),
        sa.Column("tip", sa.Text, nullable=False, server_default=""),
        sa.Column("deleted_at", sa.Double),
    ):
        op.add_column("conversations", column)
    for column in (
        sa.Column("parent", sa.Text, nullable=False, server_default=""),
        sa.Column("shown", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("pinned", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("feedback", sa.Text, nullable=False, server_default=""),
        sa.Column("remembers_from", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("cut_for", sa.Text, nullable=False, server_default=""),
    ):
        op.add_column("messages", column)
    op.execute("""
        UPDATE messages SET shown = true, parent = coalesce((
            SELECT before.id FROM messages AS before
            WHERE before.conversation = messages.conversation AND before.number < messages.number
            ORDER BY before.number DESC LIMIT 1
        ), '')
    """)
    op.execute("""
        UPDATE conversations SET titled_by = CASE WHEN title = '' THEN '' ELSE 'person' END, tip = coalesce((
            SELECT id FROM messages WHERE conversation = conversations.id ORDER BY number DESC LIMIT 1
        ), '')
    """)
    op.execute("""
        UPDATE messages
        SET (remembers_from, cut_for) = (SELECT remembers_from, cut_for FROM conversations WHERE id = messages.conversation)
        WHERE id IN (SELECT (
            SELECT id FROM messages WHERE conversation = conversations.id AND role = 'assistant' ORDER BY number DESC LIMIT 1
        ) FROM conversations)
    """)
    deleted = sa.text("deleted_at IS NOT NULL")
    op.create_index("conversations_deleted", "conversations", ["deleted_at"], sqlite_where=deleted, postgresql_where=deleted)
    op.create_index("messages_shown", "messages", ["conversation", "shown", "number"])
    op.create_index("messages_by_parent", "messages", ["conversation", "parent", "number"])
    op.create_index(
        "messages_pinned", "messages", ["conversation", "shown"],
        sqlite_where=sa.text("pinned = 1"), postgresql_where=sa.text("pinned"),
    )
    if op.get_bind().dialect.supports_sequences:
        op.execute("CREATE SEQUENCE places")
        op.execute("SELECT setval('places', (SELECT coalesce(max(place), 0) + 1 FROM conversations))")
