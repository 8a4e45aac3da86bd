"""A model on this machine that does each task with the adapter of the skill that fits it best, or else with its text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from skilllib.build.compiling import told_of, valid_adapter
from skilllib.compiler.cache import AdapterCache, Stored
from skilllib.compiler.text import informed
from skilllib.errors import AdapterRefused
from skilllib.library import SkillLibrary
from skilllib.models.base import TransformersBase
from skilllib.models.local import PREFIX, LocalModel
from skilllib.models.routed import Routed
from skilllib.protocols import Base, Draft, Writer
from skilllib.records.adapter import LoraWeights
from skilllib.records.execution import Trace
from skilllib.records.skill import Skill
from skilllib.records.task import Task


def adapters_named(name: str) -> Path | None:
    """Return the folder of adapters in the name of a model on this machine, `local:PATH#FOLDER`; None where there is none.

    >>> adapters_named("local:models/small#my-library/adapters")
    PosixPath('my-library/adapters')
    """
    folder = name.partition("#")[2]
    return Path(folder) if name.startswith(PREFIX) and folder else None


def local_model(name: str) -> LocalModel:
    """Return the model of a name, with its adapters."""
    folder = adapters_named(name)
    if folder is None:
        return LocalModel.named(name)
    return LocalModel(LocalModel.named(name).base, adapters=Adapters(AdapterCache(folder)).weights)


@dataclass
class Adapters:
    """The weights of a cache by their keys' hashes, each read once."""

    cache: AdapterCache
    _read: dict[str, LoraWeights] = field(default_factory=dict)

    def weights(self, adapter: str) -> LoraWeights:
        """Return the weights of an adapter, always the same object, so that a model knows what it has mounted.

        Raises:
            AdapterRefused: There is no such adapter, or it was damaged.
        """
        if adapter not in self._read:
            stored = next((one for one in self.cache.all() if one.path.name == adapter), None)
            if stored is None:
                raise AdapterRefused(f"there is no adapter {adapter!r} in {self.cache.folder}; compile its skill again")
            self._read[adapter] = self.cache.load(stored)
        return self._read[adapter]


@dataclass
class AdaptedWriter:
    """Chooses an adapter for each task, and asks a writer whose model runs with it; satisfies `protocols.Writer`.

    Routing one adapter is the default everywhere: one right adapter beats every merge. Where no skill that was found has one, the
    model is told the text of the best, on top of a prompt that has its bound already.

    Args:
        inner: The writer.
        model: Its model.
        choose: Skill → its valid adapter, or None.
        text: Skill → its text.
    """

    inner: Writer
    model: Routed
    choose: Callable[[Skill], Stored | None]
    text: Callable[[Skill], str]
    _task: str = field(default="", init=False)

    def write(self, task: Task, *, skills: Sequence[Skill], trace: Trace) -> Draft | None:
        """Return the next draft, with the adapter of the best skill that has one, or with the text of the best."""
        if not trace.attempts or task.id != self._task:  # a resumed run comes back in the middle of a task
            self._task = task.id
            found = next((stored for skill in skills if (stored := self.choose(skill)) is not None), None)
            self.model.adapter = found.path.name if found is not None else ""
            self.model.told = None if found is not None or not skills else partial(informed, text=self.text(skills[0]))
        return self.inner.write(task, skills=skills, trace=trace)


def adapted(writer: Writer, routed: Routed, library: SkillLibrary, name: str) -> AdaptedWriter:
    """Return a writer that does each task with an adapter of a library's skills.

    Args:
        writer: Asks the routed model.
        routed: The model.
        library: Holds the skills.
        name: Of the model, with the folder of adapters.
    """
    return AdaptedWriter(writer, routed, chooser(library, name), lambda skill: told_of(library, skill).text)


def chooser(library: SkillLibrary, name: str, base: Base | None = None) -> Callable[[Skill], Stored | None]:
    """Return what finds the valid adapter of a skill for the model of a name."""
    cache = AdapterCache(adapters_named(name) or Path())
    known = base or TransformersBase(name.removeprefix(PREFIX).partition("#")[0])
    return lambda skill: valid_adapter(library, cache, skill, known.hash)
