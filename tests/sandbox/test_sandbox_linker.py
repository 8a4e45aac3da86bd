"""The linker changes names and nothing else."""

from __future__ import annotations

import ast
import symtable
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox_programs import main, skill

from skilllib.errors import InvalidProgram, UnknownSkill
from skilllib.records.program import Program
from skilllib.sandbox.linker import link, readable, rewritten
from skilllib.sandbox.scope import free_names

TABLE = (("chop", "__chop__12345678_0"), ("walk", "__walk__87654321_1"))
NAME = st.sampled_from(["chop", "walk", "x", "wälk"])


def expressions() -> st.SearchStrategy[str]:
    def extend(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            st.builds("{}({}, {}={})".format, NAME, inner, NAME, inner),
            st.builds("{}.{}".format, NAME, NAME),
            st.builds("[{} for {} in {} if {}]".format, inner, NAME, inner, inner),
            st.builds("{{{}: {} for {} in {} for {} in {}}}".format, inner, inner, NAME, inner, NAME, inner),
            st.builds("(lambda {}={}: {})".format, NAME, inner, inner),
            st.builds("({} if {} else {})".format, inner, inner, inner),
            st.builds("f'é{{{}}}'".format, NAME),
            st.builds("({} :=\n {})".format, NAME, inner),
        )

    return st.recursive(st.one_of(NAME, st.just("'chop walk é'")), extend, max_leaves=6)


def statements(depth: int = 2) -> st.SearchStrategy[str]:
    simple = st.one_of(
        expressions(),
        st.builds("{} = {}".format, NAME, expressions()),
        st.builds("import math as {}".format, NAME),
        st.builds("x: chop = {}".format, expressions()),
        st.just('"""chop\nwalk"""; chop(chop=walk)  # chop'),
    )
    if not depth:
        return simple
    block = st.lists(statements(depth - 1), min_size=1, max_size=3).map(lambda lines: textwrap.indent("\n".join(lines), "    "))
    return st.one_of(
        simple,
        st.builds("for {} in {}:\n{}".format, NAME, expressions(), block),
        st.builds("try:\n{}\nexcept ValueError as {}:\n{}".format, block, NAME, block),
        st.builds("def {}({}, *, {}y={}):\n{}".format, NAME, NAME, st.just("y"), expressions(), block),
        st.builds("match {}:\n    case [{}, *_]:\n        chop()".format, expressions(), NAME),
    )


BODIES = st.lists(statements(), min_size=1, max_size=4).map("\n".join)
PROGRAMS = BODIES.map(lambda body: "def main():\n    'M.'\n" + textwrap.indent(body, "    "))


def compiles(source: str) -> bool:
    try:
        compile(source, "<test>", "exec")
    except SyntaxError:
        return False
    return True


def global_reads(source: str) -> set[str]:
    """Names that Python itself resolves in the module."""
    found: set[str] = set()
    tables = [symtable.symtable(source, "<test>", "exec")]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        found |= {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global() and symbol.is_referenced()}
    return found


@settings(max_examples=300, deadline=None)
@given(PROGRAMS.filter(compiles))
def test_rewriting_keeps_lines_and_changes_only_free_names(source: str) -> None:
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    assert {node.id for node in free_names(function)} - {"main", "ValueError"} == global_reads(source) - {"main", "ValueError"}
    try:
        result = rewritten(source, "__main__root", TABLE)
    except InvalidProgram:
        assert "f'" in source  # before Python 3.12 some places inside an f-string are not known
        return
    assert result.count("\n") == source.count("\n")
    assert global_reads(result) - dict(TABLE).keys() == {dict(TABLE).get(name, name) for name in global_reads(source)}
    back = result.replace("__main__root", "main").replace(TABLE[0][1], "chop").replace(TABLE[1][1], "walk")
    assert back == source


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_line_keeps_its_number(newline: str) -> None:
    source = newline.join(["def main():", "    '''M", "    \x0c two'''", "    x = 'é\u2028'; chop()", "    walk()"])
    lines = rewritten(source, "__m", TABLE).split("\n")
    assert [i for i, line in enumerate(lines, 1) if "__chop" in line or "__walk" in line] == [4, 5]


def test_a_reference_that_cannot_be_followed_is_refused() -> None:
    with pytest.raises(InvalidProgram, match="f-string"):
        rewritten("def main():\n    'M.'\n    return f'{chop=}'", "__m", TABLE)


def test_a_name_after_a_backslash_is_found() -> None:
    source = "def \\\n  main():\n    'M.'\n    chop()"
    assert rewritten(source, "__m", TABLE) == "def \\\n  __m():\n    'M.'\n    __chop__12345678_0()"


def test_places_lead_back_to_the_line_of_the_author() -> None:
    helper = skill("def helper():\n    'Hé.'\n    add()\n")
    linked = link(main("x = 'é'\nhelper()"), [helper], {"helper": helper.code_hash}, token="t")
    offset = linked.source.encode().index(b"add()")
    place = linked.at_byte(offset)
    assert place is not None and place.skill is helper and place.line == 3
    for door in ("__enter_t(", "__leave_t("):
        assert linked.at_byte(linked.source.encode().index(door.encode())) is None
    root = linked.at_line(linked.source[: linked.source.index("x = 'é'")].count("\n") + 1)
    assert root is not None and root.skill is None and root.line == 3


def test_names_are_as_long_as_it_takes_to_tell_versions_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    from skilllib.sandbox import linker

    monkeypatch.setattr(linker, "SHORT", 0)
    versions = [skill(f"def same():\n    'S.'\n    return {i}\n") for i in range(40)]
    names = linker._names(versions)
    assert len(set(names.values())) == 40


def test_a_text_skill_cannot_be_called_as_code() -> None:
    from skilllib.records.skill import Skill

    words = Skill(name="words", text="Do it.")
    with pytest.raises(UnknownSkill):
        link(main("words()"), [words], {"words": words.code_hash}, token="t")


def test_facts_keep_their_meaning_whatever_a_skill_is_called() -> None:
    odd = skill("def facts():\n    'Odd.'\n    return 1\n")
    linked = link(Program.parse("def main():\n    'M.'\n    return facts()"), [odd], {"facts": odd.code_hash}, token="t")
    assert "return facts()" in linked.source


def test_messages_are_put_back_into_the_authors_words() -> None:
    assert readable("__chop_wood__12345678_0() failed in __main__root, not __x__") == "chop_wood() failed in main, not __x__"
