"""Training data: the very prompts that a model sees when it runs, with answers that were executed and verified."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from skilllib.compiler.text import informed
from skilllib.errors import CompilerFailed, InvalidRecord
from skilllib.records.adapter import Example, SkillText, Source
from skilllib.records.base import content_hash
from skilllib.records.model import Message

HELD_OUT = 0.25
"""Share of a skill's kept tests from which nothing is learned."""


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """One kept test, played through by whoever answers right: what a model was asked on the way, and what was answered."""

    test: int
    """Number of the test, from 0."""
    seed: int | None
    solved: bool
    """Whether the check said so at the end; what was not solved teaches nothing."""
    exchanges: tuple[tuple[tuple[Message, ...], str], ...]
    """Prompt and answer."""


def examples(
    text: SkillText,
    rehearsals: Sequence[Rehearsal],
    others: Mapping[str, tuple[SkillText, Sequence[Rehearsal]]] | None = None,
    *,
    seed: int = 0,
    negatives: int = 64,
) -> tuple[Example, ...]:
    """Return what a skill is compiled from.

    Args:
        text: The skill in words.
        rehearsals: Its kept tests, played through.
        others: Name → text and rehearsals of other skills, whose prompts are negatives.
        seed: Decides which tests are held out, and which negatives are taken.
        negatives: At most so many; whole tests, of as many skills as possible.

    Raises:
        CompilerFailed: Fewer than two tests were solved, so that nothing could be held out.
    """
    solved = [rehearsal for rehearsal in rehearsals if rehearsal.solved and rehearsal.exchanges]
    if len(solved) < 2:
        raise CompilerFailed(
            f"{text.name!r} has {len(solved)} kept tests that can be played through, and two are needed: one to learn from and one "
            "that is held out; see `skilllib verify`"
        )
    own = [example for rehearsal in solved for example in _examples(text, rehearsal, "own")]
    foreign = [
        _examples(told, rehearsal, "negative")
        for told, tests in (others or {}).values()
        for rehearsal in tests
        if rehearsal.solved and rehearsal.exchanges
    ]
    return (*_split(own, seed), *_split(list(_spread(foreign, negatives, seed)), seed))


def _examples(text: SkillText, rehearsal: Rehearsal, kind: str) -> list[Example]:
    trace = content_hash([[message.content for message in prompt] for prompt, _ in rehearsal.exchanges])
    return [
        Example(
            skill=text.name,
            prompt=prompt,
            informed=informed(prompt, text.text),
            answer=answer,
            kind=kind,  # type: ignore[arg-type]
            source=Source(test=rehearsal.test, seed=rehearsal.seed, step=step, trace=trace),
        )
        for step, (prompt, answer) in enumerate(rehearsal.exchanges)
    ]


def _spread(tests: Sequence[list[Example]], most: int, seed: int) -> Iterator[Example]:
    """Yield the examples of whole tests, of as many skills as possible, until there are so many."""
    drawn = sorted(tests, key=lambda test: content_hash([seed, test[0].skill, test[0].source.test]))
    turns = Counter[str]()
    turn = []
    for test in drawn:
        turns[test[0].skill] += 1
        turn.append(turns[test[0].skill])
    left = most
    for _, test in sorted(zip(turn, drawn, strict=True), key=lambda pair: pair[0]):
        if len(test) <= left:
            left -= len(test)
            yield from test


def _split(found: Sequence[Example], seed: int) -> list[Example]:
    """Return examples with whole tests held out, never single prompts of a test that is learned from."""
    tests = sorted({(example.skill, example.source.test) for example in found}, key=lambda test: content_hash([seed, *test]))
    held_out = set(tests[: max(1, round(HELD_OUT * len(tests)))]) if len(tests) > 1 else set()
    return [
        example.model_copy(update={"split": "held_out"}) if (example.skill, example.source.test) in held_out else example
        for example in found
    ]


def dataset_text(found: Iterable[Example]) -> str:
    """Return examples as JSON lines that trainers elsewhere can read: `messages`, and where they come from."""
    return "".join(json.dumps(_line(example), ensure_ascii=False) + "\n" for example in found)


def read_dataset(file: Path) -> tuple[Example, ...]:
    """Return the examples of a file that `dataset_text` wrote.

    Raises:
        InvalidRecord: It cannot be read.
    """
    try:
        return tuple(_example(json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines() if line)
    except (OSError, ValueError, KeyError) as error:
        raise InvalidRecord(f"{file} is no dataset of skilllib: {error}") from error


def _line(example: Example) -> dict[str, object]:
    fields = example.model_dump(mode="json")
    prompt, told, answer = fields.pop("prompt"), fields.pop("informed"), fields.pop("answer")
    reply = [] if answer is None else [{"role": "assistant", "content": answer}]
    return {"messages": [*prompt, *reply], "messages_with_skill": [*told, *reply], "answered": answer is not None, **fields}


def _example(line: dict[str, list[dict[str, str]]]) -> Example:
    messages, told, answered = line.pop("messages"), line.pop("messages_with_skill"), line.pop("answered")
    answer = messages.pop()["content"] if answered else None
    return Example.model_validate({**line, "prompt": messages, "informed": told[:-1] if answered else told, "answer": answer})
