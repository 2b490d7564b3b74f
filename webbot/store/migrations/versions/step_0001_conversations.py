"""The first webbot: conversations, their messages, sessions."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "about",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Integer, nullable=False),
    )
    op.create_table(
        "conversations",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("pinned", sa.Boolean, nullable=False),
        sa.Column("speaks", sa.Boolean, nullable=False),
        sa.Column("markup", sa.Text, nullable=False),
        sa.Column("remembers_from", sa.Integer, nullable=False),
        sa.Column("cut_for", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("updated_at", sa.Double, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
    )
    op.create_index("conversations_in_order", "conversations", ["owner", "pinned", "place"])
    op.create_index("conversations_by_place", "conversations", ["owner", "place"])
    op.create_table(
        "messages",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("conversation", sa.Text, sa.ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("tokens", sa.Integer),
        sa.Column("counted_by", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("usage", sa.JSON),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("spoken", sa.JSON, nullable=False),
        sa.UniqueConstraint("conversation", "number"),
    )
    streaming = sa.text("status = 'streaming'")
    op.create_index(
        "one_running_answer", "messages", ["conversation"], unique=True, sqlite_where=streaming, postgresql_where=streaming
    )
    op.create_table(
        "sessions",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("ends_at", sa.Double, nullable=False),
    )
    op.create_index("ix_sessions_ends_at", "sessions", ["ends_at"])
    op.execute("INSERT INTO about (name, value) VALUES ('schema', 1), ('checked', 0)")
