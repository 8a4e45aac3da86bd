"""A model on this machine with a folder of adapters: the one of the skill that fits is mounted, or else its text is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toy
from agents import bakery_agent
from test_compiler_circle import edited

from skilllib.build import learner
from skilllib.build.adapting import AdaptedWriter, Adapters, adapted, local_model
from skilllib.build.compiling import cache_of, told_of
from skilllib.compiler.cache import AdapterCache, Stored
from skilllib.compiler.job import Compiling
from skilllib.compiler.text import told_in
from skilllib.config import LearnOptions, options
from skilllib.errors import AdapterRefused, ModelRefused
from skilllib.library import SkillLibrary
from skilllib.models.base import TransformersBase
from skilllib.models.local import LocalModel
from skilllib.models.routed import Routed
from skilllib.protocols import Base
from skilllib.records.adapter import CompileRequest, LoraWeights, Pair
from skilllib.records.execution import Attempt, Execution, Trace, Verdict
from skilllib.records.model import Message, Reply, Request
from skilllib.records.program import Program
from skilllib.records.skill import Skill
from skilllib.records.task import Task
from skilllib.records.world import Observation
from skilllib.testing import HashingEmbedder, make_bakery
from skilllib.testing.tiny import tiny_base
from skilllib.writer.model import WriterOptions
from skilllib.writer.react import ReActWriter

MODULES = ("model.layers.0.self_attn.o_proj", "model.layers.1.self_attn.o_proj")
WORDS = "Thought: Wheat grows there.\nAction: walk(to='field')\nAction: gather(crop='wheat')\nget wheat and an egg"
TASK = Task(id="t", environment="bakery", goal="get wheat", check="after.stock.wheat > before.stock.wheat")
ASKED = Request(purpose="act", messages=(Message(role="user", content="get wheat"),), max_tokens=6)


@dataclass(frozen=True)
class Drawn:
    """A compiler that draws weights so large that no answer stays what it was."""

    name: str = "drawn"
    configuration: Any = field(default_factory=dict)

    def compile(self, request: CompileRequest, **_: Any) -> LoraWeights:
        draw = np.random.default_rng(len(request.skill))
        pair = [Pair(draw.normal(size=(2, 48)).astype("f4"), draw.normal(size=(48, 2)).astype("f4")) for _ in MODULES]
        return LoraWeights(dict(zip(MODULES, pair, strict=True)))


@dataclass
class Watched:
    """A model on this machine that notes each request, and whether something was mounted while it was answered and afterwards."""

    local: LocalModel
    requests: list[Request] = field(default_factory=list)
    during: list[bool] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.local.name

    @property
    def hooked(self) -> bool:
        return toy.hooked(self.local.base.loaded()[0])

    def complete(self, request: Request) -> Reply:
        model, _ = self.local.base.loaded()
        watch = model.register_forward_hook(lambda *_: self.during.append(toy.hooked(model)))
        self.requests.append(request)
        self.local.complete(request)
        watch.remove()
        assert not self.hooked, "nothing stays mounted"
        return Reply(text="Action: walk(to='field')" if request.purpose == "act" else "nothing")


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Two bases that differ in their weights."""
    folder = tmp_path_factory.mktemp("bases")
    one, other = (tiny_base(folder / f"base-{seed}", [WORDS], seed=seed) for seed in range(2))
    return str(one), str(other)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[SkillLibrary]:
    with bakery_agent(tmp_path / "library", seed=1, max_attempts=8) as agent:
        agent.learn()
    with SkillLibrary.open(tmp_path / "library", embedder=HashingEmbedder(), index="exact") as opened:
        yield opened


def compiled(library: SkillLibrary, name: str, base: Base) -> Stored:
    """Return a new adapter of a skill."""
    skill = library.get(name)
    request = CompileRequest(
        text=told_of(library, skill), code_hash=skill.code_hash, base=base.name, base_hash=base.hash, examples=(), others=(), seed=0
    )
    made = Compiling(base=base, compiler=Drawn(), cache=cache_of(library)).compiled(request)
    assert made.stored is not None
    return made.stored


def named(library: SkillLibrary, base: str) -> str:
    return f"local:{base}#{cache_of(library).folder}"


def writer_of(library: SkillLibrary, base: str) -> tuple[AdaptedWriter, Watched]:
    name = named(library, base)
    watched = Watched(local_model(name))
    routed = Routed(watched)
    here = Observation(text="You are at: home.", facts={})
    inner = ReActWriter(make_bakery().spec, model=routed, options=WriterOptions(reply_tokens=64), observe=lambda: here)
    return adapted(inner, routed, library, name), watched


def shown(library: SkillLibrary, base: str, *skills: Skill) -> tuple[str, str | None]:
    """Return which adapter a task is done with, and which text the model is told."""
    writer, watched = writer_of(library, base)
    assert writer.write(TASK, skills=skills, trace=Trace(task=TASK)) is not None
    (request,) = watched.requests
    assert watched.during and all(mounted == bool(request.adapter) for mounted in watched.during)
    return request.adapter, told_in(request.messages)


def attempted() -> Trace:
    nothing = Execution(before=Observation(text="", facts={}), after=Observation(text="", facts={}))
    program = Program.parse("def walk_once() -> None:\n    'Walk.'\n    walk('field')\n")
    attempt = Attempt(number=1, program=program, execution=nothing, verdict=Verdict(solved=False, score=0, reason="not yet"))
    return Trace(task=TASK, attempts=(attempt,))


