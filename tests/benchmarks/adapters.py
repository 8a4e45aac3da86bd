"""Skills as weights in the household's language: the tables of docs/results.md, section "Skills as weights".

    python tests/benchmarks/adapters.py distill --base SmolLM2-135M-Instruct.gguf --seeds 3 --out adapters.json
    python tests/benchmarks/adapters.py settle  --base SmolLM2-135M-Instruct.gguf --seeds 3 --out adapters.json
    python tests/benchmarks/adapters.py alpha   --base small --seeds 3 --out small.json
    python tests/benchmarks/adapters.py tables  --out adapters.json

`distill` measures five arms and ten adapters mounted together; `settle` the same once they have learned to live together;
`alpha` success over α; `merge` the modes of merging; `prefill` tokens with and without a prefix cache, and after how many uses
compiling has paid; `edit` the time from an edit to a new adapter. Each cell is written to OUT as soon as it is there, and adapters
lie beside it, so that a run that was stopped goes on.

Success is that of a whole procedure with a thing from which nothing was learned, answered greedily.

BASE is a hub id, a folder or a GGUF file; `small` is a model of 125,000 parameters, taught on the spot. Adapters learn with 9 of
12 things and are measured with the other 3; negatives are other skills' prompts, as in a library.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import lessons
from adapters_tables import printed
from rich.progress import Progress

from environments.household.language import HouseholdSkill, language
from environments.household.rules import THINGS
from skilllib.compiler import lora
from skilllib.compiler.cache import AdapterCache
from skilllib.compiler.dataset import read_dataset
from skilllib.compiler.distill import make
from skilllib.compiler.evaluation import likelihood, locality
from skilllib.compiler.format import DATASET
from skilllib.compiler.job import Compiled, Compiling
from skilllib.compiler.merging import Part, merged
from skilllib.compiler.settling import SettleOptions, Settling
from skilllib.gate.adapter import AdapterGate
from skilllib.models.base import TransformersBase
from skilllib.models.local import LocalModel, prompt_ids
from skilllib.protocols import Compiler
from skilllib.records.adapter import CompileRequest, LoraWeights, Mode
from skilllib.records.model import Message

SMALL = "small"
OPTIONS: dict[bool, dict[str, Any]] = {
    True: {
        "steps": 250,
        "lr": 1e-2,
        "layers": 1.0,
        "locality": 100.0,
        "patience": 50,
        "targets": ["q_proj", "v_proj", "o_proj", "up_proj", "down_proj"],
    },
    False: {"steps": 30, "rows": 4, "negatives": 6, "lr": 4e-3, "locality": 30.0, "verified": 0.8},
}
"""Options of `distill` by whether the base is the small model. Rows are whole conversations."""
SETTLING: dict[bool, dict[str, Any]] = {True: {"steps": 1000, "lr": 4e-3, "verified": 0.7, "check_every": 100}, False: {}}
"""Options of settling by whether the base is the small model."""
ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
MODES: tuple[Mode, ...] = ("direct", "text", "component", "cat", "svd")
SKILLS, OTHERS, NEGATIVES = 10, 6, 200
"""Skills of a seed, others whose prompts are negatives as well, and how many prompts."""


@dataclass
class Bench:
    """All cells of one base model, each measured once."""

    name: str
    out: Path
    seeds: range
    skills: int
    settling: dict[str, Any] = field(default_factory=dict)
    """Options of settling in place of the usual ones."""
    told: Callable[[str], None] = print
    results: dict[str, Any] = field(default_factory=dict)
    locals: dict[int, LocalModel] = field(default_factory=dict)
    lived: dict[int, list[Compiled]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.out.is_file():
            self.results = json.loads(self.out.read_text(encoding="utf-8"))

    @property
    def folder(self) -> Path:
        return self.out.with_suffix("")

    @property
    def small(self) -> bool:
        return self.name == SMALL

    def local(self, seed: int) -> LocalModel:
        """Return the base model, ready to answer; a small one is taught anew for each seed."""
        key = seed if self.small else 0
        if key not in self.locals:
            taught = lessons.small_base(self.folder / "small", language(seed=seed), seed=seed) if self.small else None
            self.locals[key] = LocalModel(taught or TransformersBase(self.name))
        return self.locals[key]

    def compiler(self, seed: int) -> Compiler:
        return make(self.local(seed).base, own_answers=False, **OPTIONS[self.small])

    @cached_property
    def cache(self) -> AdapterCache:
        return AdapterCache(self.folder / "adapters")

    def drawn(self, seed: int) -> tuple[HouseholdSkill, ...]:
        """Return a seed's skills, of which the small model has learned nothing either."""
        return language(seed=seed).held_out[: self.skills]

    def others(self, seed: int, skill: HouseholdSkill) -> tuple[HouseholdSkill, ...]:
        """Return the skills whose prompts are negatives: the rest of a library, as `skilllib compile` has them."""
        return *(one for one in self.drawn(seed) if one != skill), *language(seed=seed).training[:OTHERS]

    def cell(self, *key: object, of: Callable[[], Any]) -> Any:
        """Return a cell, measured if it was not before."""
        name = " ".join(map(str, key))
        if name not in self.results:
            self.told(name)
            self.results[name] = of()
            self.out.parent.mkdir(parents=True, exist_ok=True)
            temporary = self.out.with_suffix(".new")
            temporary.write_text(json.dumps(self.results, indent=1), encoding="utf-8")
            temporary.replace(self.out)
        return self.results[name]

    def request(self, seed: int, skill: HouseholdSkill) -> CompileRequest:
        return lessons.request(skill, self.others(seed, skill), self.local(seed).base, seed=seed, negatives=NEGATIVES)

    def compiled(self, seed: int, skill: HouseholdSkill) -> Compiled:
        compiling = Compiling(base=self.local(seed).base, compiler=self.compiler(seed), cache=self.cache)
        return compiling.compiled(self.request(seed, skill))

    def settled(self, seed: int) -> list[Compiled]:
        """Return the adapters of a seed, settled."""
        if seed not in self.lived:
            parts = [Part.of(self.cache, one.stored) for skill in self.drawn(seed) if (one := self.compiled(seed, skill)).stored]
            options = SettleOptions.model_validate({**SETTLING[self.small], **self.settling})
            self.lived[seed] = Settling(self.local(seed).base, self.cache, options).settled(parts, seed=seed)
        return self.lived[seed]

    def weights(self, seed: int, skill: HouseholdSkill) -> LoraWeights:
        stored = self.compiled(seed, skill).stored
        assert stored is not None
        return self.cache.load(stored)

    def success(self, seed: int, skill: HouseholdSkill, weights: LoraWeights | None, *, told: bool = False) -> float:
        """Return the share of held-out things with which a skill is carried out, its text in context or not."""
        local = self.local(seed)
        things = lessons.held_out_things(self.request(seed, skill))
        with local.mounted(weights):
            return sum(lessons.greedy(local, skill, thing, told=told) for thing in things) / len(things)

    def nll(self, seed: int, skill: HouseholdSkill, weights: LoraWeights | None, *, told: bool = False) -> float | None:
        """Return nats a token of held-out verified answers."""
        local = self.local(seed)
        with local.mounted(weights):
            return likelihood(local, self.request(seed, skill).rows("own", "held_out"), told=told)

    def away(self, seed: int, skill: HouseholdSkill, weights: LoraWeights) -> float | None:
        """Return how far other skills' prompts are answered otherwise, in nats a token."""
        return locality(self.local(seed), weights, self.request(seed, skill).rows("negative", "held_out"))


