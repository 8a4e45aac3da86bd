"""What can be a program, and what is read off it."""

from __future__ import annotations

import pytest

from skilllib.errors import InvalidProgram
from skilllib.records.program import MAX_SOURCE, Program
from skilllib.records.world import Parameter

SOURCE = '''def fetch(item: Literal["rope", "key"], amount: int = 1, *, gently: bool = False, force: float = -0.5) -> int:
    """Fetch something.

    In two lines.
    """
    import math
    total = 0
    for i in range(amount):
        total += take(item) or walk_home(i)
    return [x for x in (total, math.pi)]
'''


def program(body: str = "pass", parameters: str = "") -> Program:
    lines = "\n    ".join(body.split("\n"))
    return Program.parse(f"def go({parameters}):\n    'Go.'\n    {lines}\n")


def test_name_doc_parameters_and_signature_are_read_from_the_source() -> None:
    fetch = Program.parse(SOURCE)
    assert fetch.name == "fetch" and fetch.doc == "Fetch something.\n\nIn two lines."
    assert fetch.parameters == (
        Parameter(name="item", type="string", choices=("rope", "key")),
        Parameter(name="amount", type="integer", default=1),
        Parameter(name="gently", type="boolean", default=False),
        Parameter(name="force", type="number", default=-0.5),
    )
    assert fetch.signature() == "fetch(item: Literal['rope', 'key'], amount: int = 1, gently: bool = False, force: float = -0.5)"


def test_names_it_reads_but_does_not_bind_are_listed() -> None:
    fetch = Program.parse(SOURCE)
    assert {"take", "walk_home", "range"} <= fetch.names and not {"total", "x", "i", "math", "item"} & fetch.names
    assert {"fetch", "item", "amount", "total", "i", "x", "math"} <= fetch.bound


def test_a_program_survives_storage() -> None:
    fetch = Program.parse(SOURCE)
    assert Program.model_validate_json(fetch.model_dump_json()) == fetch


@pytest.mark.parametrize(
    ("source", "words", "line"),
    [
        ("", "no `def`", None),
        ("x = 1", "no `def`", None),
        ("def go():\n    'Go.'\nx = 1", "only one function", 3),
        ("import os\ndef go():\n    'Go.'", "only one function", 1),
        ("def go():\n    'Go.'\ndef come():\n    'Come.'", "only one function", 3),
        ("async def go():\n    'Go.'", "no `def`", None),
        ("def _go():\n    'Go.'", "underscore", 1),
        ("@f\ndef go():\n    'Go.'", "decorators", 2),
        ("def go():\n    pass", "no docstring", 1),
        ("def go():\n    '  '", "no docstring", 1),
        ("def go(:\n    'Go.'", "does not parse", 1),
        ("def go():\n    'Go.'\n    break", "outside loop", 3),
        ("def go():\n    'Go.'\n    nonlocal x", "nonlocal", 3),
        ("def go():\n    'Go\0.'", "does not parse", None),
        ("def go():\n    'Go.'\n    x = " + "(" * 500 + ")" * 500, "does not parse", None),
        ("x" * (MAX_SOURCE + 1), "at most", None),
    ],
)
def test_what_is_not_one_function_with_a_docstring_is_refused(source: str, words: str, line: int | None) -> None:
    with pytest.raises(InvalidProgram, match=words) as caught:
        Program.parse(source)
    assert line is None or caught.value.line == line


@pytest.mark.parametrize(
    "body",
    [
        "global x",
        "eval('1')",
        "f = exec",
        "open('x')",
        "x.__class__",
        "__import__('os')",
        "__enter_1()",
        "__x = 1",
        "def __f(): pass",
        "import os as __os",
        "try:\n    pass\nexcept ValueError as __e:\n    pass",
        "class A: pass",
        "yield 1",
        "async def f(): pass",
    ],
)
def test_what_could_step_out_is_refused_early(body: str) -> None:
    with pytest.raises(InvalidProgram):
        program(body)


@pytest.mark.parametrize(
    "parameters",
    [
        "x",
        "x: list",
        "x: int | str",
        "x: Literal[f()]",
        "x: Literal[None]",
        "x: Literal['a', 1]",
        "x: Literal[()]",
        "*x: int",
        "**x: int",
        "x: int, /",
        "x: int = None",
        "x: int = y",
        "x: int = 'a'",
        "x: int = True",
        "x: int = 1.0",
        "x: float = 1e999",
        "x: int = 2 ** 80",
        f"x: int = {2**80}",
        f"x: int = -{2**80}",
        "x: str = '\\ud800'",
        "x: Literal['a', 'b'] = 'c'",
    ],
)
def test_a_parameter_without_a_plain_type_or_default_is_refused(parameters: str) -> None:
    with pytest.raises(InvalidProgram):
        program(parameters=parameters)


TAKEN = ["x: float = 1", "x: int = -1", "x: Literal[-1, 1] = -1", "x: Literal[True] = True", "*, x: str"]


@pytest.mark.parametrize("parameters", TAKEN)
def test_plain_types_and_defaults_are_taken(parameters: str) -> None:
    assert program(parameters=parameters).parameters[0].name == "x"


def test_an_odd_escape_warns_nobody() -> None:
    assert program(r"x = '\d'; y = x is 'a'").name == "go"


def test_giving_a_primitive_another_meaning_is_refused() -> None:
    bodies = ("take = 1", "for take in []: pass", "import math as take", "def take(): pass", "f = lambda take: 1", "(take := 1)")
    for body in bodies:
        with pytest.raises(InvalidProgram, match="'take'"):
            program(body).refuse_rebinding({"take"})
    program("take()\nx.take = 1\nf(take=1)").refuse_rebinding({"take"})


def test_programs_that_differ_only_in_names_and_constants_have_one_shape() -> None:
    one = Program.parse("def a(n: int):\n    'A.'\n    x = take(n, m=1)\n    return x.y")
    two = Program.parse("def b(k: str = 'u') -> int:\n    'B.'\n    z = drop(k, o=2)\n    return z.w")
    three = Program.parse("def b(k: str):\n    'B.'\n    z = drop(k)\n    return z.w")
    assert one.shape != three.shape
    assert Program.parse(two.source.replace(" = 'u'", "")).shape == one.shape
