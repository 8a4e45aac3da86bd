"""Every example runs, in a few seconds, and says what it is there to say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
SAYS = {
    "learn_bakery.py": "fresh worlds solved",
    "learn_with_a_scripted_model.py": "the same skills from the tape alone: True",
    "look_up_skills.py": "proved: success rate above",
    "prove_a_program.py": "accepted: True",
    "run_a_program_in_the_sandbox.py": "grant: ",
    "your_own_environment.py": "the garden keeps its contract",
}


def test_every_example_is_run() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == SAYS.keys()


@pytest.mark.parametrize("name", sorted(SAYS))
def test_an_example_runs(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", str(EXAMPLES / name)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert SAYS[name] in done.stdout, done.stdout
