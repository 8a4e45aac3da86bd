"""The full circle: learned, active, ordered, compiled, run with the adapter and without the text; edited, and compiled anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import toy
from agents import bakery_agent

from skilllib.build.compiling import Workshop, cache_of, stale, valid_adapter, work
from skilllib.compiler.job import Compiled
from skilllib.errors import BaseRefused
from skilllib.gate.adapter import AdapterGate
from skilllib.gate.compiling import asked_for, compile_change
from skilllib.library import SkillLibrary
from skilllib.models.base import TransformersBase
from skilllib.models.local import LocalModel
from skilllib.records.base import Json
from skilllib.records.execution import Attempt, Execution, Proof, Trace, Trial, Verdict
from skilllib.records.ledger import Change, Decision
from skilllib.records.program import Program
from skilllib.records.skill import Skill
from skilllib.records.task import Task
from skilllib.records.world import Observation
from skilllib.testing import HashingEmbedder, make_bakery
from skilllib.testing.tiny import tiny_base

ACT = """# user
{{history}}

{{goal}}

# user
{{problem}}
"""
"""A short prompt of one's own: a model of a hundred thousand parameters is no reader of long ones."""
ATTEMPTS = 8
DISTIL = {**toy.DISTIL, "steps": 80, "rows": 6, "negatives": 4}
BRIEF = {**DISTIL, "steps": 10}
"""For adapters of which nothing is asked but to be there."""


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("circle")
    (folder / "prompts").mkdir()
    (folder / "prompts" / "act.md").write_text(ACT, encoding="utf-8")
    with bakery_agent(folder / "library", seed=1, max_attempts=ATTEMPTS) as agent:
        agent.learn()
    return folder


@pytest.fixture
def workshop(learned: Path) -> Iterator[Workshop]:
    with SkillLibrary.open(learned / "library", embedder=HashingEmbedder(), index="exact") as library:
        made = Workshop(library, cache_of(library), world=make_bakery, base=small, prompts=str(learned / "prompts"))
        with made:
            yield made


def small(name: str) -> TransformersBase:
    return TransformersBase(name, dtype="float32", device="cpu")


def spoken(workshop: Workshop, skill: Skill) -> list[str]:
    exchanges = [exchange for rehearsal in workshop.rehearsals(skill) for exchange in rehearsal.exchanges]
    said = [text for messages, answer in exchanges for text in (*(message.content for message in messages), answer)]
    return [*said, workshop.text(skill).text, "What you know how to do:\n<skill>\n</skill>"]


def ordered(workshop: Workshop, name: str, base: str, options: dict[str, Json] = DISTIL) -> Compiled:
    """Order a skill's weights, and let a worker carry out what was ordered."""
    library = workshop.library
    change = compile_change(library.get(name), base=base, backend="distill", options=options, proposer="test")
    library.commit(change, asked_for(name))
    ((order, compiled),) = work(library, workshop)
    assert isinstance(compiled, Compiled) and compiled.stored is not None, (compiled, library.orders())
    assert library.orders("done")[-1].number == order.number
    return compiled


def edited(library: SkillLibrary, name: str, more: str, primitives: set[str]) -> Skill:
    """Make a new version of a skill active that makes one call more."""
    old = library.get(name)
    assert old.program is not None
    program = Program.parse(f"{old.program.source.rstrip()}\n    {more}\n")
    (test, *_) = library.tests(old.code_hash)
    task = Task(id=name, environment=old.environment, goal=name, check=test.check)
    verdict = Verdict(solved=True, score=1.0, reason="as recorded")
    nothing = Execution(before=Observation(text="", facts={}), after=Observation(text="", facts={}))
    trace = Trace(task=task, attempts=(Attempt(number=1, program=program, execution=nothing, verdict=verdict),))
    new = library.admit(
        program,
        trace=trace,
        contract=old.contract,
        calls={callee.name: callee.code_hash for callee in old.calls},
        provenance=old.provenance,
        primitives=primitives,
        description=old.description,
        merges=(old.code_hash,),
    )
    proof = Proof(
        task=task,
        trials=tuple(Trial(seed=s, solved=True, arguments=test.arguments) for s in range(100, 105)),
        accepted=True,
        reason="as recorded",
    )
    change = Change(kind="edit", targets=(new.code_hash,), proposer="test")
    library.commit(change, Decision(outcome="promote", codes=("proven",)), proof=proof)
    return library.get(name)


def test_from_learning_to_weights_and_back(workshop: Workshop, learned: Path) -> None:
    library, cache = workshop.library, workshop.cache
    skills = library.skills("active")
    base = str(tiny_base(learned / "base", [text for skill in skills for text in spoken(workshop, skill)]))
    skill, other = library.get("harvested_wheat"), library.get("found_egg")
    workshop.gate = None
    workshop.compile(other, base=base, options=BRIEF)  # the wrong adapter, as a control
    workshop.gate = AdapterGate()

    compiled = ordered(workshop, skill.name, base)
    assert compiled.manifest.code_hash == skill.code_hash and compiled.manifest.accepted
    assert compiled.manifest.evaluation is not None and set(compiled.manifest.evaluation.arms) == {
        *("none", "context", "adapter", "wrong", "adapter+context")
    }

    base_hash, local = workshop.loaded(base).hash, LocalModel(workshop.loaded(base))
    stored = valid_adapter(library, cache, skill, base_hash)
    assert stored is not None
    for play in workshop.tasks(skill, workshop.request(skill, base)):
        assert not play(local), "the plain model does not know the skill"
        with local.mounted(cache.load(stored)):
            assert play(local), "with the adapter and no text it comes to the same verdict as the code"

    new = edited(library, skill.name, "walk('home')", {"walk", "gather"})
    assert "another one since" in stale(stored.manifest, library, base_hash)
    assert valid_adapter(library, cache, new, base_hash) is None
    workshop.gate = None
    ordered(workshop, skill.name, base, BRIEF)
    again = valid_adapter(library, cache, new, base_hash)
    assert again is not None and again.manifest.adapter_hash != stored.manifest.adapter_hash


def test_an_adapter_for_another_base_is_not_valid(workshop: Workshop) -> None:
    for stored in workshop.cache.all():
        assert stale(stored.manifest, workshop.library, "0" * 64) == "it is for another base model"


def test_a_failure_leaves_the_skill_and_says_why(workshop: Workshop) -> None:
    library = workshop.library
    skill = library.get("found_egg")
    change = compile_change(skill, base="/no/such/base", backend="distill", proposer="test")
    library.commit(change, asked_for(skill.name))
    ((_, error),) = work(library, workshop)
    assert isinstance(error, BaseRefused)
    assert "BaseRefused: there is no base model '/no/such/base'" in library.orders("failed")[-1].message
    assert library.get("found_egg").status == "active" and library.problems() == []
