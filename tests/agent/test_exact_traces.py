"""What happens on each branch of the loop with a model, to the letter: one small scripted run for each.

A line of a trace says: task, route, program, how it went and who said so, what models were asked for it, and what became in the
end of the skill that was made of it (`-`: none was). The describer is always asked twice: what it says claims nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from agents import silent

from skilllib.agent.keeping import compared
from skilllib.build import Learner, learner
from skilllib.config import options
from skilllib.errors import BudgetSpent
from skilllib.models.scripted import ScriptedModel
from skilllib.records.execution import Attempt, Trace
from skilllib.records.model import ModelCall, Request
from skilllib.records.program import Program
from skilllib.records.skill import Skill
from skilllib.records.task import Task
from skilllib.records.world import Observation
from skilllib.testing import HashingEmbedder, make_bakery

Line: TypeAlias = tuple[str, str, str, str, str, str]
Answers: TypeAlias = Mapping[str, str | list[str] | Callable[[Request], str]]


def task(id_: str, check: str | None, **parameters: tuple[int, ...]) -> Task:
    return Task(id=id_, environment="bakery", goal=id_, check=check, parameters=parameters)


WHEAT = task("wheat", "after.stock.wheat > before.stock.wheat")
FLOUR = task("flour", "after.tally.milled_flour > before.tally.milled_flour")


def code(name: str, *lines: str, doc: str = "Do it.", given: str = "") -> str:
    body = "".join(f"    {line}\n" for line in lines)
    return f'```python\ndef {name}({given}) -> None:\n    """{doc}"""\n{body}```'


GET_WHEAT = code("get_wheat", "walk('field')", "gather('wheat')")
GET_MANY = code("get_wheat", "walk('field')", "while facts()['stock']['wheat'] < n:", "    gather('wheat')", given="n: int")
MANY = task("many", "after.stock.wheat >= n", n=(1, 2, 3))
MILL = code("mill", "walk('mill')", "grind()")
WOOD = task("wood", "after.stock.firewood > before.stock.firewood")
GET_WOOD = code("get_wood", "walk('forest')", "gather('firewood')")
LIGHT = code("light_oven", "walk('forest')", "gather('firewood')", "gather('firewood')", "walk('kitchen')", "light()")
GATHERED = ("walk('field')", "while facts()['stock']['wheat'] < 2:", "    gather('wheat')")
BRITTLE = code("mill", "if facts()['stock']['wheat'] == 0:", *(f"    {line}" for line in GATHERED), "walk('mill')", "grind()")
"""It never met a single ear of wheat in hand, since every proof begins with empty hands."""
MENDED = BRITTLE.replace("== 0", "< 2")
BRING = code("bring", "walk('field')", "gather('wheat')", "mill()", "walk('home')")


@contextmanager
def learning(folder: Path, answers: Answers, **given: Any) -> Iterator[Learner]:
    """An agent whose model has lines for each purpose, and otherwise one for all: it gathers what is there."""
    fallback = {purpose: lambda request: "Go on." for purpose in ("advise", "answer", "describe", "propose")}
    model = ScriptedModel({**fallback, **answers})
    recorder = given.pop("recorder", silent)
    chosen = options(environment="bakery", library=str(folder / "library"), model="m", jobs=1, **given)
    shared = {"embedder": HashingEmbedder(), "world": make_bakery, "model": lambda name: model}
    with learner(chosen, recorder=recorder, run="run", **shared) as made:
        yield made


def solved(made: Learner, *tasks: Task) -> list[Line]:
    """Set tasks one after the other, and return what happened."""
    for one in tasks:
        made.agent.progress.proposed()
        made.agent.solve(one)
    return told(made)


def learned(made: Learner) -> list[Line]:
    """Let an agent set its own tasks, and return what happened."""
    with suppress(BudgetSpent):
        made.agent.learn()
    return told(made)


def told(made: Learner) -> list[Line]:
    status = {skill.program.source: skill.status for skill in made.library.skills() if skill.program}
    assert made.library.problems() == []
    return [line for _, trace in made.library.traces() for line in _lines(trace, status)]


def _lines(trace: Trace, status: dict[str, str]) -> Iterator[Line]:
    name = trace.task.id.partition("@")[0]
    for one in trace.attempts:
        became = status.pop(one.program.source, "-") if one.verdict.solved else "-"
        yield name, one.route, one.program.name, _went(one), _purposes(one.model_calls), became
    if trace.model_calls or not trace.attempts:
        yield name, "-", "-", "-", _purposes(trace.model_calls), "-"


def _went(attempt: Attempt) -> str:
    if not attempt.verdict.solved:
        return "failed"
    return f"{attempt.verdict.by}{'' if attempt.solved else ', not proven'}"


def _purposes(calls: tuple[ModelCall, ...]) -> str:
    return " ".join(call.purpose for call in calls)


class Listed:
    """Sets tasks in order; each until it was recorded."""

    def __init__(self, *tasks: Task) -> None:
        self._left = list(tasks)

    def propose(self, observation: Observation) -> Task | None:
        return self._left[0] if self._left else None

    def record(self, trace: Trace) -> None:
        self._left = [one for one in self._left if one.id != trace.task.id]


def versions(made: Learner) -> list[tuple[str, int, str]]:
    return [(skill.name, skill.version, skill.status) for skill in made.library.skills()]


# ---- routes


def test_write_then_run(tmp_path: Path) -> None:
    with learning(tmp_path, {"write": [GET_WHEAT]}) as made:
        assert solved(made, WHEAT, WHEAT) == [
            ("wheat", "write", "get_wheat", "check", "write describe describe", "active"),
            ("wheat", "run", "get_wheat", "check", "", "-"),
        ]


def test_adapt(tmp_path: Path) -> None:
    with learning(tmp_path, {"write": [GET_MANY]}) as made:
        assert solved(made, MANY, task("seven", "after.stock.wheat >= 7")) == [
            ("many", "write", "get_wheat", "check", "write describe describe", "active"),
            ("seven", "adapt", "get_wheat", "check", "", "-"),
        ]


def test_plan(tmp_path: Path) -> None:
    both = task("both", f"{FLOUR.check} and {WOOD.check}")
    with learning(tmp_path, {"write": [GET_MANY, code("mill", "get_wheat(n=2)", "walk('mill')", "grind()"), GET_WOOD]}) as made:
        assert solved(made, MANY, FLOUR, WOOD, both) == [
            ("many", "write", "get_wheat", "check", "write describe describe", "active"),
            ("flour", "write", "mill", "check", "write describe describe", "active"),
            ("wood", "write", "get_wood", "check", "write describe describe", "active"),
            ("both", "plan", "both", "check", "describe describe", "active"),
        ]


def test_repair(tmp_path: Path) -> None:
    home = task("home", f"{FLOUR.check} and after.at == 'home'")
    with learning(tmp_path, {"write": [BRITTLE, BRING, MENDED, BRING]}) as made:
        made.agent.curriculum.inner = Listed(FLOUR, home)  # type: ignore[attr-defined]
        assert learned(made) == [
            ("flour", "write", "mill", "check", "write describe describe", "retired"),
            ("home", "write", "bring", "failed", "write", "-"),
            ("repair:mill", "repair", "mill", "check", "write describe describe", "active"),
            ("home", "write", "bring", "check", "write describe describe", "active"),
        ]
        assert versions(made) == [("mill", 1, "retired"), ("mill", 2, "active"), ("bring", 1, "active")]


def test_set_aside_for_repair(tmp_path: Path) -> None:
    with learning(tmp_path, {"write": [BRITTLE, GET_WHEAT]}) as made:
        assert solved(made, FLOUR, WHEAT, FLOUR) == [
            ("flour", "write", "mill", "check", "write describe describe", "active"),
            ("wheat", "write", "get_wheat", "check", "write describe describe", "active"),
            ("flour", "run", "mill", "failed", "", "-"),
        ]


# ---- writing


def test_mended(tmp_path: Path) -> None:
    with learning(tmp_path, {"write": [MILL]}) as made:
        assert solved(made, FLOUR) == [
            ("flour", "write", "mill", "failed", "write", "-"),
            ("flour", "adapt", "mill", "failed", "", "-"),
            ("flour", "adapt", "mill", "failed", "", "-"),
            ("flour", "adapt", "mill", "check", "describe describe", "active"),
        ]


def test_advised(tmp_path: Path) -> None:
    with learning(tmp_path, {"write": [code("get_wheat", "walk('field')"), GET_WHEAT]}) as made:
        assert solved(made, WHEAT) == [
            ("wheat", "write", "get_wheat", "failed", "write advise", "-"),
            ("wheat", "write", "get_wheat", "check", "write describe describe", "active"),
        ]


def test_nothing_usable(tmp_path: Path) -> None:
    with learning(tmp_path, {"write": ["I like turtles.", "Still.", "Still.", GET_WHEAT]}) as made:
        assert solved(made, WHEAT, WHEAT) == [
            ("wheat", "-", "-", "-", "write write", "-"),
            ("wheat", "write", "get_wheat", "check", "write write describe describe", "active"),
        ]


def test_an_opinion_stays_on_trial(tmp_path: Path) -> None:
    stroll, be_home = code("stroll", "walk('field')", "walk('home')"), code("be_home", "walk('mill')", "walk('home')")
    with learning(tmp_path, {"write": [stroll, be_home], "judge": ["no\nIt is not.", "yes\nIt is at home."]}) as made:
        assert solved(made, task("cosy", None)) == [
            ("cosy", "write", "stroll", "failed", "write judge advise", "-"),
            ("cosy", "write", "be_home", "opinion", "write judge", "trial"),
        ]


def test_a_skill_that_is_written_once_more_is_recognised(tmp_path: Path) -> None:
    food = task("food", f"{WHEAT.check} or after.stock.egg > before.stock.egg")
    with learning(tmp_path, {"write": [GET_WHEAT, GET_WHEAT.replace("get_wheat", "get_food")]}) as made:
        assert solved(made, WHEAT, food) == [
            ("wheat", "write", "get_wheat", "check", "write describe describe", "active"),
            ("food", "write", "get_wheat", "check", "write", "-"),
        ]
        assert versions(made) == [("get_wheat", 1, "active")]


def test_what_does_the_same_is_a_skill_beside_the_other_only_for_what_it_promises_more(tmp_path: Path) -> None:
    other = code("harvest", "if facts()['at'] != 'field':", "    walk('field')", "gather('wheat')")
    food = task("food", f"{WHEAT.check} or after.stock.egg > before.stock.egg")
    with learning(tmp_path, {"write": [GET_WHEAT, other]}) as made:
        solved(made, WHEAT)
        ((_, trace),) = made.library.traces()
        (first,) = trace.attempts
        known = made.library.get("get_wheat")
        reap = Program.parse(first.program.source.replace("get_wheat", "reap"))
        skill = Skill(name="reap", program=reap, contract=known.contract, environment=known.environment)
        assert first.proof is not None and first.proof.twin is None
        again = compared(made.library, skill, first.proof, made.agent.prover)
        assert again.twin is not None and again.reason == again.twin and not again.accepted
        assert again.world_steps > first.proof.world_steps
        assert solved(made, WHEAT, food)[-1] == ("food", "write", "harvest", "check", "write describe describe", "active")
        decision = made.library.history("harvest")[-1].decision
        assert decision.codes == ("proven", "twin") and "does what 'get_wheat' (version 1" in decision.reason


@pytest.mark.parametrize("name", ["get_wheat", "got_wheat"])
def test_a_name_that_is_or_looks_taken_by_other_behaviour_becomes_a_better_one(tmp_path: Path, name: str) -> None:
    with learning(tmp_path, {"write": [GET_WHEAT, code(name, "walk('home')")]}) as made:
        assert solved(made, WHEAT, task("be at home", "after.at == 'home'")) == [
            ("wheat", "write", "get_wheat", "check", "write describe describe", "active"),
            ("be at home", "write", "be_at_home", "check", "write describe describe", "active"),
        ]


def test_skills_that_differ_in_a_word_become_one(tmp_path: Path) -> None:
    with learning(tmp_path, {"write": [GET_WHEAT, GET_WOOD]}) as made:
        assert solved(made, WHEAT, WOOD) == [
            ("wheat", "write", "get_wheat", "check", "write describe describe", "retired"),
            ("wood", "write", "gather_crop", "check", "write describe describe", "active"),
        ]


def test_the_same_name_for_the_same_check_is_a_new_version(tmp_path: Path) -> None:
    lucky = code("get_egg", "walk('coop')", "gather('egg')")
    tries = ("while facts()['stock']['egg'] == eggs:", "    try:", "        gather('egg')", "    except Exception:", "        pass")
    patient = code("get_egg", "eggs = facts()['stock']['egg']", "walk('coop')", *tries)
    egg = task("egg", "after.stock.egg > before.stock.egg")
    with learning(tmp_path, {"write": [lucky, patient]}) as made:
        assert solved(made, egg, egg) == [
            ("egg", "write", "get_egg", "check, not proven", "write", "trial"),
            ("egg", "write", "get_egg", "check", "write describe describe", "active"),
            ("egg", "run", "get_egg", "check", "", "-"),
        ]
        assert versions(made) == [("get_egg", 1, "trial"), ("get_egg", 2, "active")]


# ---- tasks


def test_honing(tmp_path: Path) -> None:
    with learning(tmp_path, {"write": [LIGHT]}, honing=0.6, max_attempts=2) as made:
        assert learned(made) == [
            ("milestone:lit_oven", "write", "light_oven", "check", "propose propose write describe describe", "active"),
            ("hone:light_oven:0", "run", "light_oven", "check", "", "-"),
        ]


def test_question_and_answer(tmp_path: Path) -> None:
    answers: Answers = {"answer": ["Fetch firewood."], "write": [code("light_oven", "walk('kitchen')"), LIGHT]}
    with learning(tmp_path, answers, context="always", max_attempts=2) as made:
        assert learned(made) == [
            ("milestone:lit_oven", "write", "light_oven", "failed", "propose propose answer write advise", "-"),
            ("milestone:lit_oven", "write", "light_oven", "check", "write describe describe", "active"),
        ]
        ((_, trace),) = made.library.traces()
        assert trace.task.context == "How to lit oven?\nFetch firewood."


def test_what_cannot_be_a_task_is_refused_before_it_costs_anything(tmp_path: Path) -> None:
    proposed = """have a cake | after.stock.cake >= 1
