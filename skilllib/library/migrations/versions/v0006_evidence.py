"""What skills were shown to do is kept as vectors, by which a look-up weighs evidence against prose."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make a place for them; look-ups fill it."""
    op.create_table(
        "evidence",
        sa.Column("code_hash", sa.String(64), primary_key=True),
        sa.Column("fingerprint", sa.String, primary_key=True),
        sa.Column("vector", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("seal", sa.String(64), nullable=False, server_default=""),
    )
