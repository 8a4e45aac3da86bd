"""`add`, `edit`, `history`, `diff`, `rollback`, `revoke`, `prune`, `alias`: what a person does to a library."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest
from command_door import Door

from skilllib.embedders import HashingEmbedder
from skilllib.errors import NotVerified
from skilllib.library import SkillLibrary

EGGS = '''def pair_of_eggs() -> None:
    """Find two eggs."""
    found_egg()
    found_egg()
'''
CHECK = "after.stock.egg >= before.stock.egg + 2"


@pytest.fixture(autouse=True)
def _hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skilllib.build.make_embedder", lambda _: HashingEmbedder())


def written(text: str, name: str = "mine.py") -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def names(door: Door) -> set[tuple[str, int]]:
    return {(one["name"], one["version"]) for one in door.json("list")}


# --- add --------------------------------------------------------------------------------------------------------------


def test_a_program_that_a_person_wrote_is_proved_and_says_where_it_comes_from(learned: Door) -> None:
    (one,) = learned.json("add", written(EGGS), "--check", CHECK, "--goal", "Find a pair of eggs", "--author", "Ada")["skills"]
    assert (one["status"], one["outcome"]) == ("active", "promote") and one["lower_bound"] > 0.3
    shown = learned.json("show", "pair_of_eggs")
    assert shown["description"] == "Find a pair of eggs" and shown["provenance"]["writer"] == "by_hand"
    assert [callee["name"] for callee in shown["calls"]] == ["found_egg"]
    assert shown["contract"]["capabilities"] == ["gather", "walk"]
    assert [entry["change"]["proposer"] for entry in shown["ledger"]] == ["Ada", "Ada"]
    assert learned.json("search", "find a pair of eggs")[0]["name"] == "pair_of_eggs"


def test_without_a_check_it_stays_on_trial_with_the_reason(learned: Door) -> None:
    (one,) = learned.json("add", written(EGGS), code=1)["skills"]
    assert one["status"] == "trial" and "promises nothing" in one["reason"]
    assert learned("add", written(EGGS, "again.py"), "--check", CHECK)[0] == 0  # another contract, another skill


def test_a_promise_that_is_not_kept_leaves_it_on_trial_and_is_not_tried_twice(learned: Door) -> None:
    boast = ["add", written(EGGS), "--check", "after.stock.bread > 0"]
    (one,) = learned.json(*boast, code=1)["skills"]
    assert one["status"] == "trial" and "0 of 5 fresh worlds" in one["reason"]
    (again,) = learned.json(*boast, code=1)["skills"]
    assert "was rejected before" in again["reason"] and names(learned) >= {("pair_of_eggs", 1)}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def pair(:\n", "does not parse"),
        ("import os\n", "no `def` at the top level"),
        (EGGS.replace("found_egg()", "fuond_egg()"), "did you mean 'found_egg'"),
        (EGGS.replace("found_egg()", "walk('moon')", 1), "walk"),
        (EGGS.replace("found_egg()", "gather()", 1), "gather"),
        (EGGS.replace("pair_of_eggs", "walk"), "'walk'"),
        (EGGS.replace("pair_of_eggs", "min"), "'min' means something else in every program"),
        (EGGS.replace("pair_of_eggs", "facts"), "'facts' means something else in every program"),
        ('def rec() -> None:\n    """Rec."""\n    rec()\n', "'rec' calls itself; a skill has no recursion"),
        (EGGS.replace("pair_of_eggs", "found_egg"), "skilllib edit found_egg"),
        (EGGS.replace("pair_of_eggs", "found_eggs"), "looks like 'found_egg'"),
        (EGGS.replace("Find", "Fi\u200bnd"), "invisible"),
        ("", "no `def`"),
    ],
)
def test_what_cannot_be_a_skill_is_refused_before_anything_runs(learned: Door, text: str, told: str) -> None:
    before = names(learned)
    assert told in learned.refuses("add", written(text), "--check", CHECK) and names(learned) == before


def test_what_is_no_text_is_refused(learned: Door) -> None:
    Path("bytes.py").write_bytes(b"\xff\xfe\x00")
    assert "UTF-8" in learned.refuses("add", "bytes.py")
    Path("long.py").write_text("#" * 200_000, encoding="utf-8")
    assert "longer than" in learned.refuses("add", "long.py")
    assert "cannot be read" in learned.refuses("add", "nowhere.py")
    assert "no JSON" in learned.refuses("add", written(EGGS), "--arguments", "{")
    assert "lists of them" in learned.refuses("add", written(EGGS), "--arguments", '{"n": {}}')
    assert "no parameter 'n'" in learned.refuses("add", written(EGGS), "--arguments", '{"n": 1}')


def test_a_parameter_of_the_check_is_tried_with_every_value(learned: Door) -> None:
    text = 'def egg_basket(count: int) -> None:\n    """Find eggs."""\n    for _ in range(count):\n        found_egg()\n'
    check = ["--check", "after.stock.egg >= before.stock.egg + count"]
    assert "with which 'count'" in learned("add", written(text), *check)[1]
    learned("add", written(text), *check, "--arguments", '{"count": [1, 2]}')
    assert {test["arguments"]["count"] for test in learned.json("show", "egg_basket")["tests"]} == {1, 2}


def test_a_skill_that_does_the_same_is_offered_as_an_alias(learned: Door) -> None:
    twin = '''def egg_hunt() -> None:
    """Look into the nests again and again."""
    if facts()["at"] != "coop":
        walk("coop")
    had = facts()["stock"]["egg"]
    while facts()["stock"]["egg"] == had:
        try:
            gather("egg")
        except RuntimeError:
            pass
'''
    (one,) = learned.json("add", written(twin), "--check", "after.stock.egg > before.stock.egg", code=1)["skills"]
    assert (one["status"], one["like"]) == ("trial", "found_egg") and "alias" in one["offers"]
    assert learned.json("alias", "egg_hunter", "found_egg")["name"] == "found_egg"
    assert learned.json("show", "egg_hunter")["name"] == "found_egg"
    assert "is a primitive" in learned.refuses("alias", "gather", "found_egg")
    assert learned.json("show", "found_egg")["aliases"] == ["egg_hunter"]
    other = next(one["name"] for one in learned.json("list") if one["status"] == "active" and one["name"] != "found_egg")
    assert "--move" in learned.refuses("alias", "egg_hunter", other)
    assert learned.json("show", "egg_hunter")["name"] == "found_egg"
    assert f"egg_hunter is {other} (version " in (said := learned("alias", "egg_hunter", other, "--move")[1])
    assert "before it was found_egg" in said and learned.json("show", "egg_hunter")["name"] == other
    assert "means something else" in learned.refuses("alias", "max", "found_egg")


def test_an_empty_library_needs_to_know_the_environment(door: Door) -> None:
    text = 'def fuel() -> None:\n    """Gather firewood."""\n    walk("forest")\n    gather("firewood")\n'
    check = ["--check", "after.stock.firewood > before.stock.firewood", "--embedder", "hashing"]
    assert "--environment" in door.refuses("add", written(text), *check)
    assert door.json("add", written(text), *check, "--environment", "bakery")["skills"][0]["status"] == "active"


# --- edit -------------------------------------------------------------------------------------------------------------


def editor(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    path = Path("editor.sh").resolve()
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", str(path))


def test_an_editor_opens_on_the_present_text(learned: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    editor(monkeypatch, "sed -i 's/Found egg\\./Find an egg, however long it takes./' \"$1\"")
    (one,) = learned.json("edit", "found_egg")["skills"]
    assert one["status"] == "active" and one["callers"]
    assert learned.json("show", "found_egg")["description"].startswith("Find an egg, however long")


def test_an_editor_that_changes_nothing_or_fails_changes_nothing(learned: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    before = names(learned)
    editor(monkeypatch, "true")
    assert "nothing was changed" in learned("edit", "found_egg")[2]
    editor(monkeypatch, "exit 3")
    assert "ended with code 3" in learned.refuses("edit", "found_egg")
    monkeypatch.setenv("EDITOR", "no-such-editor-here")
    assert "cannot be started" in learned.refuses("edit", "found_egg")
    assert names(learned) == before


def test_a_text_that_cannot_be_taken_is_kept_and_named(learned: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    editor(monkeypatch, "echo '    this is no python' >> \"$1\"")
    message = learned.refuses("edit", "found_egg")
    kept = Path(message.split("your text is in ")[1].split(";")[0])
    assert "this is no python" in kept.read_text(encoding="utf-8") and f"--file {kept}" in message
    kept.write_text(kept.read_text(encoding="utf-8").replace("    this is no python\n", "    # better\n"), encoding="utf-8")
    assert learned.json("edit", "found_egg", "--file", kept)["skills"][0]["status"] == "active"


def test_ctrl_c_in_a_proof_leaves_the_text_on_trial(learned: Door, monkeypatch: pytest.MonkeyPatch, interrupt: object) -> None:
    interrupt(2)  # type: ignore[operator]  # the fixture is a function
    code, _, err = learned("add", written(EGGS), "--check", CHECK)
    assert code == 130 and "skilllib verify pair_of_eggs@1 --activate" in " ".join(err.split())
    monkeypatch.undo()


def test_an_edit_keeps_name_and_promise(learned: Door) -> None:
    source = learned.json("show", "found_egg")["source"]
    assert "keeps the name 'found_egg'" in learned.refuses("edit", "found_egg", "--file", written(EGGS))
    assert "is as it was" in learned.refuses("edit", "found_egg", "--file", written(source))
    idle = 'def found_egg() -> None:\n    """Do nothing of use."""\n    walk("home")\n'
    (one,) = learned.json("edit", "found_egg", "--file", written(idle), code=1)["skills"]
    assert one["status"] == "trial" and "0 of 5" in one["reason"]
    assert learned.json("show", "found_egg")["source"] == source


def test_a_caller_may_keep_the_version_it_calls(learned: Door) -> None:
    stock = """def stock_wheat() -> None:
    'Bring in two of wheat.'
    walk("field")
    gather("wheat")
    gather("wheat")
