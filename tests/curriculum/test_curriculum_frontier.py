"""The frontier follows from traces alone, so that a resumed run goes on with the same goals."""

from __future__ import annotations

from proposing import SPEC, Shelf, skill, start, trace

from skilllib.curriculum.frontier import FrontierCurriculum
from skilllib.curriculum.goals import milestone_task
from skilllib.memory import Memory
from skilllib.records.execution import Trace
from skilllib.records.skill import Provision

UNTRIED = Trace(task=milestone_task(SPEC, SPEC.milestones[0]))
SOLVED = trace(milestone_task(SPEC, SPEC.milestones[2]), solved=True)
LEARNED = SOLVED.model_copy(update={"attempts": (SOLVED.attempts[0].model_copy(update={"admitted": "a" * 64}),)})
FETCH = skill('def fetch() -> None:\n    """Fetch."""\n    walk("home")\n', Provision(check=LEARNED.task.check or ""))


def test_a_goal_for_which_nothing_could_be_tried_comes_back_with_the_next_skill_in_a_resumed_run_as_well() -> None:
    shelf = Shelf()
    live = FrontierCurriculum(SPEC, memory=Memory(), skills=shelf)
    live.record(UNTRIED)
    assert UNTRIED.task.id not in {candidate.task.id for candidate in live.candidates(start())}
    shelf.all.append(FETCH)
    live.record(LEARNED)
    resumed = FrontierCurriculum(SPEC, memory=Memory(), skills=shelf)
    for one in (UNTRIED, LEARNED):
        resumed.record(one)
    for patience in range(4):
        assert resumed.candidates(start()) == live.candidates(start())
        for curriculum in (live, resumed):
            curriculum.record(SOLVED.model_copy(update={"task": SOLVED.task.model_copy(update={"id": f"other {patience}"})}))
    assert UNTRIED.task.id in {candidate.task.id for candidate in live.candidates(start())}
