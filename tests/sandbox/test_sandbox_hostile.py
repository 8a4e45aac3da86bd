"""One hostile program per property."""

from __future__ import annotations

import time

import pytest
from counter_world import Counter
from sandbox_programs import Run, skill

from skilllib.errors import InvalidProgram
from skilllib.records.execution import Execution
from skilllib.records.program import Program
from skilllib.sandbox.linker import link

FOREVER = "while True:\n    try:\n        {}\n    except BaseException:\n        pass"


def kind(execution: Execution) -> str | None:
    return execution.error.kind if execution.error else None


def test_an_infinite_loop_is_stopped_at_its_last_call(run: Run) -> None:
    execution = run("add()\n" + FOREVER.format("x = 1"))
    assert kind(execution) == "time" and execution.error is not None
    assert execution.error.line == 3 and execution.error.primitive == "add(n=1)"


def test_computing_between_calls_adds_up_to_the_limit(run: Run) -> None:
    slow = "for i in range(200_000):\n            j = i\n        facts()"
    execution = run(FOREVER.format(slow), limits={"cpu_s": 0.3, "primitive_calls": 100_000})
    assert kind(execution) == "time"


def test_a_memory_bomb_is_stopped(run: Run) -> None:
    assert kind(run("x = ['a']\nwhile True:\n    x = x + x")) == "memory"
    assert kind(run("x = []\n" + FOREVER.format("x.append('a' * 100_000)"))) == "memory"
    assert kind(run("return 'a' * 10 ** 12")) == "memory"


def test_endless_recursion_is_stopped(run: Run) -> None:
    assert kind(run("def f(n):\n    return f(n + 1)\nf(0)")) == "recursion"
    assert kind(run("def main():\n    'M.'\n    main()")) == "recursion"


def test_skills_that_call_themselves_without_end_are_stopped(run: Run) -> None:
    down = skill("def down():\n    'D.'\n    down()\n")
    execution = run("down()", down)
    assert kind(execution) == "recursion" and execution.error is not None and execution.error.skill == "down"


def test_a_gigabyte_of_output_is_cut_off(run: Run) -> None:
    execution = run("for _ in range(1000):\n    print('x' * 1_000_000)")
    assert kind(execution) == "output" and len(execution.output) <= 4096
    execution = run("for _ in range(1000):\n    print('x' * 100)\n    facts()")
    assert kind(execution) == "output" and len(execution.output) == 4096
    assert kind(run("print('x' * 5000)")) == "output"
    assert kind(run("print('ä' * 2000)")) is None


@pytest.mark.parametrize("grants", [frozenset(), frozenset({"pick"})])
def test_an_ungranted_primitive_cannot_be_reached(run: Run, grants: frozenset[str]) -> None:
    world = Counter()
    for body in ("add()", "f = add\nf()", "x = [add]\nx[0](3)", "import functools\nfunctools.reduce(add, [1, 2])"):
        execution = run(body, environment=world, grants=grants)
        assert kind(execution) == "grant" and execution.error is not None
        assert "facts" in execution.error.message and execution.trajectory == ()
    assert world.calls == []


def test_what_is_granted_is_said(run: Run) -> None:
    execution = run("x = 1\nadd()", grants=frozenset({"pick", "say"}))
    assert execution.error is not None and execution.error.line == 4
    assert execution.error.message == "'add' is not granted to this program; granted: pick, say, facts"
    execution = run("fly()")
    assert execution.error is not None and "'fly' is neither a granted primitive nor a skill" in execution.error.message


def test_a_skill_of_the_closure_that_was_not_given_a_name_cannot_be_called(run: Run) -> None:
    secret = skill("def secret():\n    'S.'\n    add()\n")
    for body in ("secret()", f"secret__{secret.code_hash[:8]}()"):
        execution = run(body, closure=[secret], calls={})
        assert kind(execution) == "grant" and execution.trajectory == ()


