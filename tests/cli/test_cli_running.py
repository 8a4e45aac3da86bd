"""Commands that execute skills: run and verify."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_door import Door

from skilllib.cli.values import bound
from skilllib.errors import InvalidRecord
from skilllib.library import SkillLibrary
from skilllib.records.program import Program
from skilllib.records.skill import Skill


def skills() -> tuple[Skill, ...]:
    with SkillLibrary.open("skill-library") as library:
        return library.skills("active")


def simple() -> Skill:
    return next(skill for skill in skills() if not skill.program or not skill.program.parameters)


def test_run_shows_calls_and_what_changed(learned: Door) -> None:
    skill = simple()
    code, out, err = learned("run", skill.name, "--seed", 1)
    assert code in (0, 1), err
    assert out.startswith(f"{skill.name}()") and "changed:" in out and "world of seed 1" in out
    record = learned.json("run", skill.name, "--seed", 1, code=code)
    assert record["steps"] and record["seed"] == 1
    again = learned.json("run", skill.name, "--seed", 1, code=code)
    assert record.pop("seconds") >= 0 and again.pop("seconds") >= 0
    assert record == again


def test_a_world_without_pictures_makes_no_gif(learned: Door) -> None:
    message = learned.refuses("run", simple().name, "--gif", "a.gif")
    assert "EnvironmentFault" in message and not Path("a.gif").exists()


def test_a_skill_runs_in_a_named_environment_only_if_there_is_one(learned: Door) -> None:
    assert "UnknownEnvironment" in learned.refuses("run", simple().name, "--env", "nowhere")


def test_verify_replays_every_kept_test(learned: Door) -> None:
    code, out, _ = learned("verify")
    assert code == 0 and "All kept tests pass." in out
    report = learned.json("verify", skills()[0].name, "--tests", 2)
    assert report["passed"] and report["results"][0]["tests"] == 2
    assert report["results"][0]["same_changes"] == 2


def test_without_its_callee_a_composed_skill_fails(learned: Door) -> None:
    report = learned.json("verify", "--knock-out", "--tests", 3)
    assert report["passed"] and report["fail_without_a_callee"] >= 1 and 0 < report["share"] <= 1
    needing = next(result for result in report["results"] if result["passed"] < result["tests"])
    one = learned.json("verify", needing["skill"], "--without", needing["without"], "--tests", 3)
    assert one["results"][0]["failures"]
    assert learned("verify", needing["skill"], "--without", needing["without"])[0] == 0


def test_what_a_skill_does_not_call_cannot_be_taken_from_it(learned: Door) -> None:
    skill = simple()
    assert "does not call" in learned.refuses("verify", skill.name, "--without", skill.name)


def test_a_failing_test_is_a_negative_answer(learned: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    from skilllib.testing import bakery

    monkeypatch.setattr(bakery._Day, "gather", lambda self, crop, egg_chance: 0)
    code, out, err = learned("verify", simple().name, "--tests", 1)
    assert code == 1 and "Failed" in out, err


FETCH = Skill(
    name="fetch",
    program=Program.parse(
        'def fetch(item: Literal["rope", "wood"], amount: int = 1, fast: bool = False, far: float = 1.0):\n'
        '    "Fetch."\n    walk()\n'
    ),
)


def test_arguments_are_typed_by_the_signature() -> None:
    given = {"item": "rope", "amount": "3", "fast": "yes", "far": "0.5"}
    assert bound(FETCH, given) == {"item": "rope", "amount": 3, "fast": True, "far": 0.5}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "needs item="),
        ({"item": "rop"}, "did you mean 'rope'"),
        ({"itm": "rope"}, "did you mean 'item'"),
        ({"item": "rope", "amount": "many"}, "is no integer"),
        ({"item": "rope", "far": "nan"}, "is no number"),
        ({"item": "rope", "fast": "maybe"}, "is no boolean"),
    ],
)
def test_wrong_arguments_are_refused(given: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidRecord, match=message):
        bound(FETCH, given)


def test_arguments_have_to_read_as_key_and_value(learned: Door) -> None:
    assert "key=value" in learned.refuses("run", simple().name, "rope")
    assert "given twice" in learned.refuses("run", simple().name, "a=1", "a=2")


def test_a_library_is_evaluated_in_fresh_worlds(learned: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    from skilllib import evaluate

    monkeypatch.setattr(evaluate, "_benches", {})
    report = learned.json("evaluate", "bakery", "--episodes", 3)
    assert report["episodes"] == len(report["lives"]) == 3 and report["score"] > 0
    monkeypatch.setattr(evaluate, "_benches", {})
    code, out, _ = learned("evaluate", "bakery", "--player", "random", "--episodes", 2, "--max-steps", 50)
    assert code == 0 and "score" in out and "random in 2 worlds of bakery" in out
    assert "--calls" in learned.refuses("evaluate", "bakery", "--player", "calls")
    assert "UnknownEnvironment" in learned.refuses("evaluate", "bakry")