def distill(bench: Bench) -> Iterator[int]:
    """Measure five arms of each skill, then with all adapters of a seed mounted."""
    for seed in bench.seeds:
        skills = bench.drawn(seed)
        for i, skill in enumerate(skills):
            bench.cell("distill", seed, i, of=lambda: _arms(bench, seed, skill, skills[i - 1]))  # noqa: B023 - called at once
            yield 1
        for i, skill in enumerate(skills):
            bench.cell("together", seed, i, of=lambda: bench.success(seed, skill, _all(bench, seed)))  # noqa: B023
            yield 1


def settle(bench: Bench) -> Iterator[int]:
    """Let all adapters of a seed settle, and measure each alone and with all of them mounted."""
    for seed in bench.seeds:
        for i, skill in enumerate(bench.drawn(seed)):
            bench.cell("settled", seed, i, of=lambda: _settled(bench, seed, skill, i))  # noqa: B023
            yield 2


def _settled(bench: Bench, seed: int, skill: HouseholdSkill, i: int) -> dict[str, float]:
    came = bench.settled(seed)
    adapters = [bench.cache.load(one.stored) for one in came if one.stored is not None]
    return {
        "alone": bench.success(seed, skill, adapters[i]),
        "together": bench.success(seed, skill, lora.cat(adapters)),
        "both": bench.success(seed, skill, adapters[i], told=True),
        "cpu_s": came[i].manifest.cost.cpu_s,
    }


