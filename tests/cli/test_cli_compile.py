"""Compiling from the command line: orders, workers, what is kept, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import servers
from command_door import Door

pytest.importorskip("peft", reason="needs the extra `weights`")

from skilllib.library import SkillLibrary
from skilllib.testing.tiny import tiny_base


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Two threads on a model this small wait for each other most of the time."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def base(tmp_path: Path) -> str:
    return str(tiny_base(tmp_path / "base", ["Thought: This comes next.\nAction: done"], width=16, layers=1))


def active(folder: Path = Path("skill-library")) -> list[str]:
    with SkillLibrary.open(folder) as library:
        return [skill.name for skill in library.skills("active")][:2]


def test_a_skill_is_ordered_compiled_listed_and_dropped(learned: Door, base: str) -> None:
    name, other = active()
    found = learned.json("compile", name, other, "--base", base, "--backend", "null", "--ungated")
    assert [entry["outcome"] for entry in found["ordered"]] == ["promote", "promote"] and found["waiting"] == 0
    assert all(done["kept"] for done in found["done"])
    listed = learned.json("adapters", "list")
    assert {one["skill"] for one in listed} == {name, other} and {one["stale"] for one in listed} == {"it is a control"}
    shown = learned.json("adapters", "show", name)
    assert shown["problems"] == [] and shown["text"]["name"] == name
    merged = learned.json("merge", name, other)
    assert merged["rank"] == 16 and merged["skill"] == f"{name}+{other}"
    assert len(learned.json("adapters", "prune")) == 2, "controls are never valid"
    assert len(learned.json("adapters", "prune", "--max-mb", 0)) == 1
    assert learned.json("adapters", "list") == []


def test_adapters_that_are_settled_are_found_again_and_losers_are_not_kept(learned: Door, base: str) -> None:
    name, other = active()
    options = ("--option", "steps=2", "--option", "own_answers=false")
    learned.json("compile", name, other, "--base", base, *options, "--ungated")
    before = learned.json("adapters", "list")
    refused = learned.json("adapters", "settle", name, other, "--option", "steps=2", code=1)
    assert not any(one["kept"] for one in refused) and learned.json("adapters", "list") == before
    settled = learned.json("adapters", "settle", name, other, "--option", "steps=2", "--ungated")
    assert [one["skill"] for one in settled] == [name, other] and all(one["kept"] for one in settled)
    assert len(learned.json("adapters", "list")) == len(before) + 2
    again = learned.json("adapters", "settle", name, other, "--option", "steps=2", "--ungated")
    assert again == settled, "what was settled is not settled once more"
    merged = learned.json("merge", name, other)
    assert set(merged["parents"]) == {one["adapter_hash"] for one in settled}
    anew = learned.json("compile", name, "--base", base, *options, "--ungated", "--seed", 1)["done"][0]["adapter"]
    merged = learned.json("merge", name, other)
    assert anew["adapter_hash"] in merged["parents"], "what was compiled since is not left out for what settled before"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("NAME",), "two adapters or more"),
        (("NAME", "NAME"), "named twice"),
        (("NAME", "nothing"), "there is no adapter of 'nothing'"),
        (("NAME", "OTHER", "--option", "stepps=2"), "the option 'stepps' of settling does not fit"),
    ],
)
def test_what_cannot_settle_is_refused(learned: Door, base: str, arguments: tuple[str, ...], words: str) -> None:
    names = dict(zip(("NAME", "OTHER"), active(), strict=True))
    learned.json("compile", *names.values(), "--base", base, "--backend", "null", "--ungated")
    assert words in learned.refuses("adapters", "settle", *(names.get(word, word) for word in arguments))


def test_what_is_not_good_enough_is_not_kept_and_the_skill_stays(learned: Door, base: str) -> None:
    (name, *_) = active()
    found = learned.json("compile", name, "--base", base, "--backend", "null", code=1)
    ((done),) = found["done"]
    assert not done["kept"] and "solves no held-out task" in done["reason"]
    assert {one["stale"] for one in learned.json("adapters", "list")} <= {"it is a control"}
    assert name in active() and learned("doctor")[0] == 0


def test_orders_wait_for_a_worker(learned: Door, base: str) -> None:
    (name, *_) = active()
    found = learned.json("compile", name, "--base", base, "--backend", "null", "--order-only")
    assert found["waiting"] == 1 and found["done"] == []
    done = learned.json("compile", "--worker", "--ungated")
    assert done["waiting"] == 0 and done["done"][0]["kept"]


def test_a_base_that_is_not_there_is_said_and_nothing_changes(learned: Door) -> None:
    (name, *_) = active()
    found = learned.json("compile", name, "--base", "/no/such/base", code=1)
    assert "BaseRefused" in found["done"][0]["reason"] and name in active()


def test_what_has_not_earned_weights_is_told_and_written_nowhere(learned: Door, base: str) -> None:
    with SkillLibrary.open("skill-library") as library:
        before = len(library.ledger())
    found = learned.json("compile", "--promoted", "--base", base, "--backend", "null", "--order-only")
    granted = [entry for entry in found["ordered"] if entry["outcome"] == "promote"]
    with SkillLibrary.open("skill-library") as library:
        assert len(library.ledger()) == before + len(granted) and len(library.orders()) == len(granted)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "which skills?"),
        (("NAME", "--promoted"), "which skills?"),
        (("NAME",), "for which model?"),
        (("--worker", "NAME"), "leave out names"),
        (("NAME", "--base", "b", "--backend", "distil"), "no compiler is registered as 'distil'"),
        (("nothing_of_that_name", "--base", "b"), "no skill is called"),
    ],
)
def test_contradictions_are_refused(learned: Door, arguments: tuple[str, ...], words: str) -> None:
    (name, *_) = active()
    assert words in learned.refuses("compile", *(name if word == "NAME" else word for word in arguments))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--option", "stepps=2"), "the option 'stepps' of `distill` does not fit"),
        (("--backend", "command"), "needs the program to run"),
        (("--cache", "a-file"), "a-file is a file, and no folder for adapters"),
        (("--worker", "--cache", "a-file"), "a-file is a file, and no folder for adapters"),
    ],
)
def test_what_no_worker_could_carry_out_is_refused_before_it_is_ordered(
    learned: Door, base: str, arguments: tuple[str, ...], words: str
) -> None:
    (name, *_) = active()
    Path("a-file").touch()
    with SkillLibrary.open("skill-library") as library:
        before = len(library.ledger())
    assert words in learned.refuses("compile", *(() if "--worker" in arguments else (name, "--base", base)), *arguments)
    with SkillLibrary.open("skill-library") as library:
        assert len(library.ledger()) == before and not library.orders()


@pytest.mark.postgres
@pytest.mark.xdist_group("servers")
def test_a_library_on_a_server_is_compiled_like_any_other(
    door: Door, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKILLLIB_CACHE", str(tmp_path / "cache"))
    with servers.postgres() as url:
        library = ("--library", f"{url}/postgres")
        assert door.learn("--max-attempts", 25, *library)[0] == 0
        with SkillLibrary.open(library[1]) as opened:
            (name, *_) = [skill.name for skill in opened.skills("active")]
            folder = tmp_path / "cache" / "adapters" / opened.identity
        found = door.json("compile", name, "--base", base, "--backend", "null", "--ungated", *library)
        assert found["done"][0]["kept"] and found["waiting"] == 0
        (listed,) = door.json("adapters", "list", *library)
        assert Path(listed["path"]).parent == folder
        assert door.json("adapters", "show", name, *library)["path"] == listed["path"]
        assert len(door.json("adapters", "prune", *library)) == 1 and not list(folder.iterdir())


def test_an_adapter_that_is_not_there_is_named(learned: Door) -> None:
    assert "there is no adapter of 'nothing'" in learned.refuses("adapters", "show", "nothing")
    assert "there is no adapter of 'nothing'" in learned.refuses("merge", "nothing", "else")
