"""Merging: each mode does what it says, and a section that skills share is compiled once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import toy

from skilllib.compiler import lora
from skilllib.compiler.cache import AdapterCache
from skilllib.compiler.job import Compiled
from skilllib.compiler.merging import Part, merged, merged_manifest, of_sections
from skilllib.errors import AdapterRefused, CompilerFailed
from skilllib.protocols import Recorder
from skilllib.records.adapter import CompileRequest, LoraWeights
from skilllib.records.base import Json

pytestmark = pytest.mark.xdist_group("compiled")  # what all of these read is compiled once


class Counting:
    """Remembers what it was asked to compile."""

    name = "counting"
    configuration: Mapping[str, Json] = {}

    def __init__(self, weights: LoraWeights) -> None:
        self.requests: list[CompileRequest] = []
        self._weights = weights

    def compile(self, request: CompileRequest, *, workspace: Path | None = None, progress: Recorder | None = None) -> LoraWeights:
        self.requests.append(request)
        return self._weights


@pytest.fixture
def parts(cache: AdapterCache, compiled: dict[str, Compiled]) -> list[Part]:
    return [Part.of(cache, one.stored) for one in compiled.values() if one.stored is not None]


def test_concatenation_and_truncation_need_no_compiler(parts: list[Part]) -> None:
    whole = merged(parts, "cat")
    assert lora.distance(whole, lora.cat([part.weights for part in parts])) == 0
    assert merged(parts, "svd").rank == parts[0].weights.rank < whole.rank
    near = [lora.distance(whole, merged(parts, "svd", rank=rank)) for rank in (4, 8, 16, 24)]
    assert near == sorted(near, reverse=True) and near[-1] < 1e-2 * lora.norm(whole)
    assert lora.distance(whole, merged(parts, "direct")) > 0.2 * lora.norm(whole)


def test_each_distinct_section_is_compiled_once(parts: list[Part]) -> None:
    compiler = Counting(parts[0].weights)
    merged(parts, "component", compiler=compiler)
    assert len(compiler.requests) == 1 + len(toy.VERBS), "one that all share, and one of each"
    shared = next(r for r in compiler.requests if r.text.sections == (toy.SHARED,))
    assert {example.skill for example in shared.rows("own", "train")} == set(toy.VERBS)
    for request in compiler.requests:
        assert all(request.text.text in example.informed[0].content for example in request.rows("own", "train"))


def test_a_section_beside_the_procedure_teaches_no_verified_answers(parts: list[Part]) -> None:
    for request in of_sections(parts):
        procedure = request.text.sections[0].kind == "procedure"
        assert all((example.answer is not None) == procedure for example in request.rows("own", "train"))


def test_texts_are_compiled_as_one_with_shared_sections_once(parts: list[Part]) -> None:
    compiler = Counting(parts[0].weights)
    merged(parts, "text", compiler=compiler)
    ((request),) = compiler.requests
    assert request.text.text.count(toy.SHARED.body) == 1 and len(request.text.sections) == 1 + len(toy.VERBS)


def test_prompts_of_the_merged_skills_are_no_negatives(parts: list[Part]) -> None:
    for request in of_sections(parts[:2]):
        skills = {part.manifest.skill for part in parts[:2]}
        assert not skills & {example.skill for example in request.rows("negative", "train")}


def test_what_cannot_be_merged_is_refused(parts: list[Part]) -> None:
    with pytest.raises(AdapterRefused, match="two adapters or more"):
        merged(parts[:1])
    for mode in ("component", "text"):
        with pytest.raises(CompilerFailed, match="name a base model and a backend"):
            merged(parts, mode)  # type: ignore[arg-type]
    key = parts[1].manifest.key.model_copy(update={"base": "0" * 64})
    other = Part(weights=parts[1].weights, manifest=parts[1].manifest.model_copy(update={"key": key}))
    with pytest.raises(AdapterRefused, match="different base models"):
        merged([parts[0], other])
    dumb = Part(weights=parts[1].weights, manifest=parts[1].manifest.model_copy(update={"text": None}))
    with pytest.raises(CompilerFailed, match="does not know its text"):
        merged([parts[0], dumb], "component", compiler=Counting(parts[0].weights))


def test_a_merged_adapter_knows_its_parents(parts: list[Part], tmp_path: Path) -> None:
    weights = merged(parts, "cat")
    stored = AdapterCache(tmp_path).store(weights, merged_manifest(parts, "cat", weights))
    assert stored.manifest.parents == tuple(part.manifest.adapter_hash for part in parts)
    assert stored.manifest.mode == "cat" and stored.manifest.skill == "+".join(toy.VERBS)
