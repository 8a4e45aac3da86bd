"""Asks a library, each time a skill is about to be run, whether it was revoked meanwhile, here or in another process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import sqlalchemy as sa

from skilllib.library import ledger, store, tables
from skilllib.library.database import Database, open_database
from skilllib.library.place import Place
from skilllib.records.program import Program
from skilllib.records.skill import Skill

_Root: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]


class Guard:
    """Knows what is revoked as of now; satisfies `protocols.Guard`.

    One row is read per question, and the revoked skills only when it says that something changed. It can be sent to another
    process, where it opens the library for itself.

    Args:
        place: Where the library is.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._database: Database | None = None
        self._stamp = ""
        self._reasons: dict[str, str] = {}
        self._roots: dict[_Root, str] = {}

    def refusal(self, skill: Skill) -> str | None:
        """Return why a skill must not be run, None if it may."""
        self._follow()
        return self._reasons.get(skill.code_hash)

    def refusal_of(self, program: Program, calls: Mapping[str, str]) -> str | None:
        """Return why a program must not be run, as the code of a revoked skill; None if it may."""
        self._follow()
        return self._roots.get((program.source, tuple(sorted(calls.items()))))

    def close(self) -> None:
        """Let go of the library; it is opened again when asked."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def __getstate__(self) -> dict[str, Any]:
        return {"place": self._place}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["place"])  # type: ignore[misc]  # a guard is nothing but its place

    def _follow(self) -> None:
        if self._database is None:
            self._database = open_database(self._place, create=False)
        with self._database.reading() as connection:
            stamp = store.get_meta(connection, "findable") or ""
            if stamp != self._stamp:
                self._read(connection)
                self._stamp = stamp

    def _read(self, connection: sa.Connection) -> None:
        self._reasons, self._roots = {}, {}
        rows = store.rows(connection, tables.versions.c.status == "revoked")
        entries = {
            entry.number: entry for entry in ledger.entries(connection, tables.ledger.c.number.in_({row.entry for row in rows}))
        }
        for skill, entry in rows:
            why = entries[entry].change.rationale if entry in entries else ""
            reason = f"{skill.name!r} (version {skill.version}) was revoked{f': {why}' if why else ''}"
            self._reasons[skill.code_hash] = reason
            if skill.program is not None:
                calls = tuple(sorted((callee.name, callee.code_hash) for callee in skill.calls))
                self._roots[skill.program.source, calls] = reason
