"""Run programs that nobody vouches for: the world stays here, what goes wrong comes back as data."""

from __future__ import annotations

from skilllib import Program
from skilllib.records.execution import Limits
from skilllib.sandbox import MontySandbox
from skilllib.testing import make_bakery

PROGRAMS = {
    "one that works": "def go() -> None:\n    'Harvest.'\n    walk('field')\n    gather('wheat')\n",
    "one that lacks something": "def go() -> None:\n    'Bake.'\n    walk('kitchen')\n    bake()\n",
    "one that never ends": "def go() -> None:\n    'Loop.'\n    while True:\n        pass\n",
    "one that was not granted its call": "def go() -> None:\n    'Walk home.'\n    walk('home')\n    rest()\n",
}

if __name__ == "__main__":
    world = make_bakery()
    with MontySandbox() as sandbox:
        for what, source in PROGRAMS.items():
            world.reset(seed=0)
            execution = sandbox.run(
                Program.parse(source),
                arguments={},
                closure=(),
                calls={},
                environment=world,
                limits=Limits(cpu_s=0.5, turn_s=0.5),
                grants=frozenset({"walk", "gather", "bake"}),
            )
            made = ", ".join(step.primitive for step in execution.trajectory) or "none"
            error = f"{execution.error.kind}: {execution.error.message}" if execution.error else "no error"
            print(f"{what}\n    primitive calls: {made}\n    {error}")
