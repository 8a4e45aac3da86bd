"""Options of a run: one record, from one TOML file or from the command line."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from skilllib.errors import InvalidRecord
from skilllib.records.base import Json, Record
from skilllib.records.execution import Limits
from skilllib.records.model import Budget

OF_MODELS = frozenset(
    {
        *("preset", "critic_model", "curriculum_model", "describe_model", "temperature", "candidates", "honing", "context"),
        *("prompt_tokens", "reply_tokens", "timeout_s", "budget", "tape", "replay", "prompts"),
    }
)
"""Options that mean nothing without a model."""

_FIXED = frozenset({"honing", "use_library", "describe_model"})
IDLE_UNDER = {
    None: frozenset({"curriculum"}),
    "no-library": _FIXED | {"curriculum"},
    "react": _FIXED | {"curriculum", "candidates", "threshold", "re_execute"},
    "voyager": frozenset({"curriculum", "honing", "candidates", "context", "threshold", "re_execute"}),
}
"""Options that mean nothing with a model, by preset."""


class LearnOptions(Record):
    """Everything that shapes a run. What is left out of a file keeps its default.

    An option that would be without effect is refused: whoever sets it expects something of it.
    """

    environment: str
    library: str = "skill-library"
    """Folder of the library, or the address of a PostgreSQL database."""
    vectors: str | None = None
    """Address of a Chroma server that holds the vectors; without one they are searched on this machine."""
    run: str | None = None
    """Folder of the run; by default a new one under `runs/`."""
    seed: int = Field(default=0, ge=0)
    """Every world and every choice follows from it."""
    max_attempts: int | None = Field(default=300, ge=0)
    """Attempts (write-run-verify rounds) after which the run ends."""
    max_steps: int | None = Field(default=None, ge=0)
    """World steps, re-executions included, after which the run ends."""
    max_seconds: float | None = Field(default=None, ge=0)
    """Seconds after which the run ends. With it a run is not reproducible."""
    attempts_per_task: int | None = Field(default=None, ge=1)
    """Rounds for one task; by default eight, and four where a model writes programs."""
    threshold: float = Field(default=0.3, ge=0, lt=1)
    """Success rate on fresh worlds that a skill must be shown to exceed before it becomes active."""
    jobs: int = Field(default=2, ge=1)
    """Processes that execute skills again on fresh worlds; results do not depend on it."""
    curriculum: Literal["frontier", "random"] = "frontier"
    use_library: bool = True
    """False: the writer may not call learned skills (an ablation)."""
    re_execute: bool = True
    """False: one success makes a skill active (an ablation)."""
    preset: Literal["voyager", "react", "no-library"] | None = None
    """A baseline inside the same engine, for comparisons; needs a model."""
    model: str | None = None
    """A language model by litellm's name; without one, programs are searched for."""
    critic_model: str | None = None
    """The model that gives advice and opinions, `model` by default."""
    curriculum_model: str | None = None
    """The model that proposes tasks, `model` by default."""
    describe_model: str | None = None
    """The model that describes skills, `model` by default."""
    temperature: float = Field(default=0.0, ge=0, le=2)
    """Temperature of the first candidate; it rises by itself when the same program comes back."""
    candidates: int = Field(default=1, ge=1, le=16)
    """Programs written in each round; execution chooses among them."""
    honing: float = Field(default=0.2, ge=0, lt=1)
    """Share of the tasks that exercise skills which are untested somewhere, weak or unused; only with a model."""
    context: Literal["never", "retry", "always"] = "retry"
    """When the model is asked how to do a task before a program is written: never, when it failed before, always."""
    prompt_tokens: int = Field(default=3000, ge=500)
    """Tokens a prompt may have; the least useful parts are left out."""
    reply_tokens: int = Field(default=800, ge=64)
    """Tokens a reply may have."""
    timeout_s: float = Field(default=120.0, gt=0)
    """Seconds to wait for one reply."""
    budget: Budget = Budget()
    """What may be spent on models."""
    tape: str | None = None
    """File on which requests and replies are recorded; by default `tape.jsonl` in the run's folder."""
    replay: bool = False
    """Answer from the tape alone; no model is asked."""
    prompts: str | None = None
    """Folder with prompts of your own, in place of those that come with the package."""
    embedder: str | None = None
    """A sentence-transformers model or its folder; the packaged MiniLM weights by default."""
    limits: Limits = Limits()
    compile_for: str | None = None
    """A base model: when the run ends, skills that have earned it are compiled for it by a worker that nobody waits for."""
    environment_options: dict[str, Json] = {}
    """Options of the environment itself."""

    @model_validator(mode="after")
    def _refuse_idle(self) -> Self:
        fields = type(self).model_fields
        changed = {name for name in self.model_fields_set if getattr(self, name) != fields[name].default}
        if self.model is None and (idle := sorted(OF_MODELS & changed)):
            raise ValueError(f"{', '.join(idle)}: without effect, since no model is named; add --model, or leave it out")
        if self.model is not None and (idle := sorted(IDLE_UNDER[self.preset] & changed)):
            under = f"--preset {self.preset}" if self.preset else "--model"
            raise ValueError(f"{', '.join(idle)}: without effect with {under}; leave it out")
        return self


def load_options(path: str | Path, **overrides: Json) -> LearnOptions:
    """Read options from a TOML file; keyword arguments that are not None win over it, tables key by key.

    Raises:
        InvalidRecord: The file does not parse or has an unknown or impossible option; the message names it.
    """
    try:
        found = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InvalidRecord(f"there is no options file {str(path)!r}") from None
    except (OSError, ValueError) as error:
        raise InvalidRecord(f"the options file {str(path)!r} cannot be read: {error}") from error
    return options(**merged(found, {key: value for key, value in overrides.items() if value is not None}))


def merged(values: dict[str, Json], over: dict[str, Json]) -> dict[str, Json]:
    """Return options with others laid over them; of two tables, key by key.

    >>> merged({"seed": 1, "budget": {"calls": 9, "usd": 2}}, {"budget": {"calls": 20}})
    {'seed': 1, 'budget': {'calls': 20, 'usd': 2}}
    """
    tables = {
        key: {**values[key], **value}
        for key, value in over.items()
        if isinstance(value, dict) and isinstance(values.get(key), dict)
    }
    return {**values, **over, **tables}


def options(**values: Json) -> LearnOptions:
    """Return options from keyword arguments.

    Raises:
        InvalidRecord: An option is unknown or impossible; the message names it.
    """
    try:
        return LearnOptions.model_validate(values)
    except ValidationError as error:
        raise InvalidRecord(f"the options do not fit: {'; '.join(map(_problem, error.errors()))}") from error


def _problem(error: Any) -> str:
    """Return what pydantic found wrong with an option, or with several together."""
    if error["loc"]:
        return f"{'.'.join(map(str, error['loc']))}: {error['msg']} (found {error['input']!r})"
    return str(error["ctx"]["error"])
