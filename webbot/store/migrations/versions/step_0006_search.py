"""Search by words. The texts that are there are indexed by the code of today: what it reads of them is older than this step."""

import sqlalchemy as sa
from alembic import op

from webbot.store import sql_index

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "indexed",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
        sa.Column("conversation", sa.Text, sa.ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
    )
    op.create_index("indexed_of", "indexed", ["conversation", "message"])
    if op.get_bind().dialect.supports_sequences:
        op.execute("CREATE SEQUENCE indexed_ids")
    sql_index.make(op.get_bind())
    sql_index.learn_all(op.get_bind())
    op.execute("UPDATE about SET value = 2 WHERE name = 'schema'")  # a webbot that knows no steps refuses the file
