"""The house has floors; imports only go down. And the other rules of the house that a program can watch."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOUSE = ROOT / "skilllib"

FLOORS = [
    {"errors"},
    {"records"},
    {"protocols"},
    {"models", "embedders", "sandbox", "prompts", "registry", "seeds"},
    {"testing", "life", "workers", "runs"},
    {"library", "memory"},
    {"curriculum", "writer", "actor", "verifier", "critic", "describer", "proposers", "compiler", "gate"},
    {"agent", "evaluate", "exchange"},
    {"consolidate", "compare"},
    {"config"},
    {"build"},
    {"report"},
    {"cli", "serve"},
]
"""From the ground up. Rooms on one floor never import each other, the stages among them."""
FLOOR = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}

LINES_IN_A_FILE, LINES_IN_A_FUNCTION, METHODS_ON_A_PROTOCOL = 400, 50, 5


@cache
def sources(folder: Path = HOUSE) -> tuple[Path, ...]:
    return tuple(sorted(folder.rglob("*.py")))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path, package: str) -> set[str]:
    """First-level modules of a package that a file imports, wherever in the file the import stands."""
    names: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            names.update(f"{alias.name}." for alias in node.names)
    return {name.split(".")[1] for name in names if name.startswith(f"{package}.")}


def room(path: Path) -> str:
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


def test_imports_go_down_and_never_sideways() -> None:
    wrong = []
    for path in sources():
        here = room(path)
        if here.startswith("__"):
            continue  # the package itself names its public things lazily
        assert here in FLOOR, f"{here}: give this module a floor"
        wrong += [
            f"{path.relative_to(ROOT)} imports {other!r}, which is not below {here!r}"
            for other in sorted(imported(path, "skilllib") - {here})
            if not other.startswith("__") and FLOOR.get(other, 99) >= FLOOR[here]
        ]
    assert not wrong, "\n".join(wrong)


def test_the_floors_would_notice_a_stage_that_imports_another(tmp_path: Path) -> None:
    path = tmp_path / "frontier.py"
    path.write_text("def late():\n    from skilllib.writer.search import SearchWriter\n", encoding="utf-8")
    assert imported(path, "skilllib") == {"writer"} and FLOOR["writer"] >= FLOOR["curriculum"]


def test_the_house_never_imports_a_world() -> None:
    assert not [path for path in sources() for name in imports(path) if name.split(".")[0] in ("environments", "crafter")]


def test_worlds_see_only_errors_records_and_protocols() -> None:
    for path in sources(ROOT / "environments"):
        assert imported(path, "skilllib") <= {"errors", "records", "protocols"}, path


def test_a_world_never_imports_another_world() -> None:
    for path in sources(ROOT / "environments"):
        own = path.relative_to(ROOT / "environments").parts[0]
        assert imported(path, "environments") <= {own}, path


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


# --- No world is known to the house -----------------------------------------------------------------------------------

AMBIGUOUS = frozenset(
    {
        "actions",
        "items",
        "materials",
        "path",
        "table",
        "tree",
        "collect",
        "place",
        "make",
        "wake",
        "eat",
        "move",
        "left",
        "right",
        "down",
        "sleep",
    }
)
"""Words of the first world that a library needs for itself: a path on disk, a table of rows, a syntax tree, `time.sleep`."""
ALLOWED = {
    "skilllib/cli": "help texts and examples name the world that is shipped",
    "skilllib/report": "examples name the world that is shipped",
}
"""Where words of a world may stand, and why."""


def world_words() -> frozenset[str]:
    """The words of the first world's own rules: items, materials, creatures."""
    yaml = (files("crafter") / "data.yaml").read_text(encoding="utf-8")
    names = re.findall(r"^  (?:- )?(\w+)", yaml, re.MULTILINE)
    return frozenset(word for name in names for word in name.lower().split("_") if len(word) > 2) - AMBIGUOUS