"""
    reserve = "def reserve() -> None:\n    'Bring in four of wheat.'\n    stock_wheat()\n    stock_wheat()\n"
    learned("add", written(stock), "--check", "after.stock.wheat >= before.stock.wheat + 2")
    learned("add", written(reserve), "--check", "after.stock.wheat >= before.stock.wheat + 4")
    lazy = stock.replace("    walk", "    if facts()['stock']['wheat'] > 0:\n        return\n    walk")
    (one,) = learned.json("edit", "stock_wheat", "--file", written(lazy), code=1)["skills"]
    assert "'reserve' does not pass" in one["reason"]
    (one,) = learned.json("verify", "stock_wheat@2", "--activate", "--keep", "reserve")["skills"]
    assert one["status"] == "active" and one["callers"] == []
    calls = learned.json("show", "reserve")["calls"]
    assert calls[0]["code_hash"] != one["code_hash"] and learned("run", "reserve")[0] == 0


def test_what_a_revoked_callee_needs_is_told_and_works(learned: Door) -> None:
    stock = "def stock_wheat() -> None:\n    'Bring in wheat.'\n    walk('field')\n    gather('wheat')\n"
    reserve = "def reserve() -> None:\n    'Bring in two of wheat.'\n    stock_wheat()\n    stock_wheat()\n"
    learned("add", written(stock), "--check", "after.stock.wheat >= before.stock.wheat + 1")
    learned("add", written(reserve), "--check", "after.stock.wheat >= before.stock.wheat + 2")
    learned("revoke", "stock_wheat", "--reason", "the field burns")
    with SkillLibrary.open("skill-library") as library, pytest.raises(NotVerified) as refused:
        library.call("reserve")
    assert "prove it with: skilllib verify stock_wheat@1 --activate" in str(refused.value)
    assert "--relink" not in str(refused.value), "there is no active version to call"
    told = learned.refuses("edit", "reserve", "--relink")
    assert "no other version of that is active" in told and "skilllib verify stock_wheat@1 --activate" in told
    better = stock.replace("Bring in", "Carry in")
    assert learned("edit", "stock_wheat@1", "--file", written(better))[0] == 0
    with SkillLibrary.open("skill-library") as library, pytest.raises(NotVerified) as refused:
        library.call("reserve")
    assert str(refused.value).endswith("with the version that is active now: skilllib verify reserve@1 --activate")
    assert learned("verify", "reserve@1", "--activate")[0] == 0 and learned("run", "reserve")[0] == 0


# --- history, diff, rollback, revoke, prune ---------------------------------------------------------------------------


def test_history_and_diff_tell_what_happened(learned: Door) -> None:
    source = learned.json("show", "found_egg")["source"].replace("Found egg.", "Find an egg.")
    (one,) = learned.json("edit", "found_egg", "--file", written(source), "--author", "Ada")["skills"]
    code, out, _ = learned("history", "found_egg")
    assert code == 0 and "Ada" in out and f"found_egg@{one['version']}" in out
    told = learned("diff", "found_egg")[1]
    assert '-    """Found egg.' in told and '+    """Find an egg.' in told
    found = learned.json("diff", "found_egg", one["version"] - 1, one["version"])
    assert not found["same"] and found["contract"] == {} and found["description"] == ["Found egg.", "Find an egg."]
    assert learned.json("diff", "found_egg", one["version"], one["version"])["same"]
    assert "'found_egg' has no version '99'; it has 1" in learned.refuses("diff", "found_egg", 1, 99)
    assert learned.json("diff", f"found_egg@{one['version']}", one["version"] - 1, one["version"]) == found
    assert "'found_egs'" in learned.refuses("diff", "found_egg", 1, "found_egs")
    (created, *_) = learned.json("history", "found_egg@1")
    assert created["change"]["kind"] == "create" and [v["version"] for v in created["versions"]] == [1]
    assert len(learned.json("history", "found_egg")) > len(learned.json("history", "found_egg@1"))
    assert "'found_egg' has no version '77'" in learned.refuses("history", "found_egg@77")
    assert "UnknownSkill" in learned.refuses("history", "nothing")


def test_a_rollback_is_proved_by_kept_tests(learned: Door) -> None:
    first = learned.json("show", "found_egg")
    source = first["source"].replace("Found egg.", "Find an egg.")
    learned("edit", "found_egg", "--file", written(source))
    back = learned.json("rollback", "found_egg", "--reason", "it was fine")
    assert (back["outcome"], back["status"], back["code_hash"]) == ("promote", "active", first["code_hash"])
    assert "active already" in learned.refuses("rollback", "found_egg", "--to", first["version"])
    told = [" ".join(line.split()) for line in learned("history", "found_egg")[1].splitlines()]
    assert any("restore" in line and "it was fine; " in line and "kept tests pass" in line for line in told)
    assert any("retire" in line and f"replaced by version {first['version']}" in line for line in told)
    assert "no skill is called 'nothing'" in learned.refuses("rollback", "nothing")
    assert "no skill is called 'nothing'" in learned.refuses("rollback", "nothing", "--to", 1)
    assert "not both" in learned.refuses("rollback", f"found_egg@{first['version']}", "--to", first["version"])
    learned("alias", "hen_fruit", "found_egg")
    newer = learned.json("list", "--status", "retired")
    second = max(one["version"] for one in newer if one["name"] == "found_egg")
    assert learned.json("rollback", f"found_egg@{second}")["version"] == second
    assert learned.json("rollback", "hen_fruit")["version"] == first["version"]
    trial = next(one for one in learned.json("list", "--status", "trial"))
    assert "prove it with" in learned.refuses("rollback", trial["name"], "--to", trial["version"])


def test_revoking_lists_what_it_reached(learned: Door) -> None:
    found = learned.json("revoke", "found_egg", "--reason", "the hens are gone")
    assert (found["callers"] and found["runs"] == ["bakery-s0-1"]) or found["runs"]
    assert "Missing option" in learned("revoke", "found_egg")[2]
    assert "the reason is blank" in learned.refuses("revoke", "found_egg", "--reason", " ")
    assert learned.json("show", "found_egg")["ledger"][-1]["change"]["rationale"] == "the hens are gone"


def test_what_is_never_called_is_proposed_and_retired_only_when_asked(learned: Door) -> None:
    assert "Nothing is proposed" in learned("prune")[1]
    with SkillLibrary.open("skill-library") as library:
        name = next(
            s.name for s in library.skills("active") if not [c for c in library.callers(s.code_hash) if c.status == "active"]
        )
        skill = library.get(name)
        library.count(skill.code_hash, retrieved=50)
        unused = library.statistics(skill.code_hash).called == 0
    if not unused:
        pytest.skip("every skill without callers was used by itself")
    assert [one["name"] for one in learned.json("prune")] == [name]
    assert learned.json("show", name)["status"] == "active"
    assert "not proposed" in learned.refuses("prune", "found_egg", "--apply")
    assert learned.json("prune", name, "--reject")[0]["done"] == "kept" and learned.json("prune") == []
    assert "contradict" in learned.refuses("prune", "--apply", "--reject")


def test_help_comes_at_once(tmp_path: Path) -> None:
    import subprocess
    import sys

    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    begun = time.process_time()
    command = [sys.executable, "-X", "importtime", "-m", "skilllib", "edit", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=60, check=False)
    assert done.returncode == 0 and "--relink" in done.stdout and time.process_time() - begun < 1
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not loaded & {"sqlalchemy", "pydantic_monty", "numpy", "scipy", "chromadb"}
