"""Routing before writing: run what is known, adapt it, chain it; only then write something new."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from skilllib.errors import InvalidProgram
from skilllib.memory import Memory
from skilllib.protocols import Draft, Merge, SkillSource, Writer
from skilllib.records.blame import Blame, blamed
from skilllib.records.execution import Trace
from skilllib.records.skill import Skill
from skilllib.records.task import Task
from skilllib.records.world import EnvironmentSpec
from skilllib.writer.adapt import adapted
from skilllib.writer.chain import planned
from skilllib.writer.generalise import generalised
from skilllib.writer.providers import known_skills
from skilllib.writer.reuse import reuses
from skilllib.writer.tried import TRIES, may_try


def never(blame: Blame) -> bool:
    """Return that a skill is not to be mended: the answer where nobody proposes repairs."""
    return False


class RoutingWriter:
    """Asks first whether active skills do a task, and hands it to another writer only when they do not.

    In this order: an active skill that was shown to do it (`run`); one that promises it for other arguments (`adapt`); a
    chain of active skills (`plan`, a new program that has to prove itself like any other). None of them costs a call to a
    language model. It has no memory of its own: what was tried is read from the trace, and nothing is tried again that did
    not fail by chance. A task whose last attempt broke inside a learned skill is set aside until that skill is mended, where
    somebody mends.

    Args:
        spec: The environment's specification.
        memory: What failed runs lacked; kept up to date by the agent.
        skills: The library; only its active skills are used.
        then: Writes what no route reaches.
        mendable: Whether a skill that broke is going to be mended, so that there is no use in writing around it.
    """

    def __init__(
        self,
        spec: EnvironmentSpec,
        *,
        memory: Memory,
        skills: SkillSource,
        then: Writer,
        mendable: Callable[[Blame], bool] = never,
    ) -> None:
        self._spec, self._memory, self._skills, self._then = spec, memory, skills, then
        self._mendable = mendable

    def write(self, task: Task, *, skills: Sequence[Skill], trace: Trace) -> Draft | None:
        """Return the next draft by the first route that has one, or None when nothing is left to try."""
        if trace.attempts and (blame := blamed(trace.attempts[-1])) is not None and self._mendable(blame):
            return None
        if task.repairs is not None:
            return self._repaired(task, skills, trace)
        for route in self._routes(task):
            for draft in route:
                if _has_share(draft, trace) and may_try(draft, task, trace):
                    return draft
        new = self._then.write(task, skills=skills, trace=trace)
        return self._general(new, trace) if new is not None and task.lasting else new

    def _general(self, draft: Draft, trace: Trace) -> Draft:
        """Return a draft whose programs take the place of the active skills that they would be near copies of."""
        active = [skill for skill in self._skills.skills("active") if skill.environment in ("", self._spec.name)]
        taken = {primitive.name for primitive in self._spec.primitives} | {skill.name for skill in active}
        failed = {attempt.program.source for attempt in trace.attempts}

        def general(one: Draft) -> Draft:
            try:
                found = None if one.reuses else generalised(one, active, self._spec, taken)
            except InvalidProgram:  # the two have something in common that one function cannot have
                return one
            return one if found is None or found.program.source in failed else found

        first, *others = (general(one) for one in (replace(draft, alternatives=()), *draft.alternatives))
        return replace(first, alternatives=tuple(others))

    def _routes(self, task: Task) -> Iterator[Iterable[Draft]]:
        known = known_skills(self._skills, self._spec)
        yield reuses(task, known)
        yield adapted(task, known)
        yield planned(task, known, spec=self._spec, memory=self._memory)

    def _repaired(self, task: Task, skills: Sequence[Skill], trace: Trace) -> Draft | None:
        """Return what is written to take a skill's place, as what generalises it; under another signature it could not."""
        broken = next((skill for skill in self._skills.skills("active") if skill.code_hash == task.repairs), None)
        if broken is None or len(trace.attempts) >= TRIES:
            return None
        written = self._then.write(task, skills=skills, trace=trace)
        drafts = [
            replace(draft, route="repair", merges=(Merge(broken, {}),), alternatives=())
            for draft in ((written, *written.alternatives) if written else ())
            if draft.program.signature() == broken.signature()
        ]
        return replace(drafts[0], alternatives=tuple(drafts[1:])) if drafts else None


def _has_share(draft: Draft, trace: Trace) -> bool:
    """Return whether a route has attempts left; a mended program is no use of a skill, though it may call some."""
    kind = (draft.route, draft.reuses is None)
    return sum((attempt.route, attempt.reuses is None) == kind for attempt in trace.attempts) < TRIES
