"""Comparing a skill with those that are there: the part of a library that tells what it has already."""

from __future__ import annotations

from collections.abc import Collection

from skilllib.library import store
from skilllib.library.database import Database
from skilllib.library.duplicates import Duplicates, Likeness, described_like
from skilllib.library.nearness import Nearness
from skilllib.records.skill import Skill


class Comparing:
    """The part of a library that knows what a new skill is like."""

    _database: Database
    _compared: Duplicates
    _nearness: Nearness

    def likenesses(self, skill: Skill, *, besides: Collection[str] = ()) -> tuple[Likeness, ...]:
        """Return what is here already of a skill, what would be refused first: names and programs, then descriptions like it.

        Where only descriptions are alike nothing is refused; somebody should look.

        Args:
            skill: The skill; it need not be stored.
            besides: Code hashes of skills whose place it takes.

        Raises:
            ModelWeightsMissing: The embedder has no weights.
        """
        with self._database.reading() as connection:
            found = self._compared.of(connection, skill, besides={skill.code_hash, *besides})
            told = {skill.code_hash, *besides, *(likeness.skill.code_hash for likeness in found)}
            near = {one.code_hash: one for one in self._nearness.of(skill) if one.code_hash not in told}
            skills = store.by_hash(connection, near)
        described = [described_like(other, cosine=near[key].cosine, bound=near[key].bound) for key, other in skills.items()]
        return (*found, *(likeness for likeness in described if likeness.skill.name != skill.name))
