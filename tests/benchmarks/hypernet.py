"""The hypernetwork on skills that it has never seen: docs/results.md, section "Hypernetwork".

    python tests/benchmarks/hypernet.py --base small --seeds 3 --out hypernet.json --picture hypernet.png
    python tests/benchmarks/hypernet.py --base SmolLM2-135M-Instruct.gguf --seeds 1 --steps 4000 --out smollm2.json
    python tests/benchmarks/hypernet.py --base small --seeds 1 --option simple=0.4 --pairs 20 --out merging.json

For each seed a language of household skills is drawn; the hypernetwork is fitted on its training skills, and measured on its
held-out skills: the adapter of the right text, that of a wrong one, no skill, the text in context. With `--pairs` adapters of two
skills are merged in every way; `component` compiles each section by itself, for which the fit has to have seen sections (`simple`
below 1). `small` is a model of 150,000 parameters that follows texts in context, taught on the spot. A fit that was stopped goes
on, and what was measured is not measured again. CUDA is used where there is one.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import lessons
from adapters_tables import _interval as interval
from adapters_tables import _table as table

from environments.household.language import FIRST, SECOND, HouseholdSkill, Language, language
from environments.household.rules import THINGS
from skilllib.cli.compiling import shown
from skilllib.compiler import geometry
from skilllib.compiler.dataset import examples
from skilllib.compiler.evaluation import Held, scored
from skilllib.compiler.hypernet import Hypernet, make
from skilllib.compiler.hypernet_bundle import Bundle
from skilllib.compiler.hypernet_corpus import Corpus, CorpusSkill, grouped
from skilllib.compiler.hypernet_options import options_of
from skilllib.compiler.hypernet_training import Fitting
from skilllib.compiler.merging import Part, merged
from skilllib.models.base import TransformersBase
from skilllib.models.local import LocalModel
from skilllib.records.adapter import AdapterKey, CompileRequest, LoraWeights, Manifest, Mode
from skilllib.records.base import content_hash

SMALL = "small"
OPTIONS: dict[bool, dict[str, Any]] = {
    True: {
        **{"steps": 1500, "skills": 16, "width": 128, "layers": 1.0, "lr": 2e-3, "simple": 1.0, "check_every": 50},
        "targets": ["q_proj", "v_proj", "o_proj", "up_proj", "down_proj"],
    },
    False: {"steps": 4000, "skills": 8, "check_every": 25, "recall_tokens": 128},
}
"""Options of the fit by whether the base is the small model."""
TRAINING = 400
"""Skills of a language that may be learned from; 40 more are held out."""
NAMES = 4
"""Under so many names each training skill is shown."""
MODES: tuple[Mode, ...] = ("direct", "text", "component", "cat", "svd")
ARMS = {"none": "no skill", "context": "text in context", "right": "adapter of its text", "wrong": "adapter of another's text"}


@dataclass(frozen=True)
class Bench:
    """One base model."""

    name: str
    folder: Path
    given: Mapping[str, Any]
    things: int
    """Things with which each held-out skill is tried."""
    pairs: int = 0
    """Pairs of held-out skills whose adapters are merged."""

    def base(self, drawn: Language, seed: int) -> TransformersBase:
        if self.name != SMALL:
            return TransformersBase(self.name)
        with shown() as progress:
            return lessons.small_base(self.folder / SMALL, drawn, seed=seed, progress=progress)

    def fitted(self, base: TransformersBase, drawn: Language, seed: int) -> Bundle:
        options = options_of({**OPTIONS[self.name == SMALL], **self.given})
        with shown() as progress:
            return Fitting(base, corpus(drawn, options.held_out, seed), options, seed, self.hypernet(seed), progress).run()

    def hypernet(self, seed: int) -> Path:
        return self.folder / f"hypernet-{seed}"

    def measured(self, seed: int) -> dict[str, Any]:
        """Return what one seed came to."""
        drawn = language(training=TRAINING, seed=seed)
        base = self.base(drawn, seed)
        bundle = self.fitted(base, drawn, seed)
        compiler, begun = make(base, folder=str(self.hypernet(seed))), time.process_time()
        adapters = [compiler.compile(asked(skill, base)) for skill in drawn.held_out]
        cpu_s = (time.process_time() - begun) / len(adapters)
        cells = [self.arms(LocalModel(base), skill, adapters, i) for i, skill in enumerate(drawn.held_out)]
        families = [skill.family for skill in drawn.held_out]
        apart = geometry.clusters(geometry.gram(adapters), families)
        return {
            "curve": [point.model_dump() | {"gain": point.gain} for point in bundle.curve],
            "none": bundle.none,
            "context": bundle.context,
            "options": bundle.options.model_dump(),
            "fit_cpu_s": bundle.cost.cpu_s,
            "compile_cpu_s": cpu_s,
            "learned": len(bundle.learned),
            "cells": cells,
            "merges": list(self.merges(LocalModel(base), compiler, drawn.held_out, adapters)),
            "clusters": apart.model_dump() if apart else None,
        }

    def held(self, skill: HouseholdSkill) -> Held:
        own = tuple(example for example in corpus_skill(skill).examples if (example.source.test or 0) < self.things)
        return Held(text=skill.text.text, own=own, tasks=lessons.plays(skill, THINGS[: self.things]))

    def merges(
        self, local: LocalModel, compiler: Hypernet, skills: Sequence[HouseholdSkill], adapters: Sequence[LoraWeights]
    ) -> Iterator[dict[str, list[float]]]:
        """Yield for each pair of skills how both are carried out with every merge of their adapters, and with the right one."""
        for i in range(0, 2 * self.pairs, 2):
            pair, own = skills[i : i + 2], adapters[i : i + 2]
            parts = [part(skill, weights, compiler) for skill, weights in zip(pair, own, strict=True)]
            mounted: dict[str, Sequence[LoraWeights]] = {mode: [merged(parts, mode, compiler=compiler)] * 2 for mode in MODES}
            yield {
                mode: [
                    scored(local, weights, self.held(skill), told=False).success or 0.0
                    for skill, weights in zip(pair, having, strict=True)
                ]
                for mode, having in {"routed": own, **mounted}.items()
            }

    def arms(self, local: LocalModel, skill: HouseholdSkill, adapters: Sequence[LoraWeights], i: int) -> dict[str, Any]:
        held = self.held(skill)
        given = {"none": (None, False), "context": (None, True), "right": (adapters[i], False), "wrong": (adapters[i - 1], False)}
        scores = {arm: scored(local, weights, held, told=told) for arm, (weights, told) in given.items()}
        return {arm: {"success": score.success, "nll": score.nll} for arm, score in scores.items()}


def corpus(of: Language, held_out: float, seed: int) -> Corpus:
    """Return a language's training skills, those that are learned from under several names: a name says nothing."""
    split = Corpus.split([corpus_skill(skill) for skill in of.training], held_out, seed)
    apart = {one.text.name for one in split.held_out} | {skill.name for skill in of.held_out}
    names = [name for first, second in product(FIRST, SECOND) if (name := f"{first} {second}") not in apart]
    draw = random.Random(seed)
    learned = [skill for skill in of.training if skill.name not in apart]
    more = [corpus_skill(dataclasses.replace(skill, name=draw.choice(names))) for _ in range(NAMES - 1) for skill in learned]
    return dataclasses.replace(split, train=(*split.train, *more))


