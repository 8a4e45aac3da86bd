"""An agent that knows nothing of a world learns it: the bakery, for which nothing in the house was made."""

from __future__ import annotations

from pathlib import Path

import pytest
from agents import bakery_agent

from skilllib.library import SkillLibrary
from skilllib.testing import HashingEmbedder, ScriptedWriter

BUDGET = 60
AT_LEAST = {0: 8, 1: 8, 2: 8, 3: 8}
"""Seed → milestones of the eight that are reached within the budget."""


@pytest.mark.parametrize("seed", AT_LEAST)
def test_the_bakery_is_learned_from_what_it_answers(tmp_path: Path, seed: int) -> None:
    with bakery_agent(tmp_path / "library", seed=seed, max_attempts=BUDGET) as agent:
        agent.learn()
        reached = [milestone["milestone"] for milestone in agent.progress.milestones]
        assert len(reached) >= AT_LEAST[seed], reached
        active = agent.library.skills("active")
        assert any(skill.calls for skill in active), "some skill is built from others"
        assert all(agent.library.statistics(skill.code_hash).lower_bound > 0.3 for skill in active), "each was proved"


def test_learning_is_the_same_every_time(tmp_path: Path) -> None:
    events: list[list[tuple[object, ...]]] = []
    for name in ("one", "other"):
        seen: list[tuple[object, ...]] = []

        def record(event: str, seen: list[tuple[object, ...]] = seen, **fields: object) -> None:
            seen.append((event, *(fields.get(key) for key in ("task", "program", "solved", "reason", "steps", "skill"))))

        with bakery_agent(tmp_path / name, seed=1, max_attempts=15, recorder=record) as agent:
            agent.learn()
        events.append(seen)
    assert events[0] == events[1] and len(events[0]) > 15


def test_a_program_from_anywhere_is_kept_only_after_it_was_proved(tmp_path: Path) -> None:
    """The writer is a seam: what it hands over is run, verified, proved and kept by the same loop."""
    lucky = "def harvest() -> None:\n    'Harvest wheat.'\n    gather('wheat')\n"
    sound = "def harvest() -> None:\n    'Harvest wheat.'\n    walk('field')\n    gather('wheat')\n"
    writer = ScriptedWriter(lucky, sound)
    with bakery_agent(tmp_path / "library", writer=writer, max_attempts=2) as agent:
        agent.learn()
    assert len(writer.tasks) == 2 and writer.tasks[0] == writer.tasks[1], "the same task, until it is solved"
    with SkillLibrary.open(tmp_path / "library", embedder=HashingEmbedder(), index="exact") as library:
        (skill,) = library.skills("active")
        assert skill.program is not None and skill.program.source == sound
