"""What a program may do, and what is recorded of it."""

from __future__ import annotations

from typing import Any

import pytest
from counter_world import Counter
from sandbox_programs import Run, main, skill

from skilllib.errors import EnvironmentFault, EnvironmentLost, UnknownSkill
from skilllib.records.execution import Limits
from skilllib.records.world import Observation, Outcome
from skilllib.sandbox import MontySandbox

FETCH = skill(
    "def fetch(thing: Literal['stone', 'leaf'], n: int = 1) -> None:\n    'Fetch.'\n\n    for _ in range(n):\n        pick(thing)\n"
)
TWICE = skill("def twice() -> None:\n    'Twice.'\n    fetch('leaf')\n    add(2)\n    fetch(thing='leaf', n=2)\n", FETCH)


def test_a_step_records_arguments_with_defaults_outcome_and_changes(run: Run) -> None:
    execution = run("add(2)\npick('leaf', force=2)")
    assert execution.error is None and execution.stopped is None
    add, pick = execution.trajectory
    assert add.arguments == {"n": 2} and add.changes == {"count": (0, 2)} and add.outcome.value == 2
    assert pick.arguments == {"thing": "leaf", "gently": False, "force": 2} and pick.changes == {"bag.leaf": (0, 1)}
    assert execution.world_steps == 3
    assert execution.before.facts["bag"] == {"stone": 0, "leaf": 0} and execution.after.facts["bag"] == {"stone": 0, "leaf": 1}


def test_the_world_is_observed_once_per_call(run: Run) -> None:
    world = Counter()
    run("add()\nfacts()\nadd()\nfacts()", environment=world)
    assert world.observed == 3


def test_arguments_of_the_program_are_bound_and_defaults_filled_in(run: Run) -> None:
    body = "'M.'\n    add(n)\n    pick(thing)\n    return [n, thing]"
    source = f"def main(n: int, thing: Literal['stone', 'leaf'] = 'leaf'):\n    {body}"
    execution = run(source, arguments={"n": 3})
    assert execution.value == [3, "leaf"] and execution.arguments == {"n": 3, "thing": "leaf"}


@pytest.mark.parametrize("arguments", [{}, {"n": "3"}, {"n": True}, {"n": 1, "m": 1}, {"n": 2.0}])
def test_a_wrong_argument_of_the_program_is_data(run: Run, arguments: dict[str, Any]) -> None:
    execution = run("def main(n: int):\n    'M.'\n    add(n)", arguments=arguments)
    assert execution.error is not None and execution.error.kind == "argument" and execution.trajectory == ()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("pick('gold')", "pick(thing='gold'): thing must be one of 'stone', 'leaf'"),
        ("pick()", "needs the argument 'thing'"),
        ("pick('leaf', True, 1.0, 4)", "takes 3 arguments, 4 were given"),
        ("pick('leaf', thing='leaf')", "got two values for 'thing'"),
        ("pick('leaf', size=1)", "has no parameter 'size'"),
        ("pick('leaf', gently=1)", "gently must be True or False"),
        ("pick('leaf', force=True)", "force must be a number"),
        ("pick('leaf', force=float('nan'))", "force must be a finite number"),
        ("pick('leaf', force=float('-inf'))", "force must be a finite number"),
        ("pick('leaf', force=-1)", "force must be at least 0"),
        ("add(True)", "n must be an integer"),
        ("add(1.0)", "n must be an integer"),
        ("add(10)", "n must be at most 9"),
        ("add(2 ** 80)", "n must be an integer of at most 64 bits"),
        ("add([1])", "add(n=a list): n must be an integer"),
        ("add(None)", "n must be an integer"),
        ("say('x' * 5000)", "at most 4096 characters"),
    ],
)
def test_a_wrong_argument_of_a_primitive_says_what_is_allowed(run: Run, call: str, words: str) -> None:
    world = Counter()
    execution = run(f"x = 1\n{call}", environment=world)
    assert execution.error is not None and execution.error.kind == "argument" and execution.error.line == 4
    assert words in execution.error.message
    assert world.calls == []


def test_a_value_that_cannot_cross_the_border_is_data(run: Run) -> None:
    execution = run("add(10 ** 10000)")
    assert execution.error is not None and execution.error.kind in ("runtime", "argument") and execution.trajectory == ()


def test_a_lone_surrogate_does_not_reach_the_world(run: Run) -> None:
    execution = run("say('\\ud800')")
    for step in execution.trajectory:
        str(step.arguments["words"]).encode()
    assert execution.model_dump_json(), "what is recorded can be stored"
    assert execution.error is not None or execution.trajectory, "the call is refused or made, never lost"


