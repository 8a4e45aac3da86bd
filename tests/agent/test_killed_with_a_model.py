"""A run with a language model in a process that ends without a word, at one moment after the other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from skilllib.library import SkillLibrary

pytestmark = pytest.mark.slow

MOMENTS = (3, 6, 10, 12, 15)
"""After so many events each of the processes ends: between calls and attempts, in proofs, just after a commit."""
HERE = Path(__file__)
PROCESS = f"""
import os, sys
sys.path.insert(0, {str(HERE.parents[1] / "cli")!r})
from baker import baker
from skilllib.build import learner
from skilllib.config import options
from skilllib.embedders import HashingEmbedder
from skilllib.testing import make_bakery

last = int(sys.argv[1])

def recorder(event, **fields):
    global last
    last -= 1
    if last == 0:
        os._exit(9)

chosen = options(environment="bakery", library="library", model="m", jobs=1, max_attempts=6, tape="tape.jsonl")
with learner(chosen, recorder=recorder, run="run", embedder=HashingEmbedder(), world=make_bakery, model=baker) as made:
    made.agent.learn(made.unfinished)
"""


def process(folder: Path, last: int) -> int:
    folder.mkdir(exist_ok=True)
    done = subprocess.run([sys.executable, "-c", PROCESS, str(last)], cwd=folder, capture_output=True, timeout=300, check=False)
    assert done.returncode in (0, 9), done.stderr.decode()
    return done.returncode


def came_of(folder: Path) -> list[Any]:
    """Return everything that is kept of a run but times, and the tape."""
    with SkillLibrary.open(folder / "library") as library:
        seconds = {"attempts": {"__all__": {"execution": {"seconds"}}}}
        traces = [trace.model_dump(mode="json", exclude=seconds) for _, trace in library.traces()]
        return [traces, [(skill.version_hash, skill.status) for skill in library.skills()], (folder / "tape.jsonl").read_text()]


def test_a_run_with_a_model_that_is_killed_again_and_again_comes_to_the_same_end(tmp_path: Path) -> None:
    assert process(tmp_path / "whole", 0) == 0
    assert [process(tmp_path / "killed", last) for last in MOMENTS] == [9] * len(MOMENTS)
    assert process(tmp_path / "killed", 0) == 0
    killed, whole = came_of(tmp_path / "killed"), came_of(tmp_path / "whole")
    assert killed == whole and any(attempt["admitted"] for trace in whole[0] for attempt in trace["attempts"])