def _arms(bench: Bench, seed: int, skill: HouseholdSkill, other: HouseholdSkill) -> dict[str, Any]:
    own, wrong = bench.weights(seed, skill), bench.weights(seed, other)
    arms = {"none": (None, False), "context": (None, True), "adapter": (own, False), "wrong": (wrong, False), "both": (own, True)}
    return {
        **{
            arm: {"success": bench.success(seed, skill, mounted, told=told), "nll": bench.nll(seed, skill, mounted, told=told)}
            for arm, (mounted, told) in arms.items()
        },
        "locality": bench.away(seed, skill, own),
        **bench.compiled(seed, skill).manifest.cost.model_dump(),
    }


def _all(bench: Bench, seed: int) -> LoraWeights:
    return lora.cat([bench.weights(seed, skill) for skill in bench.drawn(seed)])


def alpha(bench: Bench) -> Iterator[int]:
    """Measure success, likelihood and locality over α."""
    for seed in bench.seeds:
        for i, skill in enumerate(bench.drawn(seed)):
            bench.cell("alpha", seed, i, of=lambda: _curve(bench, seed, skill))  # noqa: B023
            yield 2


def _curve(bench: Bench, seed: int, skill: HouseholdSkill) -> dict[str, Any]:
    own, found = bench.weights(seed, skill), {}
    for value in ALPHAS:
        scaled = own.scaled(value)
        success, nll = bench.success(seed, skill, scaled), bench.nll(seed, skill, scaled)
        found[f"{value:g}"] = {"success": success, "nll": nll, "locality": bench.away(seed, skill, scaled)}
    return found


def merge(bench: Bench) -> Iterator[int]:
    """Measure each mode on pairs of skills, and the one right adapter beside them."""
    for seed in bench.seeds:
        skills = bench.drawn(seed)
        for i, pair in enumerate(list(pairwise(skills))[::2]):
            bench.cell("merge", seed, i, "routed", of=lambda: _pair(bench, seed, pair, None))  # noqa: B023
            for mode in MODES:
                bench.cell("merge", seed, i, mode, of=lambda: _pair(bench, seed, pair, _merged(bench, seed, pair, mode)))  # noqa: B023
            yield 2


def _pair(bench: Bench, seed: int, pair: Sequence[HouseholdSkill], weights: LoraWeights | None) -> list[float]:
    return [bench.success(seed, skill, weights or bench.weights(seed, skill)) for skill in pair]


def _merged(bench: Bench, seed: int, pair: Sequence[HouseholdSkill], mode: Mode) -> LoraWeights:
    parts = []
    for skill in pair:
        stored = bench.compiled(seed, skill).stored
        assert stored is not None
        examples = read_dataset(stored.path / DATASET)
        parts.append(Part(weights=bench.cache.load(stored), manifest=stored.manifest, examples=examples))
    return merged(parts, mode, compiler=bench.compiler(seed))


def prefill(bench: Bench) -> Iterator[int]:
    """Count the tokens of prompts with the text and without, under three prefix caches; and time a token's prefill."""
    for seed in bench.seeds:
        skills = bench.drawn(seed)
        for way, order in (("one skill", False), ("skills in turn", True)):
            bench.cell("prefill", seed, way, of=lambda: _prefilled(bench, seed, skills, order))  # noqa: B023
        bench.cell("prefill seconds", seed, of=lambda: _seconds_a_token(bench, seed, skills[0]))  # noqa: B023
        yield 2 * bench.skills


def _prefilled(bench: Bench, seed: int, skills: Sequence[HouseholdSkill], in_turn: bool) -> dict[str, dict[str, int]]:
    _, tokenizer = bench.local(seed).base.loaded()
    runs = [(skill, thing) for thing in THINGS for skill in skills] if in_turn else [(s, t) for s in skills for t in THINGS]
    found = {}
    for arm in ("context", "adapter"):
        asked = [
            (skill.name, prompt_ids(tokenizer, lessons.informed(messages, skill.text.text) if arm == "context" else messages))
            for skill, thing in runs
            for messages, _ in lessons.rehearsed(skill, thing).exchanges
        ]
        found[arm] = _tokens(asked, apart=arm == "adapter") | {"tasks": len(runs)}
    return found


