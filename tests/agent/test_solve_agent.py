"""A new task is solved by what the library can do, by dividing it, or not at all: with a reason, and always with an end."""

from __future__ import annotations

from pathlib import Path

import pytest
from solvers import FLOUR, bakery_solver, stocked

from skilllib.agent.solving import DIVISIONS
from skilllib.embedders import HashingEmbedder
from skilllib.errors import ModelUnavailable, ModelUseless
from skilllib.library import SkillLibrary
from skilllib.records.model import Budget
from skilllib.verifier.check import CheckVerifier

LIGHT = 'def light_oven() -> None:\n    """Light the oven."""\n    walk("kitchen")\n    light()\n'
DIVISION = f"gather wheat | after.stock.wheat >= 2\nmill flour | {FLOUR}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    stocked(tmp_path / "library")
    return tmp_path / "library"


def kept(folder: Path) -> tuple[object, ...]:
    with SkillLibrary.open(folder, embedder=HashingEmbedder(), index="exact") as library:
        counted = [library.statistics(skill.code_hash) for skill in library.skills()]
        return library.fingerprint(), library.ledger(), library.runs(), tuple(library.traces()), counted, library.problems()


# ---- the library alone


def test_the_words_of_a_skill_are_enough_to_run_it_and_a_number_is_its_amount(folder: Path) -> None:
    with bakery_solver(folder) as (solver, model, _):
        solution = solver.solve("please gather three wheat from the field")
    assert solution.solved and (solution.ended, solution.by) == ("success", "skill")
    assert solution.reason == "after.stock.wheat >= amount with amount = 3 holds"
    (one,) = solution.sub_goals
    assert (one.route, one.skills, one.outcome) == ("run", ("gather_wheat",), "reached")
    assert solution.model_calls == 0 and not model.requests and solution.world_steps > 0


def test_words_of_which_no_skill_bears_all_are_not_guessed_at(folder: Path) -> None:
    with bakery_solver(folder) as (solver, _, _):
        solution = solver.solve("gather golden wheat")
    assert not solution.solved and solution.ended == "failure" and solution.sub_goals == ()
    assert "nearest: gather_wheat" in solution.reason and "model" in solution.reason


@pytest.mark.parametrize("words", ["fetch 3 firewood", "gather 2 or 3 wheat", "the and of", "", "5"])
def test_a_number_without_a_place_and_words_without_meaning_are_not_guessed_at(folder: Path, words: str) -> None:
    with bakery_solver(folder) as (solver, _, _):
        assert "no active skill bears" in solver.solve(words).reason


def test_a_check_is_enough_to_run_or_adapt_a_skill(folder: Path) -> None:
    with bakery_solver(folder) as (solver, _, _):
        solution = solver.solve("whatever it is called", "after.stock.wheat >= 4")
    assert solution.solved and solution.by == "check"
    assert [(one.route, one.skills) for one in solution.sub_goals] == [("adapt", ("gather_wheat",))]


def test_a_check_of_two_things_is_reached_by_a_chain_of_skills(folder: Path) -> None:
    with bakery_solver(folder) as (solver, _, _):
        solution = solver.solve("provisions", "after.stock.wheat >= 1 and after.stock.firewood >= 1")
    assert solution.solved, solution.reason
    assert solution.sub_goals[-1].route == "plan" and set(solution.sub_goals[-1].skills) == {"gather_wheat", "fetch_firewood"}


def test_what_holds_already_costs_nothing(folder: Path) -> None:
    with bakery_solver(folder) as (solver, _, _):
        solution = solver.solve("be alive", "after.vigor >= 1")
    assert solution.solved and "already" in solution.reason and solution.world_steps == 0


def test_without_a_model_it_says_what_is_missing(folder: Path) -> None:
    with bakery_solver(folder) as (solver, _, _):
        unknown = solver.solve("bread", "after.stock.bread >= 1")
    assert not unknown.solved and "no active skill or chain of skills" in unknown.reason and "model" in unknown.reason
    with bakery_solver(folder) as (solver, _, _):
        failed = solver.solve("mill", FLOUR)
    assert not failed.solved and "attempts with grind_flour" in failed.reason and "wheat" in failed.reason


def test_an_empty_library_says_that_it_is_empty(tmp_path: Path) -> None:
    SkillLibrary.open(tmp_path / "empty", create=True).close()
    with bakery_solver(tmp_path / "empty") as (solver, _, _):
        assert "no active skill for 'bakery'" in solver.solve("bake bread").reason
    with bakery_solver(tmp_path / "empty", *["light the oven | after.oven.lit"] * 4, written=[LIGHT]) as (solver, _, _):
        assert solver.solve("light the oven").ended == "failure"


