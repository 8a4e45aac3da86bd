"""The language: whoever does not read a text cannot know the procedure, and answers are what the world says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environments.household import make
from environments.household.language import DONE, HouseholdSkill, episodes, language, parsed, rehearsed, solved
from environments.household.rules import DOORS, FAMILIES, STORES, THINGS
from skilllib.errors import EnvironmentFault
from skilllib.records.check import Check
from skilllib.records.model import Message

DRAWN = language(training=60, held_out=20)


def procedure(skill: HouseholdSkill) -> tuple[str, ...]:
    return skill.steps


def follower(told: HouseholdSkill, thing: str):  # type: ignore[no-untyped-def]
    """Somebody who does what a text says, whatever he is asked."""
    lines = [line.partition(". ")[2] for line in told.text.text.splitlines() if line[:1].isdigit()]
    script = iter(line.replace("it", thing) if line.endswith(" it") else line for line in lines)
    return lambda messages: next(script, DONE)


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
        assert [answer for _, answer in one.exchanges] == [step.format(thing=one.thing) for step in skill.steps] + [DONE]
        assert all(skill.store not in message.content for message in one.exchanges[0][0]), "the prompt gives nothing away"


def test_whoever_follows_the_text_solves_it_and_whoever_follows_another_does_not() -> None:
    for skill, other in zip(DRAWN.training, DRAWN.held_out, strict=False):
        assert solved(skill, "cup", follower(skill, "cup"), seed=1)
        assert not solved(skill, "cup", follower(other, "cup"), seed=1)


@given(st.data())
def test_a_procedure_with_one_action_changed_left_out_or_doubled_is_not_solved(data: st.DataObject) -> None:
    skill = data.draw(st.sampled_from(DRAWN.training))
    steps = [answer for _, answer in rehearsed(skill, "cup").exchanges]
    at = data.draw(st.integers(0, len(steps) - 1))
    foreign = data.draw(
        st.sampled_from([f"go {store}" for store in STORES if store != skill.store] + ["take hat", "clean hat", "x"])
    )
    changed = data.draw(st.sampled_from([[*steps[:at], foreign, *steps[at + 1 :]], [*steps[:at], *steps[at + 1 :]]]))
    script = iter(changed)
    assert not solved(skill, "cup", lambda messages: next(script, DONE)) or steps[at].startswith("go ") or steps[at] == DONE


def test_an_answer_that_never_ends_is_not_solved() -> None:
    skill = DRAWN.training[0]
    assert not solved(skill, "cup", lambda messages: "go sink")


def test_the_check_reads_declared_facts_only() -> None:
    declared = make().spec.fact_types()
    assert all(fact in declared for fact in Check(DRAWN.training[0].task("cup").check or "").facts())


def test_actions_in_words_are_calls_or_nothing() -> None:
    house = make()
    assert parsed(house, "clean cup") == ("clean", {"thing": "cup"}) and parsed(house, "go sink") == ("go", {"to": "sink"})
    assert [parsed(house, words) for words in ("", "clean", "go cup", "clean sink", "fly cup", "take cup now")] == [None] * 6


def test_a_door_on_the_way_is_unlocked() -> None:
    for skill in DRAWN.training:
        for i, step in enumerate(skill.steps):
            if step.removeprefix("go ") in DOORS:
                assert skill.steps[i + 1] == f"unlock {step.removeprefix('go ')}"


def test_more_skills_than_there_are_cannot_be_had() -> None:
    assert len(language(training=400, held_out=100, treatments=(2, 3)).training) == 400
    with pytest.raises(EnvironmentFault, match="there are 240 procedures and 576 names, not 300"):
        language(training=250, held_out=50)


def test_prompts_are_messages() -> None:
    assert all(isinstance(message, Message) for prompt, _ in rehearsed(DRAWN.training[0], "hat").exchanges for message in prompt)
