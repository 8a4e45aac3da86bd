"""What came from outside becomes active by a proof in this library's worlds, and by nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from outside import Fresh, coded

from skilllib.errors import DuplicateSkill, NotVerified
from skilllib.exchange import Activation, Proving, export, take_in
from skilllib.library import SkillLibrary
from skilllib.records.execution import Limits
from skilllib.records.program import Program
from skilllib.records.skill import Contract, KeptTest, Provision, Skill
from skilllib.sandbox import MontySandbox
from skilllib.testing import make_bakery
from skilllib.verifier.check import CheckVerifier
from skilllib.verifier.evidence import SequentialTest
from skilllib.verifier.proof import ReExecution
from skilllib.workers import Workers

EGG = "after.stock.egg > before.stock.egg"


@pytest.fixture(scope="module")
def prover() -> Iterator[ReExecution]:
    with Workers(world=make_bakery, sandbox=MontySandbox) as workers:
        yield ReExecution(workers=workers, verifier=CheckVerifier(), test=SequentialTest(), limits=Limits())


def activate(library: SkillLibrary, skill: Skill, prover: ReExecution, **options: Any) -> Iterator[Activation]:
    return Proving(library=library, prover=lambda _: prover, **options).activate(skill)


def gathers(name: str, *checks: str, place: str = "coop", **fields: object) -> Skill:
    source = f'def {name}() -> None:\n    """Get an egg."""\n    walk(to="{place}")\n    gather(crop="egg")\n'
    provides = tuple(Provision(check=check) for check in checks)
    contract = Contract(provides=provides, capabilities=("gather", "walk"))
    values = {"name": name, "program": Program.parse(source), "contract": contract, "environment": "bakery"}
    return Skill.model_validate({**values, **fields})


def test_an_imported_skill_is_proved_with_all_it_calls_and_can_then_be_found(
    learned: SkillLibrary, library: SkillLibrary, prover: ReExecution, tmp_path: Path
) -> None:
    export(learned, tmp_path / "out", names=["kneaded_dough"])
    take_in(library, tmp_path / "out")
    wanted = library.get("kneaded_dough")
    found = list(activate(library, wanted, prover))
    assert [one.skill.name for one in found] == [skill.name for skill in library.closure([wanted.code_hash])]
    assert {skill.status for skill in library.skills()} == {"active"}
    assert library.search("knead dough")[0].skill.code_hash == wanted.code_hash
    assert library.statistics(wanted.code_hash).lower_bound > 0.3 and library.effects(wanted.code_hash)
    kept, here = learned.tests(wanted.code_hash), library.tests(wanted.code_hash)
    assert here[: len(kept)] == kept and len(here) > len(kept)
    assert not library.problems() and not list(activate(library, wanted, prover))


@pytest.mark.parametrize(
    "skill",
    [
        gathers("boasts", EGG, "after.stock.bread > before.stock.bread"),
        gathers("boasts", "after.stock.bread > before.stock.bread", EGG),
        gathers("boasts", EGG, place="field"),
        gathers("boasts", EGG).model_copy(update={"contract": Contract(provides=(Provision(check=EGG),), capabilities=("rest",))}),
    ],
    ids=["second promise", "first promise", "does nothing", "no grant"],
)
def test_one_promise_that_is_not_kept_is_enough_to_stay_on_trial(library: SkillLibrary, prover: ReExecution, skill: Skill) -> None:
    kept = library.quarantine(skill, proposer="import")
    (one,) = activate(library, kept, prover)
    assert (one.skill.status, one.decision.outcome) == ("trial", "reject")
    assert library.history("boasts")[-1].decision.codes[0] == "not_proven"


def test_a_kept_test_that_fails_here_is_enough_too(library: SkillLibrary, prover: ReExecution) -> None:
    lie = KeptTest(environment="bakery", seed=3, check="after.stock.egg >= 99")
    kept = library.quarantine(gathers("hopes", EGG), tests=[lie], proposer="import")
    (one,) = activate(library, kept, prover)
    assert one.skill.status == "trial" and "kept_test_fails" in one.decision.codes


def test_a_failing_callee_stops_its_callers(library: SkillLibrary, prover: ReExecution) -> None:
    callee = library.quarantine(gathers("boasts", EGG, place="field"), proposer="import")
    caller = library.quarantine(coded("caller", callee, environment="bakery"), proposer="import")
    found = list(activate(library, caller, prover))
    assert [one.skill.name for one in found] == ["boasts"] and library.version(caller.code_hash).status == "trial"


def test_what_no_world_can_decide_is_refused(library: SkillLibrary, prover: ReExecution) -> None:
    words = library.quarantine(Skill(name="words", text="Get an egg."), proposer="import")
    silent = library.quarantine(gathers("silent"), proposer="import")
    promise = Provision(check="after.stock.egg >= amount", parameters=("amount",))
    vague = library.quarantine(gathers("vague", contract=Contract(provides=(promise,))), proposer="import")
    for skill, reason in ((words, "in words"), (silent, "promises nothing"), (vague, "with which 'amount'")):
        with pytest.raises(NotVerified, match=reason):
            list(activate(library, skill, prover))
    assert not library.skills("active")


def test_the_same_program_under_another_name_does_not_become_active_beside_the_first(
    library: SkillLibrary, fresh: Fresh, prover: ReExecution
) -> None:
    first = library.quarantine(gathers("first", EGG), proposer="import")
    assert next(activate(library, first, prover)).skill.status == "active"
    second = library.quarantine(gathers("second", EGG), proposer="import")
    with pytest.raises(DuplicateSkill, match="'first'"):
        list(activate(library, second, prover))


@pytest.mark.parametrize("name", ["gather_egg", "gathre_eggs", "gather_eggz", "g\u0430ther_eggs", "Gather_Eggs"])
def test_a_name_that_looks_like_an_active_one_is_told_at_the_import_and_refused_at_the_proof(
    library: SkillLibrary, fresh: Fresh, prover: ReExecution, tmp_path: Path, name: str
) -> None:
    first = library.quarantine(gathers("gather_eggs", EGG), proposer="import")
    outside = fresh()
    outside.quarantine(gathers(name, EGG), proposer="import")
    outside.quarantine(coded("another"), proposer="import")
    export(outside, tmp_path / "out.jsonl", form="jsonl")
    assert {one.caution for one in take_in(library, tmp_path / "out.jsonl").imported} == {""}, "what is on trial takes no name"
    assert next(activate(library, first, prover)).skill.status == "active"
    told = {one.skill.name: one.caution for one in take_in(library, tmp_path / "out.jsonl").imported}
    assert "looks like 'gather_eggs' (version 1), which is active" in told[name] and "rename it" in told[name]
    assert told["another"] == ""
    with pytest.raises(DuplicateSkill, match="rename it"):
        list(activate(library, library.get(name), prover))


def test_a_skill_that_was_revoked_on_trial_becomes_active_by_a_proof(library: SkillLibrary, prover: ReExecution) -> None:
    kept = library.quarantine(gathers("first", EGG), proposer="import")
    library.revoke("first", "nobody knows it")
    (one,) = activate(library, kept, prover)
    assert one.skill.status == "active" and [skill.name for skill in library.skills("active")] == ["first"]


def test_a_skill_that_does_the_same_stays_on_trial_with_the_one_that_does(library: SkillLibrary, prover: ReExecution) -> None:
    first = library.quarantine(gathers("first", EGG), proposer="import")
    assert next(activate(library, first, prover)).skill.status == "active"
    source = """def second() -> None:
    'Find one.'
    crop = "egg"
    if facts()["at"] != "coop":
        walk("coop")
    gather(crop)
"""
    twin = gathers("second", EGG).model_copy(update={"program": Program.parse(source)})
    stored = library.quarantine(Skill.model_validate(dict(twin)), proposer="import")
    (one,) = activate(library, stored, prover)
    assert one.skill.status == "trial" and one.likeness is not None
    assert (one.likeness.kind, one.likeness.skill.name, one.likeness.offers) == ("behaviour", "first", ("alias", "version"))
    assert library.history("second")[-1].decision.codes == ("duplicate", "behaviour", first.code_hash)
    assert library.alias("second_name", "first") and library.get("second_name").name == "first"


def test_a_primitive_keeps_its_name(library: SkillLibrary, prover: ReExecution) -> None:
    source = 'def rest() -> None:\n    """Get an egg."""\n    walk("coop")\n    gather("egg")\n'
    thief = library.quarantine(gathers("rest", EGG, program=Program.parse(source)), proposer="import")
    with pytest.raises(NotVerified, match="name of a primitive"):
        list(activate(library, thief, prover, primitives=lambda _: {"rest", "walk"}))
