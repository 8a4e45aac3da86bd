"""The full circle in the household: learned, granted by the policy, compiled, run without the text; edited, compiled anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import toy
from agents import bakery_agent
from test_compiler_circle import ACT, edited, small, spoken

from environments.household import make
from skilllib.build.compiling import Workshop, cache_of, stale, valid_adapter, work
from skilllib.build.ordering import order
from skilllib.compiler.job import Compiled
from skilllib.library import SkillLibrary
from skilllib.models.local import LocalModel
from skilllib.testing import HashingEmbedder
from skilllib.testing.tiny import tiny_base

ATTEMPTS = 12
DISTIL = {**toy.DISTIL, "steps": 150, "rows": 12, "negatives": 6, "locality": 1.0}


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("household")
    (folder / "prompts").mkdir()
    (folder / "prompts" / "act.md").write_text(ACT, encoding="utf-8")
    with bakery_agent(folder / "library", seed=0, make=make, max_attempts=ATTEMPTS) as agent:
        agent.learn()
    return folder


@pytest.fixture
def workshop(learned: Path) -> Iterator[Workshop]:
    with (
        SkillLibrary.open(learned / "library", embedder=HashingEmbedder(), index="exact") as library,
        Workshop(library, cache_of(library), world=make, base=small, prompts=str(learned / "prompts")) as made,
    ):
        yield made


@pytest.mark.slow
def test_from_learning_to_weights_and_back(workshop: Workshop, learned: Path) -> None:
    library, cache = workshop.library, workshop.cache
    skills = library.skills("active")
    base = str(tiny_base(learned / "base", [text for skill in skills for text in spoken(workshop, skill)]))
    base_hash = workshop.loaded(base).hash

    used = skills[-1]
    for seed in range(5):  # what was never called has earned nothing
        world = make()
        world.reset(seed)
        library.call(used.name, world, **library.tests(used.code_hash)[0].arguments)
    decided = {skill.name: decision for skill, decision in order(library, skills, base=base, options=DISTIL)}
    granted = [library.get(name) for name, decision in decided.items() if decision.outcome == "promote"]
    assert granted, decided
    bounds = {"lower_bound": 0.3, "uses": 5, "tests": 4}
    for decision in decided.values():
        met = all(decision.figures[name] >= bound for name, bound in bounds.items())
        assert met == (decision.outcome == "promote"), "the policy's own bounds decide, and nobody else"

    for order_, came in work(library, workshop):
        assert isinstance(came, Compiled) and came.stored is not None, (order_, came, library.orders())

    local = LocalModel(workshop.loaded(base))
    for skill in granted:
        stored = valid_adapter(library, cache, skill, base_hash)
        assert stored is not None and stored.manifest.accepted
        assert all(rehearsal.solved for rehearsal in workshop.rehearsals(skill)), "the verdict of the code form"
        for play in workshop.tasks(skill, workshop.request(skill, base)):
            assert not play(local), "the plain model does not know the skill"
            with local.mounted(cache.load(stored)):
                assert play(local), "with the adapter and no text it comes to the same verdict as the code"

    old = granted[0]
    before = valid_adapter(library, cache, old, base_hash)
    new = edited(library, old.name, "go('sofa')", {primitive.name for primitive in make().spec.primitives})
    assert before is not None and "another one since" in stale(before.manifest, library, base_hash)
    assert valid_adapter(library, cache, new, base_hash) is None
    order(library, [new], base=base, options=DISTIL, asked=True)
    ((_, again),) = work(library, workshop)
    assert isinstance(again, Compiled) and valid_adapter(library, cache, new, base_hash) is not None
    assert again.manifest.adapter_hash != before.manifest.adapter_hash
