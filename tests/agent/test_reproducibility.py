"""Runs of the real command line in processes of their own: alike for the same seed, and whole after they were killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from skilllib.library import SkillLibrary

pytestmark = pytest.mark.slow
COMMAND = [sys.executable, "-m", "skilllib", "learn", "crafter", "--embedder", "hashing", "--jobs", "1", "--quiet"]


def learn(folder: Path, attempts: int, *more: str, hash_seed: str = "0") -> subprocess.Popen[bytes]:
    folder.mkdir(exist_ok=True)
    options = ["--library", "library", "--run", "run", "--max-attempts", str(attempts)]
    silent = subprocess.DEVNULL
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    return subprocess.Popen([*COMMAND, *options, *more], cwd=folder, env=environment, stdout=silent, stderr=silent)


def came_of(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Return the summary without times, and the code hashes of all skills in order."""
    summary = json.loads((folder / "run" / "summary.json").read_text(encoding="utf-8"))
    with SkillLibrary.open(folder / "library") as library:
        return {key: value for key, value in summary.items() if key != "seconds"}, [skill.code_hash for skill in library.skills()]


def attempts_written(folder: Path) -> int:
    log = folder / "run" / "events.jsonl"
    return log.read_text(encoding="utf-8").count('"event": "attempt"') if log.exists() else 0


def test_the_same_seed_gives_the_same_skills_whatever_the_hash_seed(tmp_path: Path) -> None:
    for name in ("1", "2"):
        assert learn(tmp_path / name, 26, hash_seed=name).wait(300) == 0
    assert came_of(tmp_path / "1") == came_of(tmp_path / "2")
    assert came_of(tmp_path / "1")[1], "nothing was learned, so nothing was compared"


def test_a_run_that_was_killed_resumes_to_the_same_end(tmp_path: Path) -> None:
    assert learn(tmp_path / "whole", 26).wait(300) == 0
    killed = learn(tmp_path / "killed", 26)
    deadline = time.monotonic() + 200
    while attempts_written(tmp_path / "killed") < 5 and time.monotonic() < deadline and killed.poll() is None:
        time.sleep(0.05)
    killed.kill()
    killed.wait()
    before = attempts_written(tmp_path / "killed")
    assert 0 < before < 26, "the run was to be killed in the middle"
    resumed = [*COMMAND, "--resume", "--run", "run", "--max-attempts", "26"]
    subprocess.run(resumed, cwd=tmp_path / "killed", check=True, capture_output=True, timeout=300)
    assert came_of(tmp_path / "killed") == came_of(tmp_path / "whole")
    assert attempts_written(tmp_path / "killed") == 26
