"""The hypernetwork: one forward pass from a text to an adapter, fitted so that a kill at any moment changes nothing."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import hyper
import lessons
import numpy as np
import pytest
import toy

from environments.household.language import language
from skilllib.compiler import checkpoint, hypernet_training, lora
from skilllib.compiler.dataset import examples
from skilllib.compiler.hypernet import Hypernet, make
from skilllib.compiler.hypernet_bundle import read_bundle
from skilllib.compiler.hypernet_corpus import Corpus, grouped
from skilllib.compiler.hypernet_network import gathered, generated
from skilllib.compiler.hypernet_options import options_of
from skilllib.compiler.hypernet_training import Fitting, sections
from skilllib.compiler.merging import Part, merged, merged_manifest
from skilllib.errors import AdapterRefused, CompilerFailed, InvalidRecord, StorageFailed
from skilllib.models.base import TransformersBase
from skilllib.records.adapter import AdapterKey, CompileRequest, LoraWeights, Manifest, SkillText


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> TransformersBase:
    return hyper.base(tmp_path_factory.mktemp("small") / "base")


@pytest.fixture(scope="module")
def folder(small: TransformersBase, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hypernetwork that tests only read."""
    where = tmp_path_factory.mktemp("hypernet")
    hyper.fitted(small, where)
    return where


@pytest.fixture
def compiler(small: TransformersBase, folder: Path) -> Hypernet:
    return make(small, folder=str(folder))


def asked(text: SkillText, of: TransformersBase, **given: Any) -> CompileRequest:
    return CompileRequest(text=text, base=of.name, base_hash=of.hash, **given)


def texts(n: int = 3) -> list[SkillText]:
    return [skill.text for skill in hyper.corpus(n)]


def test_equal_texts_have_equal_adapters_whatever_else_is_asked(compiler: Hypernet, small: TransformersBase, folder: Path) -> None:
    text, other, _ = texts()
    first = compiler.compile(asked(text, small))
    again = make(small, folder=str(folder)).compile(asked(text, small, seed=7, examples=hyper.corpus()[0].examples))
    assert lora.distance(first, again) == 0
    assert lora.distance(first, compiler.compile(asked(other, small))) > 0


def test_a_text_has_the_same_adapter_alone_and_among_others(small: TransformersBase, folder: Path) -> None:
    fitting = hyper.fitting(small, folder)
    fitting._prepare()
    parameters = make(small, folder=str(folder))._parameters
    read = [fitting._read(text) for text in texts()]
    together = generated(parameters, read, fitting._shape, fitting.options)
    alone = [generated(parameters, [one], fitting._shape, fitting.options) for one in read]
    for name, pair in together.items():
        for factor in (0, 1):
            for i, one in enumerate(alone):
                assert np.allclose(pair[factor][i], one[name][factor][0], atol=1e-5), name


def test_a_group_of_texts_has_the_sum_of_their_adapters() -> None:
    import torch

    draw = torch.Generator().manual_seed(0)
    a, b = torch.randn(3, 2, 5, generator=draw), torch.randn(3, 4, 2, generator=draw)
    rows, columns = gathered({"module": (a, b)}, [[0], [1, 2], [2]])["module"]
    each = b @ a
    assert rows.shape == (3, 4, 5) and torch.allclose(columns @ rows, torch.stack([each[0], each[1] + each[2], each[2]]), atol=1e-5)


def test_sections_are_compiled_one_by_one_and_merged_by_component(compiler: Hypernet, small: TransformersBase) -> None:
    parts = []
    for text in texts(2):
        weights = compiler.compile(asked(text, small))
        key = AdapterKey(text=text.hash, base=small.hash, backend="hypernet", configuration="c")
        manifest = Manifest(
            skill=text.name, key=key, text_hash=text.hash, base=small.name, rank=2, alpha=1, targets=(), adapter_hash="", text=text
        )
        parts.append(Part(weights=weights, manifest=manifest))
    found = merged(parts, "component", compiler=compiler)
    distinct = {one.hash for part in parts if part.manifest.text for one in sections(part.manifest.text)}
    assert len(distinct) < 6, "some section is shared"
    assert found.rank == 2 * len(distinct), "each distinct section once"
    assert merged_manifest(parts, "component", found).parents


def test_the_bundle_says_what_it_was_fitted_on_and_how_it_went(small: TransformersBase, folder: Path) -> None:
    bundle = read_bundle(folder)
    assert bundle.base_hash == small.hash and bundle.seed == 0 and bundle.options.steps == 6
    assert [point.step for point in bundle.curve] == [0, 2, 4, 6]
    assert all(point.gain == point.wrong - point.right for point in bundle.curve)
    assert len(bundle.held_out) == 2 and len(bundle.learned) == 6 and not {*bundle.held_out} & {*bundle.learned}
    assert bundle.none > 0 and bundle.context > 0 and bundle.cost.steps == 6
    assert {path.name for path in folder.iterdir()} == {"hypernet.json", "hypernet.safetensors"}, "no checkpoint is left, no pickle"


