"""Compiles skills of a library: text, rehearsals, weights, gate; and the worker that carries out what was ordered."""

from __future__ import annotations

import functools
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from skilllib.build.parts import make_sandbox, make_world
from skilllib.build.rehearsal import Stage
from skilllib.compiler.cache import AdapterCache, Stored
from skilllib.compiler.dataset import Rehearsal, examples
from skilllib.compiler.evaluation import Play
from skilllib.compiler.job import Compiled, Compiling
from skilllib.compiler.merging import Part
from skilllib.compiler.options import checked
from skilllib.compiler.settling import SettleOptions, Settling
from skilllib.compiler.text import text_of
from skilllib.embedders.onnx import cache as user_cache
from skilllib.errors import CompilerFailed, InvalidRecord, SkillLibError, StorageFailed, UnknownSkill
from skilllib.gate.adapter import AdapterGate
from skilllib.library import SkillLibrary
from skilllib.models.base import TransformersBase
from skilllib.protocols import Base, EnvironmentFactory, LanguageModel, Recorder
from skilllib.records.adapter import CompileRequest, Example, Manifest, SkillText
from skilllib.records.base import Json, canonical
from skilllib.records.execution import Limits
from skilllib.records.outbox import Order
from skilllib.records.skill import KeptTest, Skill
from skilllib.registry import make_compiler

OTHERS = 3
"""Other skills whose prompts are negatives."""
TESTS = 12
"""Kept tests of a skill that are played through."""
CONTROLS = frozenset({"null", "wrong"})
"""Backends whose adapters are no skill's."""
FOLDER = "adapters"
"""Name of the cache in a library's folder, and of all such caches in the user's."""


def cache_of(library: SkillLibrary, folder: str | Path | None = None) -> AdapterCache:
    """Return the cache of a library: in its folder, for one on a server in the user's cache, unless another is named.

    Raises:
        CompilerFailed: What is there is a file.
    """
    own = library.path if isinstance(library.path, Path) else None
    found = AdapterCache(folder or (own / FOLDER if own else user_cache() / FOLDER / library.identity))
    if found.folder.exists() and not found.folder.is_dir():
        raise CompilerFailed(f"{found.folder} is a file, and no folder for adapters; name another place with --cache")
    return found


def stale(manifest: Manifest, library: SkillLibrary, base_hash: str | None = None) -> str:
    """Return why an adapter is not valid any more; nothing for one that is.

    An adapter follows from the skill's text and code and from the base model. When one changes, it is compiled anew.
    """
    if base_hash is not None and manifest.key.base != base_hash:
        return "it is for another base model"
    if manifest.key.backend in CONTROLS:
        return "it is a control"
    try:
        if manifest.mode is not None:
            versions = "+".join(library.get(name).code_hash for name in manifest.skill.split("+"))
            return "" if versions == manifest.code_hash else "one of its skills is another one since"
        skill = library.get(manifest.skill)
    except UnknownSkill:
        return "there is no such skill"
    if skill.code_hash != manifest.code_hash:
        return f"the skill is another one since (version {skill.version})"
    if _reworded(manifest, library, skill):
        return "the skill's text is another one since"
    return "" if skill.status == "active" else f"the skill is {skill.status}"


def _reworded(manifest: Manifest, library: SkillLibrary, skill: Skill) -> bool:
    """Return whether an adapter was made from words that the skill does not have any more.

    What follows from code grows with everything that is measured of it, so it is not compared word for word: without a text of
    its own a skill has other words only if the adapter was made from a text that this code once had.
    """
    if skill.text is not None:
        return text_of(skill).hash != manifest.text_hash
    had = (one for one in library.wordings(skill.code_hash) if one.text is not None)
    return any(text_of(one).hash == manifest.text_hash for one in had)


def told_of(library: SkillLibrary, skill: Skill) -> SkillText:
    """Return the text of a skill: its own, or what the library knows of its code."""
    return text_of(skill, effects=library.effects(skill.code_hash), tests=library.tests(skill.code_hash))


def valid_adapter(library: SkillLibrary, cache: AdapterCache, skill: Skill, base_hash: str) -> Stored | None:
    """Return the newest valid adapter of a skill for a base, measured ones first; None where there is none."""
    found = [
        stored
        for stored in cache.all()
        if stored.manifest.skill == skill.name
        and stored.manifest.accepted is not False
        and not stale(stored.manifest, library, base_hash)
    ]
    measured = [stored for stored in found if stored.manifest.accepted]
    return next(reversed(measured or found), None)


