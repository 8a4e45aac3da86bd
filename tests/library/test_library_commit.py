"""One door: statuses change through the ledger, as a whole or not at all."""

import pytest

from skilllib.embedders import HashingEmbedder
from skilllib.errors import InvalidRecord, LibraryDamaged, NotVerified, UnknownSkill
from skilllib.library import SkillLibrary, store
from skilllib.records.execution import Trial
from skilllib.records.program import Program
from skilllib.records.task import Task


def statuses(library):
    return {f"{skill.name}@{skill.version}": skill.status for skill in library.skills()}


def test_a_promotion_makes_active_keeps_tests_and_measures(library, make):
    skill = make.trial(library, make.program("make_rope"))
    make.activate(library, skill)
    assert library.get("make_rope").status == "active"
    assert [(test.seed, test.check, test.expected) for test in library.tests(skill.code_hash)] == [
        (s, make.task.check, True) for s in (1, 2)
    ]
    (effect,) = library.effects(skill.code_hash)
    assert (effect.fact, effect.n, effect.changed, effect.raised, effect.rise, effect.value) == ("inventory.rope", 2, 2, 2, 1.0, 1)
    figures = library.statistics(skill.code_hash)
    assert (figures.trials, figures.successes, figures.lower_bound, figures.world_steps) == (2, 2, 0.5, 3.0)
    assert [hit.skill.name for hit in library.search("make rope")] == ["make_rope"]


def test_effects_and_tests_know_parameters_of_the_skill_from_those_of_the_check(library, make):
    task = Task(id="n", environment="yard", goal="g", check="after.inventory.rope >= amount", parameters={"amount": (1, 2)})
    program = make.program("make_rope", parameters="item: str")
    skill = make.trial(library, program)
    trials = [
        Trial(
            seed=1, solved=True, arguments={"item": "a", "amount": 1}, changes={"inventory.rope": (None, 1)}, uses={"water": 2.0}
        ),
        Trial(seed=2, solved=True, arguments={"item": "a", "amount": 2}, changes={"inventory.rope": (1, 3), "dark": (False, True)}),
        Trial(seed=3, solved=False, arguments={"item": "a", "amount": 2}, changes={"inventory.rope": (9, 0)}),
        Trial(seed=4, solved=True, arguments={"item": "b"}, check="after.dark == True", changes={}, gains={"water": 1.0}),
    ]
    library.commit(make.change("activate", skill), make.promote, proof=make.proof(task=task, trials=trials))
    kept = library.tests(skill.code_hash)
    assert [(test.arguments, test.check_arguments) for test in kept] == [
        ({"item": "a"}, {"amount": 1}),
        ({"item": "a"}, {"amount": 2}),
        ({"item": "b"}, {}),
    ]
    found = {(effect.arguments["item"], effect.fact): effect for effect in library.effects(skill.code_hash)}
    rope, dark, water = found["a", "inventory.rope"], found["a", "dark"], found["a", "water"]
    assert (rope.n, rope.changed, rope.rise, rope.value) == (2, 2, 1.0, None)
    assert (dark.n, dark.changed, dark.value) == (2, 1, True)
    assert (water.changed, water.uses, water.value) == (0, 2.0, None)
    assert (found["b", "water"].raised, found["b", "water"].changed) == (1, 0)


@pytest.mark.parametrize(
    "proof",
    [
        lambda make: None,
        lambda make: make.proof(accepted=False),
        lambda make: make.proof(trials=[]),
        lambda make: make.proof(trials=[Trial(seed=1, solved=False)]),
        lambda make: make.proof(task=make.task.model_copy(update={"check": None})),
        lambda make: make.proof(task=make.task.model_copy(update={"environment": "elsewhere"})),
    ],
    ids=["none", "not accepted", "no trials", "no success", "no check", "another world"],
)
def test_nothing_becomes_active_without_a_proof(library, make, proof):
    skill = make.trial(library, make.program("make_rope"))
    with pytest.raises(NotVerified):
        library.commit(make.change("activate", skill), make.promote, proof=proof(make))
    assert statuses(library) == {"make_rope@1": "trial"} and len(library.ledger()) == 1


def test_a_rejection_is_recorded_and_changes_no_status(library, make):
    skill = make.trial(library, make.program("make_rope"))
    library.commit(make.change("activate", skill), make.reject, proof=make.proof(accepted=False))
    assert statuses(library) == {"make_rope@1": "trial"}
    assert library.history("make_rope")[-1].decision == make.reject
    assert library.tests(skill.code_hash) == () and library.statistics(skill.code_hash).trials == 2


def test_a_newer_version_takes_the_place_of_the_older_and_can_be_rolled_back(library, make):
    first = make.active(library, "fetch")
    second = make.active(library, "fetch", salt="2")
    assert statuses(library) == {"fetch@1": "retired", "fetch@2": "active"}
    library.commit(make.change("revoke", second), make.promote)
    assert library.search("fetch") == []
    with pytest.raises(NotVerified, match="proof"):
        library.commit(make.change("restore", first), make.promote)
    library.commit(make.change("restore", first), make.promote, proof=make.proof())
    assert statuses(library) == {"fetch@1": "active", "fetch@2": "revoked"}
    assert [hit.skill.version for hit in library.search("fetch")] == [1]
    with pytest.raises(NotVerified, match="revoked"):
        make.activate(library, second)
    library.commit(make.change("restore", second), make.promote, proof=make.proof())
    assert statuses(library) == {"fetch@1": "retired", "fetch@2": "active"}
    assert library.problems() == []