def corpus_skill(skill: HouseholdSkill) -> CorpusSkill:
    """Return a skill executed with each thing."""
    (found,) = grouped(examples(skill.text, lessons.rehearsals(skill)))
    return found


def part(skill: HouseholdSkill, weights: LoraWeights, compiler: Hypernet) -> Part:
    """Return what a merge needs to know of an adapter."""
    key = AdapterKey(
        text=skill.text.hash, base=compiler.base.hash, backend=compiler.name, configuration=content_hash(compiler.bundle.weights)
    )
    manifest = Manifest(
        skill=skill.name,
        key=key,
        text_hash=skill.text.hash,
        base=compiler.base.name,
        rank=weights.rank,
        alpha=weights.alpha,
        targets=weights.targets,
        adapter_hash="",
        text=skill.text,
    )
    return Part(weights=weights, manifest=manifest)


def asked(skill: HouseholdSkill, base: TransformersBase) -> CompileRequest:
    return CompileRequest(text=skill.text, base=base.name, base_hash=base.hash)


def printed(results: Mapping[str, Any]) -> str:
    """Return the tables, with 95 % bootstrap intervals over skills and seeds."""
    seeds = list(results.values())
    cells = [cell for seed in seeds for cell in seed["cells"]]
    rows = [
        [name, interval([cell[arm]["success"] for cell in cells]), interval([cell[arm]["nll"] for cell in cells], ".3f")]
        for arm, name in ARMS.items()
    ]
    right, context = (sum(cell[arm]["success"] for cell in cells) for arm in ("right", "context"))
    gains = [cell["wrong"]["nll"] - cell["right"]["nll"] for cell in cells]
    facts = [
        ["right adapter relative to the text in context", f"{right / context:.3f}" if context else "the text is of no use"],
        ["conditioning gain, nats a token", interval(gains, ".3f")],
        ["step at which the gain passes 0.1", ", ".join(str(switched(seed["curve"])) for seed in seeds)],
        ["CPU-seconds of a fit", ", ".join(f"{seed['fit_cpu_s']:.0f}" for seed in seeds)],
        ["CPU-ms of compiling a skill", ", ".join(f"{1000 * seed['compile_cpu_s']:.1f}" for seed in seeds)],
        ["silhouette of families", ", ".join(f"{s['clusters']['silhouette']:.3f} (p {s['clusters']['p']:.3f})" for s in seeds)],
        ["distance within / between families", ", ".join(f"{seed['clusters']['ratio']:.3f}" for seed in seeds)],
    ]
    first = table([f"{len(cells)} unseen skills, {len(seeds)} seeds", "success", "NLL, nats a token"], rows)
    return "\n".join([*first, "", *table(["", "by seed"], facts), "", *curves(seeds), "", *merging(seeds)])


