"""Entries (people and what belongs to them), counters, and what search needs to know of conversations that changed hands."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "entries",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("value", sa.JSON, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("ends_at", sa.Double),
    )
    op.create_index("entries_of", "entries", ["kind", "owner"])
    op.create_index("entries_ending", "entries", ["ends_at"])
    op.create_table(
        "earlier_owners",
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("word", sa.Text, primary_key=True),
    )
    op.create_table(
        "counters",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.Column("ends_at", sa.Double, nullable=False),
    )
    op.create_index("ix_counters_ends_at", "counters", ["ends_at"])
