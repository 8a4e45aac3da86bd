"""Several skills in one adapter. One right adapter beats every merge: route where you can, merge where you must."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from skilllib.compiler import lora
from skilllib.compiler.cache import AdapterCache, Stored
from skilllib.compiler.dataset import read_dataset
from skilllib.compiler.format import DATASET
from skilllib.compiler.text import informed
from skilllib.errors import AdapterRefused, CompilerFailed
from skilllib.protocols import Compiler, Recorder
from skilllib.records.adapter import AdapterKey, CompileRequest, Example, LoraWeights, Manifest, Mode, Section, SkillText
from skilllib.records.base import content_hash


@dataclass(frozen=True, kw_only=True)
class Part:
    """One adapter that is to be merged."""

    weights: LoraWeights
    manifest: Manifest
    examples: tuple[Example, ...] = ()

    @classmethod
    def of(cls, cache: AdapterCache, stored: Stored) -> Part:
        """Return the part that an adapter of a cache is."""
        dataset = stored.path / DATASET
        return cls(
            weights=cache.load(stored), manifest=stored.manifest, examples=read_dataset(dataset) if dataset.is_file() else ()
        )


def merged(
    parts: Sequence[Part],
    mode: Mode = "cat",
    *,
    compiler: Compiler | None = None,
    rank: int | None = None,
    shares: Sequence[float] | None = None,
    workspace: Path | None = None,
    progress: Recorder | None = None,
) -> LoraWeights:
    """Return one adapter for several skills.

    Args:
        parts: At least two, for one base.
        mode: `cat` adds ΔW exactly, `svd` adds it at a lower rank, `component` compiles each distinct section once and adds those,
            `text` compiles all texts as one; `direct` adds factors to factors, which is wrong, for experiments.
        compiler: Needed for `component` and `text`.
        rank: Of `svd`; by default the largest of the parts.
        shares: Weight of each part, for `cat`, `svd` and `direct`.
        workspace: Where the compiler keeps checkpoints.
        progress: Is told what goes on.

    Raises:
        AdapterRefused: There are fewer than two, or they are for different bases.
        CompilerFailed: The mode needs a compiler or texts that are not there.
    """
    if len(parts) < 2:
        raise AdapterRefused(f"a merge needs two adapters or more, not {len(parts)}")
    bases = {part.manifest.key.base for part in parts}
    if len(bases) > 1:
        named = ", ".join(f"{part.manifest.skill} for {part.manifest.base}" for part in parts)
        raise AdapterRefused(f"the adapters are for different base models: {named}; compile them for one")
    weights = [part.weights for part in parts]
    match mode:
        case "cat":
            return lora.cat(weights, shares)
        case "svd":
            return lora.svd(weights, rank or max(one.rank for one in weights), shares)
        case "direct":
            return lora.direct(weights, shares)
    if compiler is None:
        raise CompilerFailed(f"a merge of mode {mode!r} compiles anew; name a base model and a backend")
    requests = [_of_texts(parts)] if mode == "text" else of_sections(parts)
    made = []
    for request in requests:
        folder = workspace / request.text.hash if workspace is not None else None
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        made.append(compiler.compile(request, workspace=folder, progress=progress))
    return lora.cat(made)


def of_sections(parts: Sequence[Part]) -> list[CompileRequest]:
    """Return one request for each distinct section of the parts' texts, with the examples of every skill that has it.

    A section that several skills share is compiled once: whole adapters would count it once for each of them. Verified answers
    follow from a skill's procedure, so that a section beside it teaches only what the model itself makes of it: else each
    section's adapter would know the whole skill, and their sum would count it as often as it has sections.

    Raises:
        CompilerFailed: A part has no text.
    """
    owners: dict[Section, list[Part]] = {}
    for part in parts:
        for section in _text(part).sections:
            owners.setdefault(section, []).append(part)
    requests = []
    for section, having in owners.items():
        beside = section.kind != "procedure" and any(s.kind == "procedure" for part in having for s in _text(part).sections)
        request = _request(SkillText(name=section.kind, sections=(section,)), having, parts)
        requests.append(_unanswered(request) if beside else request)
    return requests


def _unanswered(request: CompileRequest) -> CompileRequest:
    examples = (one if one.kind == "negative" else one.model_copy(update={"answer": None}) for one in request.examples)
    return request.model_copy(update={"examples": tuple(examples)})


def _of_texts(parts: Sequence[Part]) -> CompileRequest:
    sections = dict.fromkeys(section for part in parts for section in _text(part).sections)
    name = "+".join(part.manifest.skill for part in parts)
    return _request(SkillText(name=name, sections=tuple(sections)), parts, parts)


def _request(text: SkillText, having: Sequence[Part], parts: Sequence[Part]) -> CompileRequest:
    """Return a request whose examples are told this text in place of their skill's whole text."""
    skills = {part.manifest.skill for part in parts}
    own = [
        example.model_copy(update={"informed": informed(example.prompt, text.text)})
        for part in having
        for example in part.examples
        if example.kind == "own"
    ]
    negatives = [
        example for part in parts for example in part.examples if example.kind == "negative" and example.skill not in skills
    ]
    first = parts[0].manifest
    unique = dict.fromkeys((*own, *negatives))
    return CompileRequest(text=text, base=first.base, base_hash=first.key.base, examples=tuple(unique), seed=first.key.seed)


def merged_manifest(parts: Sequence[Part], mode: Mode, weights: LoraWeights, backend: str = "") -> Manifest:
    """Return what stands beside a merged adapter."""
    first = parts[0].manifest
    parents = tuple(part.manifest.adapter_hash for part in parts)
    name = "+".join(part.manifest.skill for part in parts)
    key = AdapterKey(
        text=content_hash([part.manifest.text_hash for part in parts]),
        base=first.key.base,
        backend=f"merge-{mode}",
        configuration=content_hash([*parents, weights.rank, weights.alpha, backend]),
    )
    return Manifest(
        skill=name,
        key=key,
        text_hash=key.text,
        code_hash="+".join(part.manifest.code_hash for part in parts),
        base=first.base,
        rank=weights.rank,
        alpha=weights.alpha,
        targets=weights.targets,
        adapter_hash="",
        mode=mode,
        parents=parents,
    )


def _text(part: Part) -> SkillText:
    if part.manifest.text is None:
        raise CompilerFailed(
            f"the adapter of {part.manifest.skill!r} does not know its text, so it cannot be compiled anew; use `cat`"
        )
    return part.manifest.text
