"""Processes: started when needed, never left behind, refused where they would hang."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import pytest

from skilllib.errors import SandboxUnavailable
from skilllib.records.execution import Limits
from skilllib.records.program import Program
from skilllib.sandbox import MontySandbox

HERE = os.path.dirname(__file__)
SETUP = f"""
import sys
sys.path.insert(0, {HERE!r})
from counter_world import Counter
from skilllib.records.execution import Limits
from skilllib.records.program import Program
from skilllib.sandbox import MontySandbox
def run(sandbox):
    program = Program.parse("def main():\\n    'M.'\\n    return 1")
    return sandbox.run(program, arguments={{}}, calls={{}}, environment=Counter(), limits=Limits()).value
"""


def python(body: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", SETUP + body], capture_output=True, text=True, timeout=60, check=False
    )


def test_a_sandbox_that_was_never_closed_leaves_quietly() -> None:
    done = python("box = MontySandbox()\nprint(run(box))")
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


def test_importing_the_sandbox_does_not_load_the_interpreter() -> None:
    done = python("print('pydantic_monty' in sys.modules)")
    assert done.stdout == "False\n"


def test_a_sandbox_travels_to_another_process() -> None:
    done = python("import pickle\nbox = MontySandbox(seed=3)\nrun(box)\nprint(run(pickle.loads(pickle.dumps(box))))")
    assert done.stdout == "1\n", done.stderr
    assert pickle.loads(pickle.dumps(MontySandbox(seed=3)))._seed == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_after_the_start_is_refused_rather_than_left_hanging() -> None:
    body = """
import os
box = MontySandbox()
run(box)
if (pid := os.fork()) == 0:
    try:
        run(MontySandbox())
    except Exception as error:
        print(type(error).__name__, flush=True)
    os._exit(0)
os.waitpid(pid, 0)
print(run(box), flush=True)
"""
    assert python(body).stdout == "SandboxUnavailable\n1\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_before_the_start_works() -> None:
    body = """
import os
box = MontySandbox()
if (pid := os.fork()) == 0:
    print(run(box), flush=True)
    box.close()
    os._exit(0)
os.waitpid(pid, 0)
print(run(box), flush=True)
"""
    assert python(body).stdout == "1\n1\n"


def test_a_missing_interpreter_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    from counter_world import Counter

    monkeypatch.setenv("MONTY_BIN", "/nonexistent")
    program = Program.parse("def main():\n    'M.'")
    with pytest.raises(SandboxUnavailable, match="pip install"):
        MontySandbox().run(program, arguments={}, calls={}, environment=Counter(), limits=Limits())
    monkeypatch.setitem(sys.modules, "pydantic_monty", None)
    with pytest.raises(SandboxUnavailable, match="pip install"):
        MontySandbox().run(program, arguments={}, calls={}, environment=Counter(), limits=Limits())


def test_a_closed_sandbox_starts_again() -> None:
    from counter_world import Counter

    program = Program.parse("def main():\n    'M.'\n    return 1")
    box = MontySandbox()
    box.close()
    for _ in range(2):
        assert box.run(program, arguments={}, calls={}, environment=Counter(), limits=Limits()).value == 1
        box.close()
        box.close()
