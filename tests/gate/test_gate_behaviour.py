"""One that does the same is found however it is written; one that does more, less or something besides is not taken for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from skilllib.build import proving
from skilllib.embedders import HashingEmbedder
from skilllib.exchange import Activation, Promise, added
from skilllib.gate.behaviour import CANDIDATES, twin
from skilllib.library import SkillLibrary
from skilllib.records.execution import Trial
from skilllib.records.program import Program
from skilllib.records.skill import KeptTest, Skill
from skilllib.sandbox import MontySandbox
from skilllib.testing import make_bakery
from skilllib.workers import Workers

LOOK = """
        try:
            gather("egg")
        except RuntimeError:
            pass
"""
EGGS = f'''def get_eggs(amount: int) -> None:
    """Have an amount of eggs."""
    walk("coop")
    while facts()["stock"]["egg"] < amount:{LOOK}'''
HAVE_EGGS = "after.stock.egg >= amount"
VALUES = (1, 2, 3)


class Pantry:
    """A library for the bakery, and the door to it."""

    def __init__(self, library: SkillLibrary, workers: Workers) -> None:
        self.library, self._workers = library, workers

    def offered(self, source: str, check: str = HAVE_EGGS, *, tests: Sequence[KeptTest] = (), **values: Any) -> Activation:
        """Add a skill, prove it and return what the gate said."""
        program = Program.parse(source)
        values = values or {parameter.name: VALUES for parameter in program.parameters}
        promise = Promise(check=check, arguments={name: list(found) for name, found in values.items()})
        skill = added(self.library, program, promise, spec=make_bakery().spec, tests=tests)
        with proving(self.library, values=values, workers=lambda *_: self._lent()) as door:
            return list(door.activate(skill))[-1]

    def kept(self, source: str, check: str = HAVE_EGGS, **options: Any) -> Skill:
        found = self.offered(source, check, **options)
        assert (found.skill.status, found.likeness) == ("active", None), found.decision.reason
        return found.skill

    def twin(self, source: str, check: str = HAVE_EGGS, **options: Any) -> Activation:
        found = self.offered(source, check, **options)
        assert (found.skill.status, found.decision.codes[:2]) == ("trial", ("duplicate", "behaviour")), found.decision.reason
        return found

    def _lent(self) -> Workers:
        return _Lent(self._workers)  # type: ignore[return-value]  # the same workers for all tests, ended at the end of all


class _Lent:
    def __init__(self, workers: Workers) -> None:
        self._workers = workers

    def __enter__(self) -> Workers:
        return self._workers

    def __exit__(self, *_: object) -> None:
        return None


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with Workers(world=make_bakery, sandbox=MontySandbox) as made:
        yield made


@pytest.fixture
def pantry(tmp_path: Path, workers: Workers) -> Iterator[Pantry]:
    with SkillLibrary.open(tmp_path / "library", create=True, embedder=HashingEmbedder(), index="exact") as library:
        yield Pantry(library, workers)


FETCHED = f'''def fetch_from_nests(amount: int = 1) -> None:
    """Look into the nests until enough was found."""
    if facts()["at"] != "coop":
        walk("coop")
    missing = amount - facts()["stock"]["egg"]
    while missing > 0:{LOOK}        missing = amount - facts()["stock"]["egg"]
'''


def test_a_twin_that_is_written_differently_is_found(pantry: Pantry) -> None:
    eggs = pantry.kept(EGGS)
    found = pantry.twin(FETCHED).likeness
    assert found is not None and (found.kind, found.skill, found.offers) == ("behaviour", eggs, ("alias", "version"))
    assert found.figures == {"tests": 6.0}


def test_a_twin_whose_parameter_has_another_name_is_found_and_told_which_stands_for_which(pantry: Pantry) -> None:
    pantry.kept(EGGS)
    found = pantry.twin(FETCHED.replace("amount", "n"), "after.stock.egg >= n")
    assert found.likeness is not None and found.likeness.offers == ("alias", "version")
    assert "does what 'get_eggs' (version 1" in found.decision.reason
    assert "where 'amount' stands for its 'n'" in found.decision.reason


def test_one_with_a_further_parameter_is_offered_as_a_version_alone(pantry: Pantry) -> None:
    pantry.kept(EGGS)
    source = FETCHED.replace("amount: int = 1", "amount: int, quiet: bool = True")
    found = pantry.twin(source, amount=VALUES).likeness
    assert found is not None and found.offers == ("version",)


def test_a_twin_that_promises_it_in_other_words_is_found(pantry: Pantry) -> None:
    one = 'def egg_hunt() -> None:\n    """Find an egg."""\n    had = facts()["stock"]["egg"]\n    walk("coop")\n'
    eggs = pantry.kept(f'{one}    while facts()["stock"]["egg"] == had:{LOOK}', "after.stock.egg > before.stock.egg")
    other = 'def nest_search() -> None:\n    """Search nests."""\n    at = "coop"\n    walk(to=at)\n'
    had = 'facts()["tally"]["found_egg"]'
    source = f"{other}    tally = {had}\n    while tally == {had}:{LOOK}"
    found = pantry.twin(source, "after.tally.found_egg > before.tally.found_egg").likeness
    assert found is not None and found.skill == eggs


ANOTHER_WAY = FETCHED.replace('    if facts()["at"] != "coop":\n', '    walk("mill")\n    if True:\n')


def test_a_twin_that_takes_another_way_is_found_though_it_comes_out_more_tired(pantry: Pantry) -> None:
    eggs = pantry.kept(EGGS, amount=(5,))
    found = pantry.twin(ANOTHER_WAY, amount=(5,))
    assert found.likeness is not None and found.likeness.skill == eggs
    tests = pantry.library.tests(eggs.code_hash)
    assert len({test.changes["vigor"] for test in tests}) > 1, "luck decides how tired one gets"


DIFFERENT = {
    "it gets more": FETCHED.replace("amount - facts", "amount + 1 - facts"),
    "it gets something besides": f'{FETCHED}    walk("field")\n    gather("wheat")\n    walk("coop")\n',
    "it uses something up": f"""{FETCHED}    walk("forest")
    for _ in range(2):
        gather("firewood")
    walk("kitchen")
    light()
    walk("coop")