def _tokens(asked: Sequence[tuple[str, list[int]]], *, apart: bool) -> dict[str, int]:
    """Return the tokens that are computed without a cache, with the last prompt kept, and with every prompt kept.

    With another adapter mounted the same prompt is computed anew: `apart`.
    """
    last: dict[str, list[int]] = {}
    every: dict[str, dict[int, Any]] = {}
    count = {"none": 0, "last": 0, "every": 0}
    for skill, ids in asked:
        key = skill if apart else ""
        known, node = 0, every.setdefault(key, {})
        for token in ids:
            known += token in node
            node = node.setdefault(token, {})
        # The last token is always computed, since its logits are needed.
        most = len(ids) - 1
        count["none"] += len(ids)
        count["last"] += len(ids) - min(_shared(last.get(key, []), ids), most)
        count["every"] += len(ids) - min(known, most)
        last[key] = ids
    return count


def _shared(left: Sequence[int], right: Sequence[int]) -> int:
    return next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))


def _seconds_a_token(bench: Bench, seed: int, skill: HouseholdSkill, times: int = 5) -> float:
    """Return CPU-seconds that a token of a prompt takes, from a prompt with a text."""
    import torch

    model, tokenizer = bench.local(seed).base.loaded()
    (messages, _), *_ = lessons.rehearsed(skill, THINGS[0]).exchanges
    told: tuple[Message, ...] = lessons.informed(messages, skill.text.text)
    ids = torch.tensor([prompt_ids(tokenizer, told)], device=model.device)
    with torch.inference_mode():
        model(ids)
        begun = time.process_time()
        for _ in range(times):
            model(ids)
    return (time.process_time() - begun) / times / ids.shape[1]


def edit(bench: Bench) -> Iterator[int]:
    """Time all that follows an edit: examples by executing it, teaching, α, the gate, storing."""
    for seed in bench.seeds:
        skills = bench.drawn(seed)
        bench.cell("edit", seed, of=lambda: _edited(bench, seed, skills))  # noqa: B023
        yield 2 * bench.skills


def _edited(bench: Bench, seed: int, skills: Sequence[HouseholdSkill]) -> dict[str, Any]:
    """Take one skill's procedure under another's name: an edit after which nothing of its old adapter is right."""
    changed = replace(language(seed=seed).training[-1], name=skills[0].name)
    begun, cpu = time.monotonic(), time.process_time()
    gate = AdapterGate().decide
    cache = AdapterCache(bench.folder / "edited")
    compiling = Compiling(base=bench.local(seed).base, compiler=bench.compiler(seed), cache=cache, gate=gate)
    asked = bench.request(seed, changed)
    tasks = lessons.plays(changed, lessons.held_out_things(asked))
    came = compiling.compiled(asked, tasks=tasks, wrong=bench.weights(seed, skills[1]))
    return {
        "seconds": time.monotonic() - begun,
        "cpu_s": time.process_time() - cpu,
        "compile_cpu_s": came.manifest.cost.cpu_s,
        "accepted": came.manifest.accepted,
        "alpha": came.manifest.alpha,
    }


COMMANDS = {command.__name__: command for command in (distill, settle, alpha, merge, prefill, edit)}


def main() -> None:
    """Measure what is not measured yet, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=[*COMMANDS, "tables"])
    parser.add_argument("--base", default=SMALL)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, help="number of the first seed, where a run is divided")
    parser.add_argument("--more", type=Path, nargs="*", default=[], help="other parts of a run that was divided, for the tables")
    parser.add_argument("--skills", type=int, default=SKILLS, help="of each seed")
    parser.add_argument("--settle-steps", type=int, help="steps of settling, in place of the usual ones")
    parser.add_argument("--threads", type=int, help="of torch")
    parser.add_argument("--out", type=Path, default=Path("adapters.json"))
    given = parser.parse_args()
    if given.threads:
        import torch

        torch.set_num_threads(given.threads)
    bench = Bench(given.base, given.out, range(given.first, given.first + given.seeds), given.skills)
    bench.settling = {"steps": given.settle_steps} if given.settle_steps else {}
    for file in given.more:
        bench.results |= json.loads(file.read_text(encoding="utf-8"))
    if given.command != "tables":
        with Progress() as progress:
            bar = progress.add_task(given.command, total=2 * given.seeds * given.skills)
            bench.told = lambda name: progress.update(bar, description=name)
            for cells in COMMANDS[given.command](bench):
                progress.advance(bar, cells)
    print(printed(bench.results))


if __name__ == "__main__":
    main()
