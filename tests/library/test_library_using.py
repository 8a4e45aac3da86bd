"""A skill is called from a program in a world of the caller's own, and only if it is proved."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skilllib.build import proving
from skilllib.embedders import HashingEmbedder
from skilllib.errors import InvalidRecord, NotVerified, UnknownEnvironment
from skilllib.exchange import Promise, added
from skilllib.library import SkillLibrary
from skilllib.protocols import Linked
from skilllib.records.execution import Execution
from skilllib.records.program import Program
from skilllib.records.skill import Skill
from skilllib.sandbox import MontySandbox
from skilllib.testing import Bakery, make_bakery
from skilllib.workers import Workers

STOCK = '''def stock_up(crop: Literal['wheat', 'firewood'], amount: int = 2) -> None:
    """Bring in some of a crop."""
    walk('field' if crop == 'wheat' else 'forest')
    for _ in range(amount):
        gather(crop)
'''
MILL = '''def mill_some() -> None:
    """Mill one of flour."""
    stock_up('wheat')
    walk('mill')
    grind()
'''


def workers(environment: str, options: object) -> Workers:
    return Workers(world=make_bakery, sandbox=MontySandbox)


def prove(library: SkillLibrary, source: str, promise: Promise) -> Skill:
    skill = added(library, Program.parse(source), promise, spec=make_bakery().spec)
    with proving(library, workers=workers, values=promise.values()) as door:
        (one,) = door.activate(skill)
    assert one.skill.status == "active", one.decision.reason
    return one.skill


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("using") / "library"
    with SkillLibrary.open(folder, create=True, embedder=HashingEmbedder(), index="exact") as library:
        check = "after.stock.wheat >= before.stock.wheat + amount"
        prove(library, STOCK, Promise(check=check, arguments={"crop": "wheat", "amount": [1, 2, 3]}))
        prove(library, MILL, Promise(check="after.stock.flour > before.stock.flour"))
    return folder


@pytest.fixture
def library(stocked: Path, tmp_path: Path) -> Iterator[SkillLibrary]:
    import shutil

    shutil.copytree(stocked, tmp_path / "library")
    with SkillLibrary.open(tmp_path / "library", embedder=HashingEmbedder(), index="exact") as opened:
        yield opened


@pytest.fixture
def world() -> Iterator[Bakery]:
    made = make_bakery()
    made.reset(seed=1)
    yield made
    made.close()


def test_a_call_acts_in_the_callers_world_and_says_whether_the_promise_was_kept(library: SkillLibrary, world: Bakery) -> None:
    called = library.call("stock_up", world, crop="wheat", amount=3)
    assert called.solved is True and called.execution.error is None
    assert world.observe().facts["stock"]["wheat"] == 3
    assert library.call("mill_some", world).solved is True
    assert world.observe().facts["stock"]["flour"] == 1


def test_arguments_for_which_nothing_is_promised_are_judged_by_nobody(library: SkillLibrary, world: Bakery) -> None:
    called = library.call("stock_up", world, crop="firewood")
    assert called.solved is None and world.observe().facts["stock"]["firewood"] == 2


def test_a_failure_is_data_and_is_counted_where_it_broke(library: SkillLibrary) -> None:
    short = make_bakery(length=3)
    short.reset(seed=1)
    called = library.call("mill_some", short)
    assert called.solved is False and called.execution.stopped == "truncated"
    refused = library.call("stock_up", make_started(), crop="straw")
    assert refused.execution.error is not None and refused.execution.error.kind == "argument"


def make_started() -> Bakery:
    world = make_bakery()
    world.reset(seed=2)
    return world


def test_calls_are_counted_of_the_skill_and_of_what_it_called(library: SkillLibrary, world: Bakery) -> None:
    before = {name: library.statistics(library.get(name).code_hash) for name in ("stock_up", "mill_some")}
    library.call("mill_some", world)
    after = {name: library.statistics(library.get(name).code_hash) for name in before}
    assert [after[name].called - before[name].called for name in ("stock_up", "mill_some")] == [1, 1]
    assert (after["mill_some"].solved - before["mill_some"].solved, after["mill_some"].failed) == (1, 0)


def test_a_call_has_no_more_than_the_contract_grants(library: SkillLibrary, world: Bakery) -> None:
    greedy = Skill(name="greedy", program=Program.parse("def greedy():\n    'Rest.'\n    walk('home')\n"), environment="bakery")
    stored = library.quarantine(greedy, proposer="import")
    with pytest.raises(NotVerified, match="is trial; prove it with"):
        library.call("greedy", world)
    assert library.linked(stored, trial=True).closure == () and world.observe().facts["stock"]["wheat"] == 0


def test_what_was_revoked_and_what_rests_on_it_is_refused_before_the_next_call(
    library: SkillLibrary, world: Bakery, tmp_path: Path
) -> None:
    with SkillLibrary.open(tmp_path / "library") as other:
        assert other.call("mill_some", world).solved
        library.revoke("stock_up", "the field is closed")
        for name in ("stock_up", "mill_some"):
            with pytest.raises(NotVerified, match=r"revoked|trial"):
                other.call(name, world)


def test_a_call_does_not_wait_for_whoever_writes_and_is_counted_later(library: SkillLibrary, world: Bakery) -> None:
    code = (
        f"import sys; from skilllib.library import SkillLibrary\n"
        f"with SkillLibrary.open({str(library.path)!r}) as library, library.writing('a long import'):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    skill = library.get("mill_some")
    library.call("mill_some", world)  # the sandbox has to be started once
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        begin = time.perf_counter()
        assert library.call("mill_some", world).solved
        assert time.perf_counter() - begin < 2
        assert library.statistics(skill.code_hash).called == 1
        process.communicate("")
    library.call("mill_some", world)
    counted = [library.statistics(code_hash) for code_hash in (skill.code_hash, skill.calls[0].code_hash)]
    assert [(one.called, one.failed) for one in counted] == [(3, 0), (3, 0)]


REFUSED: list[dict[str, Any]] = [
    {"crop": "wheat", "nope": 1},
    {},
    {"crop": "straw"},
    {"crop": None},
    {"crop": "wheat", "amount": None},
    {"crop": "wheat", "amount": [1]},
    {"crop": "wheat", "amount": {"a": object()}},
    {"crop": "wheat", "amount": "two"},
    {"crop": "wheat", "amount": 2.5},
    {"crop": "wheat", "amount": float("nan")},
    {"crop": "wheat", "amount": 10**5000},
    {"crop": "\ud800"},
    {"crop": b"wheat"},
    {"crop": "wheat", "\ud800": 1},
]


@pytest.mark.parametrize("arguments", REFUSED, ids=range(len(REFUSED)))
def test_arguments_that_a_skill_refuses_are_data_and_not_its_failure(
    library: SkillLibrary, world: Bakery, arguments: dict[str, Any]
) -> None:
    before = library.statistics(library.get("stock_up").code_hash)
    called = library.call("stock_up", world, **arguments)
    assert called.solved is not True and called.execution.error is not None and called.execution.error.kind == "argument"
    assert called.execution.trajectory == () and Execution.model_validate_json(called.execution.model_dump_json())
    assert library.statistics(library.get("stock_up").code_hash) == before


def test_a_call_that_cannot_be_made_is_counted_of_nobody(library: SkillLibrary, world: Bakery) -> None:
    before = library.statistics(library.get("stock_up").code_hash)
    with pytest.raises(UnknownEnvironment):
        library.call("stock_up", "nowhere", crop="wheat")
    library.call("stock_up", Elsewhere(world), crop="wheat")
    assert library.statistics(library.get("stock_up").code_hash) == before


def test_what_was_revoked_between_look_and_run_is_not_counted(
    library: SkillLibrary, world: Bakery, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked = library.linked

    def late(skill: Skill, **options: Any) -> Linked:
        found = linked(skill, **options)
        library.revoke("mill_some", "the mill burnt down")
        return found

    monkeypatch.setattr(library, "linked", late)
    called = library.call("mill_some", world)
    assert called.execution.error is not None and "burnt down" in called.execution.error.message
    assert library.statistics(library.get("mill_some").code_hash).called == 0


def test_what_a_skill_does_wrong_is_counted_against_it(library: SkillLibrary, world: Bakery) -> None:
    clumsy = '''def mill_clumsily(amount: int = 1) -> None:
    """Mill one of flour, or lose count."""
    stock_up('wheat', 2 if amount < 4 else amount * 10 ** 30)
    walk('mill')
    grind()
'''
    skill = prove(library, clumsy, Promise(check="after.stock.flour > before.stock.flour", arguments={"amount": [1, 2]}))
    before = library.statistics(library.get("stock_up").code_hash)
    called = library.call("mill_clumsily", world, amount=4)
    assert called.execution.error is not None and called.execution.error.kind == "argument"
    assert (library.statistics(skill.code_hash).called, library.statistics(skill.code_hash).failed) == (1, 1)
    assert library.statistics(library.get("stock_up").code_hash) == before, "it was called in a wrong way"


class Elsewhere:
    """The same world under another name, in which nothing that a skill is for need be there."""

    def __init__(self, world: Bakery) -> None:
        self.spec = world.spec.model_copy(update={"name": "elsewhere"})
        self.reset, self.observe, self.call, self.close = world.reset, world.observe, world.call, world.close


def test_what_is_in_words_cannot_be_called(library: SkillLibrary, world: Bakery) -> None:
    library.quarantine(Skill(name="words", text="Gather wheat."), proposer="import")
    with pytest.raises(InvalidRecord, match="no code form"):
        library.call("words", world)


def test_a_registered_environment_is_made_and_closed_by_name(library: SkillLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Bakery] = []

    def make(name: str, **options: object) -> Bakery:
        made.append(make_bakery())
        return made[-1]

    monkeypatch.setattr("skilllib.registry.make_environment", make)
    assert library.call("mill_some").solved and library.call("mill_some", "bakery").solved
    assert len(made) == 2


def test_a_library_is_exported_in_every_registered_format(library: SkillLibrary, tmp_path: Path) -> None:
    for form in ("skills", "jsonl", "tools", "stubs"):
        found = library.export(tmp_path / form, form=form)
        assert {skill.name for skill in found} == {"stock_up", "mill_some"} and (tmp_path / form).exists()
    assert [skill.name for skill in library.export(tmp_path / "one.pyi", ["stock_up"], form="stubs")] == ["stock_up"]
    with pytest.raises(InvalidRecord, match="did you mean 'jsonl'"):
        library.export(tmp_path / "x", form="json")
