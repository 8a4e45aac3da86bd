"""Solvers assembled by hand on the toy world, with a library of three skills."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from skilllib.agent.decomposing import Decomposer
from skilllib.agent.links import PinnedLinks
from skilllib.agent.matching import Match
from skilllib.agent.solving import Solver
from skilllib.agent.zeroshot import NoWriter, ZeroShot
from skilllib.critic import FeedbackCritic
from skilllib.library import SkillLibrary
from skilllib.life import Life
from skilllib.memory import Memory
from skilllib.models.account import Account, Metered
from skilllib.models.budget import Budgeted
from skilllib.models.scripted import Script, ScriptedModel
from skilllib.prompts.role import Role
from skilllib.protocols import Verifier
from skilllib.records.execution import Attempt, Execution, Limits, Proof, Trace, Trial, Verdict
from skilllib.records.ledger import Change, Decision
from skilllib.records.model import Budget
from skilllib.records.program import Program
from skilllib.records.skill import Contract, Provenance, Provision, Skill
from skilllib.records.task import Task
from skilllib.records.world import Observation
from skilllib.sandbox import MontySandbox
from skilllib.testing import HashingEmbedder, ScriptedWriter, make_bakery
from skilllib.verifier.check import CheckVerifier
from skilllib.writer.routing import RoutingWriter

WHEAT = '''def gather_wheat(amount: int = 1) -> None:
    """Gather wheat in the field."""
    walk("field")
    while facts()["stock"]["wheat"] < amount:
        gather("wheat")
'''
GRIND = '''def grind_flour() -> None:
    """Grind flour from wheat that is there."""
    walk("mill")
    grind()
'''
FIREWOOD = '''def fetch_firewood() -> None:
    """Fetch firewood from the forest."""
    walk("forest")
    gather("firewood")
'''
FLOUR = "after.tally.milled_flour > before.tally.milled_flour"


def stock(library: SkillLibrary, source: str, check: str, raised: dict[str, int], *parameters: str) -> Skill:
    """Put an active skill into a library, with a proof that says what it raised."""
    program = Program.parse(source)
    task = Task(id=program.name, environment="bakery", goal=program.doc, check=check, parameters=dict.fromkeys(parameters, (1,)))
    nothing = Observation(text="", facts={})
    execution, verdict = Execution(before=nothing, after=nothing), Verdict(solved=True, score=1.0, reason="as recorded")
    skill = library.admit(
        program,
        trace=Trace(task=task, attempts=(Attempt(number=1, program=program, execution=execution, verdict=verdict),)),
        contract=Contract(parameters=program.parameters, provides=(Provision(check=check, parameters=parameters),)),
        calls={},
        provenance=Provenance(writer="test", environment="bakery", task=task.id),
        primitives={primitive.name for primitive in make_bakery().spec.primitives},
    )
    changes = {fact: (0, value) for fact, value in raised.items()}
    trials = tuple(Trial(seed=n, arguments=task.arguments(), solved=True, world_steps=5, changes=changes) for n in range(8))
    proof = Proof(task=task, trials=trials, accepted=True, reason="as recorded", lower_bound=0.6)
    change = Change(kind="activate", targets=(skill.code_hash,), proposer="test")
    library.commit(change, Decision(outcome="promote", codes=("proven",)), proof=proof)
    return skill


def stocked(folder: Path) -> None:
    """Make a library that can gather wheat and firewood and grind flour."""
    with SkillLibrary.open(folder, create=True, embedder=HashingEmbedder(), index="exact") as library:
        stock(library, WHEAT, "after.stock.wheat >= amount", {"stock.wheat": 1, "tally.harvested_wheat": 1}, "amount")
        stock(library, GRIND, FLOUR, {"stock.flour": 1, "tally.milled_flour": 1})
        stock(library, FIREWOOD, "after.stock.firewood >= 1", {"stock.firewood": 1})


class Opinionated:
    """The check decides; where there is none, whatever does not fail is good."""

    def verify(self, task: Task, execution: Execution) -> Verdict:
        if task.check is not None:
            return CheckVerifier().verify(task, execution)
        solved = execution.error is None
        return Verdict(solved=solved, score=float(solved), reason="it looks done" if solved else "it failed", by="opinion")


@contextmanager
def bakery_solver(
    folder: Path,
    *divisions: str,
    model: Script | None = None,
    written: Sequence[str] = (),
    seed: int = 0,
    budget: Budget | None = None,
    verifier: Verifier | None = None,
    **numbers: Any,
) -> Iterator[tuple[Solver, ScriptedModel, ScriptedWriter]]:
    """A solver in the bakery; without divisions or a model it has the library alone."""
    environment, memory, account = make_bakery(**numbers.pop("world", {})), Memory(), Account()
    scripted, writer = ScriptedModel(model or list(divisions)), ScriptedWriter(*written)
    with (
        SkillLibrary.open(folder, embedder=HashingEmbedder(), index="exact") as library,
        MontySandbox() as sandbox,
    ):
        life = Life(environment, seed=seed, purpose="solve")
        asked = Metered(Budgeted(inner=scripted, budget=budget or Budget(), account=account), account)
        role = Role(model=asked, purpose="decompose")
        known = RoutingWriter(environment.spec, memory=memory, skills=library, then=NoWriter())
        writes = RoutingWriter(environment.spec, memory=memory, skills=library, then=writer)
        hands = ZeroShot(
            life=life,
            known=known,
            writer=writes if divisions or model else known,
            sandbox=sandbox,
            verifier=verifier or Opinionated(),
            critic=FeedbackCritic(),
            links=PinnedLinks(library),
            retriever=library,
            memory=memory,
            limits=Limits(),
            account=account,
            **numbers,
        )
        decomposer = Decomposer(spec=environment.spec, role=role, memory=memory) if divisions or model else None
        yield (
            Solver(
                life=life,
                hands=hands,
                retriever=library,
                match=Match("bakery"),
                decomposer=decomposer,
                account=account,
            ),
            scripted,
            writer,
        )
