"""What stands for something in every program stands for it also where a library is full of skills."""

import pytest

from skilllib.agent.links import PinnedLinks
from skilllib.errors import InvalidRecord
from skilllib.library.byname import linked_by_name
from skilllib.protocols import Draft
from skilllib.records.naming import RESERVED, refuse_name
from skilllib.records.skill import Skill
from skilllib.writer.naming import free_name

TAKEN = ["min", "max", "print", "len", "range", "facts", "eval", "ValueError", "Literal"]


@pytest.mark.parametrize("name", TAKEN)
def test_no_door_lets_a_skill_have_the_name_of_what_every_program_may_call(library, make, name):
    rope = make.active(library, "make_rope")
    for door in (
        lambda: make.trial(library, make.program(name)),
        lambda: library.alias(name, "make_rope"),
        lambda: library.quarantine(Skill(name=name, text="Do it."), proposer="import"),
        lambda: library.load([(Skill(name="fine", text="Do it."), ()), (Skill(name=name, text="Do it."), ())], proposer="import"),
    ):
        with pytest.raises(InvalidRecord, match=f"'{name}' means something else in every program.*choose another"):
            door()
    assert library.skills() == (rope,) and library.resolve([name]) == {}


def test_a_builtin_stands_for_itself_also_where_an_earlier_library_has_a_skill_or_an_alias_of_its_name(library, make, monkeypatch):
    with monkeypatch.context() as earlier:
        earlier.setattr("skilllib.library.library.refuse_name", lambda _: None)
        earlier.setattr("skilllib.library.aliases.refuse_name", lambda _: None)
        least = make.active(library, "min")
        library.alias("facts", "min")
    assert library.get("min") == library.get("facts") == least and not library.problems()
    assert library.resolve(["min", "facts"]) == {}
    program = make.program("fetch", body="walk(min(1, len('ab')))")
    assert PinnedLinks(library).of(Draft(program=program)).calls == {}
    assert linked_by_name(program.names, library.skills("active")) == ((), {})


def test_names_that_we_choose_are_never_those_of_builtins():
    for name in sorted(RESERVED):
        refuse_name(free_name(name, set()))
