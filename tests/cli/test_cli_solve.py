"""`skilllib solve`: a learned library on a task it never saw."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_door import Door

from skilllib.build.solving import solver
from skilllib.cli import solving
from skilllib.embedders import HashingEmbedder
from skilllib.library import SkillLibrary
from skilllib.models.scripted import ScriptedModel
from skilllib.records.model import Request

DIVISION = "firewood | after.stock.firewood >= 1\nsing a song at home | after.at == 'home' and after.stock.firewood >= 1"
CODE = '''```python
def sing_at_home() -> None:
    """Go home by way of the mill, and sing."""
    walk(to="mill")
    walk(to="home")
```'''
LINES = {"decompose": DIVISION, "write": CODE, "judge": "yes\nIt sounds well.", "advise": "Sing louder.", "answer": "Just sing."}


@pytest.fixture
def speak(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], list[Request]]:
    """Put a model behind every name that has one line for each purpose."""

    def put(lines: dict[str, str]) -> list[Request]:
        asked: list[Request] = []

        def answer(request: Request) -> str:
            asked.append(request)
            return lines.get(request.purpose, "It goes home.")

        monkeypatch.setattr(solving, "solver", functools.partial(solver, model=lambda name: ScriptedModel(answer, name=name)))
        return asked

    return put


def kept(folder: str = "skill-library") -> Any:
    with SkillLibrary.open(folder, embedder=HashingEmbedder(), index="exact") as library:
        counted = [library.statistics(skill.code_hash) for skill in library.skills()]
        return library.fingerprint(), library.ledger(), library.runs(), len(list(library.traces())), counted


def test_a_new_task_is_solved_by_its_words_alone_and_nothing_is_learned(learned: Door) -> None:
    before, files = kept(), Path("skill-library/library.db").read_bytes()
    code, out, err = learned("solve", "bakery", "knead a dough", "--seed", 3)
    assert code == 0 and "solved: after.tally.kneaded_dough > before.tally.kneaded_dough holds" in out, out + err
    assert "0 model calls" in out and "run" in out
    assert kept() == before and Path("skill-library/library.db").read_bytes() == files
    assert not Path("runs").joinpath("solve-bakery-s3-1").exists()


def test_json_has_everything(learned: Door) -> None:
    found = learned.json("solve", "bakery", "provisions", "--check", "stock.wheat >= 2 and stock.firewood >= 1")
    assert found["solved"] and (found["ended"], found["by"]) == ("success", "check")
    assert found["sub_goals"][0]["skills"] and found["sub_goals"][0]["route"] in ("run", "adapt", "plan")
    assert found["world_steps"] > 0 and found["tokens"] == 0 and found["learned"] == []


def test_what_is_not_solved_ends_with_its_reason_and_code_1(learned: Door) -> None:
    code, out, _ = learned("solve", "bakery", "sing a song")
    assert code == 1 and "not solved: no active skill bears all the words" in out
    found = learned.json("solve", "bakery", "provisions", "--check", "stock.bread >= 20", "--max-steps", 30, code=1)
    assert found["ended"] in ("budget", "failure") and not found["solved"] and found["world_steps"] <= 60


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bakri", "bread"], "did you mean 'bakery'"),
        (["bakery", "bread", "--check", "after.stock.bred >= 1"], "there is stock.bread"),
        (["bakery", "bread", "--check", "after.stock.bread >= "], "is not a Python expression"),
        (["bakery", "bread", "--check", "after.stock.bread >= 99"], "never more than 20"),
        (["bakery", "bread", "--check", "__import__('os')"], "not allowed in a check"),
        (["bakery", "bread", "--library", "nowhere"], "no skill library at nowhere"),
        (["bakery", "bread", "--model", "openai/m", "--replay"], "--tape"),
        (["bakery", "bread", "-O", "length=0"], "positive length"),
        (["bakery", ""], "the task is empty"),
        (["bakery", " \n"], "the task is empty"),
        (["bakery", "bread", "--critic-model", "openai/m"], "critic_model: without effect, since no model is named"),
        (["bakery", "bread", "--max-calls", "3"], "budget: without effect, since no model is named"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_line(learned: Door, arguments: list[str], said: str) -> None:
    assert said in learned.refuses("solve", *arguments)


def test_an_empty_library_is_not_enough(door: Door) -> None:
    SkillLibrary.open("skill-library", create=True).close()
    code, out, _ = door("solve", "bakery", "bake bread", "--embedder", "hashing")
    assert code == 1 and "no active skill for 'bakery'" in out


def test_a_model_divides_and_writes_only_what_is_missing(learned: Door, speak: Callable[[dict[str, str]], list[Request]]) -> None:
    asked, before = speak(LINES), kept()
    found = learned.json("solve", "bakery", "sing by the fire", "--model", "openai/m", "--seed", 1)
    assert found["solved"] and found["by"] == "sub-goals", found
    assert found["sub_goals"][0]["route"] in ("run", "adapt")
    assert found["model_calls"] == len(asked) and {request.purpose for request in asked} >= {"decompose"}
    assert kept() == before


def test_a_budget_ends_it_and_says_so(learned: Door, speak: Callable[[dict[str, str]], list[Request]]) -> None:
    speak(LINES)
    code, out, _ = learned("solve", "bakery", "sing by the fire", "--model", "openai/m", "--max-calls", 0)
    said = " ".join(out.split())
    assert code == 1 and "not solved, out of budget" in said and "esume" not in said
    assert "Allow more with a larger `--max-calls` and run it again" in said
    out = learned("solve", "bakery", "provisions", "--check", "stock.bread >= 2", "--max-steps", 0)[1]
    assert "allow more with a larger `--max-steps` and run it again" in " ".join(out.split())


def test_a_tape_answers_in_place_of_the_model(learned: Door, speak: Callable[[dict[str, str]], list[Request]]) -> None:
    asked = speak(LINES)
    arguments = ["solve", "bakery", "sing by the fire", "--model", "openai/m", "--seed", 1, "--tape", "tape.jsonl"]
    first, n = learned.json(*arguments), len(asked)
    assert learned.json(*arguments, "--replay") == first and len(asked) == n


def test_with_learn_what_proves_itself_is_kept_by_the_ordinary_door(
    learned: Door, speak: Callable[[dict[str, str]], list[Request]]
) -> None:
    speak({**LINES, "decompose": "be at home without bread | after.at == 'home' and after.stock.bread == 0"})
    found = learned.json(
        "solve",
        "bakery",
        "sing at home",
        "--model",
        "openai/m",
        "--jobs",
        1,
        "--learn",
        "--check",
        "after.at == 'home' and after.stock.bread < 1",
        "--seed",
        1,
    )
    assert found["solved"], found
    with SkillLibrary.open("skill-library", embedder=HashingEmbedder(), index="exact") as library:
        assert "solve-bakery-s1-1" in library.runs()
        assert found["learned"] == [skill.name for skill in library.skills("active") if skill.provenance.run == "solve-bakery-s1-1"]
        assert library.problems() == []
    again = learned.json("solve", "bakery", "knead a dough", "--learn", "--jobs", 1, "--seed", 1)
    assert again["solved"] and again["learned"] == []


def test_an_agent_that_learns_searches_without_a_model_for_what_a_check_asks(door: Door) -> None:
    arguments = ["solve", "bakery", "fetch wheat", "--check", "stock.wheat >= 1", "--learn", "--jobs", 1, "--embedder", "hashing"]
    found = door.json(*arguments)
    assert found["solved"] and found["sub_goals"][-1]["route"] == "write" and len(found["learned"]) == 1, found
    assert door.json(*arguments)["sub_goals"][0]["route"] == "run", "the second time it is known"


def test_a_library_of_opinions_can_be_used_but_not_taught(learned: Door) -> None:
    SkillLibrary.open("credulous", create=True, policy="opinion").close()
    assert learned("solve", "bakery", "bake bread", "-l", "credulous", "--embedder", "hashing")[0] == 1
    assert "policy 'opinion'" in learned.refuses(
        "solve", "bakery", "bake bread", "-l", "credulous", "--learn", "--embedder", "hashing"
    )
