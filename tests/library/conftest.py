"""A library in a temporary folder, and short ways to make programs, traces and proofs."""

import inspect
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from maker import Maker

from skilllib.embedders import HashingEmbedder
from skilllib.library import SkillLibrary

sys.path.append(str(Path(__file__).parents[1]))  # for what several folders of tests use


@pytest.fixture
def make() -> Maker:
    return Maker()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "library"


BACKENDS = [
    "folder",
    pytest.param("chroma", marks=pytest.mark.slow),
    pytest.param("servers", marks=[pytest.mark.postgres, pytest.mark.xdist_group("servers")]),
]
"""What every test of a library's promises runs on: a folder, one with Chroma in it, and a PostgreSQL with a Chroma server."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    asked = inspect.signature(metafunc.function).parameters
    if "backend" in metafunc.fixturenames:
        metafunc.parametrize("backend", BACKENDS[:1] if {"folder", "tmp_path"} & set(asked) else BACKENDS)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], dict[str, str]]]:
    """Make an empty database on a PostgreSQL server, and name a Chroma server."""
    import servers

    with (
        servers.postgres() as url,
        servers.chroma(tmp_path_factory.mktemp("chroma")) as vectors,
    ):
        engine = sa.create_engine(f"{url}/postgres".replace(":", "+psycopg:", 1), isolation_level="AUTOCOMMIT")
        numbers = itertools.count(1)

        def fresh() -> dict[str, str]:
            number = next(numbers)
            with engine.connect() as connection:
                connection.execute(sa.text(f"DROP DATABASE IF EXISTS library_{number - 1} WITH (FORCE)"))
                connection.execute(sa.text(f"CREATE DATABASE library_{number}"))
            return {"path": f"{url}/library_{number}", "vectors": vectors}

        yield fresh
        engine.dispose()


@pytest.fixture
def place(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """Where a library is and what it is searched with, as arguments of `SkillLibrary.open`."""
    if backend == "servers":
        return request.getfixturevalue("servers")()
    return {"path": tmp_path / "library", "index": "auto" if backend == "folder" else "chroma"}


@pytest.fixture
def library(place: dict[str, Any]) -> Iterator[SkillLibrary]:
    with SkillLibrary.open(create=True, embedder=HashingEmbedder(), **place) as opened:
        yield opened
