"""A skill is called from a program in a world of the caller's own, and only if it is proved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from skilllib.build import proving
from skilllib.embedders import HashingEmbedder
from skilllib.errors import InvalidRecord, LibraryLocked, NotVerified
from skilllib.exchange import Promise, added
from skilllib.library import SkillLibrary
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


def test_a_call_does_not_wait_for_whoever_writes(
    library: SkillLibrary, world: Bakery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: object, **__: object) -> None:
        raise LibraryLocked("somebody writes")

    monkeypatch.setattr(library, "_writes", locked)
    assert library.call("stock_up", world, crop="wheat").solved


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
