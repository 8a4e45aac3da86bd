"""A toy world for tests of the sandbox: a counter, a bag and a clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from skilllib.records.base import Scalar
from skilllib.records.world import EnvironmentSpec, Failure, Missing, Observation, Outcome, Parameter, Primitive

ADD = Primitive(
    name="add",
    doc="Add to the counter.",
    parameters=(Parameter(name="n", type="integer", default=1, minimum=1, maximum=9),),
)
PICK = Primitive(
    name="pick",
    doc="Pick a thing up.",
    parameters=(
        Parameter(name="thing", choices=("stone", "leaf")),
        Parameter(name="gently", type="boolean", default=False),
        Parameter(name="force", type="number", default=1.0, minimum=0),
    ),
    fails="Without a counter of at least 2.",
)
SAY = Primitive(name="say", doc="Say something.", parameters=(Parameter(name="words"),))
HEAL = Primitive(name="heal", doc="A primitive with nothing to it.")
END = Primitive(name="end", doc="End the episode.", parameters=(Parameter(name="how", choices=("terminated", "truncated")),))
PRIMITIVES = (ADD, PICK, SAY, HEAL, END)


class Counter:
    """Counts; keeps what was called."""

    def __init__(self, override: Callable[[str, Mapping[str, Scalar]], Any] | None = None) -> None:
        self.spec = EnvironmentSpec(name="counter", primitives=PRIMITIVES, facts={})
        self.count, self.bag, self.said = 0, {"stone": 0, "leaf": 0}, [""]
        self.calls: list[tuple[str, dict[str, Scalar]]] = []
        self.observed = 0
        self.override = override

    def reset(self, seed: int | None = None) -> Observation:
        self.count, self.bag = 0, {"stone": 0, "leaf": 0}
        return self.observe()

    def observe(self) -> Observation:
        self.observed += 1
        return Observation(text=f"{self.count}", facts={"count": self.count, "bag": self.bag, "said": self.said})

    def call(self, primitive: str, arguments: Mapping[str, Scalar]) -> Outcome:
        self.calls.append((primitive, dict(arguments)))
        if self.override is not None and (answer := self.override(primitive, arguments)) is not None:
            return answer  # type: ignore[no-any-return]
        return getattr(self, f"_{primitive}")(**arguments)  # type: ignore[no-any-return]

    def close(self) -> None: ...

    def _add(self, n: int) -> Outcome:
        self.count += n
        return Outcome(value=self.count, steps=n)

    def _pick(self, thing: str, gently: bool, force: float) -> Outcome:
        if self.count < 2:
            lack = Missing(fact="count", at_least=2, have=self.count)
            return Outcome(failure=Failure(message="out of reach", missing=(lack,)))
        self.bag[thing] += 1
        return Outcome(value=None)

    def _say(self, words: str) -> Outcome:
        self.said.append(words)
        return Outcome(value=list(self.said), steps=0)

    def _heal(self) -> Outcome:
        return Outcome()

    def _end(self, how: str) -> Outcome:
        return Outcome(**{how: True})
