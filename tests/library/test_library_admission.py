"""Nothing enters without proof, twice, or under a stolen name."""

import pytest

from skilllib.errors import CyclicCalls, DuplicateSkill, InvalidProgram, NotVerified, UnknownSkill
from skilllib.records.execution import Trace
from skilllib.records.program import Program
from skilllib.records.skill import Contract, Provenance


def test_a_solved_program_is_stored_on_trial_and_is_not_found_yet(library, make):
    skill = make.trial(library, make.program("make_rope"))
    assert (skill.status, skill.version, skill.environment) == ("trial", 1, "yard")
    assert library.get("make_rope") == skill
    assert library.search("make rope") == []
    (entry,) = library.ledger()
    assert (entry.change.kind, entry.decision.outcome) == ("create", "need_more")


def admit(library, make, program, trace, **options):
    defaults = {"contract": Contract(), "calls": {}, "provenance": Provenance(), "primitives": make.primitives}
    return library.admit(program, trace=trace, **{**defaults, **options})


@pytest.mark.parametrize(
    "cheat",
    [
        lambda make, p: Trace(task=make.task),
        lambda make, p: make.trace(p, solved=False),
        lambda make, p: make.trace(make.program("another")),
        lambda make, p: make.trace(Program.parse(p.source + "    walk()\n")),
        lambda make, p: make.trace(p).plus(make.trace(p, solved=False).attempts[0]),
        lambda make, p: make.trace(p, by="nobody"),
        lambda make, p: make.trace(p, proof=make.proof(accepted=False)),
    ],
    ids=["no attempt", "unsolved", "another program", "one line more", "solved, then not", "nobody", "failed proof"],
)
def test_a_trace_that_does_not_prove_the_program_is_refused(library, make, cheat):
    program = make.program("make_rope")
    with pytest.raises(NotVerified):
        admit(library, make, program, cheat(make, program))
    assert library.skills() == () and library.ledger() == ()


@pytest.mark.parametrize(
    ("name", "body"),
    [("make_rope", "walk = 3"), ("make_rope", "def twist(): pass"), ("walk", ""), ("make_rope", "for fetch in (1, 2): pass")],
)
def test_names_of_primitives_and_callees_keep_their_meaning(library, make, name, body):
    fetch = make.active(library, "fetch")
    program = make.program(name, body=body)
    with pytest.raises(InvalidProgram):
        admit(library, make, program, make.trace(program), calls={"fetch": fetch.code_hash})


def test_a_call_to_something_unknown_is_refused(library, make):
    program = make.program("make_rope", calls=["fetch"])
    with pytest.raises(UnknownSkill):
        admit(library, make, program, make.trace(program), calls={"fetch": "0" * 64})


def test_a_call_to_a_revoked_skill_is_refused(library, make):
    fetch = make.active(library, "fetch")
    library.commit(make.change("revoke", fetch), make.promote)
    program = make.program("make_rope", calls=["fetch"])
    with pytest.raises(UnknownSkill, match="revoked"):
        admit(library, make, program, make.trace(program), calls={"fetch": fetch.code_hash})


def test_a_skill_that_would_reach_its_own_name_is_refused(library, make):
    fetch = make.active(library, "fetch")
    make.active(library, "make_rope", calls=["fetch"])
    again = make.program("fetch", calls=["make_rope"], salt="2")
    with pytest.raises(CyclicCalls, match="fetch"):
        admit(library, make, again, make.trace(again), calls=library.resolve(["make_rope"]))
    itself = make.program("fetch", salt="3")
    with pytest.raises(CyclicCalls):
        admit(library, make, itself, make.trace(itself), calls={"fetch": fetch.code_hash})


def test_the_very_same_skill_on_trial_is_returned_and_nothing_is_written(library, make):
    program = make.program("make_rope")
    first = make.trial(library, program)
    assert make.trial(library, program) == first
    assert len(library.ledger()) == len(library.skills()) == 1


def test_an_active_skill_is_not_admitted_again_under_another_name_or_with_other_constants(library, make):
    source = 'def make_rope():\n    """Make it."""\n    steps = 3\n    walk(steps)\n    twist("fibre")\n'
    make.activate(library, make.trial(library, Program.parse(source)))
    other = (
        source.replace("make_rope", "produce_a_long_thread_from_straw")
        .replace("3", "42")
        .replace("steps", "n")
        .replace("fibre", "")
    )
    for same in (source, other, source.replace("Make it", "Make one")):
        with pytest.raises(DuplicateSkill, match="make_rope"):
            make.trial(library, Program.parse(same))


def test_programs_of_one_form_that_call_different_things_are_different(library, make):
    make.activate(
        library, make.trial(library, Program.parse('def rest():\n    """Lie down until the night is over."""\n    walk()\n'))
    )
    other = make.trial(library, Program.parse('def produce():\n    """Turn fibre into something strong."""\n    twist()\n'))
    assert [skill.name for skill in library.skills()] == ["rest", other.name]


def test_what_is_merged_is_no_duplicate_and_retires_when_its_heir_becomes_active(library, make):
    source = 'def make_rope():\n    """Make it."""\n    walk(3)\n    twist("fibre")\n'
    old = make.trial(library, Program.parse(source))
    make.activate(library, old)
    heir = make.trial(library, Program.parse(source.replace("make_rope", "make_any")), merges=[old.code_hash])
    assert library.version(old.code_hash).status == "active"
    make.activate(library, heir)
    assert library.version(old.code_hash).status == "retired"
    assert [entry.change.kind for entry in library.history("make_rope")] == ["create", "activate", "merge"]


def test_versions_of_a_name_are_counted_and_both_can_stand_in_one_closure(library, make):
    first = make.active(library, "fetch")
    rope = make.active(library, "make_rope", calls=["fetch"])
    second = make.trial(library, make.program("fetch", salt="2"))
    make.activate(library, second, keep=["make_rope"])
    assert (first.version, second.version) == (1, 2)
    swing = make.active(library, "make_swing", calls=["fetch", "make_rope"])
    closure = library.closure([swing.code_hash])
    assert {(s.name, s.version) for s in closure} == {("fetch", 1), ("fetch", 2), ("make_rope", 1), ("make_swing", 1)}
    assert library.version(rope.code_hash).calls[0].code_hash == first.code_hash
