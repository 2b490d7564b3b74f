"""The model of a conversation. Some webbots added the column by themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    if "model" not in {column["name"] for column in sa.inspect(op.get_bind()).get_columns("conversations")}:
        op.add_column("conversations", sa.Column("model", sa.Text, nullable=False, server_default=""))