def test_the_adapter_of_the_skill_that_fits_is_mounted_for_the_request_and_its_text_is_not_shown(
    library: SkillLibrary, bases: tuple[str, str]
) -> None:
    wheat, egg = library.get("harvested_wheat"), library.get("found_egg")
    base = TransformersBase(bases[0])
    of = {skill.name: compiled(library, skill.name, base).path.name for skill in (wheat, egg)}
    assert shown(library, bases[0], wheat, egg) == (of["harvested_wheat"], None)
    assert shown(library, bases[0], egg, wheat) == (of["found_egg"], None)
    assert shown(library, bases[0]) == ("", None), "without a skill there is nothing to mount or to tell"


def test_without_a_valid_adapter_the_text_of_the_skill_is_shown(library: SkillLibrary, bases: tuple[str, str]) -> None:
    wheat, egg = library.get("harvested_wheat"), library.get("found_egg")
    assert shown(library, bases[0], wheat, egg) == ("", told_of(library, wheat).text), "nothing was compiled yet"
    stored = compiled(library, wheat.name, TransformersBase(bases[0]))
    assert shown(library, bases[0], wheat) == (stored.path.name, None)
    assert shown(library, bases[1], wheat) == ("", told_of(library, wheat).text), "it is for another base"
    new = edited(library, wheat.name, "walk('home')", {"walk", "gather"})
    assert shown(library, bases[0], new) == ("", told_of(library, new).text), "it is of an earlier version"
    assert "walk('home')" in told_of(library, new).text


def test_what_a_task_begins_with_it_goes_on_with_and_the_next_begins_anew(library: SkillLibrary, bases: tuple[str, str]) -> None:
    wheat, egg = library.get("harvested_wheat"), library.get("found_egg")
    stored = compiled(library, wheat.name, TransformersBase(bases[0]))
    writer, watched = writer_of(library, bases[0])
    writer.write(TASK, skills=(wheat,), trace=attempted())
    assert watched.requests[-1].adapter == stored.path.name, "a run that is resumed in the middle of a task has its adapter, too"
    stored.path.rename(stored.path.with_name("away"))
    writer.model.adapter = "as it was chosen"
    with pytest.raises(AdapterRefused):
        writer.write(TASK, skills=(wheat,), trace=attempted())
    writer.write(TASK, skills=(egg,), trace=Trace(task=TASK))
    assert (watched.requests[-1].adapter, told_in(watched.requests[-1].messages)) == ("", told_of(library, egg).text)
    assert not watched.hooked


def test_an_adapter_changes_answers_as_long_as_a_request_names_it(library: SkillLibrary, bases: tuple[str, str]) -> None:
    stored = compiled(library, "found_egg", TransformersBase(bases[0]))
    local, plain = local_model(named(library, bases[0])), local_model(f"local:{bases[0]}")
    before = plain.complete(ASKED).text
    adapter = ASKED.model_copy(update={"adapter": stored.path.name})
    assert [local.complete(one).text for one in (ASKED, adapter, ASKED)] == [before, local.complete(adapter).text, before]
    assert local.complete(adapter).text != before
    with pytest.raises(AdapterRefused, match="was given no adapters"):
        plain.complete(adapter)


def test_nothing_stays_mounted_after_a_request_that_is_refused(library: SkillLibrary, bases: tuple[str, str]) -> None:
    stored = compiled(library, "found_egg", TransformersBase(bases[0]))
    local = local_model(named(library, bases[0]))
    with pytest.raises(ModelRefused, match="reads 4096 tokens"):
        local.complete(ASKED.model_copy(update={"adapter": stored.path.name, "max_tokens": 5000}))
    with pytest.raises(AdapterRefused, match="there is no adapter 'lost' in"):
        local.complete(ASKED.model_copy(update={"adapter": "lost"}))
    assert not toy.hooked(local.base.loaded()[0])


def test_weights_are_read_once_and_refused_when_they_were_damaged(library: SkillLibrary, bases: tuple[str, str]) -> None:
    stored = compiled(library, "found_egg", TransformersBase(bases[0]))
    adapters = Adapters(AdapterCache(cache_of(library).folder))
    assert adapters.weights(stored.path.name) is adapters.weights(stored.path.name)
    (stored.path / "adapter_model.safetensors").write_bytes(b"damaged")
    with pytest.raises(AdapterRefused, match="is not what was written"):
        Adapters(AdapterCache(cache_of(library).folder)).weights(stored.path.name)


def test_a_run_does_each_task_with_an_adapter_or_with_a_text(library: SkillLibrary, bases: tuple[str, str]) -> None:
    skills = library.skills("active")
    of = {compiled(library, skill.name, TransformersBase(bases[0])).path.name for skill in skills}
    texts = {told_of(library, skill).text for skill in skills}
    for base, run in zip(bases, ("with adapters", "with texts"), strict=True):
        acts = [request for request in acted(library, base, run) if request.purpose == "act"]
        assert acts
        for request in acts:
            told = told_in(request.messages)
            assert (request.adapter in of and told is None) if run == "with adapters" else (not request.adapter and told in texts)


def acted(library: SkillLibrary, base: str, run: str) -> list[Request]:
    """Return what a model was asked in a run of a few attempts that acts step by step."""
    name, watched = named(library, base), Watched(local_model(named(library, base)))
    given: LearnOptions = options(
        environment="bakery", library=str(library.path), preset="react", model=name, jobs=1, max_attempts=3, reply_tokens=64
    )
    quiet: Any = lambda event, **fields: None  # noqa: E731
    with learner(given, recorder=quiet, run=run, embedder=HashingEmbedder(), world=make_bakery, model=lambda name: watched) as made:
        made.agent.learn()
    assert not watched.hooked
    return watched.requests
