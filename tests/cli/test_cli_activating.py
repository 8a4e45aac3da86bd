"""`verify --activate`, with `--all`, `--again` and `--seed`: what is on trial becomes active, and nothing is paid for twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from command_door import Door

from skilllib.embedders import HashingEmbedder
from skilllib.library import SkillLibrary
from skilllib.records.program import Program
from skilllib.records.skill import Callee, Contract, Provision, Skill
from skilllib.sandbox import MontySandbox

STOCK = """def stock_wheat() -> None:
    'Bring in two of wheat.'
    walk("field")
    gather("wheat")
    gather("wheat")
"""
RESERVE = "def reserve() -> None:\n    'Bring in four of wheat.'\n    stock_wheat()\n    stock_wheat()\n"
LAZY = STOCK.replace("    walk", "    if facts()['stock']['wheat'] > 0:\n        return\n    walk")
"""Keeps the promise of the first in a world where no wheat is there, and fails the caller."""
BOAST = "def boast() -> None:\n    'Bake bread in no time.'\n    walk('field')\n    gather('wheat')\n"


@pytest.fixture(autouse=True)
def _hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skilllib.build.make_embedder", lambda _: HashingEmbedder())


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the programs that were run, in their order."""
    run, names = MontySandbox.run, []

    def noted(self: MontySandbox, program: object, **options: object) -> object:
        names.append(program.name)  # type: ignore[attr-defined]  # it is a program
        return run(self, program, **options)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(MontySandbox, "run", noted)
    return names


def written(text: str, name: str = "mine.py") -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def stocked(door: Door) -> None:
    """Have a skill and one that calls it."""
    new = ["--embedder", "hashing", "--environment", "bakery"]
    for text, count in ((STOCK, 2), (RESERVE, 4)):
        check = f"after.stock.wheat >= before.stock.wheat + {count}"
        assert door.json("add", written(text), "--check", check, *new)["skills"][0]["status"] == "active"


def moved(door: Door, *names: str) -> None:
    """Have the library anew, with all of it on trial."""
    door.json("export", "out", *names)
    Path("skill-library").rename("old")
    SkillLibrary.open("skill-library", create=True, embedder=HashingEmbedder()).close()
    door.json("import", "out")


# --- what was rejected before -----------------------------------------------------------------------------------------


def test_a_caller_that_stands_in_the_way_may_keep_what_it_calls_and_the_refusal_says_so(door: Door, ran: list[str]) -> None:
    stocked(door)
    edit = ["edit", "stock_wheat", "--file", written(LAZY)]
    (one,) = door.json(*edit, code=1)["skills"]
    assert "'reserve' does not pass" in one["reason"]
    ran.clear()
    (again,) = door.json(*edit, code=1)["skills"]
    (proved,) = door.json("verify", "stock_wheat@2", "--activate", code=1)["skills"]
    assert ran == [], "the same rejection is not paid for twice"
    for told in (again, proved):
        assert "was rejected before (entry" in told["reason"] and "'reserve' does not pass" in told["reason"]
        assert "skilllib verify stock_wheat@2 --activate --keep CALLER" in told["remedy"]
    assert one["remedy"].endswith("skilllib verify stock_wheat@2 --activate --keep reserve")
    (kept,) = door.json(*edit, "--keep", "reserve")["skills"]
    assert kept["status"] == "active" and door("run", "reserve")[0] == 0


def test_a_person_can_insist_and_draw_other_worlds(door: Door, ran: list[str]) -> None:
    add = ["add", written(BOAST), "--check", "after.stock.bread > 0", "--embedder", "hashing", "--environment", "bakery"]
    (one,) = door.json(*add, code=1)["skills"]
    assert "skilllib verify boast@1 --activate --again --seed 1" in one["remedy"]
    ran.clear()
    (same,) = door.json("verify", "boast", "--activate", "--seed", 1, code=1)["skills"]
    assert "was rejected before" in same["reason"] and same["remedy"].endswith("--again --seed 2") and ran == []
    for command in (["verify", "boast@1", "--activate", "--again", "--seed", 1], [*add, "--again", "--seed", 2]):
        ran.clear()
        (again,) = door.json(*command, code=1)["skills"]
        assert "rejected before" not in again["reason"] and ran
    out = door(*add)[1]
    assert "rejected before" in out and "\n  mend it with: skilllib edit boast@1; or have other worlds drawn" in out


def test_the_worlds_of_a_proof_follow_from_its_seed(door: Door) -> None:
    def seeds(*arguments: object) -> list[int]:
        stocked_with = ["--embedder", "hashing", "--environment", "bakery", "--check", "after.stock.wheat > before.stock.wheat"]
        assert door("add", written(STOCK), *stocked_with, "--library", f"at{len(arguments)}{arguments[-1:]}", *arguments)[0] == 0
        shown = door.json("show", "stock_wheat", "--library", f"at{len(arguments)}{arguments[-1:]}")
        return [test["seed"] for test in shown["tests"]]

    assert seeds() == seeds("--seed", 0) != seeds("--seed", 1)