@dataclass
class Workshop:
    """Compiles skills of one library; what is costly is made once.

    Args:
        library: Where skills, texts and tests come from; it is only read.
        cache: Where adapters are kept.
        gate: Decides what is kept; None keeps everything unmeasured.
        world: Makes the environment, for one that is not registered.
        base: Makes a base model from its name.
        prompt_tokens: Of the prompts that are rehearsed.
        prompts: Folder with prompts of the user's own, if the model is to be run with them.
    """

    library: SkillLibrary
    cache: AdapterCache
    gate: AdapterGate | None = field(default_factory=AdapterGate)
    world: EnvironmentFactory | None = None
    base: Callable[[str], Base] = TransformersBase
    prompt_tokens: int = 3000
    prompts: str | None = None
    _bases: dict[str, Base] = field(default_factory=dict)
    _rehearsed: dict[str, list[Rehearsal]] = field(default_factory=dict)
    _stages: dict[str, Stage] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Workshop:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def compile(
        self,
        skill: Skill,
        *,
        base: str,
        backend: str = "distill",
        options: Mapping[str, Json] | None = None,
        seed: int = 0,
        progress: Recorder | None = None,
    ) -> Compiled:
        """Return the adapter of a skill, compiled, measured and judged, or from the cache.

        Raises:
            CompileError: There is none; the message says why.
        """
        model = self.loaded(base)
        compiler = make_compiler(backend, model, **(options or {}))
        request = self.request(skill, base, seed=seed, progress=progress)
        gate = self.gate.decide if self.gate is not None else None
        compiling = Compiling(base=model, compiler=compiler, cache=self.cache, gate=gate)
        return compiling.compiled(request, tasks=self.tasks(skill, request), others=self.foreign(request), progress=progress)

    def loaded(self, base: str) -> Base:
        """Return a base model by its name, always the same one."""
        return self._bases.setdefault(base, self._bases.get(base) or self.base(base))

    def text(self, skill: Skill) -> SkillText:
        """Return a skill's text."""
        return told_of(self.library, skill)

    def request(self, skill: Skill, base: str, *, seed: int = 0, progress: Recorder | None = None) -> CompileRequest:
        """Return what a compiler is given: the text, and every kept test played through, of other skills too.

        Raises:
            CompilerFailed: Too few of its tests can be played through.
        """
        text = self.text(skill)
        own = self.rehearsals(skill, progress)
        others = {other.name: (self.text(other), self.rehearsals(other, progress)) for other in self._others(skill)}
        return CompileRequest(
            text=text,
            code_hash=skill.code_hash,
            base=base,
            base_hash=self.loaded(base).hash,
            examples=self._examples(text, own, others, seed),
            others=tuple(told for told, played in others.values() if any(one.solved for one in played)),
            seed=seed,
        )

    def _examples(
        self, text: SkillText, own: Sequence[Rehearsal], others: Mapping[str, tuple[SkillText, Sequence[Rehearsal]]], seed: int
    ) -> tuple[Example, ...]:
        """Return what is learned from; nothing where there is nothing and nobody measures: a text alone may suffice a compiler."""
        try:
            return examples(text, own, others, seed=seed)
        except CompilerFailed:
            if self.gate is not None:
                raise
            return ()

    def rehearsals(self, skill: Skill, progress: Recorder | None = None) -> list[Rehearsal]:
        """Return the kept tests of a skill, played through by the skill itself; each skill is rehearsed once."""
        if skill.code_hash not in self._rehearsed:
            self._rehearsed[skill.code_hash] = list(self._played(skill, progress))
        return self._rehearsed[skill.code_hash]

    def _played(self, skill: Skill, progress: Recorder | None) -> Iterator[Rehearsal]:
        closure = self.library.closure([skill.code_hash])[:-1]
        tests = self.library.tests(skill.code_hash)[:TESTS]
        for number, test in enumerate(tests):
            yield self._stage(skill, test).rehearse(skill, test, closure, number)
            if progress is not None:
                progress("rehearsing", skill=skill.name, step=number + 1, of=len(tests))

    def tasks(self, skill: Skill, request: CompileRequest) -> list[Play]:
        """Return the held-out tests of a skill, to be played with a model."""
        return self._plays(skill, {one.source.test for one in request.rows("own", "held_out")})

    def foreign(self, request: CompileRequest) -> list[tuple[str, Play]]:
        """Return held-out tests of the other skills, each with its skill's text."""
        found: list[tuple[str, Play]] = []
        for text in request.others:
            skill = self.library.get(text.name)
            wanted = {one.source.test for one in request.rows("negative", "held_out") if one.skill == text.name}
            found += [(text.text, play) for play in self._plays(skill, wanted)]
        return found

    def _plays(self, skill: Skill, numbers: set[int | None]) -> list[Play]:
        tests = self.library.tests(skill.code_hash)
        return [functools.partial(_play, self._stage(skill, test), skill, test) for i, test in enumerate(tests) if i in numbers]

    def _others(self, skill: Skill) -> Sequence[Skill]:
        active = [
            other
            for other in self.library.skills("active")
            if other.name != skill.name and other.environment == skill.environment and other.program is not None
        ]
        return sorted(active, key=lambda other: -len(self.library.tests(other.code_hash)))[:OTHERS]

    def _stage(self, skill: Skill, test: KeptTest) -> Stage:
        run = dict(self.library.run_options(skill.provenance.run)) if skill.provenance.run in self.library.runs() else {}
        options, limits = run.get("environment_options", {}), Limits.model_validate(run.get("limits", {}))
        key = canonical([test.environment, options, limits.model_dump(mode="json")])
        if key not in self._stages:
            made = self.world(**options) if self.world is not None else make_world(test.environment, options)
            sandbox = make_sandbox()
            self._stack.callback(getattr(sandbox, "close", lambda: None))
            self._stages[key] = Stage(
                self._stack.enter_context(closing(made)), sandbox, limits, self.prompt_tokens, prompts=self.prompts
            )
        return self._stages[key]