# ---- by division


def test_a_task_is_divided_and_each_part_done_by_a_skill(folder: Path) -> None:
    with bakery_solver(folder, DIVISION) as (solver, model, writer):
        solution = solver.solve("mill some golden flour")
    assert solution.solved and solution.by == "sub-goals" and solution.divisions == 1
    assert [(one.outcome, one.route, one.skills) for one in solution.sub_goals] == [
        ("reached", "run", ("gather_wheat",)),
        ("reached", "run", ("grind_flour",)),
    ]
    assert solution.model_calls == len(model.requests) == 1 and not writer.tasks
    text = model.requests[0].messages[-1].content + model.requests[0].messages[0].content
    assert "gather_wheat(amount: int = 1)" in text and "after.stock.wheat >= amount" in text and "mill some golden flour" in text


def test_with_a_check_only_the_check_decides_whatever_the_sub_goals_say(folder: Path) -> None:
    division = "gather wheat | after.stock.wheat >= 1"
    with bakery_solver(folder, *[division] * DIVISIONS) as (solver, _, _):
        solution = solver.solve("bread", "after.stock.bread >= 1")
    assert not solution.solved and solution.sub_goals[1].outcome == "reached"


def test_the_end_comes_as_soon_as_the_check_holds(folder: Path) -> None:
    with bakery_solver(folder, f"{DIVISION}\nfetch firewood | after.stock.firewood >= 1") as (solver, _, _):
        solution = solver.solve("golden flour", "after.stock.flour >= 1 and after.vigor >= 1")
    assert solution.solved and solution.by == "check" and "firewood" not in {one.goal for one in solution.sub_goals}


def test_new_code_is_written_only_for_what_no_skill_does(folder: Path) -> None:
    division = "wood | after.stock.firewood >= 1\nfire | after.oven.lit"
    with bakery_solver(
        folder, division, written=[LIGHT.replace("light()", 'walk("forest"); gather("firewood"); walk("kitchen"); light()')]
    ) as (
        solver,
        _,
        writer,
    ):
        solution = solver.solve("warmth")
    assert solution.solved and [one.route for one in solution.sub_goals] == ["run", "write"]
    assert [task.check for task in writer.tasks] == ["after.oven.lit"]


def test_what_is_so_already_is_passed_over(folder: Path) -> None:
    division = "stay fresh | after.vigor >= 1\nwood | after.stock.firewood >= 1"
    with bakery_solver(folder, division) as (solver, _, _):
        assert [one.outcome for one in solver.solve("warmth").sub_goals] == ["held", "reached"]


def test_a_division_of_what_is_true_already_is_no_success(folder: Path) -> None:
    with bakery_solver(folder, *["stay fresh | after.vigor >= 1"] * 3) as (solver, model, _):
        solution = solver.solve("bake a cake")
    assert not solution.solved and len(model.requests) == 3
    assert "true already" in model.requests[1].messages[-1].content


def test_a_failure_is_told_and_the_task_divided_anew(folder: Path) -> None:
    with bakery_solver(folder, f"mill flour | {FLOUR}", DIVISION) as (solver, model, _):
        solution = solver.solve("golden flour")
    assert solution.solved and solution.divisions == 2
    assert [one.outcome for one in solution.sub_goals] == ["failed", "reached", "reached"]
    told = model.requests[1].messages[-1].content
    assert f"mill flour | {FLOUR}" in told and "stock.wheat at least 2" in told


def test_a_sub_goal_that_is_repeated_in_the_same_state_is_refused_and_stalls_nothing(folder: Path) -> None:
    with bakery_solver(folder, *["bread | after.stock.bread >= 1"] * 50) as (solver, model, writer):
        solution = solver.solve("bake bread")
    assert not solution.solved and solution.ended == "failure"
    assert [one.outcome for one in solution.sub_goals] == ["failed"] + ["refused"] * (DIVISIONS - 1)
    assert len(model.requests) == DIVISIONS and len(writer.tasks) == 1
    assert "in this very state" in solution.reason


def test_a_sub_goal_that_keeps_failing_is_refused_in_other_states_too(folder: Path) -> None:
    wander = [f'def wander_{n}() -> None:\n    "Go {n}."\n    walk("{place}")\n' for n, place in enumerate(["mill", "home"] * 8)]
    with bakery_solver(folder, *["bread | after.stock.bread >= 1"] * 50, written=wander, attempts_per_task=1) as (
        solver,
        _,
        writer,
    ):
        solution = solver.solve("bake bread")
    assert [one.outcome for one in solution.sub_goals] == ["failed", "failed", "refused", "refused"]
    assert len(writer.tasks) == 2