""",
    "it ends elsewhere": f'{FETCHED}    walk("home")\n',
    "it gets less where more is asked": FETCHED.replace("= amount -", "= min(amount, 2) -"),
}


@pytest.mark.parametrize("source", DIFFERENT.values(), ids=DIFFERENT)
def test_what_does_more_or_less_or_something_besides_is_no_twin(pantry: Pantry, source: str) -> None:
    pantry.kept(EGGS)
    pantry.kept(source, amount=(1, 2) if "min" in source else VALUES)


def test_the_one_that_does_less_is_no_twin_of_the_one_that_does_more(pantry: Pantry) -> None:
    pantry.kept(FETCHED.replace("amount - facts", "amount + 1 - facts"))
    pantry.kept(EGGS)


def test_one_that_does_the_same_on_the_others_tests_and_more_on_its_own_is_no_twin(pantry: Pantry) -> None:
    pantry.kept(FETCHED.replace("= amount -", "= min(amount, 3) -"))
    pantry.kept(EGGS, amount=(1, 2, 3, 4, 5))


UNLUCKY = f'''def console() -> None:
    """Find an egg, and take a sheaf of wheat home for every look that was in vain."""
    walk("coop")
    looks = 0
    while facts()["stock"]["egg"] < 1:{LOOK}        looks += 1
    walk("field")
    for _ in range(looks):
        gather("wheat")
'''
GREEDY = f'''def take_revenge() -> None:
    """Reap two ears each time that the hens had nothing, once they laid."""
    had = facts()["stock"]["egg"]
    number = 0
    walk(to="coop")
    while had == facts()["stock"]["egg"]:
        number += 2{LOOK}    crop = "wheat"
    walk(to="field")
    while facts()["stock"]["wheat"] < number:
        gather(crop)
'''


def test_what_stands_beside_the_facts_of_a_check_is_no_accident_though_luck_decides_how_much_it_is(pantry: Pantry) -> None:
    pantry.kept(UNLUCKY, "after.stock.egg > before.stock.egg")
    pantry.kept(GREEDY, "after.stock.egg > before.stock.egg")


def test_what_a_neighbour_promises_is_no_accident(pantry: Pantry) -> None:
    pantry.kept(
        'def toil() -> None:\n    """Toil."""\n    walk("mill")\n    walk("home")\n    walk("mill")\n', "after.vigor < before.vigor"
    )
    pantry.kept(EGGS, amount=(5,))
    pantry.kept(ANOTHER_WAY, amount=(5,))


def test_what_its_calls_do_by_now_counts_and_not_what_was_recorded_of_them(pantry: Pantry) -> None:
    eggs = pantry.kept(EGGS)
    stale = [test.model_copy(update={"changes": {"stock.egg": (0, 9)}}) for test in pantry.library.tests(eggs.code_hash)]
    pantry.library.revoke("get_eggs", "to begin anew")
    old = pantry.kept(EGGS.replace("get_eggs", "egg_supply").replace('"""Have', '"""Own'), tests=stale)
    assert pantry.library.tests(old.code_hash)[0].changes == {"stock.egg": (0, 9)}
    assert pantry.twin(FETCHED).likeness is not None


def test_every_value_is_tried_so_that_one_that_differs_in_the_last_is_no_twin(pantry: Pantry) -> None:
    values = (1, 2, 3, 4, 5)
    pantry.kept(EGGS, amount=values)
    pantry.kept(FETCHED.replace("= amount -", "= (amount if amount < 5 else 6) -"), amount=values)


HOARDERS = [
    f"""def {name}(amount: int) -> None:
    '''{words}'''
{"".join(f'    walk("{place}")' + chr(10) for place in places)}    while facts()["stock"]["egg"] < amount + {len(places)}:{LOOK}"""
    for name, words, places in [
        ("lay_by", "Lay eggs by for winter, when the hens sit in the dark and lay nothing at all.", ["coop"]),
        ("hoard", "Hoard; nobody knows what comes, and who has enough can bake for all the others.", ["mill", "coop"]),
        ("stock_up", "Before the feast is kept, as every year.", ["field", "home", "coop"]),
        ("pile", "A pile of them.", ["home", "mill", "field", "coop"]),
    ]
]


def test_few_are_run_the_likeliest_first_and_the_first_difference_ends_it(pantry: Pantry) -> None:
    for source in HOARDERS:
        pantry.kept(source)
    eggs = pantry.kept(EGGS)
    tests = pantry.library.tests(eggs.code_hash)
    program = Program.parse(FETCHED)
    new = Skill(name=program.name, program=program, contract=eggs.contract, environment="bakery")
    gained: list[object] = []

    def replay(skill: Skill, closure: Sequence[Skill], tests: Sequence[KeptTest]) -> list[Trial]:
        assert skill.name == new.name
        gained.extend(test.changes["stock.egg"][1] for test in tests)
        return [Trial(seed=test.seed, solved=False) for test in tests]

    assert twin(pantry.library, new, tests, replay=replay) is None
    assert len(gained) == CANDIDATES and gained[0] == 1, "the others lay more by, wherever they go"


def test_what_changes_nothing_that_a_check_of_both_is_about_is_not_run(pantry: Pantry) -> None:
    eggs = pantry.kept(EGGS)
    wheat = FETCHED.replace("from_nests", "wheat").replace("egg", "wheat").replace("coop", "field")
    pantry.kept(wheat, "after.stock.wheat >= amount")

    def replay(*_: object) -> list[Trial]:
        raise AssertionError("nothing is to be run")

    tests = pantry.library.tests(eggs.code_hash)
    program = Program.parse(FETCHED)
    same, other = (
        Skill(name=name, program=program, contract=eggs.contract, environment="bakery") for name in ("get_eggs", program.name)
    )
    assert twin(pantry.library, same, tests, replay=replay) is None, "only the one for wheat has another name"
    silent = [test.model_copy(update={"changes": {}}) for test in tests]
    assert twin(pantry.library, other, silent, replay=replay) is None and twin(pantry.library, other, (), replay=replay) is None
    with pytest.raises(AssertionError, match="nothing is to be run"):
        twin(pantry.library, other, tests, replay=replay)


CRAFTER = {
    "get_wood": '''def get_wood(amount: int = 1) -> None:
    """Have an amount of wood."""
    while facts()["inventory"]["wood"] < amount:
        explore_until("tree")
        collect("tree")
''',
    "fetch_timber": '''def fetch_timber(n: int) -> None:
    """Fetch timber from the forest until enough is held."""
    wait(1)
    missing = n - facts()["inventory"]["wood"]
    while missing > 0:
        explore_until(target="tree")
        collect(target="tree")
        missing = n - facts()["inventory"]["wood"]
''',
    "plant_and_log": '''def plant_and_log(n: int) -> None:
    """Have wood, and a sapling."""
    for _ in range(n):
        explore_until("tree")
        collect("tree")
    while facts()["inventory"]["sapling"] < 1:
        collect("grass")
''',
}


def test_in_crafter_a_twin_is_found_and_one_with_a_side_effect_is_none(tmp_path: Path) -> None:
    from skilllib.registry import make_environment

    world = make_environment("crafter")
    found = {}
    with SkillLibrary.open(tmp_path / "library", create=True, embedder=HashingEmbedder(), index="exact") as library:
        for name in ("get_wood", "plant_and_log", "fetch_timber"):
            program = Program.parse(CRAFTER[name])
            (parameter,) = program.parameters
            promise = Promise(check=f"after.inventory.wood >= {parameter.name}", arguments={parameter.name: [1, 2]})
            skill = added(library, program, promise, spec=world.spec)
            with proving(library, values=promise.values()) as door:
                (found[name],) = door.activate(skill)
    world.close()
    assert [one.skill.status for one in found.values()] == ["active", "active", "trial"]
    likeness = found["fetch_timber"].likeness
    assert likeness is not None and likeness.skill.name == "get_wood"
