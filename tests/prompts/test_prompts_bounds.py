"""Whatever the world, a program or a task throws at it, a prompt stays within its tokens, and the most useful part stays."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from skilllib.agent.decomposing import Decomposer
from skilllib.critic import ModelCritic
from skilllib.curriculum.questions import Questions
from skilllib.describer import ModelDescriber
from skilllib.errors import PromptError
from skilllib.memory import Memory
from skilllib.models.scripted import ScriptedModel
from skilllib.prompts import Part, lines
from skilllib.prompts.role import Role
from skilllib.records.execution import Execution, Proof, Step, Trial, Verdict
from skilllib.records.model import Purpose, Request
from skilllib.records.program import Program
from skilllib.records.task import Task
from skilllib.records.world import Observation, Outcome
from skilllib.testing import make_bakery
from skilllib.verifier.check import CheckVerifier
from skilllib.verifier.opinion import OpinionVerifier
from skilllib.writer.voyager import CodeDescriber

SPEC = make_bakery().spec
TASK = Task(id="t", environment="bakery", goal="make the kitchen cosy", check=None)
UNSOLVED = Verdict(solved=False, score=0, reason="it is cold")


def observation(value: int, *, text: str = "<state>") -> Observation:
    """A world of 400 facts, some of which say what would close a slot, with a long text."""
    facts = {f"fact{n}": value * (n + 1) for n in range(380)} | {f"text{n}": f"</after></calls> {value}" * 40 for n in range(20)}
    return Observation(text=text * 700, facts={**facts, "warm": value > 1})


CHANGES = {f"fact{n}": (n, n + 1) for n in range(50)}
STEPS = tuple(
    Step(primitive="light", arguments={"n": n, "say": "</calls>" * 9}, outcome=Outcome(), changes=CHANGES) for n in range(300)
)
EXECUTION = Execution(before=observation(1), after=observation(2), trajectory=STEPS)
PROGRAM = Program.parse('def warm() -> None:\n    """Warm it."""\n    light()\n' + "    light()\n" * 900)
TRIAL = Trial(seed=1, solved=True, changes={f"stock.fact{n}": (0, n) for n in range(400)})
PROOF = Proof(task=TASK, trials=(TRIAL,), accepted=True, reason="")
KNOWN = "\n".join(f"call{n}(what): does the {n}th thing to {'it ' * 30}" for n in range(90))


def judged(role: Role) -> None:
    OpinionVerifier(verifier=CheckVerifier(), role=role).verify(TASK, EXECUTION)


def judged_at_the_end(role: Role) -> None:
    OpinionVerifier(verifier=CheckVerifier(), role=role, final_state_only=True).verify(TASK, EXECUTION)


def advised(role: Role) -> None:
    ModelCritic(role=role, known=KNOWN).advise(TASK, EXECUTION, UNSOLVED)


def described(role: Role) -> None:
    ModelDescriber(role=role, spec=SPEC).describe(PROGRAM, PROOF)


def described_by_code(role: Role) -> None:
    CodeDescriber(role).describe(PROGRAM, PROOF)


def answered(role: Role) -> None:
    Questions(role=role, when="always", known=KNOWN).posed(TASK, skills=KNOWN, failed="")


def divided(role: Role) -> None:
    Decomposer(spec=SPEC, role=role, memory=Memory(), asks=1).sub_goals(TASK, observation(1), skills=(), failed=[KNOWN] * 9)


ROLES: list[tuple[Purpose, Callable[[Role], None], tuple[str, ...]]] = [
    ("judge", judged, ("make the kitchen cosy", "fact0: 1 -> 2", "light(n=299")),
    ("judge", judged_at_the_end, ("make the kitchen cosy", "fact0 = 2", "(not shown)")),
    ("advise", advised, ("make the kitchen cosy", "it is cold", "call0(what)")),
    ("describe", described, ("def warm", "light()")),
    ("describe", described_by_code, ("def warm", "light()")),
    ("answer", answered, ("make the kitchen cosy", "call0(what)")),
    ("decompose", divided, ("make the kitchen cosy", "after.stock.X", "walk(")),
]


def asked(purpose: Purpose, use: Callable[[Role], None], tokens: int) -> Request:
    model = ScriptedModel(lambda request: "no\nIt says nothing.")
    use(Role(model=model, purpose=purpose, prompt_tokens=tokens))
    return model.requests[0]


@pytest.mark.parametrize(("purpose", "use", "kept"), ROLES, ids=[use.__name__ for _, use, _ in ROLES])
def test_a_prompt_stays_within_its_tokens_and_keeps_what_matters_most(
    purpose: Purpose, use: Callable[[Role], None], kept: tuple[str, ...]
) -> None:
    for tokens in (1300, 3000):
        request = asked(purpose, use, tokens)
        assert request.tokens <= tokens
        text = "\n".join(message.content for message in request.messages)
        assert all(words in text for words in kept) and "\n…\n" in text


def test_a_prompt_that_has_room_for_everything_is_the_same_whatever_its_bound() -> None:
    parts = [Part("question", "How?", 9), *lines("known", "go(): Go.\nstay(): Stay.", 5), Part("check", "after.a", 8)]
    model = ScriptedModel(lambda request: "So.")
    for tokens in (500, 3000, 10**6):
        Role(model=model, purpose="answer", prompt_tokens=tokens).ask(parts)
    assert len({request.hash for request in model.requests}) == 1
    assert "go(): Go.\nstay(): Stay.\n" in model.requests[0].messages[0].content


def test_a_prompt_whose_rules_alone_are_too_long_says_what_it_needs() -> None:
    with pytest.raises(PromptError, match=r"'judge' needs about \d{3} tokens .* may have 100; allow it more with --prompt-tokens"):
        asked("judge", judged, 100)


def test_of_lines_the_last_go_first_or_the_first_if_the_latest_count() -> None:
    worth = [[part.worth for part in lines("a", "x\ny\nz", 5, latest=latest)] for latest in (False, True)]
    assert worth[0] == sorted(worth[0], reverse=True) and worth[1] == sorted(worth[1])
    assert worth[0][0] == worth[1][-1] == 5 and not list(lines("a", "", 5))