def test_lines_that_cannot_be_used_are_told_and_asked_for_again(folder: Path) -> None:
    bad = "gather rye | after.stock.rye >= 1\nfly | after.wings.open ===\nwait | after.vigor <= 3"
    with bakery_solver(folder, "Sure, I will help you!", bad, DIVISION) as (solver, model, _):
        assert solver.solve("golden flour").solved
    told = [request.messages[-1].content for request in model.requests]
    assert "no line had the form" in told[1] and "after.stock.rye" in told[2] and "not a Python expression" in told[2]
    assert "has to be kept up to live" in told[2]


def test_a_task_that_cannot_be_divided_is_written_as_a_whole_and_judged_by_a_model(folder: Path) -> None:
    dance = 'def dance() -> None:\n    """Dance."""\n    walk("home")\n    walk("mill")\n'
    with bakery_solver(folder, *["I cannot."] * 3, written=[dance]) as (solver, _, _):
        solution = solver.solve("dance")
    assert solution.solved and solution.by == "opinion" and "opinion of a model" in solution.reason
    with bakery_solver(folder, *["I cannot."] * 3, written=[dance] * 9, verifier=CheckVerifier()) as (solver, _, _):
        solution = solver.solve("dance")
    assert not solution.solved and solution.by == "nobody", "where nobody can judge it is not solved"


def test_a_task_with_a_check_that_cannot_be_divided_is_written_as_a_whole(folder: Path) -> None:
    with bakery_solver(folder, *["I cannot."] * 3, written=['def go() -> None:\n    "Go."\n    walk("home"); walk("mill")\n']) as (
        solver,
        _,
        _,
    ):
        solution = solver.solve("to the mill", "after.at == 'mill' and after.stock.bread == 0")
    assert solution.solved and solution.by == "check" and solution.sub_goals[-1].route == "write"


# ---- ends


def test_the_budget_of_the_model_ends_it_cleanly(folder: Path) -> None:
    with bakery_solver(folder, f"mill flour | {FLOUR}", DIVISION, budget=Budget(calls=1)) as (solver, model, _):
        solution = solver.solve("golden flour")
    assert not solution.solved and solution.ended == "budget" and "1 of 1 calls" in solution.reason and len(model.requests) == 1
    with bakery_solver(folder, DIVISION, budget=Budget(calls=0)) as (solver, model, _):
        assert solver.solve("golden flour").ended == "budget" and not model.requests


def test_the_budget_of_world_steps_ends_it(folder: Path) -> None:
    with bakery_solver(folder, DIVISION, max_steps=4) as (solver, _, _):
        solution = solver.solve("golden flour")
    assert solution.ended == "budget" and "world steps" in solution.reason and solution.world_steps <= 8


def test_the_end_of_the_world_ends_it(folder: Path) -> None:
    with bakery_solver(folder, *[DIVISION] * 9, world={"length": 3}) as (solver, _, _):
        solution = solver.solve("golden flour")
    assert solution.ended == "failure" and "time ran out" in solution.reason and len(solution.sub_goals) == 1


def test_a_model_that_is_gone_is_an_error_and_a_useless_one_a_failure(folder: Path) -> None:
    gone = ModelUnavailable("nobody listens there")
    with bakery_solver(folder, model=[gone]) as (solver, _, _), pytest.raises(ModelUnavailable):
        solver.solve("golden flour")
    with bakery_solver(folder, model=[ModelUseless("nothing but noise")]) as (solver, _, _):
        assert solver.solve("golden flour").reason == "nothing but noise"


def test_nothing_is_learned(folder: Path) -> None:
    before = kept(folder)
    files = {path: path.read_bytes() for path in folder.rglob("*.db")}
    dance = 'def dance() -> None:\n    """Dance."""\n    walk("home")\n    walk("mill")\n'
    with bakery_solver(folder, *["I cannot."] * 3, written=[dance]) as (solver, _, _):
        assert solver.solve("dance").solved
    with bakery_solver(folder, DIVISION) as (solver, _, _):
        assert solver.solve("golden flour").solved
    assert {path: path.read_bytes() for path in folder.rglob("*.db")} == files and kept(folder) == before


def test_the_same_seed_gives_the_same_solution(folder: Path) -> None:
    found = []
    for seed in (3, 3, 4):
        with bakery_solver(folder, DIVISION, seed=seed) as (solver, _, _):
            found.append(solver.solve("golden flour"))
    assert found[0] == found[1] and found[0].seed != found[2].seed
