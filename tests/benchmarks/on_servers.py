"""What a library on servers costs beside one in a folder: docs/results.md, section "On servers".

    python tests/benchmarks/on_servers.py --skills 2000

Starts a PostgreSQL and a Chroma server on this machine, fills a library in a folder and two on the servers with the same generated
skills, and does everything with each of them in turn, so that the ratios hold on a busy machine too. The hashing embedder takes
no time worth mentioning: it is the library that is measured.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

sys.path.extend(str(Path(__file__).resolve().parents[1] / folder) for folder in ("", "library"))  # for what the tests use

import servers
from generated_skills import questions, skills
from maker import Maker
from scale import activate
from test_revoke import filled, set_all

from skilllib.embedders import HashingEmbedder
from skilllib.library import SkillLibrary
from skilllib.library.text import indexed_text

LOOKUPS, WRITES, REVOKES, CALLERS = 200, 20, 5, 1000
K = 5
Libraries = dict[str, SkillLibrary]
Figures = dict[str, dict[str, float]]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--skills", type=int, default=2000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, started(Path(scratch)) as fresh:
        found = {**of_many(fresh, given.skills), **of_a_star(fresh)}
    print(table(found))


@contextmanager
def started(scratch: Path) -> Iterator[Callable[[str], dict[str, dict[str, Any]]]]:
    """Start the servers, and give what names empty libraries, one on each side."""
    with servers.postgres() as url, servers.chroma(scratch / "chroma") as vectors:
        engine = sa.create_engine(f"{url}/postgres".replace(":", "+psycopg:", 1), isolation_level="AUTOCOMMIT")

        def fresh(name: str) -> dict[str, dict[str, Any]]:
            with engine.connect() as connection:
                for side in ("exact", "chroma"):
                    connection.execute(sa.text(f"CREATE DATABASE {name}_{side}"))
            return {
                "folder": {"path": scratch / name, "index": "exact"},
                "PostgreSQL, exact": {"path": f"{url}/{name}_exact", "index": "exact"},
                "PostgreSQL, Chroma server": {"path": f"{url}/{name}_chroma", "vectors": vectors},
            }

        yield fresh
        engine.dispose()


@contextmanager
def opened(places: dict[str, dict[str, Any]]) -> Iterator[Libraries]:
    with ExitStack() as stack:
        libraries = {
            side: stack.enter_context(SkillLibrary.open(create=True, embedder=HashingEmbedder(), **place))
            for side, place in places.items()
        }
        yield libraries


def of_many(fresh: Callable[[str], dict[str, dict[str, Any]]], size: int) -> Figures:
    """Return the figures of libraries of a size: filling, looking up, and one more skill."""
    found: Figures = {}
    made = list(skills(size))
    vectors = HashingEmbedder().embed([indexed_text(skill) for skill in made])
    with opened(fresh("many")) as libraries:
        found["loaded into the store, skills/s"] = {}
        for side, library in libraries.items():
            took = seconds(lambda library=library: library.load(((skill, ()) for skill in made), proposer="benchmark"))
            found["loaded into the store, skills/s"][side] = size / took
            activate(library, made, vectors)
        asked = questions(LOOKUPS + 10)
        times = in_turn(libraries, LOOKUPS, 10, lambda library, turn: library.retrieve(asked[turn], k=K))
        for percentile in (50, 95):
            found[f"look-up, p{percentile} ms"] = {side: 1000 * np.percentile(taken, percentile) for side, taken in times.items()}
        make = Maker()
        times = in_turn(libraries, WRITES, 2, lambda library, turn: make.active(library, f"written_{turn}"))
        found["a skill admitted and made active, ms"] = medians(times)
    return found


def of_a_star(fresh: Callable[[str], dict[str, dict[str, Any]]]) -> Figures:
    """Return what it takes to revoke what a thousand active skills call."""
    with opened(fresh("star")) as libraries:
        for library in libraries.values():
            filled(library, "star", 1 + CALLERS)
        took: dict[str, list[float]] = {side: [] for side in libraries}
        for _ in range(REVOKES):
            for side, library in libraries.items():
                took[side].append(seconds(lambda library=library: library.revoke("skill_0", "unsafe")))
                set_all(library, "active")
    return {f"revoking a skill with {CALLERS:,} callers, ms": medians(took)}


def in_turn(libraries: Libraries, turns: int, warm: int, action: Callable[[SkillLibrary, int], object]) -> dict[str, list[float]]:
    """Return the seconds of an action by library; some turns come first that are not measured."""
    times: dict[str, list[float]] = {side: [] for side in libraries}
    for turn in range(turns + warm):
        for side, library in libraries.items():
            took = seconds(lambda library=library, turn=turn: action(library, turn))
            if turn >= warm:
                times[side].append(took)
    return times


def seconds(action: Callable[[], object]) -> float:
    clock = time.perf_counter()
    action()
    return time.perf_counter() - clock


def medians(times: dict[str, list[float]]) -> dict[str, float]:
    """Return milliseconds."""
    return {side: 1000 * float(np.median(taken)) for side, taken in times.items()}


def table(found: Figures) -> str:
    """Return the figures as Markdown; behind those of servers, how many times the folder's they are."""
    sides = list(next(iter(found.values())))
    lines = ["| | " + " | ".join(sides) + " |", "|---" * (len(sides) + 1) + "|"]
    for name, figures in found.items():
        cells = [f"{figures[side]:,.{0 if figures[side] > 100 else 1}f}" for side in sides]
        cells[1:] = [f"{cell} ({figures[side] / figures[sides[0]]:.1f})" for cell, side in zip(cells[1:], sides[1:], strict=True)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