let it be cold | after.oven.lit == False
be rich | after.stock.bread >= 99
be idle | after.vigor < before.vigor
talk nonsense | after.stock.bread >=
a line that is no task"""
    told: list[list[str]] = []

    def recorder(event: str, **fields: Any) -> None:
        if event == "proposed":
            told.extend([one["goal"], one["reason"]] for one in fields["refused"])

    with learning(tmp_path, {"propose": [proposed, "go on"], "write": [LIGHT]}, max_attempts=1, recorder=recorder) as made:
        assert learned(made) == [
            ("milestone:lit_oven", "write", "light_oven", "check", "propose propose write describe describe", "active"),
        ]
    assert told == [
        ["have a cake", "there is no fact 'stock.cake'; there is stock.egg, stock.wheat, stock.bread"],
        ["let it be cold", "it is true already, before anything is done; ask for more, or for a change against `before`"],
        ["be rich", "stock.bread is never more than 20"],
        ["be idle", "vigor has to be kept up to live; never ask for less of it"],
        ["talk nonsense", "it is not a Python expression: invalid syntax (<unknown>, line 1)"],
    ]


# ---- presets


def test_no_library_mends_without_skills_and_learns_the_same_program_once(tmp_path: Path) -> None:
    with learning(tmp_path, {"write": [MILL, MILL]}, preset="no-library") as made:
        assert solved(made, FLOUR, FLOUR) == [
            ("flour", "write", "mill", "failed", "write", "-"),
            ("flour", "adapt", "mill", "failed", "", "-"),
            ("flour", "adapt", "mill", "failed", "", "-"),
            ("flour", "adapt", "mill", "check", "", "active"),
            ("flour", "write", "mill", "failed", "write", "-"),
            ("flour", "adapt", "mill", "failed", "", "-"),
            ("flour", "adapt", "mill", "check", "", "-"),
        ]


def test_voyager_overwrites(tmp_path: Path) -> None:
    answers: Answers = {
        "propose": [f"get wheat | {WHEAT.check}", f"get wood | {WOOD.check}"],
        "write": [
            GET_WHEAT,
            code("get_wheat", "bake()"),
            code("get_wheat", "walk('forest')"),
            GET_WOOD.replace("get_wood", "get_wheat"),
        ],
        "judge": ["yes\nIt has wheat.", "no\nIt has none.", "yes\nIt has wood."],
    }
    with learning(tmp_path, answers, preset="voyager", max_attempts=4) as made:
        wheat, wood = "voyager:3c8c184c1281", "voyager:59a1a7f428ee"
        assert learned(made) == [
            (wheat, "write", "get_wheat", "opinion", "propose answer write judge describe", "retired"),
            (wood, "write", "get_wheat", "failed", "propose answer write", "-"),
            (wood, "write", "get_wheat", "failed", "write judge", "-"),
            (wood, "write", "get_wheat", "opinion", "write judge describe", "active"),
        ]
        assert versions(made) == [("get_wheat", 1, "retired"), ("get_wheat", 2, "active")]


def test_react_acts_step_by_step(tmp_path: Path) -> None:
    calls = ("walk('forest')", "gather('firewood')", "gather('firewood')", "walk('kitchen')", "light()")
    acts = ["Well.", *(f"Thought: Go on.\nAction: {call}" for call in calls)]
    with learning(tmp_path, {"act": acts}, preset="react", max_attempts=5) as made:
        assert learned(made) == [
            ("milestone:lit_oven", "write", "walk_once", "failed", "propose propose act act advise", "-"),
            ("milestone:lit_oven", "write", "gather_once", "failed", "act advise", "-"),
            ("milestone:lit_oven", "write", "gather_once", "failed", "act advise", "-"),
            ("milestone:lit_oven", "write", "walk_once", "failed", "act advise", "-"),
            ("milestone:lit_oven", "write", "light_once", "check", "act", "-"),
        ]
        assert versions(made) == []
