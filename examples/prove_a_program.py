"""Ask fresh worlds whether a program does what it says: one success in one world proves nothing."""

from __future__ import annotations

from skilllib import Program, Task
from skilllib.protocols import Draft
from skilllib.records.execution import Limits
from skilllib.sandbox import MontySandbox
from skilllib.testing import make_bakery
from skilllib.verifier.check import CheckVerifier
from skilllib.verifier.evidence import SequentialTest
from skilllib.verifier.proof import ReExecution
from skilllib.workers import Workers

TASK = Task(id="wheat", environment="bakery", goal="harvest wheat", check="after.stock.wheat > before.stock.wheat")
LUCKY = "def harvest() -> None:\n    'Harvest wheat, if the day begins in the field.'\n    gather('wheat')\n"
SOUND = "def harvest() -> None:\n    'Harvest wheat.'\n    walk('field')\n    gather('wheat')\n"

if __name__ == "__main__":
    test, limits = SequentialTest(threshold=0.3), Limits()
    print(f"looks after {test.looks} trials; accepted with {test.critical} successes")
    with Workers(world=make_bakery, sandbox=MontySandbox) as workers, MontySandbox() as sandbox:
        prover = ReExecution(workers=workers, verifier=CheckVerifier(), test=test, limits=limits)
        for source in (LUCKY, SOUND):
            draft, world = Draft(program=Program.parse(source)), make_bakery()
            world.reset(seed=0)
            execution = sandbox.run(draft.program, arguments={}, closure=(), calls={}, environment=world, limits=limits)
            proof = prover.prove(draft, TASK, execution=execution, closure=(), calls={}, seed=1).proof
            print(f"{draft.program.doc!r}: {proof.reason}, rate above {proof.lower_bound:.0%}, accepted: {proof.accepted}")
