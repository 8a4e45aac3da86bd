"""The writer that acts step by step: each draft is one primitive call, chosen from what came of the calls before."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile

from skilllib.prompts import Part, Prompt, load
from skilllib.prompts.shown import steps_text
from skilllib.protocols import Draft, LanguageModel, Recorder
from skilllib.records.base import Scalar
from skilllib.records.execution import Attempt, Trace
from skilllib.records.model import Reply
from skilllib.records.program import Program
from skilllib.records.skill import Skill
from skilllib.records.task import Task
from skilllib.records.world import EnvironmentSpec, Observation
from skilllib.sandbox.binding import ArgumentRefused, bind, call_text
from skilllib.writer.fit import why
from skilllib.writer.model import Asked, WriterOptions, observed, relevant
from skilllib.writer.naming import free_name
from skilllib.writer.offer import observation_parts, task_parts, world_parts
from skilllib.writer.reply import RATIONALE, Unusable, spoken
from skilllib.writer.typecheck import near

HISTORY = 20
"""Calls that are shown, with what came of them."""
_ACTION = re.compile(r"^[ \t>*`]*action[*` \t]*:[*` \t]*(.*?)[*` \t]*$", re.IGNORECASE | re.MULTILINE)
_THOUGHT = re.compile(r"^[ \t>*`]*thought[*` \t]*:[*` \t]*(.*?)[ \t]*$", re.IGNORECASE | re.MULTILINE)
_DONE = re.compile(r"done(\(\))?\.?", re.IGNORECASE)


class ReActWriter:
    """Asks a language model for one call at a time; satisfies `protocols.Writer`, and uses no library.

    Args:
        spec: The environment's specification.
        model: Is asked.
        prompt: The prompt `act`, or one with the same slots.
        options: How the model is asked.
        observe: Returns what is there now; without it the state after the last attempt is shown.
        recorder: Is told of every reply that could not be used.
    """

    def __init__(
        self,
        spec: EnvironmentSpec,
        *,
        model: LanguageModel,
        prompt: Prompt | None = None,
        options: WriterOptions | None = None,
        observe: Callable[[], Observation] | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self._spec, self._model, self._prompt = spec, model, prompt or load("act")
        self._options, self._observe, self._recorder = options or WriterOptions(), observe, recorder

    def write(self, task: Task, *, skills: Sequence[Skill], trace: Trace) -> Draft | None:
        """Return a program of one call, or None when the model says that it is done or no reply could be used.

        Raises:
            ModelError: There is no reply.
            PromptError: What cannot be left out of the prompt is longer than it may be.
        """
        asked = Asked(
            model=self._model,
            prompt=self._prompt,
            purpose="act",
            options=self._options,
            origin=(task.id, len(trace.attempts)),
            parts=list(self._parts(task, trace)),
            recorder=self._recorder,
            repeats=_stuck(trace.attempts),
        )
        for round_ in range(self._options.replies):
            reply = asked.reply(round_)
            try:
                call = self._call(reply)
            except Unusable as problem:
                asked.refuse(reply, problem)
            else:
                return None if call is None else self._draft(*call, reply)
        return None

    def _parts(self, task: Task, trace: Trace) -> Iterator[Part]:
        yield from world_parts(self._spec)
        yield from task_parts(task)
        yield from observation_parts(observed(self._observe, trace), relevant(task, trace))
        for i, attempt in enumerate(trace.attempts[-HISTORY:]):
            done = steps_text(attempt.execution.trajectory) or f"- {attempt.program.doc} {why(attempt)}"
            yield Part("history", done, 5 + i / HISTORY)

    def _call(self, reply: Reply) -> tuple[str, dict[str, Scalar]] | None:
        """Return the primitive and the arguments of a reply, or None for one that says that it is done.

        Raises:
            Unusable: It has no action or several, or the action is no call that can be made.
        """
        actions = _ACTION.findall(spoken(reply))
        if len(actions) != 1:
            raise Unusable(f"there are {len(actions)} lines that begin with `Action:`; write exactly one")
        if _DONE.fullmatch(actions[0]):
            return None
        name, args, kwargs = _parsed(actions[0])
        primitive = self._spec.primitive(name)
        if primitive is None:
            raise Unusable(f"{name!r} is no primitive{near(name, (primitive.name for primitive in self._spec.primitives))}")
        try:
            return name, bind(name, primitive.parameters, args, kwargs)
        except ArgumentRefused as refused:
            raise Unusable(str(refused)) from None

    def _draft(self, primitive: str, arguments: dict[str, Scalar], reply: Reply) -> Draft:
        call = call_text(primitive, arguments)
        name = free_name(f"{primitive} once", {primitive.name for primitive in self._spec.primitives})
        thought = _THOUGHT.search(spoken(reply))
        program = Program.parse(f'def {name}() -> None:\n    """Call {primitive} once."""\n    {call}\n')
        return Draft(program=program, rationale=thought[1][:RATIONALE] if thought else "")


def _parsed(action: str) -> tuple[str, list[Scalar], dict[str, Scalar]]:
    """Return name and constant arguments of a call.

    Raises:
        Unusable: The text is no such call.
    """
    problem = Unusable(f"{action[:100]!r} is not a call such as saw(kind='pine'), with constant arguments")
    try:
        node = ast.parse(action.strip(), mode="eval").body
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or any(k.arg is None for k in node.keywords):
            raise problem
        args = [ast.literal_eval(argument) for argument in node.args]
        kwargs = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in node.keywords}
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise problem from None
    return node.func.id, args, kwargs


def _stuck(attempts: Sequence[Attempt]) -> int:
    """Return how often the last call was made again, in vain each time."""
    if not attempts:
        return 0
    last = attempts[-1]
    same = takewhile(lambda a: a.program.source == last.program.source and a.execution.error is not None, reversed(attempts))
    return max(0, len(list(same)) - 1)
