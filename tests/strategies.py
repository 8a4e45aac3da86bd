"""Hypothesis strategies for records."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from skilllib.records.experience import CallExperience
from skilllib.records.program import Program
from skilllib.records.skill import Callee, Contract, Provision, Skill
from skilllib.records.task import Task
from skilllib.records.world import Missing

NAMES = ("rope", "lamp", "key", "map")
GROUPS = ("bag", "cave", "day")

names = st.sampled_from(NAMES)
identifiers = st.from_regex(r"[a-z]{3,8}_[a-z]{1,6}", fullmatch=True)
integers = st.integers(-20, 20)
leaves = st.one_of(integers, st.booleans(), st.sampled_from(["", "north", "south"]))
scalars = st.one_of(integers, st.booleans(), st.sampled_from(["north", "south", "up"]))
paths = st.builds(lambda group, name: f"{group}.{name}", st.sampled_from(GROUPS), names)


def facts(values: st.SearchStrategy[Any] = leaves) -> st.SearchStrategy[dict[str, Any]]:
    """Nested facts in which some leaves may be absent."""
    group = st.dictionaries(names, values, max_size=len(NAMES))
    return st.fixed_dictionaries({}, optional={name: group for name in GROUPS})


def full_facts(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Nested facts in which every leaf is there."""
    return st.fixed_dictionaries({group: st.fixed_dictionaries(dict.fromkeys(NAMES, values)) for group in GROUPS})


numbers = st.deferred(
    lambda: st.one_of(
        integers.map(str),
        st.sampled_from(["amount", "limit"]),
        st.builds(lambda side, path: f"{side}.{path}", st.sampled_from(["before", "after"]), paths),
        st.builds(lambda left, op, right: f"({left} {op} {right})", numbers, st.sampled_from("+-*"), numbers),
        st.builds(lambda verb, left, right: f"{verb}({left}, {right})", st.sampled_from(["min", "max"]), numbers, numbers),
        numbers.map(lambda inner: f"abs({inner})"),
        numbers.map(lambda inner: f"(-{inner})"),
    )
)
"""Numeric expressions of the grammar of checks, over numeric facts and the parameters `amount` and `limit`."""

checks = st.deferred(
    lambda: st.one_of(
        st.builds(lambda a, op, b: f"{a} {op} {b}", numbers, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), numbers),
        st.builds(lambda a, b, c: f"{a} <= {b} < {c}", numbers, numbers, numbers),
        st.builds(lambda a, b, c: f"{a} in ({b}, {c})", numbers, numbers, numbers),
        st.builds(lambda a, b, c: f"{a} not in ({b}, {c})", numbers, numbers, numbers),
        st.builds(lambda a, op, b: f"(({a}) {op} ({b}))", checks, st.sampled_from(["and", "or"]), checks),
        checks.map(lambda inner: f"not ({inner})"),
    )
)
"""Expressions of the grammar of checks."""

comparisons = st.builds(
    lambda path, op, level: f"after.{path} {op} {level}", paths, st.sampled_from([">=", ">", "<=", "<", "=="]), st.integers(0, 9)
)

tasks = st.builds(
    lambda subject, goal, check, amounts: Task(
        id=f"have:{subject}", environment="cave", goal=goal, check=check, parameters={"amount": tuple(amounts)}
    ),
    identifiers,
    st.text(min_size=1, max_size=30),
    comparisons,
    st.lists(st.integers(1, 9), min_size=1, max_size=3),
)

programs = st.builds(
    lambda name, doc, calls: Program.parse(
        f'def {name}() -> None:\n    """{doc}."""\n' + "".join(f"    {call}()\n" for call in calls)
    ),
    identifiers,
    st.sampled_from(["Fetch", "Climb", "Light the way"]),
    st.lists(identifiers, min_size=1, max_size=4),
)

contracts = st.builds(
    lambda checks, capabilities: Contract(
        provides=tuple(Provision(check=check) for check in checks), capabilities=tuple(sorted(capabilities))
    ),
    st.lists(comparisons, max_size=2),
    st.sets(identifiers, max_size=3),
)

callees = st.builds(lambda name, digit: Callee(name=name, code_hash=digit * 64), identifiers, st.sampled_from("0123456789abcdef"))

skills = st.builds(
    lambda program, contract, calls, text: Skill(
        name=program.name, program=program, contract=contract, calls=tuple(calls), text=text
    ),
    programs,
    contracts,
    st.lists(callees, max_size=3),
    st.one_of(st.none(), st.text(max_size=30)),
)

lacks = st.builds(lambda path, level: Missing(fact=path, at_least=level), paths, st.integers(1, 5))


def call_experiences(name: str = "take") -> st.SearchStrategy[CallExperience]:
    """Experience of one and the same call."""
    counts = st.dictionaries(paths, st.integers(1, 5), max_size=3)
    amounts = st.dictionaries(paths, st.integers(1, 9).map(float), max_size=3)
    return st.builds(
        CallExperience,
        name=st.just(name),
        arguments=st.just({"what": "rope"}),
        calls=st.integers(0, 9),
        succeeded=st.integers(0, 9),
        retried=st.integers(0, 9),
        steps=st.integers(0, 99),
        rises=counts,
        falls=counts,
        gains=amounts,
        uses=amounts,
        missing=st.lists(lacks, unique=True, max_size=2).map(tuple),
        messages=st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=5).map(tuple),
    )
