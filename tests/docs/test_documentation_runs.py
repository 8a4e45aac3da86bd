"""The documentation is executed: blocks of Python run, commands exist, links lead somewhere, the tree is the disk's."""

from __future__ import annotations

import functools
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from agents import bakery_agent

from skilllib.cli import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "environments").rglob("*.md"))]
IDS = [page.relative_to(ROOT).as_posix() for page in PAGES]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MADE = re.compile(r"^(__pycache__|.*\.egg-info|\..*)$")
"""What tools leave behind anywhere."""
MADE_AT_THE_TOP = re.compile(r"^(build|dist|runs|skill-library|venv)$")
"""What they leave at the top only; a package may have one of these names."""


def blocks(page: Path, language: str) -> list[str]:
    return [text for found, text in FENCE.findall(page.read_text(encoding="utf-8")) if found == language]


def with_python() -> list[Any]:
    return [pytest.param(page, id=name) for page, name in zip(PAGES, IDS, strict=True) if blocks(page, "python")]


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that was learned in the toy world."""
    folder = tmp_path_factory.mktemp("learned") / "skill-library"
    with bakery_agent(folder, max_attempts=25) as agent:
        agent.learn()
    return folder


@pytest.mark.xdist_group("documentation")
@pytest.mark.parametrize("page", with_python())
def test_blocks_of_python_run(page: Path, learned: Path, tmp_path: Path) -> None:
    """All blocks of a page, one after the other in one program, beside a library."""
    shutil.copytree(learned, tmp_path / "skill-library")
    (tmp_path / "page.py").write_text("\n".join(blocks(page, "python")), encoding="utf-8")
    command = [sys.executable, "-W", "error", "page.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.xdist_group("documentation")
def test_the_environment_of_the_how_to_is_learned_once_it_is_registered(tmp_path: Path) -> None:
    """The page's world in a package of its own, found by its entry point as if it had been installed."""
    page = ROOT / "docs" / "how-to" / "write-an-environment.md"
    (tmp_path / "garden.py").write_text(blocks(page, "python")[0], encoding="utf-8")
    registered = tmp_path / "garden-0.1.dist-info"
    registered.mkdir()
    (registered / "METADATA").write_text("Metadata-Version: 2.1\nName: garden\nVersion: 0.1\n", encoding="utf-8")
    points = tomllib.loads(blocks(page, "toml")[0])["project"]["entry-points"]["skilllib.environments"]
    lines = ["[skilllib.environments]", *(f"{name} = {value}" for name, value in points.items())]
    (registered / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    summary = _learned(tmp_path, "garden")
    assert len(summary["milestones_reached"]) == summary["milestones_total"] == 2, summary
    assert summary["attempts"] <= 30 and summary["skills"]["active"] >= 4


def _learned(folder: Path, environment: str) -> dict[str, Any]:
    options = ["--embedder", "hashing", "--jobs", "1", "--max-attempts", "30", "--json", "--quiet"]
    command = [sys.executable, "-m", "skilllib", "learn", environment, *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_the_environment_of_the_how_to_is_the_example() -> None:
    shown = blocks(ROOT / "docs" / "how-to" / "write-an-environment.md", "python")[0]
    example = (ROOT / "examples" / "your_own_environment.py").read_text(encoding="utf-8")
    assert shown.strip() in example


# --- Commands ---------------------------------------------------------------------------------------------------------


@functools.cache
def group() -> Any:
    return typer.main.get_command(app)


def commands(page: Path) -> list[str]:
    """Return all `skilllib ...` commands of a page: of its blocks, and those in running text."""
    text = page.read_text(encoding="utf-8")
    found = [
        part.strip()
        for block in blocks(page, "console")
        for line in block.replace("\\\n", " ").splitlines()
        if line.startswith("$ ")
        for part in line[2:].split("&&")
    ]
    found += re.findall(r"(?<!`)`(skilllib [^`]+)`(?!`)", FENCE.sub("", text))
    return [command for command in found if command.startswith("skilllib ")]


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_commands_exist_with_their_options(page: Path) -> None:
    for command in commands(page):
        words = shlex.split(command.partition(" > ")[0], comments=True)[1:]
        known = _options(group())
        if words and not words[0].startswith("-") and words[0] != "COMMAND":
            assert words[0] in group().commands, command
            chosen = group().commands[words[0]]
            known |= _options(chosen) | _options(getattr(chosen, "commands", {}).get(" ".join(words[1:2]), chosen))
        for word in words:
            if word.startswith("-") and not re.fullmatch(r"-\d.*", word):
                assert word.partition("=")[0] in known, f"{command}: no option {word}"


def _options(command: Any) -> set[str]:
    return {"--help", "-h"} | {name for parameter in command.params for name in [*parameter.opts, *parameter.secondary_opts]}


def _flat(before: str, commands: Any) -> Iterator[tuple[str, Any]]:
    """Yield the commands of a group, those of its groups by their whole names."""
    for name, command in commands.commands.items():
        if hasattr(command, "commands"):
            yield from _flat(f"{before}{name} ", command)
        else:
            yield f"{before}{name}", command


def test_every_command_and_option_is_documented() -> None:
    text = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    for name, command in _flat("", group()):
        section = text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        assert section, name
        assert not [option for option in _options(command) - {"-h", "--help"} if option.startswith("-") and option not in section]
    assert all(f"`{option}`" in text for option in ("--debug", "--version"))
    tutorials = "".join(page.read_text(encoding="utf-8") for page in PAGES if page.name != "cli.md")
    assert not [name for name in group().commands if f"skilllib {name}" not in tutorials], "show each command in use"


# --- Links and the tree -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text(encoding="utf-8"))):
        path, _, anchor = target.partition("#")
        if "://" in target:
            continue
        to = (page.parent / path).resolve() if path else page
        assert to.exists(), f"{target} leads nowhere"
        if anchor and to.suffix == ".md":
            assert anchor in _anchors(to), f"{target}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_tests_that_a_page_names_exist(page: Path) -> None:
    """A link to a file of tests is labelled with the name of a test in it, in words."""
    for label, target in re.findall(r"\[([^\]]+)\]\(([^)\s]*/test_\w+\.py)\)", page.read_text(encoding="utf-8")):
        tests = (page.parent / target).read_text(encoding="utf-8")
        assert f"def test_{label.replace(' ', '_')}(" in tests, f"{target} has no test {label!r}"


def _anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_page_can_be_reached_from_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = [page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md") if page.name != "index.md"]
    assert not [page for page in pages if f"({page})" not in index]


def test_the_tree_in_the_readme_is_the_one_on_the_disk() -> None:
    drawn: set[str] = set()
    folder = ""
    for line in blocks(ROOT / "README.md", "text")[-1].splitlines():
        name, caption = line.split(maxsplit=1)
        assert caption, f"say what {name} is"
        folder = folder if line.startswith(" ") else name
        drawn.add(f"{folder}{name}" if line.startswith(" ") else name)
    house = {f"skilllib/{path.name}{'/' * path.is_dir()}" for path in (ROOT / "skilllib").iterdir() if not MADE.match(path.name)}
    top = [path.name for path in ROOT.iterdir() if path.is_dir() and not MADE.match(path.name)]
    folders = {f"{name}/" for name in top if not MADE_AT_THE_TOP.match(name)}
    assert drawn == house | folders
