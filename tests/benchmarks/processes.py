"""How processes share a library: docs/results.md, section "Several processes".

    python tests/benchmarks/processes.py

A reader searches alone, then while another process writes as fast as it can. One writer writes alone, then two do at once; what
each was told to be written is looked for afterwards.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from generated_skills import questions

from skilllib.embedders import HashingEmbedder
from skilllib.library import SkillLibrary

SECONDS = 10.0
WRITER = """
import sys, time
sys.path[:0] = [sys.argv[1], sys.argv[2]]
from maker import Maker
from skilllib.embedders import HashingEmbedder
from skilllib.library import SkillLibrary
make, name, folder, until, number = Maker(), sys.argv[3], sys.argv[4], float(sys.argv[5]), 0
with SkillLibrary.open(folder, embedder=HashingEmbedder(), index="exact") as library:
    while time.time() < until:
        make.active(library, f"{name}_{number}")
        number += 1
print(number)
"""


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "library"
        with SkillLibrary.open(folder, create=True, embedder=HashingEmbedder(), index="exact"):
            pass
        (alone,) = written(folder, ["first"])
        quiet = searched(folder)
        with_reader, busy = written_and_searched(folder)
        pair = written(folder, ["left", "right"])
        with SkillLibrary.open(folder, embedder=HashingEmbedder(), index="exact") as library:
            there, problems = len(library.skills("active")), library.problems()
    told = alone + with_reader + sum(pair)
    print("| | alone | beside another |\n|---|---|---|")
    print(f"| searches, ms (95th percentile) | {shown(quiet)} | {shown(busy)} |")
    print(f"| skills written a second | {alone / SECONDS:.0f} | {' + '.join(f'{n / SECONDS:.0f}' for n in pair)} |")
    print(f"\n{told} skills were acknowledged, {there} are there; problems found: {len(problems)}.")


def writer(folder: Path, name: str, until: float) -> subprocess.Popen[str]:
    """Start a process that writes until a time."""
    tests = Path(__file__).resolve().parents[1]
    command = [sys.executable, "-c", WRITER, str(tests / "library"), str(tests), name, str(folder), str(until)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def written(folder: Path, names: list[str]) -> list[int]:
    """Return how many skills each of some writers wrote."""
    until = time.time() + SECONDS
    return [int(process.communicate()[0]) for process in [writer(folder, name, until) for name in names]]


def written_and_searched(folder: Path) -> tuple[int, list[float]]:
    """Return how many skills a writer wrote, and the times of searches meanwhile."""
    process = writer(folder, "beside", time.time() + SECONDS)
    found = searched(folder, SECONDS)
    return int(process.communicate()[0]), found


def searched(folder: Path, seconds: float = 3.0) -> list[float]:
    """Return the milliseconds of searches."""
    times, texts = list[float](), questions(5000)
    with SkillLibrary.open(folder, embedder=HashingEmbedder(), index="exact") as library:
        library.search("anything")
        until = time.time() + seconds
        for text in texts:
            clock = time.perf_counter()
            library.retrieve(text, k=5)
            times.append(1000 * (time.perf_counter() - clock))
            if time.time() > until:
                break
    return times


def shown(times: list[float]) -> str:
    """Return median and 95th percentile."""
    return f"{np.median(times):.1f} ({np.percentile(times, 95):.1f})"


if __name__ == "__main__":
    main()
