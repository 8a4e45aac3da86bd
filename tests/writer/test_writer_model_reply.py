"""Replies are read strictly, and what is wrong with one is told exactly."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from modelled import GOOD, block, problem

from skilllib.records.model import Reply
from skilllib.records.normal import normal
from skilllib.records.program import Program
from skilllib.writer.reply import Unusable, parsed, program_in


def told(text: str, *, finish: str = "stop") -> str:
    with pytest.raises(Unusable) as refused:
        program_in(Reply(text=text, finish=finish))  # type: ignore[arg-type]
    return str(refused.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the reply is empty"),
        (" \n ", "the reply is empty"),
        ("<think>I wonder", "the reply is empty"),
        ("I would walk to the field.", "there is no code block"),
        (GOOD, "there is no code block"),
        (f"```python\n{GOOD}", "the code block is not closed"),
        (f"```python\n{GOOD.rstrip()}```", "the code block is not closed"),
        (block(GOOD) + block(GOOD), "there are 2 code blocks"),
        (block(""), "the code block is empty"),
        (f"```json\n{GOOD}\n```", "marked 'json'"),
        (block(GOOD + GOOD.replace("get", "take")), "only one function may stand at the top level"),
        (block(GOOD + "get_wheat()"), "only one function may stand at the top level; move this into it\nline 5: get_wheat()"),
        (block("import time\n" + GOOD), "only one function may stand at the top level; move this into it\nline 1: import time"),
        (block("walk('field')"), "there is no `def` at the top level"),
        (block("def go() -> None:\n    'Go.'\n    walk('field'\n"), "does not parse"),
        (block("def go() -> None:\n    walk('field')\n"), "'go' has no docstring"),
        (block("def go(n) -> None:\n    'Go.'\n    walk('field')\n"), "parameter 'n' needs a type"),
        (block("def go(n: list) -> None:\n    'Go.'\n    walk('field')\n"), "parameter 'n' needs a type"),
        (block("def go() -> None:\n    'Go.'\n    eval('1')\n"), "line 3: 'eval' is not allowed in a program\nline 3: eval('1')"),
        (block("class Go:\n    'Go.'\n"), "there is no `def` at the top level"),
        (block("async def go() -> None:\n    'Go.'\n"), "there is no `def` at the top level"),
    ],
)
def test_what_is_wrong_is_said(text: str, words: str) -> None:
    assert words in told(text)


def test_a_syntax_error_comes_with_its_line() -> None:
    assert told(block("def go() -> None:\n    'Go.'\n    walk('field'))\n")).endswith("line 3: walk('field'))")


@pytest.mark.parametrize("text", [f"```python\n{GOOD}", "```python\ndef go(", "I would", block(GOOD) + "\n```python\ndef"])
def test_a_reply_that_was_cut_off_is_told_to_be_shorter(text: str) -> None:
    assert "cut off" in told(text, finish="length")


@pytest.mark.parametrize(
    "text",
    [
        f"```py\n{GOOD}```",
        f"```\n{GOOD}```",
        f"```Python3 \n{GOOD}``` ",
        block("from typing import Literal\n\n" + GOOD),
        block("import typing\n" + GOOD),
        "1. Do this:\n   " + block(GOOD.replace("\n", "\n    ")).strip().replace("def get", "    def get", 1),
        block(GOOD.replace("\n", "\r\n")).replace("\r\n\n", "\r\n"),
    ],
)
def test_what_can_only_mean_one_thing_is_let_through(text: str) -> None:
    assert normal(program_in(Reply(text=text))) == normal(Program.parse(GOOD))


@given(st.text())
def test_any_text_is_a_program_or_a_problem_in_words(text: str) -> None:
    for reply in (text, block(text), f"def go():\n{text}"):
        try:
            assert program_in(Reply(text=reply)).name
        except Unusable as refused:
            assert str(refused)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            "    wlak('field')",
            "line 3: 'wlak' is no primitive, skill, builtin or variable; did you mean 'walk'?\nline 3: wlak('field')",
        ),
        (
            "    walk('feild')",
            "walk does not take \"feild\"; leave this line out, or use a value of walk(to: Literal['home', 'field',",
        ),
        ("    walk('field', 2)", "Too many positional arguments"),
        ("    walk()", "No argument provided for required parameter 'to'"),
        ("    walk(where='field')", "'where' does not match any known parameter"),
        ("    walk = 3", "'walk' is the name of a primitive or a skill; choose another name"),
        ("    facts = 3\n    walk('field')", "'facts' is the name of a primitive or a skill"),
        ("    print(facts())", "calls no primitive and no skill"),
        ("    callable(3)\n    walk('field')", "'callable' is no primitive, skill, builtin or variable"),
        ("    import numpy\n    walk('field')", "numpy"),
        ("    walk('field')\n    x = [*(yield)]", "not supported"),
        ("    try:\n        walk('field')\n    except* ValueError:\n        pass", "the sandbox cannot run this"),
    ],
)
def test_a_program_that_would_fail_is_told_so_before_it_costs_an_episode(source: str, words: str) -> None:
    assert words in problem(block(f"def go() -> None:\n    'Go.'\n{source}\n"))


def test_a_function_with_the_name_of_a_primitive_is_refused() -> None:
    assert "'walk' is the name of a primitive" in problem(block(GOOD.replace("get_wheat", "walk")))


def test_no_more_than_three_problems_are_told_at_once() -> None:
    source = "def go() -> None:\n    'Go.'\n" + "".join(f"    wlak{i}()\n" for i in range(9))
    assert problem(block(source)).count("is no primitive") == 3


@pytest.mark.parametrize(
    ("read", "meant"),
    [
        ('facts()["stock"].wheat', 'facts()["stock"]["wheat"]'),
        ("facts().stock.wheat", 'facts()["stock"]["wheat"]'),
        ('facts()["stock"].get("wheat", 0)', 'facts()["stock"].get("wheat", 0)'),
        ("other.facts().stock", "other.facts().stock"),
    ],
)
def test_an_attribute_of_the_facts_is_read_as_the_key_that_it_can_only_be(read: str, meant: str) -> None:
    body = f'def look_up() -> None:\n    """Look it up."""\n    x = {{}}\n    print({read})\n'
    assert parsed(body).source == body.replace(read, meant)


def written(*lines: str) -> str:
    return "\n".join(["def go(n: int) -> None:", '    """Go."""', *(f"    {line}" for line in lines), ""])


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        (['facts()["stock"]["wheat"] = 3', "walk('field')"], ["pass", "walk('field')"]),
        (['facts()["vigor"] -= n', "walk('field')"], ["pass", "walk('field')"]),
        (['facts().stock.wheat = facts()["stock"]["egg"]', "walk('field')"], ["pass", "walk('field')"]),
        (['facts()["a"] = facts()["b"] = 3', "walk('field')"], ["pass", "walk('field')"]),
        # what the value does is done
        (['facts()["stock"]["wheat"] += gather("wheat")'], ["gather('wheat')"]),
        (['facts()["a"] = (k := 2)', "print(k)"], ["(k := 2)", "print(k)"]),
        (['facts()["a"] = (', "    gather(", "        'wheat'))"], ["gather('wheat')"]),
        # what stands beside or around it stays
        (["walk('field'); facts()[\"é\"] = 1; gather('wheat')"], ["walk('field')", "pass", "gather('wheat')"]),
        (["if n: facts()['a'] = 1", "else: walk('field')"], ["if n:", "    pass", "else:", "    walk('field')"]),
    ],
)
def test_an_assignment_to_facts_is_taken_off_and_nothing_else(lines: list[str], left: list[str]) -> None:
    assert parsed(written(*lines)).source == written(*left)


@pytest.mark.parametrize(
    "line",
    [
        "x = facts()['a'] = 1",
        "facts = 3",
        "x['a'] = facts()['a']",
        "facts()[gather('wheat')] = 1",
        "facts(gather('wheat'))['a'] = 1",
        "x.facts()['a'] = 1",
        "a, facts()['b'] = 1, 2",
        "print('facts()[1] = 2')  # facts()[1] = 2",
        "n  =  3",
    ],
)
def test_what_assigns_to_something_else_too_stays_word_for_word(line: str) -> None:
    source = written("x = {}", line)
    assert parsed(source).source == source


def test_a_reply_of_assignments_alone_is_told_that_it_does_nothing() -> None:
    told = problem(block("def go() -> None:\n    'Go.'\n    facts()['stock']['wheat'] = 3\n"))
    assert told == "the function calls no primitive and no skill, so it changes nothing"


values = st.sampled_from(("1", "n", "facts()['a']", "do(1)", "do(n) + 1", "(k := n)", "-n", "facts()['b'] + 1", "[do(2)]"))
simple = st.one_of(
    st.tuples(st.sampled_from(("facts()['a']", "facts()['c']['d']", "facts()['a'] = facts()['b']")), st.just("="), values),
    st.tuples(st.sampled_from(("k", "x['a']", "x['b'] = k")), st.just("="), values),
    st.tuples(st.sampled_from(("facts()['a']", "k")), st.sampled_from(("+=", "-=")), st.sampled_from(("1", "n", "do(3)"))),
    st.tuples(st.just("do("), values, st.just(")")),
).map(" ".join)
lines = st.recursive(
    st.lists(simple, min_size=1, max_size=3).map(lambda parts: ["; ".join(parts)]),
    lambda inner: st.tuples(st.sampled_from(("if n:", "if k:", "for i in (1, 2):")), inner, inner).map(
        lambda block: [block[0], *(f"    {line}" for line in block[1]), *block[2]]
    ),
    max_leaves=6,
)


def done(source: str) -> list[object]:
    """Return what a program does: its calls, what it leaves in its variables, and where it broke."""
    facts = {"a": 1, "b": 2, "c": {"d": 3}}
    calls: list[object] = []
    scope: dict[str, Any] = {"do": lambda x: calls.append(x) or 1, "facts": lambda: copy.deepcopy(facts)}
    try:
        exec(source.replace('"""Go."""', '"""Go."""; k, x = 0, {}') + "    do((k, x))\nprogram = go", scope)
        scope["program"](3)
    except TypeError as error:
        calls.append(type(error))
    return calls


@given(lines)
def test_what_is_left_of_a_program_does_the_same(body: list[str]) -> None:
    source = written(*body)
    assert done(parsed(source).source) == done(source)