# --- all that is on trial ---------------------------------------------------------------------------------------------


def test_all_that_was_imported_becomes_active_callees_first_with_one_command(door: Door, ran: list[str]) -> None:
    stocked(door)
    moved(door)
    told = door.refuses("export", "elsewhere")
    assert "no skill is active" in told and "2 are on trial" in told and "skilllib verify --activate --all" in told
    assert not Path("elsewhere").exists()
    code, out, _ = door("verify", "--activate", "--all")
    assert code == 0 and [line.split(" (")[0] for line in out.splitlines()[:2]] == ["stock_wheat", "reserve"]
    assert out.splitlines()[-1] == "2 became active, 0 stay on trial."
    ran.clear()
    assert door.json("verify", "--activate", "--all") == {"skills": [], "active": 0, "on_trial": 0} and ran == []
    assert "Nothing on trial waits" in door("verify", "--activate", "--all")[1]


def test_what_is_not_proved_is_told_and_stops_only_what_rests_on_it(door: Door, ran: list[str]) -> None:
    stocked(door)
    boast = ["--check", "after.stock.bread > 0"]
    assert door("add", written(BOAST), *boast)[0] == 1 and door("add", written(BOAST.replace("boast", "silent"), "b.py"))[0] == 1
    with SkillLibrary.open("skill-library", embedder=HashingEmbedder()) as library:
        library.revoke("stock_wheat", "the field burns")
    found = door.json("verify", "--activate", "--all", code=1)
    reasons = {one["name"]: one["reason"] for one in found["skills"]}
    assert reasons.keys() == {"reserve", "boast", "silent"} and (found["active"], found["on_trial"]) == (0, 3)
    assert "which was revoked" in reasons["reserve"] and "promises nothing" in reasons["silent"]
    assert "was rejected before" in reasons["boast"]
    assert door("verify", "stock_wheat@1", "--activate")[0] == 0
    found = door.json("verify", "--activate", "--all", code=1)
    assert {one["name"]: one["status"] for one in found["skills"]} == {"reserve": "active", "boast": "trial", "silent": "trial"}


def test_a_callee_that_fails_is_proved_once_for_all_that_call_it(door: Door, ran: list[str]) -> None:
    stocked(door)
    with SkillLibrary.open("skill-library", embedder=HashingEmbedder()) as library:
        stock = library.get("stock_wheat")
        promises = Contract(provides=(Provision(check="after.stock.bread > 0"),), capabilities=stock.contract.capabilities)
        made = {"contract": promises, "environment": "bakery"}
        callee = library.quarantine(
            Skill.model_validate({"name": "boast", "program": Program.parse(BOAST), **made}), proposer="import"
        )
        for name in ("first", "second"):
            program = Program.parse(f"def {name}() -> None:\n    'Bake.'\n    boast()\n")
            calls = (Callee(name="boast", code_hash=callee.code_hash),)
            library.quarantine(Skill.model_validate({"name": name, "program": program, "calls": calls, **made}), proposer="import")
    ran.clear()
    found = door.json("verify", "--activate", "--all", "--again", code=1)
    assert [one["name"] for one in found["skills"]] == ["boast", "first", "second"]
    assert all(one["reason"] == "rests on 'boast' (version 1), which is not proved" for one in found["skills"][1:])
    assert set(ran) == {"call_boast"} and len(ran) == 5


def test_ctrl_c_keeps_what_is_active_and_the_same_command_goes_on(door: Door, interrupt: Callable[[int], None]) -> None:
    stocked(door)
    moved(door)
    interrupt(12)
    code, _, err = door("verify", "--activate", "--all")
    assert code == 130 and "became active; the same command goes on with the others" in " ".join(err.split())
    before = {one["name"]: one["status"] for one in door.json("list")}
    assert set(before.values()) <= {"active", "trial"}
    found = door.json("verify", "--activate", "--all")
    assert {one["name"] for one in found["skills"]} == {name for name, status in before.items() if status == "trial"}
    assert all(one["status"] == "active" for one in door.json("list"))


def test_an_older_version_does_not_take_the_place_of_the_active_one(door: Door) -> None:
    stocked(door)
    door.json("edit", "stock_wheat", "--file", written(LAZY), code=1)
    better = STOCK.replace("Bring in", "Carry in")
    assert door("edit", "stock_wheat", "--file", written(better))[0] == 0
    assert door.json("verify", "--activate", "--all") == {"skills": [], "active": 0, "on_trial": 0}
    assert door.json("show", "stock_wheat")["source"] == better


def test_flags_that_belong_together_say_so(door: Door) -> None:
    for flags, told in (
        (["--all"], "go with --activate"),
        (["--again"], "go with --activate"),
        (["--activate"], "or --all"),
        (["x", "--activate", "--all"], "leave out 'x'"),
    ):
        code, _, err = door("verify", *flags)
        assert code == 2 and told in " ".join(err.replace("│", " ").split())
