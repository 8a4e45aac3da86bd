"""A library's life as its user lives it: learned, looked up, changed by hand, put right, taken away and brought elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from command_door import Door

from skilllib.embedders import HashingEmbedder

STOCK = '''def stock_wheat() -> None:
    """Bring in three of wheat."""
    walk("field")
    for _ in range(3):
        gather("wheat")
'''
RESERVE = '''def mill_reserve() -> None:
    """Mill three of flour from wheat that is brought in twice."""
    stock_wheat()
    stock_wheat()
    walk("mill")
    for _ in range(3):
        grind()
'''
LAZY = STOCK.replace("    walk", "    if facts()['stock']['wheat'] >= 3:\n        return\n    walk")
BETTER = STOCK.replace("    walk", "    if facts()['at'] != 'field':\n        walk")


@pytest.fixture(autouse=True)
def _hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("skilllib.build.make_embedder", lambda _: HashingEmbedder())


def written(name: str, text: str) -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def status(door: Door, name: str) -> dict[int, str]:
    """Return version → status of the versions of a name."""
    return {one["version"]: one["status"] for one in door.json("list") if one["name"] == name}


def active(door: Door, library: str = "skill-library") -> dict[str, str]:
    found = door.json("list", "--status", "active", "--library", library)
    return {one["name"]: one["code_hash"] for one in found}


def added(door: Door, name: str, text: str, check: str, *arguments: object) -> dict[str, Any]:
    (one,) = door.json("add", written(f"{name}.py", text), "--check", check, "--author", "Ada", *arguments)["skills"]
    return dict(one)


def test_a_life_of_a_library(learned: Door) -> None:
    # Looked up.
    assert learned.json("search", "find an egg")[0]["name"] == "found_egg"

    # Two skills written by hand, the second on the first.
    first = added(learned, "stock_wheat", STOCK, "after.stock.wheat >= before.stock.wheat + 3")
    second = added(learned, "mill_reserve", RESERVE, "after.stock.flour >= before.stock.flour + 3")
    assert (first["status"], second["status"]) == ("active", "active")
    shown = learned.json("show", "mill_reserve")
    assert shown["provenance"]["writer"] == "by_hand" and shown["ledger"][-1]["change"]["proposer"] == "Ada"
    before = active(learned)

    # An edit that keeps its own promise and breaks its caller changes nothing.
    (lazy,) = learned.json("edit", "stock_wheat", "--file", written("lazy.py", LAZY), code=1)["skills"]
    assert lazy["status"] == "trial" and "'mill_reserve' does not pass its kept tests" in lazy["reason"]
    assert active(learned) == before
    code, out, _ = learned("edit", "stock_wheat", "--file", "lazy.py")
    assert code == 1 and "was rejected before" in out  # and is not paid for twice

    # A good one is followed by the caller.
    (good,) = learned.json("edit", "stock_wheat", "--file", written("better.py", BETTER))["skills"]
    assert good["status"] == "active" and good["callers"] == ["mill_reserve"]
    after = active(learned)
    assert {name for name in after if after[name] != before[name]} == {"stock_wheat", "mill_reserve"}
    assert learned("run", "mill_reserve")[0] == 0

    # Back to what was.
    told = learned("diff", "stock_wheat", 1, 3)[1]
    assert "+    if facts()['at'] != 'field':" in told
    assert learned.json("rollback", "stock_wheat", "--reason", "it was fine")["outcome"] == "promote"
    assert active(learned) == before
    kinds = [entry["change"]["kind"] for entry in learned.json("history", "stock_wheat")]
    assert kinds == ["create", "activate", "create", "edit", "create", "retire", "edit", "retire", "restore"]

    # Revoked: nobody runs it or what rests on it, and only a proof brings it back.
    found = learned.json("revoke", "stock_wheat", "--reason", "the field was sold")
    assert [one["name"] for one in found["callers"]] == ["mill_reserve"]
    assert status(learned, "stock_wheat")[1] == "revoked" and status(learned, "mill_reserve")[1] == "trial"
    assert "NotVerified" in learned.refuses("run", "stock_wheat@1")
    assert "rests on 'stock_wheat'" in learned.refuses("run", "mill_reserve@1", "--trial")
    assert "revoked" in learned.refuses("verify", "mill_reserve@1", "--activate")
    for name in ("stock_wheat@1", "mill_reserve@1"):
        assert learned.json("verify", name, "--activate")["skills"][-1]["status"] == "active"
    assert active(learned) == before and learned.json("doctor")["sound"]

    # Away, and into an empty library on another path: the same hashes.
    learned("export", "all.jsonl", "--format", "jsonl")
    taken = learned.json("import", "all.jsonl", "--library", "elsewhere/library")
    assert {one["code_hash"] for one in taken["imported"]} >= set(before.values())
    proved = learned.json("verify", "mill_reserve@1", "--library", "elsewhere/library", "--activate")["skills"]
    assert [one["name"] for one in proved] == ["stock_wheat", "mill_reserve"]
    there = active(learned, "elsewhere/library")
    assert there == {name: before[name] for name in ("stock_wheat", "mill_reserve")}
    learned("export", "again.jsonl", "--format", "jsonl", "--library", "elsewhere/library")
    assert learned.json("import", "again.jsonl", "--library", "skill-library")["imported"][0]["new"] is False
