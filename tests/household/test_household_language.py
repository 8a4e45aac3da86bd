"""The language: whoever does not read a text cannot know the procedure, and answers are what the world says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments.household import make
from environments.household.language import HouseholdSkill, episodes, labelled, language, rehearsed, solved
from environments.household.rules import FAMILIES, STATION, STORES, THINGS
from skilllib.errors import EnvironmentFault
from skilllib.records.check import Check
from skilllib.records.model import Message

DRAWN = language(training=60, held_out=20)


def procedure(skill: HouseholdSkill) -> tuple[str, ...]:
    return skill.steps


def follower(told: HouseholdSkill) -> Callable[[tuple[Message, ...]], str]:
    """Somebody who reads the line that he is asked for out of a text."""

    def answer(messages: tuple[Message, ...]) -> str:
        wanted = messages[-1].content.removesuffix("?")
        return next((line for line in told.text.text.splitlines() if line.startswith(f"{wanted}:")), "")

    return answer


def test_no_two_skills_share_a_name_or_a_procedure() -> None:
    skills = [*DRAWN.training, *DRAWN.held_out]
    assert len({skill.name for skill in skills}) == len({procedure(skill) for skill in skills}) == 80


def test_the_same_seed_draws_the_same_language_and_another_draws_other_meanings() -> None:
    assert language(seed=3) == language(seed=3)
    one, other = ({skill.name: procedure(skill) for skill in language(seed=seed).training} for seed in (0, 1))
    shared = one.keys() & other.keys()
    assert shared and sum(one[name] == other[name] for name in shared) < 0.1 * len(shared)


def test_what_all_skills_and_what_a_family_share_is_the_same_section() -> None:
    general, procedures, pitfalls = ({skill.text.sections[i] for skill in DRAWN.training} for i in range(3))
    assert len(general) == 1 and len(pitfalls) == len(FAMILIES) and len(procedures) == 60


@pytest.mark.parametrize("skill", DRAWN.held_out, ids=lambda skill: skill.name)
def test_executing_a_procedure_solves_it_with_each_thing(skill: HouseholdSkill) -> None:
    played = list(episodes(skill, seed=2))
    assert [one.thing for one in played] == list(THINGS) and all(one.solved for one in played)
    for one in played:
        assert [answer for _, answer in one.exchanges] == [labelled(i, step) for i, step in enumerate(skill.steps, 1)][1:]
        assert not any(word in message.content for message in one.exchanges[0][0] for word in (*skill.verbs, skill.store))


def test_whoever_follows_the_text_solves_it_and_whoever_follows_another_does_not() -> None:
    for skill, other in zip(DRAWN.training, DRAWN.held_out, strict=False):
        assert solved(skill, "cup", follower(skill), seed=1)
        assert not solved(skill, "cup", follower(other), seed=1)


@given(st.data())
def test_a_procedure_with_one_action_changed_or_left_out_is_not_solved(data: st.DataObject) -> None:
    skill = data.draw(st.sampled_from(DRAWN.training))
    steps = list(skill.steps[1:])
    at = data.draw(st.integers(0, len(steps) - 1))
    foreign = [*(f"{verb} it" for verb in STATION if verb not in skill.verbs), "take the cup", "fly", "clean cup"]
    stores = [f"put it in the {store}" for store in STORES if store != skill.store]
    left_out = data.draw(st.booleans())
    changed = [*steps[:at], *([] if left_out else [data.draw(st.sampled_from([*foreign, *stores]))]), *steps[at + 1 :]]
    script = iter([labelled(i, step) for i, step in enumerate(changed, 2)])
    assert not solved(skill, "cup", lambda messages: next(script, ""))


def test_only_the_first_line_of_an_answer_counts() -> None:
    skill = DRAWN.training[0]
    answer = follower(skill)
    assert solved(skill, "cup", lambda messages: f" {answer(messages)}\nAction 9: fly")
    assert solved(skill, "cup", lambda messages: answer(messages).partition(": ")[2]), "the label may be left out"


def test_an_answer_that_never_ends_is_not_solved() -> None:
    skill = DRAWN.training[0]
    assert not solved(skill, "cup", lambda messages: "clean it")


def test_the_check_reads_declared_facts_only() -> None:
    declared = make().spec.fact_types()
    assert all(fact in declared for fact in Check(DRAWN.training[0].task("cup").check or "").facts())


def test_more_skills_than_there_are_cannot_be_had() -> None:
    assert len(language(training=500, held_out=50, treatments=(2, 3)).training) == 500
    with pytest.raises(EnvironmentFault, match="there are 480 procedures and 576 names, not 500"):
        language(training=450, held_out=50)


def test_prompts_are_messages() -> None:
    assert all(isinstance(message, Message) for prompt, _ in rehearsed(DRAWN.training[0], "hat").exchanges for message in prompt)