def settled(
    cache: AdapterCache,
    stored: Sequence[Stored],
    options: Mapping[str, Json] | None = None,
    *,
    seed: int = 0,
    gated: bool = True,
    progress: Recorder | None = None,
) -> list[Compiled]:
    """Return adapters of a cache that can be mounted at once, one for each; see `Settling`.

    Raises:
        InvalidRecord: An option is unknown or impossible.
        CompileError: There are none; the message says why.
    """
    chosen = checked(SettleOptions, options or {}, "settling")
    if not stored:
        raise InvalidRecord("which adapters are to live together? Name two or more")
    parts = [Part.of(cache, one) for one in stored]
    base = TransformersBase(parts[0].manifest.base)
    return Settling(base, cache, chosen, AdapterGate().decide if gated else None).settled(parts, seed=seed, progress=progress)


def _play(stage: Stage, skill: Skill, test: KeptTest, model: LanguageModel) -> bool:
    return stage.play(model, skill, test)


def work(
    library: SkillLibrary,
    workshop: Workshop,
    *,
    lease_s: float = 60.0,
    progress: Recorder | None = None,
) -> Iterator[tuple[Order, Compiled | SkillLibError]]:
    """Carry out all orders that wait, one after the other, and yield what came of each.

    A failure leaves the skill as it is and says why in the order. Whoever is killed on the way leaves a lease that ends; the
    next worker goes on from the last checkpoint. After a disk that refused, the order waits and the worker ends.
    """
    worker = f"{socket.gethostname()}:{os.getpid()}"
    while (order := library.take(worker, lease_s=lease_s)) is not None:
        try:
            with _renewed(library, order, lease_s):
                compiled = workshop.compile(
                    library.version(order.code_hash),
                    base=order.base,
                    backend=order.backend,
                    options=order.options,
                    seed=order.seed,
                    progress=progress,
                )
        except StorageFailed as error:
            # A disk that is full is full for the next order, too; this one goes on when a worker is started again.
            library.put_back(order)
            yield order, error
            return
        except SkillLibError as error:
            library.settle(order, done=False, message=f"{type(error).__name__}: {error}")
            yield order, error
        except KeyboardInterrupt:
            library.put_back(order)
            raise
        except Exception as error:
            library.settle(order, done=False, message=f"{type(error).__name__}: {error}")
            failed = CompilerFailed(f"the compiler {order.backend!r} failed: {type(error).__name__}: {error}")
            yield order, failed
        else:
            kept = compiled.stored is not None
            reason = compiled.decision.reason if compiled.decision is not None else ""
            library.settle(order, done=kept, message=reason, adapter=compiled.manifest.key.hash if kept else "")
            yield order, compiled


@contextmanager
def _renewed(library: SkillLibrary, order: Order, lease_s: float) -> Iterator[None]:
    """Renew the lease of an order until the block ends."""
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(lease_s / 3):
            if not library.renew(order, lease_s=lease_s):
                return

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
