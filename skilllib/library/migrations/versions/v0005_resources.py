"""Further files of a skill's folder, kept to the letter: what its text points at."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make a place for them."""
    op.create_table(
        "resources",
        sa.Column("version_hash", sa.String(64), primary_key=True),
        sa.Column("path", sa.String, primary_key=True),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("seal", sa.String(64), nullable=False, server_default=""),
    )
