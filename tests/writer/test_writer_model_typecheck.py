"""The type check refuses what is certain to fail when it is reached, and nothing else."""

from __future__ import annotations

import builtins

import pytest
from modelled import CHECKER, skill

from skilllib.records.program import FORBIDDEN_NAMES, Program
from skilllib.records.world import EnvironmentSpec, Parameter, Primitive
from skilllib.writer.typecheck import Problem, TypeChecker

FETCH = skill("def fetch(crop: Literal['wheat', 'egg'], amount: int = 1) -> None:\n    'Fetch.'\n    gather(crop)\n")


def problems(body: str, parameters: str = "") -> list[Problem]:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return CHECKER.problems(Program.parse(f"def go({parameters}) -> None:\n    'Go.'\n{lines}"), [FETCH])


@pytest.mark.parametrize(
    "body",
    [
        "walk('nowhere')",
        "walk(3)",
        "fetch('wheat', 'many')",
        "fetch()",
        "fetch('wheat', amuont=2)",
        "fetch('wheat', 1, 2)",
        "unknown()",
        "facts()['stock']['weat']",
        "facts()['stok']",
        "facts()['stock']['wheat'] += 1",
        "f = facts()['stock']\nf['flour'] = 3",
        "facts().stock",
        "facts(1)",
        "walk('home') + 1",
        "facts()['vigor'] > 'a'",
        "for x in facts()['vigor']:\n    walk('home')",
        "for place in ['home', 'feild']:\n    walk(place)",
        "'a' + 1",
        "import heapq",
    ],
)
def test_what_is_certain_to_fail_is_refused(body: str) -> None:
    assert len(problems(body)) == 1


@pytest.mark.parametrize(
    "body",
    [
        "walk('home')",
        "for place in ('home', 'field'):\n    walk(place)",
        "place = 'home' if facts()['vigor'] > 3 else 'mill'\nwalk(place)",
        "walk(facts()['at'])",
        "walk({'wheat': 'field', 'egg': 'coop'}['egg'])",
        "for good in facts()['stock']:\n    if facts()['stock'][good] > 2:\n        gather(good)",
        "for good, n in facts()['stock'].items():\n    if n > 2:\n        gather(good)",
        "n = sum(facts()['stock'].values())\nfetch('egg', n)",
        "n = facts()['stock'].get('wheat', 0) + 1\nfetch('egg', n)",
        "if 'weat' in facts()['stock']:\n    walk('home')",
        "held = gather('egg')\nif held >= 2:\n    walk('home')",
        "done = walk('home')\nif not done:\n    walk('mill')",
        "try:\n    gather('egg')\nexcept RuntimeError as error:\n    print(str(error))",
        "import math, random, time\nwalk('home')",
        "from collections import Counter\nwalk('home')",
        "def near(place):\n    walk(place)\nnear('home')",
        "x = None\nfor i in range(3):\n    x = (x or 0) + i\nfetch('egg', x)",
        "return 3",
        "x: int = 'a'",
        "go_on = [place for place in ['home']]\nwalk(go_on[0])",
        "fetch(amount=2, crop='egg')",
    ],
)
def test_what_may_succeed_is_let_through(body: str) -> None:
    assert problems(body) == []


def test_a_text_parameter_may_hold_what_a_call_allows() -> None:
    assert problems("fetch(crop)", "crop: str") == [] == problems("fetch(crop)", "crop: Literal['egg']")


def test_a_parameter_that_can_not_hold_what_a_call_allows_is_refused() -> None:
    assert len(problems("fetch(crop)", "crop: Literal['egg', 'milk']")) == 1
    assert len(problems("fetch('egg', amount)", "amount: str")) == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("facts()['stock'].wheat", 'facts are read by keys, not by attributes; write facts()["stock"]["wheat"]'),
        ("facts().stok", "facts are read by keys, not by attributes; there is no facts()[\"stok\"]; did you mean 'stock'?"),
        ("facts()['oven']['hot']", 'there is no facts()["oven"]["hot"]; facts()["oven"] has lit'),
        ("facts()['oven']['lit'] = True", "facts can only be read, and change by calls alone; leave this line out"),
    ],
)
def test_a_fact_that_is_read_wrongly_is_told_how_it_is_read(body: str, words: str) -> None:
    assert [problem.message for problem in problems(body)] == [words]


def test_each_line_is_named_once_in_order() -> None:
    found = problems("walk('a'); walk('b')\nfetch('c')\nwalk('d')")
    assert [problem.line for problem in found] == [3, 4, 5]


def test_builtins_are_those_of_the_sandbox() -> None:
    """What the checker lets through is there where the program runs, and the other way round."""
    import pydantic_monty as pm

    for name in sorted({name for name in dir(builtins) if not name.startswith("_")} - FORBIDDEN_NAMES - {"None", "True", "False"}):
        program = Program.parse(f"def go() -> None:\n    'Go.'\n    x = {name}\n")
        with CHECKER._workers.get().checkout() as session:
            try:
                session.feed_run(name)
                there = True
            except pm.MontyError:
                there = False
        assert (not CHECKER.problems(program)) == there, name


def test_nothing_of_a_program_is_run() -> None:
    program = Program.parse("def go() -> None:\n    'Go.'\n    while True:\n        walk('home')\n")
    assert CHECKER.problems(program) == []


def test_facts_with_open_groups_lists_and_odd_keys_can_be_read() -> None:
    schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "bag": {"type": "object", "properties": {"rope": {"type": "integer"}}},
            "door": {"type": "object", "additionalProperties": False, "properties": {"is open": {"type": "boolean"}}},
            "seen": {"type": "array"},
            "may be": {"type": ["integer", "null"]},
        },
    }
    spec = EnvironmentSpec(
        name="e", facts=schema, primitives=(Primitive(name="go", doc="Go.", parameters=(Parameter(name="far", type="number"),)),)
    )
    checker = TypeChecker(spec)
    try:
        reads = ("f['bag']['lamp'] + 1", "f['door']['is open']", "f['seen'][0]", "f['may be'] + 1", "go(2)", "go(2.5)")
        good = "\n    ".join(("'A.'", "f = facts()", *reads))
        assert checker.problems(Program.parse(f"def a() -> None:\n    {good}\n")) == []
        bad = checker.problems(Program.parse("def a() -> None:\n    'A.'\n    facts()['door']['open']\n    go('far')\n"))
        assert [problem.line for problem in bad] == [3, 4]
        assert bad[0].message == 'there is no facts()["door"]["open"]; did you mean \'is open\'?'
    finally:
        checker.close()
