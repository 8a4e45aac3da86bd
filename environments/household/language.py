"""The language of the house: procedures with arbitrary names, generated from a seed, verified by executing them.

Which name stands for which procedure is drawn. Whoever does not read a skill's text cannot know it, so that a model without
the text, or with another skill's, shows what is worth nothing.

    drawn = language(seed=0)
    skill = drawn.training[0]
    skill.text.text                        # what a model may be told
    episode = rehearsed(skill, "cup")      # what it is asked on the way, and verified answers
    solved(skill, "cup", answer)           # whether `answer(messages) -> str` brings it about, by the world's own check

Actions are short: whoever is to heat something walks to the stove first, and unlocks what is locked. The first action is the
same in all procedures, and is done before a model is asked anything: it shows the form of answers.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations, product

from environments.household.environment import LENGTH, HouseholdEnvironment
from environments.household.rules import DOORS, FAMILIES, STATION, STORES, THINGS
from skilllib.errors import EnvironmentFault
from skilllib.records.adapter import Section, SkillText
from skilllib.records.base import Scalar
from skilllib.records.check import Check
from skilllib.records.facts import lookup
from skilllib.records.model import Message
from skilllib.records.task import Task

FIRST = (
    "amber", "bold", "calm", "deep", "early", "faint", "golden", "hollow", "inner", "jolly", "keen", "lost",
    "merry", "noble", "old", "plain", "quiet", "rapid", "silent", "tall", "upper", "vast", "white", "young",
)  # fmt: skip
SECOND = (
    "anchor", "bridge", "circle", "dance", "echo", "forest", "garden", "harbor", "island", "journey", "kite", "ladder",
    "meadow", "note", "ocean", "path", "question", "river", "signal", "tower", "union", "valley", "winter", "yard",
)  # fmt: skip
"""Words of which names are made."""
DONE = "done"
FIRST_ACTION = "take it"
MOST_ANSWERS = 12
"""After so many an attempt has failed."""
SYSTEM = "You act in a house, one action at a time."
GENERAL = "Do one action after the other."
PITFALLS = {
    "washing": "Nothing is washed before it is in your hand.",
    "cooking": "The kitchen does not wait: a thing that is put down early stays raw.",
    "cooling": "Cold escapes: do not go back for what you forgot.",
    "packing": "A thing is packed in this order and in no other.",
    "mending": "Let each coat be the last one of its kind.",
}
"""What all skills of a family are told."""


@dataclass(frozen=True)
class HouseholdSkill:
    """A procedure that is done with any thing."""

    name: str
    """Two words that say nothing about it, such as `amber river`."""
    family: str
    verbs: tuple[str, ...]
    """What is done to the thing, in this order."""
    store: str
    """Where it is put in the end."""

    @cached_property
    def steps(self) -> tuple[str, ...]:
        """The actions, from the first to `done`."""
        return (FIRST_ACTION, *(f"{verb} it" for verb in self.verbs), f"put it in the {self.store}", DONE)

    @cached_property
    def text(self) -> SkillText:
        """The skill in words: a general section that all skills share, a procedure, and pitfalls that a family shares."""
        procedure = "\n".join((f"{self.name}:", *(labelled(i, step) for i, step in enumerate(self.steps, 1))))
        sections = (("general", GENERAL), ("procedure", procedure), ("pitfalls", PITFALLS[self.family]))
        return SkillText(name=self.name, sections=tuple(Section(kind=kind, body=body) for kind, body in sections))  # type: ignore[arg-type]

    def task(self, thing: str) -> Task:
        """Return the task to do it with a thing, with the world's check."""
        facts = f"after.things.{thing}"
        check = f"{facts}.done == {' '.join(self.verbs)!r} and {facts}.at == {self.store!r} and after.hand == 'nothing'"
        return Task(
            id=f"{self.name} {thing}".replace(" ", "-"), environment="household", goal=f"{self.name} the {thing}", check=check
        )


@dataclass(frozen=True)
class Language:
    """Skills that a corpus is made of, and skills that are in no training."""

    training: tuple[HouseholdSkill, ...]
    held_out: tuple[HouseholdSkill, ...]


@dataclass(frozen=True)
class Episode:
    """One execution of a procedure: what a model would be asked on the way, and what it should answer."""

    skill: str
    thing: str
    seed: int
    solved: bool
    """What the world's check said at the end."""
    exchanges: tuple[tuple[tuple[Message, ...], str], ...]
    """Prompt and answer."""