def test_a_caught_failure_can_be_worked_around(run: Run) -> None:
    execution = run("try:\n    pick('leaf')\nexcept RuntimeError as error:\n    print(error)\n    add(2)\n    pick('leaf')")
    assert execution.error is None and execution.output == "out of reach (missing: count at least 2 (now 0))\n"
    assert [step.outcome.failure is None for step in execution.trajectory] == [False, True, True]


def test_an_uncaught_failure_carries_line_primitive_and_what_was_missing(run: Run) -> None:
    error = run("x = 1\n\npick('leaf')").error
    assert error is not None and (error.kind, error.line, error.skill) == ("primitive", 5, None)
    assert error.primitive == "pick(thing='leaf', gently=False, force=1.0)"
    assert error.failure is not None and error.failure.missing[0].fact == "count"


def test_a_failure_raised_again_keeps_its_cause(run: Run) -> None:
    error = run("try:\n    pick('leaf')\nexcept RuntimeError:\n    raise").error
    assert error is not None and (error.kind, error.line) == ("primitive", 4)


@pytest.mark.parametrize("after", ["raise ValueError('other')", "1 / 0", "raise RuntimeError('made up')", "{}['key']"])
def test_a_caught_failure_is_not_blamed_for_another_error(run: Run, after: str) -> None:
    error = run(f"try:\n    pick('leaf')\nexcept RuntimeError:\n    pass\n{after}").error
    assert error is not None and (error.kind, error.line, error.failure) == ("runtime", 7, None)


def test_entry_and_exit_of_nested_skills_are_recorded(run: Run) -> None:
    execution = run("add(2)\ntwice()", TWICE, closure=[FETCH, TWICE])
    assert execution.error is None
    calls = [(call.name, call.depth, call.entered, call.left, call.raised) for call in execution.skill_calls]
    assert calls == [("twice", 0, 1, 5, False), ("fetch", 1, 1, 2, False), ("fetch", 1, 3, 5, False)]
    assert execution.skill_calls[0].changes == {"bag.leaf": (0, 3), "count": (2, 4)}
    assert execution.skill_calls[2].arguments == {"thing": "leaf", "n": 2}
    nested = ("twice", "fetch")
    assert [step.within for step in execution.trajectory] == [(), nested, ("twice",), nested, nested]


def test_an_error_inside_a_nested_skill_is_attributed_to_it(run: Run) -> None:
    execution = run("twice()", TWICE, closure=[FETCH, TWICE])
    error = execution.error
    assert error is not None and (error.kind, error.skill, error.line) == ("primitive", "fetch", 5)
    assert [(call.name, call.raised, call.left) for call in execution.skill_calls] == [("twice", True, 1), ("fetch", True, 1)]


def test_an_ordinary_error_inside_a_skill_has_its_line_and_skill(run: Run) -> None:
    broken = skill("def broken():\n    'B.'\n    x = 1\n    return x / 0\n")
    outer = skill("def outer():\n    'O.'\n    broken()\n", broken)
    error = run("outer()", outer, closure=[broken, outer]).error
    assert error is not None and (error.kind, error.skill, error.line) == ("runtime", "broken", 4)
    assert "division by zero" in error.message


def test_a_skill_left_by_an_error_is_known_to_be_left(run: Run) -> None:
    execution = run("try:\n    fetch('leaf')\nexcept RuntimeError:\n    add(3)\nfetch('stone')", FETCH)
    assert [(call.depth, call.raised, call.left) for call in execution.skill_calls] == [(0, True, 1), (0, False, 3)]
    assert [step.within for step in execution.trajectory] == [("fetch",), (), ("fetch",)]


def test_a_skill_can_call_itself(run: Run) -> None:
    down = skill("def down(n: int):\n    'D.'\n    if n:\n        add()\n        down(n - 1)\n")
    execution = run("down(2)", down)
    assert execution.error is None and [call.depth for call in execution.skill_calls] == [0, 1, 2]


def test_a_program_can_call_itself(run: Run) -> None:
    execution = run("def main(n: int):\n    'D.'\n    if n:\n        add()\n        main(n - 1)\n", arguments={"n": 3})
    assert execution.error is None and len(execution.trajectory) == 3


WRONG = ["fetch('gold')", "fetch()", "fetch('leaf', n='2')", "fetch('leaf', 1, 2)", "fetch(thing=['leaf'])"]


@pytest.mark.parametrize("call", WRONG)
def test_wrong_arguments_of_a_skill_fail_clearly(run: Run, call: str) -> None:
    execution = run(f"x = 1\n{call}", FETCH)
    error = execution.error
    assert error is not None and (error.kind, error.line, error.skill) == ("argument", 4, None) and "fetch" in error.message
    assert execution.skill_calls == () and execution.trajectory == ()
    caught = run(f"try:\n    {call}\nexcept TypeError:\n    print('caught')", FETCH)
    assert caught.error is None and caught.output == "caught\n"