def words(text: str) -> set[str]:
    """All words of a text, those inside identifiers and singulars of plurals included."""
    found = {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", text)}
    return found | {word.removesuffix("s") for word in found}


def spoken(path: Path) -> Iterator[str]:
    """All names and texts in code; docstrings are left out, since they speak to the reader and may give examples."""
    documentation = {id(node.value) for node in ast.walk(tree(path)) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree(path)):
        if id(node) not in documentation:
            yield from (value for _, value in ast.iter_fields(node) if isinstance(value, str))


def test_the_words_of_the_first_world_are_found_in_identifiers_and_texts() -> None:
    assert {
        "wood",
        "stone",
        "coal",
        "iron",
        "diamond",
        "sapling",
        "furnace",
        "pickaxe",
        "zombie",
        "skeleton",
        "cow",
        "drink",
    } <= world_words()
    assert "pickaxe" in words("best_pickaxe = 1") & words("BestPickaxe()") & words("Take your pickaxes!")
    assert not {"iron", "cow"} & words("environment scowl")


def test_the_house_knows_no_world() -> None:
    forbidden, wrong = world_words() | {"crafter"}, []
    for path in [*sources(), *HOUSE.rglob("*.md"), *HOUSE.rglob("*.html")]:
        name = path.relative_to(ROOT).as_posix()
        text = " ".join(spoken(path)) if path.suffix == ".py" else path.read_text(encoding="utf-8")
        if not name.startswith(tuple(ALLOWED)) and (known := words(text) & forbidden):
            wrong.append(f"{name} speaks of {', '.join(sorted(known))}")
    assert not wrong, "\n".join(wrong)


# --- Sizes ------------------------------------------------------------------------------------------------------------


def test_no_file_is_longer_than_can_be_read_in_one_sitting() -> None:
    folders = [HOUSE, ROOT / "environments", ROOT / "tests"]
    lengths = {path: path.read_text(encoding="utf-8").count("\n") for folder in folders for path in sources(folder)}
    assert not [f"{path}: {n}" for path, n in lengths.items() if n > LINES_IN_A_FILE]


def lines(function: ast.FunctionDef) -> int:
    """Lines of a function, its docstring left out."""
    return (function.end_lineno or 0) - function.lineno + 1 - len((ast.get_docstring(function) or "").splitlines())


def test_no_function_is_longer_than_a_page() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in [*sources(), *sources(ROOT / "environments")]
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef) and lines(node) > LINES_IN_A_FUNCTION
    ]
    assert not long, "\n".join(long)


def protocols() -> list[ast.ClassDef]:
    return [
        node
        for node in tree(HOUSE / "protocols.py").body
        if isinstance(node, ast.ClassDef) and any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)
    ]


@pytest.mark.parametrize("protocol", protocols(), ids=lambda node: node.name)
def test_a_seam_has_few_methods(protocol: ast.ClassDef) -> None:
    methods = [node.name for node in protocol.body if isinstance(node, ast.FunctionDef)]
    assert 1 <= len(methods) <= METHODS_ON_A_PROTOCOL


def test_every_seam_stands_in_protocols() -> None:
    elsewhere = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in sources()
        if path != HOUSE / "protocols.py"
        for node in tree(path).body
        if isinstance(node, ast.ClassDef) and any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)
    ]
    assert not elsewhere, f"move these to protocols.py: {elsewhere}"


def test_the_library_prints_nothing() -> None:
    printing = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in [*sources(), *sources(ROOT / "environments")]
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not printing


def test_errors_that_are_not_named_are_not_swallowed() -> None:
    """`except Exception` may translate or report, never pass over in silence."""
    silent = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in [*sources(), *sources(ROOT / "environments")]
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")))
        and all(isinstance(statement, ast.Pass | ast.Continue) for statement in node.body)
    ]
    assert not silent


def test_every_error_inherits_from_the_root_and_stands_in_the_drawn_tree() -> None:
    from skilllib import errors

    classes = [thing for thing in vars(errors).values() if isinstance(thing, type) and thing.__module__ == errors.__name__]
    assert all(issubclass(error, errors.SkillLibError) for error in classes)
    drawn = set(re.findall(r"[│├└─ ] ([A-Z]\w+)", errors.__doc__ or ""))
    assert {error.__name__ for error in classes} <= drawn