def language(*, training: int = 160, held_out: int = 40, seed: int = 0, treatments: Sequence[int] = (3,)) -> Language:
    """Return a language; no two skills have a name or a procedure in common.

    Args:
        training: How many skills may be learned from.
        held_out: How many more are set apart.
        seed: Decides which procedures there are, and which name each has.
        treatments: How many things may be done in one procedure, such as 2 or 3.

    Raises:
        EnvironmentFault: So many different procedures there are not.
    """
    draw = random.Random(seed)
    possible = [
        (family, verbs, store)
        for family, stations in FAMILIES.items()
        for n in treatments
        for verbs, store in product(permutations(stations.values(), n), STORES)
    ]
    names = [f"{first} {second}" for first, second in product(FIRST, SECOND)]
    if training + held_out > min(len(possible), len(names)):
        raise EnvironmentFault(
            f"there are {len(possible)} procedures and {len(names)} names, not {training + held_out}; "
            "ask for fewer skills, or allow more `treatments`"
        )
    chosen = zip(draw.sample(names, training + held_out), draw.sample(possible, training + held_out), strict=True)
    skills = tuple(HouseholdSkill(name, family, verbs, store) for name, (family, verbs, store) in chosen)
    return Language(skills[:training], skills[training:])


def labelled(number: int, action: str) -> str:
    """Return a line of a procedure, which is an answer, too."""
    return f"Action {number}: {action}"


def prompt(skill: str, thing: str, done: Sequence[str]) -> tuple[Message, ...]:
    """Return what a model is asked: the task, and after each action for the next one.

    A conversation only grows, so that a prefix cache keeps all that was said before.

    Args:
        skill: Its name.
        thing: What it is done with.
        done: Answers so far, the first one included.
    """
    turns = [Message(role="system", content=SYSTEM), Message(role="user", content=f"Task: {skill} the {thing}. Action 1?")]
    for number, answer in enumerate(done, 2):
        turns += [Message(role="assistant", content=answer), Message(role="user", content=f"Action {number}?")]
    return tuple(turns)


def rehearsed(skill: HouseholdSkill, thing: str, *, seed: int = 0) -> Episode:
    """Return what executing a skill's procedure comes to."""
    exchanges: list[tuple[tuple[Message, ...], str]] = []
    script = iter([labelled(i, step) for i, step in enumerate(skill.steps, 1)][1:])

    def answer(messages: tuple[Message, ...]) -> str:
        exchanges.append((messages, next(script)))
        return exchanges[-1][1]

    done = solved(skill, thing, answer, seed=seed)
    return Episode(skill.name, thing, seed, done, tuple(exchanges))


def episodes(skill: HouseholdSkill, *, seed: int = 0) -> Iterator[Episode]:
    """Yield a skill's execution with each thing, begun in places that follow from the seed."""
    for i, thing in enumerate(THINGS):
        yield rehearsed(skill, thing, seed=len(THINGS) * seed + i)


def solved(skill: HouseholdSkill, thing: str, answer: Callable[[tuple[Message, ...]], str], *, seed: int = 0) -> bool:
    """Return whether whoever answers brings about what the world's check asks for.

    Only the first line of an answer counts. The first one that is no action, or an action that cannot be done, ends it.
    """
    house, task = HouseholdEnvironment(length=LENGTH), skill.task(thing)
    before = house.reset(seed).facts
    action, answers = FIRST_ACTION, [labelled(1, FIRST_ACTION)]
    while action != DONE:
        if len(answers) > MOST_ANSWERS or not _done(house, action, thing):
            return False
        line = (answer(prompt(skill.name, thing, answers)).strip().splitlines() or [""])[0].strip()
        answers.append(line)
        action = line.removeprefix(labelled(len(answers), ""))
    return Check(task.check or "").holds(before, house.observe().facts, {})


def _done(house: HouseholdEnvironment, action: str, thing: str) -> bool:
    """Make the calls of an action; return whether it is one, and could be done."""
    verb, _, argument = action.partition(" ")
    if action in (FIRST_ACTION, f"{verb} it") and verb in ("take", *STATION):
        place = STATION.get(verb)
    elif verb == "put" and argument.removeprefix("it in the ") in STORES:
        place = argument.removeprefix("it in the ")
    else:
        return False
    calls: list[tuple[str, dict[str, Scalar]]] = [("go", {"to": place})] if place else []
    if place in DOORS and not _unlocked(house, place):
        calls.append(("unlock", {"door": place}))
    calls.append((verb, {"thing": thing}))
    return all(house.call(*call).failure is None for call in calls)


def _unlocked(house: HouseholdEnvironment, door: str) -> bool:
    return bool(lookup(house.observe().facts, f"unlocked.{door}"))