def merging(seeds: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield how two skills are carried out with one adapter, where that was measured."""
    pairs = [pair for seed in seeds for pair in seed.get("merges", ())]
    names = {"routed": "one right adapter", **{mode: mode for mode in MODES}}
    if pairs:
        rows = [
            [name, interval([sum(pair[mode]) / 2 for pair in pairs]), interval([min(pair[mode]) for pair in pairs])]
            for mode, name in names.items()
        ]
        yield from table([f"two skills, {len(pairs)} pairs", "success", "of the worse one"], rows)


def switched(curve: Sequence[Mapping[str, float]], gain: float = 0.1) -> int | None:
    """Return the first step at which the right text is better than a wrong one by so much."""
    return next((int(point["step"]) for point in curve if point["gain"] > gain), None)


def curves(seeds: Sequence[Mapping[str, Any]], rows: int = 10) -> Iterator[str]:
    """Yield the conditioning gain over training."""
    shared = [[point["step"] for point in seed["curve"]] for seed in seeds]
    steps = [step for step in shared[0] if all(step in own for own in shared)]
    chosen = steps[:: max(1, len(steps) // rows)]
    header = ["step", *(f"seed {i}: right, wrong, gain" for i in range(len(seeds)))]
    points = [{point["step"]: point for point in seed["curve"]} for seed in seeds]
    body = [[str(s), *(f"{own[s]['right']:.3f}, {own[s]['wrong']:.3f}, {own[s]['gain']:.3f}" for own in points)] for s in chosen]
    yield from table(header, body)


def drawn(results: Mapping[str, Any], file: Path) -> None:
    """Draw the likelihoods with right and wrong texts over training."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), dpi=120, facecolor="white", layout="constrained")
    axes: Any = figure.add_subplot()
    for name, seed in results.items():
        steps = [point["step"] for point in seed["curve"]]
        first = name == min(results)
        axes.plot(steps, [point["right"] for point in seed["curve"]], color="#0969da", label="right text" if first else None)
        axes.plot(steps, [point["wrong"] for point in seed["curve"]], color="#cf222e", label="wrong text" if first else None)
        for arm, style in (("none", ":"), ("context", "--")):
            label = ARMS[arm] if first else None
            axes.axhline(seed[arm], color="#57606a", linestyle=style, linewidth=0.8, label=label)
    axes.set(xlabel="steps", ylabel="nats a token, held-out skills", yscale="log")
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(file)


def main() -> None:
    """Measure what is not measured yet, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default=SMALL)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="of a fit")
    parser.add_argument("--option", action="append", default=[], metavar="KEY=JSON", help="of a fit; may be repeated")
    parser.add_argument("--things", type=int, default=6, help="with which each unseen skill is tried")
    parser.add_argument("--pairs", type=int, default=0, help="of unseen skills whose adapters are merged, at most 20 a seed")
    parser.add_argument("--threads", type=int, help="of torch")
    parser.add_argument("--out", type=Path, default=Path("hypernet.json"))
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    if given.threads:
        import torch

        torch.set_num_threads(given.threads)
    options = {key: json.loads(value) for key, _, value in (one.partition("=") for one in given.option)}
    bench = Bench(
        given.base, given.out.with_suffix(""), options | ({"steps": given.steps} if given.steps else {}), given.things, given.pairs
    )
    results = json.loads(given.out.read_text(encoding="utf-8")) if given.out.is_file() else {}
    for seed in range(given.seeds):
        if str(seed) not in results:
            results[str(seed)] = bench.measured(seed)
            given.out.write_text(json.dumps(results, indent=1), encoding="utf-8")
    print(printed(results))
    if given.picture:
        drawn(results, given.picture)


if __name__ == "__main__":
    main()
