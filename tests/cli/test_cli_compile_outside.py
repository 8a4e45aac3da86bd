"""A compiler of somebody else's package, found by its entry point."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import pytest
from command_door import Door

pytest.importorskip("peft", reason="needs the extra `weights`")

from skilllib import registry
from skilllib.compiler.format import read_adapter
from skilllib.library import SkillLibrary
from skilllib.testing.tiny import tiny_base

SOURCE = '''
import numpy as np
from skilllib.records.adapter import LoraWeights, Pair


class Shade:
    """Draws weights from the words of a text."""

    name = "shade-of-acme"

    def __init__(self, base, depth):
        self.base, self.configuration = base, {"depth": depth}

    def compile(self, request, *, workspace=None, progress=None):
        model, _ = self.base.loaded()
        out, into = model.get_submodule("model.layers.0.self_attn.q_proj").weight.shape
        draw = np.random.default_rng([request.seed, len(request.text.text)])
        a = draw.normal(size=(1, into)).astype("f4") * self.configuration["depth"]
        return LoraWeights({"model.layers.0.self_attn.q_proj": Pair(a, draw.normal(size=(out, 1)).astype("f4") * 0.01)})


def make(base, *, depth=1.0):
    return Shade(base, depth)
'''


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that registers a compiler beside those of the project."""
    (tmp_path / "acme_shades.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    theirs = EntryPoint(name="shade", value="acme_shades:make", group=registry.COMPILERS)

    def found(group: str) -> list[Any]:
        return [*entry_points(group=group), *([theirs] if group == registry.COMPILERS else [])]

    monkeypatch.setattr(registry, "entry_points", found)


def test_a_compiler_of_somebody_elses_compiles_and_its_adapters_bear_its_name(learned: Door, outside: None, tmp_path: Path) -> None:
    base = str(tiny_base(tmp_path / "base", ["Action: done"], width=16, layers=1))
    with SkillLibrary.open("skill-library") as library:
        name = library.skills("active")[0].name
    words = ("compile", name, "--base", base, "--backend", "shade", "--ungated")
    (first,) = learned.json(*words, "--option", "depth=0.5")["done"]
    (second,) = learned.json(*words, "--option", "depth=0.25")["done"]
    (again,) = learned.json(*words, "--option", "depth=0.5")["done"]
    assert first["kept"] and second["kept"]
    assert again["reason"] == "found" and again["adapter"] == first["adapter"], "what it made before is not made again"
    listed = {one["adapter_hash"]: one for one in learned.json("adapters", "list")}
    for done, depth in ((first, 0.5), (second, 0.25)):
        stored = listed.pop(done["adapter"]["adapter_hash"])
        assert stored["key"]["backend"] == "shade-of-acme" and stored["stale"] == "" and stored["skill"] == name
        assert stored["configuration"] == {"backend": "shade-of-acme", "depth": depth}
        assert [*read_adapter(Path(stored["path"])).pairs] == ["model.layers.0.self_attn.q_proj"]
    assert not listed and first["adapter"]["key"]["configuration"] != second["adapter"]["key"]["configuration"]
    with SkillLibrary.open("skill-library") as library:
        assert [(order.backend, order.state) for order in library.orders()] == [("shade", "done")] * 3


def test_what_a_compiler_of_somebody_elses_does_wrong_is_said_and_nothing_is_kept(
    learned: Door, outside: None, tmp_path: Path
) -> None:
    base = str(tiny_base(tmp_path / "base", ["Action: done"], width=16, layers=1))
    with SkillLibrary.open("skill-library") as library:
        name = library.skills("active")[0].name
    words = ("compile", name, "--base", base, "--backend", "shade", "--ungated")
    assert "'acme_shades:make' failed to make the compiler 'shade'" in learned.refuses(*words, "--option", "colour=red")
    (failed,) = learned.json(*words, "--option", "depth=deep", code=1)["done"]
    assert not failed["kept"] and "'shade' failed: " in failed["reason"]
    assert learned.json("adapters", "list") == []
