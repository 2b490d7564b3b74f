"""What programs asked for beside a question. Some webbots made the table by themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    if sa.inspect(op.get_bind()).has_table("requests"):
        return
    op.create_table(
        "requests",
        sa.Column("message", sa.Text, sa.ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("value", sa.JSON, nullable=False),
    )
