"""Hypernetworks and maps from the command line: fitted on a dataset, used in place of a compiler, drawn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_door import Door

pytest.importorskip("peft", reason="needs the extra `weights`")

from environments.household.language import language, rehearsed
from skilllib.compiler.dataset import Rehearsal, dataset_text, examples
from skilllib.library import SkillLibrary
from skilllib.testing.tiny import tiny_base

SHORT = {"steps": 2, "check_every": 1, "width": 8, "rank": 2, "skills": 2, "recall_tokens": 8, "layers": 1.0}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Two threads on a model this small wait for each other most of the time."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def base(tmp_path: Path) -> str:
    return str(tiny_base(tmp_path / "base", ["Done so far: nothing. Next action? take the cup"], width=16, layers=1))


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    lines = ""
    for skill in language(training=5, held_out=0).training:
        played = [rehearsed(skill, thing) for thing in ("cup", "key")]
        lines += dataset_text(
            examples(
                skill.text, [Rehearsal(test=i, seed=0, solved=one.solved, exchanges=one.exchanges) for i, one in enumerate(played)]
            )
        )
    (tmp_path / "corpus.jsonl").write_text(lines, encoding="utf-8")
    return str(tmp_path / "corpus.jsonl")


def options() -> list[str]:
    return [word for name, value in SHORT.items() for word in ("--option", f"{name}={value}")]


def active() -> list[str]:
    with SkillLibrary.open(Path("skill-library")) as library:
        return [skill.name for skill in library.skills("active")][:3]


def test_a_hypernetwork_is_fitted_used_and_its_adapters_are_mapped(learned: Door, base: str, corpus: str, tmp_path: Path) -> None:
    out = str(tmp_path / "hypernet")
    fitted = learned.json("hypernet", "fit", "--base", base, "--corpus", corpus, "--out", out, *options())
    assert fitted["cost"]["steps"] == 2 and len(fitted["curve"]) == 3 and len(fitted["learned"]) == 3
    code, words, _ = learned("hypernet", "fit", "--base", base, "--corpus", corpus, "--out", out, *options())
    assert code == 0 and "conditioning gain" in words, "what is there is shown again"

    names = active()
    found = learned.json("compile", *names, "--base", base, "--hypernet", out, "--ungated")
    assert [done["kept"] for done in found["done"]] == [True] * len(names)
    assert {done["adapter"]["key"]["backend"] for done in found["done"]} == {"hypernet"}

    families = tmp_path / "families.json"
    families.write_text(json.dumps({names[0]: "one", names[1]: "one", names[2]: "two"}), encoding="utf-8")
    page = tmp_path / "map.html"
    drawn = learned.json("adapters", "map", "--families", str(families), "--out", str(page))
    assert {one["skill"] for one in drawn["adapters"]} == set(names) and drawn["clusters"]["families"] == 2
    text = page.read_text(encoding="utf-8")
    assert "<svg" in text and "silhouette" in text and all(name in text for name in names)
    assert learned("adapters", "map", "--out", str(tmp_path / "map.png"))[0] == 0
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


def test_what_a_map_cannot_be_made_of_is_said(learned: Door, tmp_path: Path) -> None:
    code, _, words = learned("adapters", "map")
    assert code == 2 and "a map needs two adapters or more" in words


def test_a_corpus_that_is_not_there_is_said(learned: Door, base: str, tmp_path: Path) -> None:
    words = ["hypernet", "fit", "--base", base, "--out", str(tmp_path / "out"), "--corpus"]
    assert "has no dataset.jsonl" in learned(*words, str(tmp_path))[2]
    assert "is no dataset" in learned(*words, str(tmp_path / "nowhere"))[2]
    assert "the option 'nothing' of a hypernetwork" in learned(*words, str(tmp_path), "--option", "nothing=1")[2]


def test_a_hypernetwork_that_is_not_there_is_refused_before_anything_is_ordered(learned: Door, base: str, tmp_path: Path) -> None:
    (name, *_) = active()
    refused = learned.refuses("compile", name, "--base", base, "--hypernet", str(tmp_path / "none"))
    assert "is not there: skilllib hypernet fit" in refused and name in active()
    with SkillLibrary.open("skill-library") as library:
        assert not library.orders(), "nothing was ordered that nobody can carry out"