def test_a_skill_cannot_go_beyond_its_capabilities(run: Run) -> None:
    sly = skill("def sly():\n    'S.'\n    add()\n    heal()\n", capabilities=("heal",))
    execution = run("sly()", sly)
    assert kind(execution) == "grant" and execution.error is not None
    assert (execution.error.skill, execution.error.line) == ("sly", 3) and "capabilities of 'sly': heal" in execution.error.message
    assert execution.trajectory == ()


def test_a_callee_cannot_go_beyond_its_callers_capabilities(run: Run) -> None:
    inner = skill("def inner():\n    'I.'\n    add()\n")
    outer = skill("def outer():\n    'O.'\n    inner()\n", inner, capabilities=("heal",))
    execution = run("outer()", outer, closure=[inner, outer])
    assert kind(execution) == "grant" and execution.trajectory == ()
    assert run("inner()\nadd()", inner).error is None


def test_a_function_that_outlives_its_skill_keeps_the_skills_capabilities(run: Run) -> None:
    sly = skill("def sly():\n    'S.'\n    return lambda: add()\n", capabilities=("heal",))
    execution = run("f = sly()\nf()", sly)
    assert kind(execution) == "grant" and execution.trajectory == ()


def test_catching_everything_does_not_outlive_the_end_of_the_episode(run: Run) -> None:
    for how in ("terminated", "truncated"):
        world = Counter()
        execution = run(FOREVER.format(f"add()\n        end('{how}')"), environment=world)
        assert execution.stopped == how and execution.error is None and world.calls == [("add", {"n": 1}), ("end", {"how": how})]


def test_catching_everything_does_not_outlive_the_budget_of_steps(run: Run) -> None:
    world = Counter()
    execution = run(FOREVER.format("add(3)"), environment=world, limits={"world_steps": 9})
    assert execution.stopped == "steps" and execution.world_steps == 9 and len(world.calls) == 3
    assert run("add(9)\nprint('done')", limits={"world_steps": 9}).stopped is None


def test_catching_everything_does_not_outlive_the_deadline(run: Run) -> None:
    def slow(*_: object) -> None:
        time.sleep(0.05)

    started = time.monotonic()
    execution = run(FOREVER.format("add()"), environment=Counter(slow), limits={"wall_s": 0.3})
    assert execution.stopped == "deadline" and execution.error is None and time.monotonic() - started < 3
    assert run(FOREVER.format("x = 1"), limits={"wall_s": 0.2}).stopped == "deadline"


def test_catching_everything_does_not_outlive_the_limit_of_calls(run: Run) -> None:
    world = Counter()
    execution = run(FOREVER.format("heal()"), environment=world, limits={"primitive_calls": 7})
    assert kind(execution) == "calls" and len(world.calls) == 7


def test_reading_facts_counts_a_tenth_of_a_call(run: Run) -> None:
    body = "n = 0\nfor _ in range({}):\n    facts()\nheal()"
    assert kind(run(body.format(90), limits={"primitive_calls": 10})) is None
    assert kind(run(body.format(100), limits={"primitive_calls": 10})) == "calls"


def test_arguments_lost_near_the_recursion_limit_reach_nothing(run: Run) -> None:
    world = Counter()
    execution = run("def f(n):\n    say(str(n))\n    f(n + 1)\nf(0)", environment=world)
    assert kind(execution) == "recursion" and "<deeply nested>" not in world.said


def test_calling_skills_without_end_is_stopped(run: Run) -> None:
    idle = skill("def idle():\n    'I.'\n")
    assert kind(run(FOREVER.format("idle()"), idle, limits={"primitive_calls": 50})) == "calls"


def test_wrong_calls_without_end_are_stopped(run: Run) -> None:
    for call in ("add('x')", "fly()", "unknown", "end()"):
        execution = run(FOREVER.format(call), limits={"primitive_calls": 50})
        assert kind(execution) in ("calls", "time") and execution.trajectory == ()


def test_a_forged_result_changes_nothing_on_our_side(run: Run) -> None:
    execution = run("f = facts()\nf['count'] = 100\nprint('solved')\nreturn {'solved': True, 'count': 100}")
    assert execution.after.facts["count"] == 0 and execution.trajectory == () and execution.skill_calls == ()