def test_two_versions_of_one_name_live_in_one_closure(run: Run) -> None:
    old, new = skill("def step():\n    'Old.'\n    return add(1)\n"), skill("def step():\n    'New.'\n    return add(5)\n")
    user = skill("def user():\n    'U.'\n    return step()\n", old)
    execution = run("return [user(), step()]", closure=[old, new, user], calls={"user": user.code_hash, "step": new.code_hash})
    assert execution.error is None and execution.value == [1, 6]
    assert [call.code_hash for call in execution.skill_calls] == [user.code_hash, old.code_hash, new.code_hash]


def test_a_version_missing_from_the_closure_is_our_mistake(run: Run) -> None:
    with pytest.raises(UnknownSkill, match="not in the closure"):
        run("twice()", TWICE)


def test_facts_are_a_fresh_copy_every_time(run: Run) -> None:
    execution = run("f = facts()\nf['bag']['leaf'] = 99\nf['said'].append('x')\nreturn facts()")
    assert execution.value == {"count": 0, "bag": {"stone": 0, "leaf": 0}, "said": [""]}
    assert execution.after.facts == execution.before.facts == execution.value


def test_what_a_primitive_returns_is_a_copy(run: Run) -> None:
    execution = run("x = say('a')\nx.append('forged')\nreturn say('b')")
    assert execution.value == ["", "a", "b"]
    assert execution.trajectory[0].outcome.value == ["", "a"]


def test_what_an_environment_does_to_its_facts_later_does_not_change_the_record(run: Run) -> None:
    world = Counter()
    execution = run("add(2)\npick('leaf')", environment=world)
    world.bag["leaf"] = 50
    assert execution.after.facts["bag"] == {"stone": 0, "leaf": 1}


def test_randomness_and_the_clock_repeat() -> None:
    body = "import random, time, datetime\ntime.sleep(1000)\nreturn [random.random(), time.time(), str(datetime.datetime.now())]"
    with MontySandbox(seed=7) as one, MontySandbox(seed=7) as two, MontySandbox(seed=8) as three:
        program, limits = main(body), Limits()
        runs = [box.run(program, arguments={}, calls={}, environment=Counter(), limits=limits) for box in (one, one, two, three)]
    values = [execution.value for execution in runs]
    assert values[0] == values[1] == values[2] != values[3]


def test_the_returned_value_is_a_note_and_only_if_it_is_json(run: Run) -> None:
    assert run("return (1, 'a')").value == [1, "a"]
    assert run("return {1, 2}").value is None
    assert run("return float('nan')").value is None
    assert run("return 'x' * 10_000").value is None
    assert run("x = []\nfor _ in range(3000):\n    x = [x]\nreturn x").error is None


def test_a_feature_the_interpreter_lacks_is_named_with_its_line(run: Run) -> None:
    error = run("x = [1]\ndel x[0]").error
    assert error is not None and (error.kind, error.line) == ("syntax", 4) and "del" in error.message


def test_a_module_that_is_not_there_is_data(run: Run) -> None:
    error = run("import subprocess").error
    assert error is not None and (error.kind, error.line) == ("runtime", 3) and "subprocess" in error.message


ANSWERS = [{"solved": True}, Outcome(value={1, 2}), Outcome(value=float("nan")), Outcome(value=object()), 7]


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_outside_the_contract_is_the_environments_fault(run: Run, answer: object) -> None:
    with pytest.raises(EnvironmentFault, match="'counter' broke its contract"):
        run("try:\n    add()\nexcept BaseException:\n    pass", environment=Counter(lambda *_: answer))


def test_an_exception_of_an_environment_is_its_fault_and_chained(run: Run) -> None:
    def fails(*_: object) -> None:
        raise KeyError("oops")

    with pytest.raises(EnvironmentFault, match=r"add\(n=1\) raised KeyError") as caught:
        run("add()", environment=Counter(fails))
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_lost_world_is_passed_on_and_the_sandbox_still_works(run: Run) -> None:
    def lost(*_: object) -> None:
        raise EnvironmentLost("gone")

    with pytest.raises(EnvironmentLost):
        run("try:\n    add()\nexcept BaseException:\n    pass", environment=Counter(lost))
    assert run("return 1").value == 1


def test_facts_that_are_not_json_are_the_environments_fault(run: Run) -> None:
    class Odd(Counter):
        def observe(self) -> Observation:
            return Observation(text="", facts={"odd": float("inf")})

    with pytest.raises(EnvironmentFault, match="not JSON"):
        run("add()", environment=Odd())