def test_the_same_seed_gives_the_same_hypernetwork_and_another_gives_another(
    small: TransformersBase, folder: Path, tmp_path: Path
) -> None:
    first = read_bundle(folder)
    assert hyper.fitted(small, tmp_path / "same").weights == first.weights
    assert hyper.fitted(small, tmp_path / "other", seed=1).weights != first.weights


def test_a_fit_that_is_there_is_found_and_not_made_again(small: TransformersBase, folder: Path) -> None:
    seen: list[str] = []
    assert hyper.fitted(small, folder, progress=lambda event, **_: seen.append(event)) == read_bundle(folder) and seen == []


@pytest.mark.parametrize("last", [1, 2, 3, 5])
def test_an_interrupted_fit_goes_on_to_the_very_same_weights(
    last: int, small: TransformersBase, folder: Path, tmp_path: Path
) -> None:
    def interrupted(event: str, **fields: Any) -> None:
        if event == "fitting" and fields["step"] == last:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hyper.fitted(small, tmp_path, progress=interrupted)
    steps: list[int] = []
    again = hyper.fitted(small, tmp_path, progress=lambda event, **fields: steps.append(fields["step"]))
    saved = (last - 1) // 2 * 2  # what is told of a step is told before it is saved
    assert again.weights == read_bundle(folder).weights and steps[0] == (saved + 1 if saved else 0)
    assert [point.model_dump() for point in again.curve] == [point.model_dump() for point in read_bundle(folder).curve]


KILLED = """
import sys
sys.path[:0] = sys.argv[3:]
import torch
torch.set_num_threads(1)
import hyper
from pathlib import Path
from skilllib.models.base import TransformersBase
hyper.fitted(TransformersBase(sys.argv[1], dtype="float32", device="cpu"), Path(sys.argv[2]), steps=100_000, check_every=1)
"""


@pytest.mark.slow
def test_a_fit_that_is_killed_leaves_a_whole_checkpoint(small: TransformersBase, tmp_path: Path) -> None:
    here = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
    process = subprocess.Popen([sys.executable, "-c", KILLED, small.name, str(tmp_path), *here], env={**os.environ})
    reached = -1
    for _ in range(3):
        while (saved := checkpoint.load(tmp_path / checkpoint.FILE)) is None or saved[1]["step"] <= reached:
            assert process.poll() is None, "it ended by itself"
            time.sleep(0.02)
        reached = saved[1]["step"]
    process.send_signal(signal.SIGKILL)
    process.wait()
    left = checkpoint.load(tmp_path / checkpoint.FILE)
    assert left is not None and left[1]["step"] >= reached
    with pytest.raises(CompilerFailed, match=r"is not finished; fit it with the same words again"):
        make(small, folder=str(tmp_path))
    steps: list[int] = []

    def stopped(event: str, **fields: Any) -> None:
        steps.append(fields["step"])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hyper.fitted(small, tmp_path, steps=100_000, check_every=1, progress=stopped)
    assert steps == [left[1]["step"] + 1], "it went on from there"


def test_a_loss_that_is_no_number_stops_the_fit_and_spares_the_checkpoint(
    small: TransformersBase, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = hypernet_training.divergence

    def broken(model: Any, rows: Any) -> Any:
        kl, nll = right(model, rows)
        return (kl * float("nan") if kl.requires_grad and fitting.step == 3 else kl), nll

    fitting = hyper.fitting(small, tmp_path)
    with monkeypatch.context() as patch, pytest.raises(CompilerFailed, match=r"loss is nan after 3 steps; lower `lr`.* is intact"):
        patch.setattr(hypernet_training, "divergence", broken)
        fitting.run()
    saved = checkpoint.load(tmp_path / checkpoint.FILE)
    assert saved is not None and saved[1]["step"] == 2
    assert hyper.fitted(small, tmp_path).weights == read_bundle(folder).weights


def test_a_full_disk_is_said_and_spares_the_checkpoint(
    small: TransformersBase, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int) -> None:
        if fitting.step == 4:
            raise OSError(errno.ENOSPC, "No space left on device")

    fitting = hyper.fitting(small, tmp_path)
    with monkeypatch.context() as patch, pytest.raises(StorageFailed, match=r"No space left on device; free some space"):
        patch.setattr(checkpoint.os, "fsync", full)
        fitting.run()
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.FILE]
    assert hyper.fitted(small, tmp_path).weights == read_bundle(folder).weights


def test_a_damaged_checkpoint_is_said(small: TransformersBase, tmp_path: Path) -> None:
    (tmp_path / checkpoint.FILE).write_bytes(b"nothing of the kind")
    with pytest.raises(StorageFailed, match=r"is damaged.*delete it to begin anew"):
        hyper.fitted(small, tmp_path)


