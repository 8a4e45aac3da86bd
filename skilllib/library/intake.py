"""Skills from outside: one at a time or by the hundred thousand, kept on trial until they are proved here."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from skilllib.errors import UnknownSkill
from skilllib.library import heads, quarantine, store, tables
from skilllib.library.writing import Writing
from skilllib.records.skill import KeptTest, Resource, Skill

BATCH = 1000
"""Skills that are stored at once, with one entry of the ledger."""


class Intake(Writing):
    """The part of a library that takes in what was made elsewhere."""

    def quarantine(
        self,
        skill: Skill,
        *,
        tests: Sequence[KeptTest] = (),
        resources: Sequence[Resource] = (),
        proposer: str,
        rationale: str = "",
    ) -> Skill:
        """Store a skill from outside on trial with the tests it came with; nothing of it is run, and only a proof activates it.

        Further files of its folder are kept with it where it is new.

        The very same skill is returned as it is stored, and nothing is written.

        Raises:
            InvalidRecord: Its parts contradict each other.
            DuplicateSkill: It is here under another name, or this very skill was revoked.
            UnknownSkill: It calls something that is not here, or that was revoked.
            CyclicCalls: It would reach a skill of its own name.
        """
        with self._writes(f"importing {skill.name}") as connection:
            known = store.rows(connection, tables.versions.c.version_hash == skill.version_hash)
            kept = quarantine.take_in(connection, skill, tests, proposer=proposer, rationale=rationale)
            if not known:
                store.add_resources(connection, kept.version_hash, resources)
            return kept

    def rehead(self, skill: Skill, *, proposer: str, rationale: str = "") -> Skill:
        """Give the very same skill, which is here on trial, the description and the fields of the head that this one has.

        The ledger keeps what they were and what they are.

        Args:
            skill: As it came again from outside.
            proposer: Who brings it.
            rationale: Why.

        Raises:
            UnknownSkill: It is not here.
            InvalidRecord: It is not on trial.
        """
        with self._writes(f"another head for {skill.name}") as connection:
            known = store.rows(connection, tables.versions.c.version_hash == skill.version_hash)
            if not known:
                raise UnknownSkill(f"no skill has the hash {skill.version_hash!r}")
            return heads.replace(connection, known[0].skill, skill, proposer=proposer, rationale=rationale)

    def load(self, skills: Iterable[tuple[Skill, Sequence[KeptTest]]], *, proposer: str, rationale: str = "") -> int:
        """Store many skills on trial, as `quarantine` does, thousands in a second; return how many are new.

        All are stored or none. A thousand have one entry of the ledger.

        Args:
            skills: Each with the tests it came with; callees before callers.
            proposer: Who brings them.
            rationale: Why.

        Raises:
            InvalidRecord: The parts of one contradict each other.
            DuplicateSkill: One is here under another name, or was revoked.
            UnknownSkill: One calls something that is not here, or that was revoked.
            CyclicCalls: One would reach a skill of its own name.
        """
        new, rest = 0, iter(skills)
        with self._writes("loading skills") as connection:
            while part := list(itertools.islice(rest, BATCH)):
                new += quarantine.take_in_all(connection, part, proposer=proposer, rationale=rationale)
        return new
