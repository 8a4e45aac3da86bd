"""What our side adds to the interpreter: run with `pytest tests/benchmarks/test_sandbox_speed.py --benchmark-enable`.

Nothing is asserted about time. Compare the rows: `bare` is the interpreter with an answer of None, `sandbox` is a run with
a world, records and limits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pydantic_monty as pm
import pytest

from skilllib.records.base import Scalar
from skilllib.records.execution import Limits
from skilllib.records.program import Program
from skilllib.records.world import EnvironmentSpec, Observation, Outcome, Parameter, Primitive
from skilllib.sandbox import MontySandbox

SOURCES = {
    "empty": "def main():\n    'M.'\n",
    "100 calls": "def main():\n    'M.'\n    for _ in range(100):\n        add(1)\n",
}


class Idle:
    """The cheapest world there is."""

    def __init__(self) -> None:
        primitive = Primitive(name="add", doc="Add.", parameters=(Parameter(name="n", type="integer"),))
        self.spec = EnvironmentSpec(name="idle", primitives=(primitive,), facts={})
        self._observation = Observation(text="", facts={"count": 0, "bag": {"stone": 1}})

    def reset(self, seed: int | None = None) -> Observation:
        return self._observation

    def observe(self) -> Observation:
        return self._observation

    def call(self, primitive: str, arguments: Mapping[str, Scalar]) -> Outcome:
        return Outcome()

    def close(self) -> None: ...


@pytest.fixture(scope="module")
def pool() -> Iterator[pm.Monty]:
    with pm.Monty() as pool:
        yield pool


@pytest.fixture(scope="module")
def sandbox() -> Iterator[MontySandbox]:
    with MontySandbox() as sandbox:
        yield sandbox


@pytest.mark.parametrize("name", SOURCES)
def test_bare(benchmark: Any, pool: pm.Monty, name: str) -> None:
    def run() -> None:
        with pool.checkout() as session:
            turn: Any = session.feed_start(SOURCES[name] + "main()")
            while not isinstance(turn, pm.MontyComplete):
                turn = turn.resume({"return_value": None})

    benchmark(run)


@pytest.mark.parametrize("name", SOURCES)
def test_sandbox(benchmark: Any, sandbox: MontySandbox, name: str) -> None:
    program, world, limits = Program.parse(SOURCES[name]), Idle(), Limits()
    execution = benchmark(lambda: sandbox.run(program, arguments={}, calls={}, environment=world, limits=limits))
    assert execution.error is None
