"""A library to export, an empty one to import into, and folders of other people."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from agents import bakery_agent
from outside import FolderMaker, opened

from skilllib.library import SkillLibrary


@pytest.fixture(scope="session")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SkillLibrary]:
    """A library with active, retired and unproven skills that call each other; to be read only."""
    folder = tmp_path_factory.mktemp("learned") / "library"
    with bakery_agent(folder, max_attempts=25) as agent:
        agent.learn()
    with opened(folder) as library:
        yield library


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty library, to be copied: making one takes a while."""
    folder = tmp_path_factory.mktemp("empty") / "library"
    opened(folder).close()
    return folder


@pytest.fixture
def library(empty: Path, tmp_path: Path) -> Iterator[SkillLibrary]:
    shutil.copytree(empty, tmp_path / "mine")
    with opened(tmp_path / "mine") as made:
        yield made


@pytest.fixture
def fresh(empty: Path, tmp_path: Path) -> Iterator[Callable[[], SkillLibrary]]:
    """Makes empty libraries."""
    made: list[SkillLibrary] = []

    def another() -> SkillLibrary:
        shutil.copytree(empty, tmp_path / f"library-{len(made)}")
        made.append(opened(tmp_path / f"library-{len(made)}"))
        return made[-1]

    yield another
    for one in made:
        one.close()


@pytest.fixture
def folder(tmp_path: Path) -> FolderMaker:
    """Writes a skill's folder as others write them."""

    def make(name: str = "tie-knots", *, head: str | None = None, body: str = "Tie them.\n", **files: Any) -> Path:
        made = tmp_path / "outside" / name
        made.mkdir(parents=True, exist_ok=True)
        lines = f"name: {name}\ndescription: How to tie knots.\n" if head is None else head
        (made / "SKILL.md").write_bytes(f"---\n{lines}---\n{body}".encode())
        for path, contents in files.get("files", {}).items():
            (made / path).parent.mkdir(parents=True, exist_ok=True)
            (made / path).write_bytes(contents)
        return made

    return make
