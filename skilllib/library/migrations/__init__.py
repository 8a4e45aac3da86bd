"""Changes of the schema, forward only: each is one alembic revision in `versions/`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from skilllib.library.seal import seal

FORMAT = 6
"""Of the library on disk; one more with every revision. A library with a larger number was written by a newer skilllib."""


def upgrade(connection: Connection, to: int = FORMAT) -> None:
    """Bring the schema to a format, the present one by default, within the connection's transaction: as a whole or not at all."""
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(Path(__file__).parent))

    def steps(revision: Any, _context: Any) -> Any:
        return scripts._upgrade_revs(f"{to:04}", revision)

    with EnvironmentContext(Config(), scripts, fn=steps, destination_rev=f"{to:04}") as environment:
        environment.configure(connection=connection)
        with environment.begin_transaction():
            environment.run_migrations()
    row = {"key": "format", "value": str(to)}
    sealed = ", seal = :seal" if to > 1 else ""  # since format 2
    connection.execute(text(f"UPDATE meta SET value = :value{sealed} WHERE key = :key"), {**row, "seal": seal(row)})
    logging.getLogger(__name__).debug("library brought to format %d", to)
