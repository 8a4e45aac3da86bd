"""A run that orders weights for what earned them: a worker is started, and nobody waits for it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_door import Door

pytest.importorskip("peft", reason="needs the extra `weights`")

from skilllib import registry
from skilllib.build import ordering
from skilllib.gate.compiling import CompileGate
from skilllib.library import SkillLibrary


@pytest.fixture
def workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bakery: None) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The workers that are started, which know the bakery as if a package had registered it."""
    entry, package = registry.environments()["bakery"], tmp_path / "site" / "bakery-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: bakery\nVersion: 1.0\n", encoding="utf-8")
    (package / "entry_points.txt").write_text(f"[{entry.group}]\n{entry.name} = {entry.value}\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(package.parent), os.environ.get("PYTHONPATH", "")]))
    started: list[subprocess.Popen[bytes]] = []

    class Kept(subprocess.Popen[bytes]):
        def __init__(self, words: Any, **given: Any) -> None:
            super().__init__(words, **given)
            started.append(self)

    monkeypatch.setattr(ordering, "subprocess", type("Patched", (), {"Popen": Kept, "DEVNULL": subprocess.DEVNULL}))
    yield started
    for worker in started:
        worker.kill()
        worker.wait()


def test_a_run_orders_what_earned_weights_and_does_not_wait_for_the_worker(
    learned: Door, workers: list[subprocess.Popen[bytes]]
) -> None:
    code, _, err = learned.learn("--max-attempts", 1, "--run", "runs/second", "--compile-for", "/no/such/base")
    assert code == 0, err
    (worker,) = workers
    assert worker.poll() is None, "the run is over, and the worker has hardly begun"
    with SkillLibrary.open("skill-library") as library:
        bounds, ordered = CompileGate(), {order.code_hash for order in library.orders()}
        for skill in library.skills("active"):
            known = library.statistics(skill.code_hash)
            earned = known.called >= bounds.uses and known.lower_bound >= bounds.lower_bound
            assert (skill.code_hash in ordered) == (earned and len(library.tests(skill.code_hash)) >= bounds.tests), skill.name
        assert ordered and [entry.change.proposer for entry in library.ledger()][-1] == "policy"
        assert worker.wait(timeout=200) == 1, "there is no adapter"
        failed = library.orders("failed")
        assert {order.code_hash for order in failed} == ordered, "it took up all that was ordered"
        assert all("BaseRefused: there is no base model '/no/such/base'" in order.message for order in failed)
        assert all(library.version(order.code_hash).status == "active" for order in failed)
    assert "BaseRefused" in Path("runs/second/compile.log").read_text(encoding="utf-8")


def test_a_run_that_is_asked_for_no_weights_starts_no_worker(learned: Door, workers: list[subprocess.Popen[bytes]]) -> None:
    assert learned.learn("--max-attempts", 1)[0] == 0
    with SkillLibrary.open("skill-library") as library:
        assert not library.orders() and not workers
