"""Skills as tools for a model and as stubs for an editor: both are read by programs that know no mercy."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from mypy import api as mypy
from outside import coded

from skilllib.exchange import export
from skilllib.exchange.stubs import stubs
from skilllib.exchange.tools import tool_name, tools
from skilllib.library import SkillLibrary
from skilllib.records.skill import Contract, Skill
from skilllib.records.world import Parameter

NASTY = [
    coded("plain"),
    coded(
        "choosy", parameters="way: Literal['up', \"do'wn\", 'back\\\\slash'], n: int = -3, share: float = 0.5, sure: bool = True"
    ),
    coded("strict", parameters="*, kind: Literal[1, 2] = 2, word: str = 'a\"b'"),
    coded("größe", parameters="höhe: int"),
    coded("f" * 200),
    coded("quoting", description='Ends in a quote "and a backslash \\ and """three""" ---'),
    coded("str", parameters="n: int = 1"),
    coded("Any"),
    Skill(name="in_words", text="Walk."),
]


def test_active_skills_are_offered_and_no_others(learned: SkillLibrary, tmp_path: Path) -> None:
    active = {skill.name for skill in learned.skills("active")}
    export(learned, tmp_path / "tools.json", form="tools")
    offered = json.loads((tmp_path / "tools.json").read_text(encoding="utf-8"))
    assert {tool["function"]["name"] for tool in offered} == active
    export(learned, tmp_path / "skills.pyi", form="stubs")
    tree = ast.parse((tmp_path / "skills.pyi").read_text(encoding="utf-8"))
    assert {node.name for node in tree.body if isinstance(node, ast.FunctionDef)} == active


def test_parameters_are_what_strict_mode_accepts() -> None:
    for tool in tools(NASTY):
        function = tool["function"]
        schema = function["parameters"]
        Draft202012Validator.check_schema(schema)
        assert tool["type"] == "function" and function["strict"] is True and 0 < len(function["description"]) <= 1024
        assert schema["required"] == list(schema["properties"]) and schema["additionalProperties"] is False
        for inner in schema["properties"].values():
            assert set(inner) <= {"type", "enum", "description"}


def test_the_schema_takes_what_the_skill_takes_and_nothing_else() -> None:
    (choosy,) = [tool for tool in tools(NASTY) if tool["function"]["name"] == "choosy"]
    schema = Draft202012Validator(choosy["function"]["parameters"])
    good: dict[str, Any] = {"way": "do'wn", "n": None, "share": 0.25, "sure": False}
    assert schema.is_valid(good) and schema.is_valid({**good, "n": 7})
    for bad in ({"way": "left"}, {"way": None}, {"n": "7"}, {"sure": 1}, {"more": 1}):
        assert not schema.is_valid({**good, **bad}), bad
    assert not schema.is_valid({"way": "up"})


def test_bounds_and_defaults_are_told_in_words() -> None:
    parameter = Parameter(name="n", type="integer", minimum=1, maximum=9, default=2)
    skill = coded("fetch", parameters="n: int = 2").model_copy(update={"contract": Contract(parameters=(parameter,))})
    (tool,) = tools([skill])
    assert tool["function"]["parameters"]["properties"]["n"] == {
        "type": ["integer", "null"],
        "description": "At least 1. At most 9. Null means 2.",
    }


def test_names_of_tools_are_legal_and_all_different() -> None:
    names = [skill.name for skill in NASTY] + ["größe2", "größé", "grösse", "f" * 64, "f" * 65, "f" * 66]
    found = [tool_name(name) for name in dict.fromkeys(names)]
    assert len(set(found)) == len(found) and all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in found)


@pytest.mark.parametrize("library_of", ["learned", "nasty"])
def test_stubs_are_what_a_type_checker_takes_strictly(learned: SkillLibrary, tmp_path: Path, library_of: str) -> None:
    (tmp_path / "skills.pyi").write_text(stubs(learned.skills("active") if library_of == "learned" else NASTY), encoding="utf-8")
    right = "import skills\nskills.choosy('up', n=2)\nskills.strict(kind=1)\nskills.größe(3)\n"
    wrong = "skills.choosy('left')\nskills.choosy('up', n='2')\nskills.strict(1)\nskills.missing()\nskills.größe()\n"
    (tmp_path / "use.py").write_text(right + wrong if library_of == "nasty" else "import skills\n", encoding="utf-8")
    options = ["--strict", "--no-incremental", "--config-file", "", "--cache-dir", str(tmp_path / "cache")]
    out, err, _ = mypy.run([*options, str(tmp_path / "skills.pyi"), str(tmp_path / "use.py")])
    wanted = {5, 6, 7, 8, 9} if library_of == "nasty" else set()
    assert {int(line) for line in re.findall(r"use\.py:(\d+): error", out)} == wanted and "skills.pyi" not in out, out + err


def test_a_stub_has_one_function_for_each_skill_with_its_promises_and_leaves_out_what_would_mislead() -> None:
    text = stubs(NASTY)
    functions = {node.name: node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
    assert set(functions) == {skill.name for skill in NASTY} - {"str", "Any", "in_words"}
    assert "# str: left out" in text
    assert "Ends in a quote" in (ast.get_docstring(functions["quoting"]) or "")
    assert all(len(node.body) == 2 for node in functions.values())