def test_a_restored_skill_that_never_proved_itself_is_on_trial(library, make):
    skill = make.trial(library, make.program("fetch"))
    library.commit(make.change("revoke", skill), make.promote)
    with pytest.raises(NotVerified, match="only a proof on fresh worlds undoes that"):
        library.commit(make.change("restore", skill), make.promote)
    library.commit(make.change("restore", skill), make.promote, proof=make.proof())
    assert statuses(library) == {"fetch@1": "trial"} and library.problems() == []


def test_nothing_active_rests_on_what_is_unproven(library, make):
    fetch = make.trial(library, make.program("fetch"))
    rope = make.trial(library, make.program("make_rope", calls=["fetch"]), calls={"fetch": fetch.code_hash})
    with pytest.raises(NotVerified, match="fetch"):
        make.activate(library, rope)
    make.activate(library, fetch)
    make.activate(library, rope)


def test_what_cannot_be_carried_out_is_refused(library, make):
    skill = make.trial(library, make.program("fetch"))
    with pytest.raises(UnknownSkill):
        library.commit(make.change("retire", skill).model_copy(update={"targets": ("f" * 64,)}), make.promote)
    for kind in ("create", "compile", "alias"):
        with pytest.raises(InvalidRecord):
            library.commit(make.change(kind, skill), make.promote, proof=make.proof())
    with pytest.raises(InvalidRecord):
        library.commit(make.change("retire"), make.promote)
    assert len(library.ledger()) == 1


@pytest.mark.parametrize(
    "stage", ["append", "set_status", "add_tests", "replace_effects", "set_figures", "add_vectors", "set_meta"]
)
def test_a_commit_that_fails_midway_leaves_nothing(library, make, monkeypatch, stage):
    make.active(library, "fetch")
    skill = make.trial(library, make.program("fetch", salt="2"))
    before = (library.skills(), library.ledger(), library.fingerprint(), library.search("fetch"))

    def fail(*_args, **_options):
        raise RuntimeError("the power went")

    from skilllib.library import ledger

    monkeypatch.setattr(ledger if stage == "append" else store, stage, fail)
    with pytest.raises(RuntimeError):
        make.activate(library, skill)
    monkeypatch.undo()
    assert (library.skills(), library.ledger(), library.fingerprint(), library.search("fetch")) == before
    assert library.tests(skill.code_hash) == () and library.problems() == []
    make.activate(library, skill)
    assert library.get("fetch").version == 2


def test_a_transaction_is_all_or_nothing(library, make):
    make.active(library, "fetch")
    with pytest.raises(ZeroDivisionError), library.transaction():
        make.active(library, "make_rope", calls=["fetch"])
        assert [hit.skill.name for hit in library.search("make rope", k=1)] == ["make_rope"]
        raise ZeroDivisionError
    assert statuses(library) == {"fetch@1": "active"}
    assert [hit.skill.name for hit in library.search("make rope")] == ["fetch"]
    with library.transaction():
        with pytest.raises(NotVerified):
            library.commit(make.change("activate", make.trial(library, make.program("make_rope"))), make.promote)
        make.active(library, "make_swing", calls=["fetch"])
    assert statuses(library) == {"fetch@1": "active", "make_rope@1": "trial", "make_swing@1": "active"}


def test_the_ledger_cannot_be_rewritten(library, make):
    make.active(library, "fetch")
    for statement in ("UPDATE ledger SET decision = ''", "DELETE FROM ledger"):
        with pytest.raises(Exception, match="append-only"), library._database.writing() as connection:
            connection.exec_driver_sql(statement)
    assert len(library.ledger()) == 2


def test_the_same_operations_give_the_same_hashes(tmp_path, make):
    found = []
    for name in ("a", "b"):
        with SkillLibrary.open(tmp_path / name, create=True, embedder=HashingEmbedder(), index="exact") as library:
            make.active(library, "fetch")
            make.active(library, "make_rope", calls=["fetch"])
            found.append((library.fingerprint(), library.ledger()))
    assert found[0] == found[1]


def test_counting_adds_up_and_knows_its_skills(library, make):
    skill = make.active(library, "fetch")
    library.count(skill.code_hash, retrieved=2, called=1)
    library.count(skill.code_hash, called=1, solved=1, failed=3)
    figures = library.statistics(skill.code_hash)
    assert (figures.retrieved, figures.called, figures.solved, figures.failed, figures.trials) == (2, 2, 1, 3, 2)
    with pytest.raises(UnknownSkill):
        library.count("0" * 64, called=1)


def test_a_changed_record_is_never_returned_as_if_it_were_whole(library, make):
    skill = make.trial(library, Program.parse('def fetch():\n    """Fetch it from afar."""\n    walk(123)\n'))
    with library._database.writing() as connection:
        connection.exec_driver_sql("UPDATE records SET record = replace(record, '123', '124')")
    with pytest.raises(LibraryDamaged):
        library.version(skill.code_hash)
