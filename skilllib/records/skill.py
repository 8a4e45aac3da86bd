"""A skill: an admitted program, its contract, and what was measured of it."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Literal

from pydantic import ConfigDict, model_validator

from skilllib.records.base import Json, Record, Scalar, content_hash
from skilllib.records.program import Program
from skilllib.records.world import Parameter

Status = Literal["trial", "active", "retired", "revoked"]


class Provision(Record):
    """What a skill brings about: a check, with the arguments under which it does."""

    check: str
    """Over `before`, `after` and the skill's parameters that are not fixed here."""
    arguments: dict[str, Scalar] = {}
    """Arguments that must be passed for it."""
    parameters: tuple[str, ...] = ()
    """The skill's parameters that the check speaks of."""


class Contract(Record):
    """What a skill declares. Part of its identity; what is measured is not."""

    parameters: tuple[Parameter, ...] = ()
    requires: tuple[str, ...] = ()
    """Checks over `before` that must hold; empty for a skill that obtains what it needs itself."""
    provides: tuple[Provision, ...] = ()
    capabilities: tuple[str, ...] = ()
    """Primitives that it and its callees may call: what is granted."""


class Callee(Record):
    """An edge of the graph: a name in the source, and the very version it stands for."""

    name: str
    code_hash: str


class Provenance(Record):
    """Where a skill comes from."""

    writer: str = ""
    environment: str = ""
    task: str = ""
    run: str = ""
    seed: int | None = None
    merged_from: tuple[str, ...] = ()
    """Code hashes of the skills that were generalised into this one."""
    merged_with: dict[str, dict[str, Scalar]] = {}
    """Of those, code hash → the arguments under which this one does the same."""
    relinked_from: str = ""
    """Code hash of the version that this one is but for its callees, which are newer."""
    frontmatter: dict[str, str] = {}
    """What the folder it was imported from says besides name and description: licence, compatibility, metadata."""


class Skill(Record):
    """One version of a skill, in one to three forms: code, text, and adapters that hang on its hashes."""

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))

    name: str
    version: int = 1
    """Counts the versions of a name in one library; not part of the identity."""
    description: str = ""
    program: Program | None = None
    text: str | None = None
    contract: Contract = Contract()
    calls: tuple[Callee, ...] = ()
    status: Status = "trial"
    environment: str = ""
    provenance: Provenance = Provenance()

    @model_validator(mode="after")
    def _has_a_form(self) -> Skill:
        if self.program is None and self.text is None:
            raise ValueError(f"skill {self.name!r} has neither code nor text")
        return self

    @cached_property
    def code_hash(self) -> str:
        """SHA-256 over source, declared contract and the callees' code hashes (a Merkle DAG).

        In a skill in words alone its text stands where the source would, since tests, statistics and the ledger hang on this.
        """
        return content_hash(
            {
                "source": self.program.source if self.program else None,
                "contract": self.contract.model_dump(mode="json"),
                "calls": sorted([callee.name, callee.code_hash] for callee in self.calls),
                **({} if self.program else {"text": self.text_hash}),
            }
        )

    @cached_property
    def text_hash(self) -> str:
        """SHA-256 of the text form."""
        return content_hash(self.text)

    @cached_property
    def version_hash(self) -> str:
        """SHA-256 over both forms."""
        return content_hash([self.code_hash, self.text_hash])

    def signature(self) -> str:
        """Return the signature of the code form, or the bare name of a skill in words."""
        return self.program.signature() if self.program else self.name


class Resource(Record):
    """A further file of a skill's folder, which its text may point at. It is kept and handed on, and never run."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    path: str
    """Within the folder, with slashes."""
    data: bytes


class KeptTest(Record):
    """A test kept with a skill: replayable at any time on a fresh world."""

    environment: str
    seed: int | None
    prefix: tuple[tuple[str, dict[str, Scalar]], ...] = ()
    """Primitive calls to make between reset and the skill, for a test that starts in the middle of a world."""
    arguments: dict[str, Scalar] = {}
    check: str
    check_arguments: dict[str, Scalar] = {}
    """Values of the names in the check."""
    expected: bool = True
    changes: dict[str, tuple[Json, Json]] = {}
    """Net change of facts that the recorded run showed."""
    world_steps: int = 0


class Effect(Record):
    """What runs of a skill with some arguments did to one fact."""

    fact: str
    arguments: dict[str, Scalar] = {}
    n: int
    """Successful runs."""
    changed: int
    """Runs in which the fact ended up different."""
    raised: int = 0
    """Runs in which it rose at some point on the way, even if it ended up the same."""
    rise: float = 0.0
    """Smallest rise over the runs that changed it, 0 where it did not rise in all of them."""
    uses: float = 0.0
    """Largest amount used up on the way."""
    value: Json = None
    """The value it ended with in all runs that changed it, where it is one value."""


class Statistics(Record):
    """What was counted of a skill version."""

    retrieved: int = 0
    called: int = 0
    solved: int = 0
    failed: int = 0
    trials: int = 0
    successes: int = 0
    lower_bound: float = 0.0
    world_steps: float = 0.0
    """Mean world steps of a successful trial."""
    tokens: int = 0
    """Asked of models and answered by them while the skill was written and used."""
    usd: float = 0.0

    @property
    def posterior(self) -> tuple[float, float]:
        """Alpha and beta of what is known of how often it does its work, from a uniform prior.

        Every trial and every call counts; a call went wrong if the skill broke in it.

        >>> Statistics(trials=8, successes=7, called=4, failed=1).posterior
        (11.0, 3.0)
        """
        went_well = self.successes + max(self.called - self.failed, 0)
        return 1.0 + went_well, 1.0 + self.trials - self.successes + self.failed

    def lower(self, credibility: float = 0.95) -> float:
        """Return the rate that its rate of success exceeds with this credibility."""
        return exceeded(*self.posterior, credibility)

    def upper(self, credibility: float = 0.95) -> float:
        """Return the rate that its rate of success stays under with this credibility."""
        alpha, beta = self.posterior
        return 1 - exceeded(beta, alpha, credibility)


@lru_cache(maxsize=100_000)
def exceeded(alpha: float, beta: float, credibility: float = 0.95) -> float:
    """Return what a number with this Beta distribution exceeds with a credibility.

    >>> exceeded(3, 1, 0.875)
    0.5
    """
    if beta == 1:  # no failures: I_x(a, 1) = x^a, and nothing has to be imported
        return float((1 - credibility) ** (1 / alpha))
    from scipy.special import betaincinv

    return float(betaincinv(alpha, beta, 1 - credibility))