@pytest.mark.parametrize(("given", "words"), [({"lr": 1e-4}, "another options"), ({"seed": 3}, "another (seed|corpus)")])
def test_another_fit_does_not_go_on_in_the_same_folder(
    small: TransformersBase, folder: Path, given: dict[str, Any], words: str
) -> None:
    with pytest.raises(CompilerFailed, match=rf"holds a hypernetwork of {words}.*choose another folder"):
        hyper.fitted(small, folder, **given)


def test_a_hypernetwork_is_for_the_base_it_was_fitted_for(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(AdapterRefused, match=r"was fitted for .*, and the base is .*fit another"):
        make(hyper.base(tmp_path / "other", seed=1), folder=str(folder))


def test_without_a_hypernetwork_it_is_said_how_to_fit_one(small: TransformersBase, tmp_path: Path) -> None:
    with pytest.raises(InvalidRecord, match=r"--hypernet FOLDER.*skilllib hypernet fit"):
        make(small)
    with pytest.raises(CompilerFailed, match=r"is not there: skilllib hypernet fit"):
        make(small, folder=str(tmp_path))


def test_a_damaged_hypernetwork_is_refused(small: TransformersBase, tmp_path: Path) -> None:
    hyper.fitted(small, tmp_path, steps=1)
    file = tmp_path / "hypernet.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))
    with pytest.raises(AdapterRefused, match="is not what was written"):
        make(small, folder=str(tmp_path)).compile(asked(texts()[0], small))
    about = json.loads((tmp_path / "hypernet.json").read_text(encoding="utf-8"))
    (tmp_path / "hypernet.json").write_text(json.dumps({**about, "seed": "none"}), encoding="utf-8")
    with pytest.raises(AdapterRefused, match="is not what skilllib writes"):
        make(small, folder=str(tmp_path))


def test_a_text_that_is_too_long_is_refused_before_anything_is_learned(
    compiler: Hypernet, small: TransformersBase, tmp_path: Path
) -> None:
    long = toy.text("tidy").model_copy(update={"sections": toy.text("tidy").sections * 200})
    with pytest.raises(CompilerFailed, match=r"'tidy' has \d+ tokens, the hypernetwork reads 1 to 1024; shorten"):
        compiler.compile(asked(long, small))
    with pytest.raises(CompilerFailed, match=r"reads 1 to 5; shorten the text, or fit with another `text_tokens`"):
        hyper.fitted(small, tmp_path, text_tokens=5)
    assert list(tmp_path.iterdir()) == []


def test_options_that_do_not_fit_are_named(small: TransformersBase, tmp_path: Path) -> None:
    with pytest.raises(InvalidRecord, match=r"option 'rnak' of a hypernetwork"):
        hyper.fitted(small, tmp_path, rnak=8)
    with pytest.raises(InvalidRecord, match=r"width 10 is no multiple of heads 4"):
        hyper.fitted(small, tmp_path, width=10)
    with pytest.raises(CompilerFailed, match=r"no linear modules named nothing_proj"):
        hyper.fitted(small, tmp_path, targets=["nothing_proj"])


def test_the_base_is_left_as_it_was(small: TransformersBase, tmp_path: Path) -> None:
    model, _ = small.loaded()
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    hyper.fitted(small, tmp_path, steps=2)
    assert all((parameter == before[name]).all() and parameter.grad is None for name, parameter in model.named_parameters())
    assert not toy.hooked(model)


def test_adapters_are_finite_and_small(compiler: Hypernet, small: TransformersBase) -> None:
    found = compiler.compile(asked(texts()[0], small))
    assert isinstance(found, LoraWeights) and all(pair.rank == 2 for pair in found.pairs.values())
    lora.refuse_unsound(found)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_conditioning_on_texts_that_were_never_seen_switches_on_after_a_plateau(tmp_path: Path) -> None:
    """About six CPU-minutes: a small model is taught to follow texts, then a hypernetwork is fitted for it."""
    drawn = language(seed=0)
    small = lessons.small_base(tmp_path, drawn, seed=0)
    skills = [one for skill in drawn.training for one in grouped(examples(skill.text, lessons.rehearsals(skill)))]
    options = options_of({"steps": 400, "check_every": 25, "skills": 16, "width": 128, "layers": 1.0, "lr": 2e-3, "targets": ALL})
    bundle = Fitting(small, Corpus.split(skills, 0.1, 0), options, 0, tmp_path / "hypernet").run()
    gains = {point.step: point.gain for point in bundle.curve}
    assert max(gains[step] for step in (0, 25, 50)) < 0.01, "at first a wrong text is as good as the right one"
    assert gains[400] > 0.03 and bundle.curve[-1].right < bundle.none, "then it is not"


ALL = ["q_proj", "v_proj", "o_proj", "up_proj", "down_proj"]
