"""Short ways to fill a library with skills that are found by what is written of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from maker import Maker

from skilllib.library import SkillLibrary
from skilllib.library.ranking import CLEARLY, SPEAKS
from skilllib.protocols import Hit
from skilllib.records.check import Check
from skilllib.records.execution import Proof, Trial
from skilllib.records.skill import Callee, Contract, KeptTest, Provenance, Provision, Skill

MAKE = Maker()


def skill(
    name: str,
    description: str = "",
    *,
    text: str = "",
    provides: Sequence[str] = (),
    requires: Sequence[str] = (),
    capabilities: Sequence[str] = (),
    environment: str = "yard",
    tags: str = "",
) -> Skill:
    """Return a skill in words, which is what look-ups read."""
    contract = Contract(
        provides=tuple(Provision(check=check) for check in provides), requires=tuple(requires), capabilities=tuple(capabilities)
    )
    return Skill(
        name=name,
        description=description,
        text=text or description or name,
        contract=contract,
        environment=environment,
        provenance=Provenance(frontmatter={"tags": tags} if tags else {}),
    )


def calling(name: str, *callees: Skill) -> Skill:
    """Return a skill whose code calls others."""
    program = MAKE.program(name, calls=[one.name for one in callees])
    calls = tuple(Callee(name=one.name, code_hash=one.code_hash) for one in callees)
    return Skill(name=name, program=program, calls=calls, environment="yard")


def proof(one: Skill) -> Proof:
    """Return what shows that a skill works, and nothing of what it does."""
    task = MAKE.task.model_copy(update={"environment": one.environment})
    return MAKE.proof(task=task, trials=[Trial(seed=1, solved=True)])


def put(library: SkillLibrary, *skills: Skill) -> list[Skill]:
    """Make skills active, at once; return them as they are stored."""
    with library.transaction():
        library.load([(one, ()) for one in skills], proposer="test")
        for one in skills:
            library.commit(MAKE.change("activate", one), MAKE.promote, proof=proof(one))
    return [library.version(one.code_hash) for one in skills]


def prove(library: SkillLibrary, one: Skill, *checks: str, changes: dict[str, tuple[object, object]] | None = None) -> Skill:
    """Make a skill active by a proof that shows that these checks hold after it, since it changed what they are about."""
    changed = {path: (0, 1) for check in checks for path in Check(check).facts()} if changes is None else changes
    with library.transaction():
        library.load([(one, ())], proposer="test")
        task = MAKE.task.model_copy(update={"environment": one.environment, "check": checks[0]})
        trials = [Trial(seed=seed, solved=True, check=check, changes=changed) for seed, check in enumerate(checks, 1)]
        library.commit(MAKE.change("activate", one), MAKE.promote, proof=MAKE.proof(task=task, trials=trials))
    return library.version(one.code_hash)


def kept(check, *, expected=True, seed=1, **arguments):
    return KeptTest(environment="yard", seed=seed, check=check, expected=expected, check_arguments=arguments)


YARD = (
    skill("make_rope", "Twist three fibres into a strong cord.", provides=["after.inventory.rope >= 1"], tags="craft, cord"),
    skill("fetch_water", "Carry a bucket from the well.", provides=["after.inventory.water >= 1"], capabilities=["walk"]),
    skill("climb_tree", "Go up the oak with a rope.", requires=["before.inventory.rope >= 1"], capabilities=["walk", "climb"]),
    skill("light_lamp", "Strike a match and burn oil.", provides=["after.house.lit == True"], environment="house"),
    skill("sing_song", "Say a verse aloud with a melody.", environment="", tags="Fun"),
    skill("sharpen_knife", "Draw the blade along a wet stone.", requires=["before.house.lit == True"], environment="house"),
)


def same(one: Sequence[Hit], other: Sequence[Hit]) -> bool:
    """Return whether the same was found for the same reasons, but for the rounding of an index."""
    reasons = [[(hit.skill, hit.why.words, hit.why.provides, hit.why.unmet, hit.why.fits) for hit in hits] for hits in (one, other)]
    return reasons[0] == reasons[1] and [hit.score for hit in one] == pytest.approx([hit.score for hit in other], abs=1e-5)


def names(hits: Iterable[Hit]) -> list[str]:
    """Return the names of what was found, best first."""
    return [hit.skill.name for hit in hits]


def clearly_more(one: float, other: float) -> bool:
    """Return whether the evidence for one speaks for the query, and clearly more than that for the other."""
    return one >= SPEAKS and one > other + CLEARLY
