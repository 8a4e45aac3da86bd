"""Parameters with other names are recognised, and nothing is called as it cannot be called."""

from __future__ import annotations

import pytest

from skilllib.gate.pairing import paired, renamed
from skilllib.records.base import Scalar
from skilllib.records.program import Program
from skilllib.records.skill import KeptTest, Skill


def skill(parameters: str) -> Skill:
    return Skill(name="do", program=Program.parse(f'def do({parameters}) -> None:\n    """Do it."""\n    walk()\n'))


def kept(**arguments: Scalar) -> KeptTest:
    return KeptTest(environment="yard", seed=1, check="after.rope >= amount", arguments=arguments, check_arguments={"amount": 2})


@pytest.mark.parametrize(
    ("one", "other", "names"),
    [
        ("", "", {}),
        ("amount: int", "amount: int", {"amount": "amount"}),
        ("amount: int", "n: int", {"amount": "n"}),
        ("amount: int, crop: str", "crop: str, n: int", {"amount": "n", "crop": "crop"}),
        ("a: int, b: int", "b: int, c: int", {"b": "b", "a": "c"}),
        ("a: int, b: int", "x: int, y: int", {"a": "x", "b": "y"}),
        ("amount: int", "n: int, careful: bool = False", {"amount": "n"}),
        ("amount: int", "crop: str", None),
        ("amount: int", "", None),
        ("", "amount: int = 1", {}),
        ("amount: int", "amount: str", None),
    ],
)
def test_parameters_belong_together_by_name_and_else_by_type_and_order(one: str, other: str, names: dict[str, str] | None) -> None:
    assert paired(skill(one), skill(other)) == names


def test_skills_in_words_have_no_parameters_to_pair() -> None:
    assert paired(Skill(name="do", text="Do it."), skill("")) is None


def test_one_that_returns_nothing_does_not_stand_for_one_that_returns_a_value() -> None:
    source = 'def do() -> int:\n    """Do it."""\n    walk()\n    return 3\n'
    telling = Skill(name="do", program=Program.parse(source))
    silent = Skill(name="do", program=Program.parse(source.replace("return 3", "return None")))
    assert paired(telling, silent) is None and paired(silent, telling) == {} == paired(telling, telling)


def test_the_arguments_of_a_test_are_renamed_and_its_check_is_not() -> None:
    (test,) = renamed([kept(amount=2)], {"amount": "n"}, skill("n: int")) or ()
    assert (test.arguments, test.check_arguments, test.check) == ({"n": 2}, {"amount": 2}, "after.rope >= amount")


@pytest.mark.parametrize(
    ("arguments", "parameters"),
    [
        ({"crop": "wheat"}, "crop: Literal['egg', 'firewood']"),
        ({"careful": 1}, "crop: str = 'egg'"),
        ({}, "crop: str"),
    ],
    ids=["a value that is no choice", "an argument that has no counterpart", "an argument that is needed"],
)
def test_one_test_that_cannot_be_called_is_enough(arguments: dict[str, Scalar], parameters: str) -> None:
    assert renamed([kept(crop="egg"), kept(**arguments)], {"crop": "crop"}, skill(parameters)) is None