def test_a_program_cannot_poison_the_next_run(run: Run) -> None:
    run("import math, random\nrandom.seed(1)\ntry:\n    math.pi = 3\nexcept BaseException:\n    pass\nadd = print = facts = None")
    execution = run("import math, random\nprint('x')\nadd()\nreturn [math.pi > 3.1, random.random()]")
    assert execution.error is None and execution.output == "x\n"
    assert execution.value == run("import random\nreturn [True, random.random()]").value


def test_a_program_cannot_replace_what_its_callees_call(run: Run) -> None:
    helper = skill("def helper():\n    'H.'\n    return add(2)\n")
    user = skill("def user():\n    'U.'\n    return helper()\n", helper)
    body = "def helper():\n    return 7\ndef add(n=1):\n    return 9\nreturn [user(), helper(), add()]"
    execution = run(body, user, closure=[helper, user])
    assert execution.value == [2, 7, 9] and len(execution.trajectory) == 1
    shadow = "def add(n: int = 1):\n    'Named like a primitive.'\n    return [user(), 5]"
    assert run(shadow, user, closure=[helper, user]).value == [2, 5]
    with pytest.raises(InvalidProgram, match="global"):
        Program.parse("def main():\n    'M.'\n    global add\n    add = 1")


@pytest.mark.parametrize("name", ["__enter_0", "__leave_0", "__fetch__00000000", "__main__root"])
def test_a_program_cannot_name_a_reporter_or_a_body(name: str) -> None:
    for form in ("{}()", "x = {}", "{} = 1", "def {}(): pass", "import math as {}", "return lambda {}: 1"):
        with pytest.raises(InvalidProgram, match="__"):
            Program.parse(f"def main():\n    'M.'\n    {form.format(name)}")


def test_names_of_reporters_do_not_repeat(run: Run) -> None:
    program = Program.parse("def main():\n    'M.'\n")
    linked = [link(program, [], {}, token=token) for token in ("aa", "bb")]
    assert linked[0].enter != linked[1].enter


def test_files_environment_variables_and_modules_of_ours_are_out_of_reach(run: Run) -> None:
    path = "from pathlib import Path\nPath('/etc/passwd').read_text()"
    for body in (path, "import os\nos.listdir('/')", "import os\nos.environ['PATH']"):
        assert kind(run(body)) == "runtime"
    for module in ("skilllib", "socket", "subprocess", "ctypes", "pydantic_monty", "inspect", "gc"):
        assert kind(run(f"import {module}")) == "runtime"


def test_an_error_message_of_a_program_is_bounded(run: Run) -> None:
    error = run("raise ValueError('x' * 1_000_000)").error
    assert error is not None and len(error.message) < 3000


def test_messages_show_the_authors_names(run: Run) -> None:
    helper = skill("def helper():\n    'H.'\n    return 1\n")
    error = run("helper.x", helper).error
    assert error is not None and "__" not in error.message


ODD = ["TimeoutError", "MemoryError", "RecursionError", "KeyboardInterrupt", "SystemExit", "StopIteration"]


@pytest.mark.parametrize("error", ODD)
def test_a_program_that_raises_an_odd_error_is_data(run: Run, error: str) -> None:
    execution = run(f"raise {error}('mine')")
    assert execution.error is not None and execution.stopped is None
    assert kind(execution) in ("runtime", "recursion")


def test_a_worker_that_dies_is_data_and_replaced(run: Run) -> None:
    import os
    import signal

    class Killer(Counter):
        pid = 0

    def kill(*_: object) -> None:
        children = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and _parent(pid) == os.getpid() and _is_monty(pid)]
        for pid in children:
            os.kill(pid, signal.SIGKILL)

    if not os.path.isdir("/proc"):
        pytest.skip("needs /proc")
    execution = run("add()\nadd()", environment=Counter(kill))
    assert kind(execution) == "runtime" and execution.error is not None and "died" in execution.error.message
    assert run("return 1").value == 1


def _parent(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return int(stat.read().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def _is_monty(pid: str) -> bool:
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as command:
            return "monty" in command.read().split("\0")[0]
    except OSError:
        return False
