"""Indexes for what is asked: who calls a skill is read from the index alone, and who is active from the one over their names."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Drop the index over the status, which every change of one had to keep, and let that over callees name the callers."""
    op.drop_index("versions_status", table_name="versions")
    op.drop_index("ix_calls_callee", table_name="calls")
    op.create_index("ix_calls_callee", "calls", ["callee", "caller"])
