"""How long it takes to revoke what 10,000 active skills rest on, against one bulk UPDATE of as many rows in the same file.

Run with `pytest tests/benchmarks/test_revoke.py --benchmark-enable -s`, which prints a table; without it each is done once and
only what came of it is asserted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pytest
import sqlalchemy as sa

from skilllib.embedders import HashingEmbedder
from skilllib.library import SkillLibrary, store, tables
from skilllib.records.program import Program
from skilllib.records.skill import Callee, Skill

SKILLS, ROUNDS = 10_000, 7
SOURCE = 'def skill_{0}() -> None:\n    """Do the work of number {0}, and what comes before it."""\n{1}'
WORK = "    for _ in range(3):\n        walk('{0}')\n        gather('{0}')\n"


def made(number: int, callee: Skill | None) -> Skill:
    body = WORK.format(number) + (f"    {callee.name}()\n" if callee else "")
    calls = (Callee(name=callee.name, code_hash=callee.code_hash),) if callee else ()
    program = Program.model_construct(source=SOURCE.format(number, body))
    return Skill.model_construct(name=f"skill_{number}", program=program, calls=calls, status="active", environment="yard")


def filled(library: SkillLibrary, shape: str, n: int) -> None:
    """Put n active skills into a library, as a chain or as a star around the first; for speed without a ledger."""
    with library._writes("filling") as connection:
        first = last = None
        for number in range(n):
            last = made(number, last if shape == "chain" else first)
            first = first or last
            store.add_version(connection, last, 1)


def set_all(library: SkillLibrary, status: str) -> None:
    with library._database.writing() as connection:
        connection.execute(sa.update(tables.versions).values(status=status, entry=1))


def milliseconds(action: Callable[[], object]) -> tuple[float, float]:
    """Return the time that passed and the time that was computed."""
    wall, cpu = time.perf_counter(), time.process_time()
    action()
    return 1e3 * (time.perf_counter() - wall), 1e3 * (time.process_time() - cpu)


@pytest.mark.parametrize("shape", ["chain", "star"])
def test_revoking_what_thousands_rest_on(shape: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    measured = request.config.getoption("--benchmark-enable", default=False)
    n, rounds = (SKILLS, ROUNDS) if measured else (300, 1)
    revoked, floor = [], []
    with SkillLibrary.open(tmp_path / shape, create=True, embedder=HashingEmbedder(), index="exact") as library:
        filled(library, shape, n)
        for _ in range(rounds):
            revoked.append(milliseconds(lambda: library.revoke("skill_0", "unsafe")))
            assert {skill.status for skill in library.skills()[1:]} == {"trial"} and library.get("skill_0").status == "revoked"
            floor.append(milliseconds(lambda: set_all(library, "active")))
    wall, cpu = (median(times) for times in zip(*revoked, strict=True))
    floor_wall, floor_cpu = (median(times) for times in zip(*floor, strict=True))
    print(
        f"\n{shape} of {n}: revoked in {wall:.0f} ms ({cpu:.0f} ms computed), one bulk UPDATE takes {floor_wall:.0f} ms "
        f"({floor_cpu:.0f} ms computed): ratio {wall / floor_wall:.1f} ({cpu / floor_cpu:.1f})"
    )
