"""A worker that is killed loses nothing: its order is taken by the next one, which goes on from the last checkpoint."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import toy
from agents import bakery_agent
from test_compiler_circle import ACT, small, spoken

from skilllib.build.compiling import Workshop, cache_of, stale, work
from skilllib.compiler.job import Compiled
from skilllib.errors import CompilerFailed, StorageFailed, UnknownSkill
from skilllib.gate.adapter import AdapterGate
from skilllib.gate.compiling import asked_for, compile_change
from skilllib.library import SkillLibrary
from skilllib.records.adapter import AdapterKey, Manifest
from skilllib.testing import HashingEmbedder, ScriptedWriter, make_bakery
from skilllib.testing.tiny import tiny_base

LONG = {**toy.DISTIL, "steps": 100_000, "check_every": 1, "patience": 100_000, "rows": 1, "negatives": 0}
HARVEST = "def harvest() -> None:\n    'Harvest wheat.'\n    walk('field')\n    gather('wheat')\n"
WORKER = """
import sys
sys.path[:0] = sys.argv[3:]
import torch
torch.set_num_threads(1)
from test_compiler_worker import carried_out
carried_out(sys.argv[1], sys.argv[2], lease_s=2.0)
"""


def workshop(library: SkillLibrary, prompts: str) -> Workshop:
    return Workshop(library, cache_of(library), gate=None, world=make_bakery, base=small, prompts=prompts)


def carried_out(folder: str, prompts: str, *, lease_s: float) -> list[object]:
    with (
        SkillLibrary.open(folder, embedder=HashingEmbedder(), index="exact") as library,
        workshop(library, prompts) as made,
    ):
        return [came for _, came in work(library, made, lease_s=lease_s)]


@pytest.fixture
def learned(tmp_path: Path) -> Path:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "act.md").write_text(ACT, encoding="utf-8")
    with bakery_agent(tmp_path / "library", writer=ScriptedWriter(HARVEST), max_attempts=1) as agent:
        agent.learn()
    return tmp_path


def steps_of(checkpoint: Path) -> int:
    from safetensors import safe_open

    with safe_open(checkpoint, "np") as file:
        return int(json.loads(file.metadata()["state"])["step"])


@pytest.mark.slow
def test_a_killed_worker_is_resumed_by_the_next(learned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, prompts = learned / "library", str(learned / "prompts")
    with SkillLibrary.open(folder, embedder=HashingEmbedder(), index="exact") as library:
        (skill,) = library.skills("active")
        with workshop(library, prompts) as made:
            base = str(tiny_base(learned / "base", spoken(made, skill)))
        change = compile_change(skill, base=base, backend="distill", options=LONG, proposer="test")
        library.commit(change, asked_for(skill.name))
        here = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
        worker = subprocess.Popen([sys.executable, "-c", WORKER, str(folder), prompts, *here], env={**os.environ})
        cache = folder / "adapters"
        while not (found := list(cache.glob(".work-*/checkpoint.safetensors"))):
            assert worker.poll() is None, "the worker ended by itself"
            time.sleep(0.05)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        (order,) = library.orders("working")
        reached = steps_of(found[0])
        assert reached > 0 and order.tries == 1

        from skilllib.compiler import distill

        options = distill.DistillOptions.model_validate(LONG)
        seen: list[int] = []
        monkeypatch.setattr(distill._Training, "_better", lambda self, tensors: seen.append(self.step) or ended(self))
        assert options.steps == LONG["steps"]
        while library.take("nobody", lease_s=0.0) is None:
            time.sleep(0.1)
        ((came),) = carried_out(str(folder), prompts, lease_s=60.0)
        assert isinstance(came, Compiled) and came.stored is not None
        assert seen[0] > reached, "it went on from the checkpoint"
        assert library.orders("done")[0].tries == 3 and not list(cache.glob(".work-*"))


def ended(training: object) -> bool:
    """Let a training end at its next look."""
    training.looks = LONG["patience"]  # type: ignore[attr-defined]
    return True


def test_a_full_disk_lets_the_order_wait_and_ends_the_worker(learned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SkillLibrary.open(learned / "library", embedder=HashingEmbedder(), index="exact") as library:
        (skill,) = library.skills("active")
        library.commit(compile_change(skill, base="any", backend="null", proposer="test"), asked_for(skill.name))
        with workshop(library, str(learned / "prompts")) as made:
            full = StorageFailed("cannot write: No space left on device")
            monkeypatch.setattr(Workshop, "compile", lambda *_, **__: (_ for _ in ()).throw(full))
            ((order, came),) = work(library, made)
        assert came is full
        (waiting,) = library.orders("waiting")
        assert waiting.number == order.number and waiting.tries == 0, "it was no fault of the order"
        assert library.problems() == []


class Versions:
    """A library of which only the skills' versions are known."""

    def __init__(self, **versions: str) -> None:
        self.versions = versions

    def get(self, name: str) -> Any:
        if name not in self.versions:
            raise UnknownSkill(name)
        return SimpleNamespace(code_hash=self.versions[name], text=None, status="active", version=2)


def test_a_merged_adapter_is_invalid_as_soon_as_one_of_its_skills_changes() -> None:
    key = AdapterKey(text="t", base="b", backend="merge-cat", configuration="c")
    merged = Manifest(
        skill="tidy+hide",
        code_hash="1+2",
        key=key,
        text_hash="t",
        base="b",
        rank=1,
        alpha=1,
        targets=(),
        adapter_hash="",
        mode="cat",
    )
    found = [stale(merged, library) for library in map(as_library, (Versions(tidy="1", hide="2"), Versions(tidy="1", hide="3")))]
    assert found == ["", "one of its skills is another one since"]
    assert stale(merged, as_library(Versions(tidy="1"))) == "there is no such skill"


def as_library(versions: Versions) -> SkillLibrary:
    return cast(SkillLibrary, versions)


def test_a_skill_in_words_alone_needs_no_examples_where_nothing_is_measured(learned: Path) -> None:
    base = str(tiny_base(learned / "base", ["Walk to the field."], width=16, layers=1))
    with SkillLibrary.open(learned / "library", embedder=HashingEmbedder(), index="exact") as library:
        (skill,) = library.skills("active")
        told = skill.model_copy(update={"program": None, "text": "Walk to the field.", "calls": ()})
        with workshop(library, str(learned / "prompts")) as made:
            assert made.request(told, base).examples == ()
            assert made.compile(told, base=base, backend="null").stored is not None
            made.gate = AdapterGate()
            with pytest.raises(CompilerFailed, match="0 kept tests"):
                made.request(told, base)
