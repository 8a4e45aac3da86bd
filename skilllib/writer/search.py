"""The writer without a language model: it searches for programs by itself.

It ranks calls for a task by their verified effects and by their words, runs the best one, reads what the environment says
is missing, works backwards to skills and calls that provide it, and writes the whole as ordinary Python. It knows nothing
of any world but what the specification declares and what executions showed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from skilllib.memory import Memory
from skilllib.protocols import Draft, Embedder, SkillSource
from skilllib.records.check import Condition
from skilllib.records.execution import Trace
from skilllib.records.experience import CallExperience
from skilllib.records.need import Need
from skilllib.records.program import Program
from skilllib.records.skill import Skill
from skilllib.records.task import Task
from skilllib.records.world import EnvironmentSpec
from skilllib.writer.generalise import generalised
from skilllib.writer.naming import skill_name
from skilllib.writer.plan import Call, Collect, Do, Guard, Persist, Statement
from skilllib.writer.planner import Blocked, Planner
from skilllib.writer.providers import Known, Providers, known_skills
from skilllib.writer.ranking import WordRanking
from skilllib.writer.reuse import reused
from skilllib.writer.source import describe, function_source, parameter_of
from skilllib.writer.tried import Tried

MAIN_GUESSES = 12
"""Calls considered for the last step of a program on the strength of words alone."""
SEEN, NAMED = 0.9, 0.3
"""Weights of having been seen to reach the goal and of bearing all its words, beside the score of the words."""
IN_VAIN = 0.3
"""Taken off for each of the first successes that did not reach the goal."""
LIKELY_CAUSE = 0.6
"""Share of successful calls from which a call counts as what reaches the goal."""
LESSONS = 2
"""Proofs that may be cut short for one task to improve the program; the next is taken to its end."""
REUSES = 2
"""How often an active skill that should do the task is run before something new is written."""

PASSING = 0.2
"""Share of calls that failed for a passing reason from which on a program tries again by itself."""


class SearchWriter:
    """Searches for programs.

    Args:
        spec: The environment's specification.
        embedder: For ranking calls by meaning where words do not decide.
        memory: Experience of calls; kept up to date by the agent.
        skills: The library; only its active skills are used.
        inline: Obtain quantities inside the program instead of by learned skills, for use without a library.
    """

    def __init__(
        self, spec: EnvironmentSpec, *, embedder: Embedder, memory: Memory, skills: SkillSource, inline: bool = False
    ) -> None:
        self._spec, self._memory, self._skills, self._inline = spec, memory, skills, inline
        self._ranking = WordRanking(spec, embedder)

    def write(self, task: Task, *, skills: Sequence[Skill], trace: Trace) -> Draft | None:
        """Return the next draft for a task, or None when nothing is left to try.

        Args:
            task: The task; its check tells which fact has to change.
            skills: What was retrieved. The search looks at verified effects instead, over all active skills.
            trace: The attempts so far; everything the writer remembers of this task is read from it.
        """
        goal = _goal(task)
        if goal is None:
            return None
        known = known_skills(self._skills, self._spec)
        if sum(attempt.reuses is not None for attempt in trace.attempts) < REUSES and (draft := reused(task, known)) is not None:
            return draft
        providers = Providers(self._spec, self._memory, self._ranking, known)
        tried = Tried.from_trace(trace, vital=frozenset(need.fact for need in self._spec.vital_needs))
        planner = Planner(memory=self._memory, providers=providers, failures=tried.failures, short=tried.short, inline=self._inline)
        promising = False
        mains = self._mains(task, goal, providers)
        for main in mains:
            named = self._is_named(main, goal)
            if tried.exhausted(main) or (promising and not named):
                continue
            try:
                body = self._body(task, goal, main, planner, tried)
            except Blocked:
                # What it lacks has to be learned first; guessing on would not find it.
                promising |= named or (main == mains[0] and self._experience(main) is not None)
                continue
            draft = self._draft(task, goal, main, body, known)
            if draft is not None and tried.may_run(draft.program):
                return replace(draft, settled=tried.cut_short(draft.program) or len(tried.instructive) >= LESSONS)
            promising |= named and draft is not None
        return None

    def _mains(self, task: Task, goal: Condition, providers: Providers) -> list[Call]:
        """Return candidates for the call that reaches the goal, best first: by what was seen of them and by their words."""
        need = _need(goal, task)
        learned = [call for call, _ in providers.skills_for(need)] if goal.kind in ("at_least", "equals") else []
        rest = [call for call in providers.ground if self._share(call, goal) or not self._ineffective(call)]
        scores = self._ranking.scores(_leaf(goal), rest)
        values = [self._value(call, goal, score) for call, score in zip(rest, scores, strict=True)]
        ranked = sorted(range(len(rest)), key=lambda i: (-values[i], i))
        if not task.lasting:  # no time for guesses when a need presses
            ranked = [i for i in ranked if self._share(rest[i], goal)]
        return [*learned, *(rest[i] for i in ranked[:MAIN_GUESSES])]

    def _experience(self, call: Call) -> CallExperience | None:
        return self._memory.of(call.name, dict(call.arguments + call.defaults))

    def _value(self, call: Call, goal: Condition, score: float) -> float:
        share, experience = self._share(call, goal), self._experience(call)
        in_vain = experience.succeeded if experience and not share else 0
        return SEEN * share + score + NAMED * self._named(call, goal) - IN_VAIN * min(in_vain, 3)

    def _named(self, main: Call, goal: Condition) -> bool:
        return self._ranking.names(_leaf(goal), main)

    def _is_named(self, main: Call, goal: Condition) -> bool:
        """Return whether a call was seen to reach the goal, or bears all the words of the goal."""
        return main.skill is not None or self._share(main, goal) >= LIKELY_CAUSE or self._named(main, goal)

    def _share(self, call: Call, goal: Condition) -> float:
        """Return the share of successful calls that moved the goal's fact, as if one more had not."""
        experience = self._experience(call)
        if experience is None:
            return 0.0
        fact = f"{goal.fact}={goal.value}" if goal.kind == "equals" and isinstance(goal.value, str) else goal.fact
        moved = experience.falls if goal.kind in ("at_most", "decrease") else experience.rises
        return moved.get(fact, 0) / (experience.succeeded + 1)

    def _ineffective(self, call: Call) -> bool:
        """Return whether a call succeeded several times although it never reached what it is now considered for."""
        experience = self._experience(call)
        return experience is not None and experience.succeeded >= 3

    def _body(self, task: Task, goal: Condition, main: Call, planner: Planner, tried: Tried) -> tuple[Statement, ...]:
        before = planner.prepared(main)
        experience = self._experience(main)
        passing = main.skill is None and experience is not None and _passing(experience, main.key in tried.retryable)
        guards: tuple[Guard, ...] = tuple(planner.providers.guards()) if tried.hindered or passing else ()
        guards = tuple(guard for guard in guards if guard.fact != goal.fact)
        parameter = next((name for name in task.parameters if goal.value == f"${name}"), None)
        if parameter is not None and any(name == parameter for name, _ in main.arguments):
            return (*guards, *before, Do(call=_parameterised(main, parameter)))
        body: tuple[Statement, ...] = (*guards, *before, Do(call=main))
        if passing and experience is not None:
            body = (
                Persist(
                    body=(*guards, *before),
                    last=main,
                    filler=self._filler(main, experience.messages[-1], planner.providers),
                    rounds=60,
                ),
            )
        elif tried.hindered and (before or guards):
            body = (Persist(body=(*guards, *before), last=main),)
        if goal.kind == "at_least" and parameter is not None:
            return (Collect(fact=goal.fact, parameter=parameter, body=body),)
        return body

    def _filler(self, main: Call, message: str, providers: Providers) -> Call | None:
        """Return the call that a failure's words point to among those that need no argument, so that time passes."""
        idle = [call for call in providers.ground if call != main and not call.arguments and not self._fails(call)]
        scores = self._ranking.scores(message, idle)
        best = max(range(len(idle)), key=lambda i: (scores[i], -i), default=None)
        return None if best is None else idle[best]

    def _fails(self, call: Call) -> bool:
        experience = self._experience(call)
        return experience is not None and (bool(experience.missing) or not experience.succeeded)

    def _draft(self, task: Task, goal: Condition, main: Call, body: Sequence[Statement], known: Sequence[Known]) -> Draft | None:
        taken = {one.skill.name for one in known} | {primitive.name for primitive in self._spec.primitives}
        name = skill_name(task, goal, taken)
        parameters = [parameter_of(name, values) for name, values in task.parameters.items()]
        program = Program.parse(function_source(name, parameters, describe(task.goal, body), body))
        draft = Draft(program=program, rationale=f"{main.source()} may reach it")
        return generalised(draft, [one.skill for one in known], self._spec, taken) if task.lasting else draft


def _goal(task: Task) -> Condition | None:
    check = task.parsed_check()
    conditions = check.conditions() if check else ()
    return conditions[0] if conditions else None


def _need(goal: Condition, task: Task) -> Need:
    value = goal.bound(task.arguments()).value
    kind = goal.kind if goal.kind in ("at_least", "at_most", "equals") else "at_least"
    return Need(fact=goal.fact, kind=kind, value=value)


def _leaf(goal: Condition) -> str:
    return goal.fact.rsplit(".", 1)[-1].replace("_", " ")


def _parameterised(call: Call, parameter: str) -> Call:
    rest = tuple(pair for pair in call.arguments if pair[0] != parameter)
    return Call(name=call.name, arguments=rest, parameters=((parameter, parameter),), defaults=call.defaults, skill=call.skill)


def _passing(experience: CallExperience, failed_here: bool) -> bool:
    """Return whether a call fails so often for reasons that pass that a program should try it again by itself."""
    return experience.retried > 0 and (failed_here or experience.retried >= PASSING * experience.calls)
