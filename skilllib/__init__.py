"""skilllib: a library of executable skills for agents that never stop learning.

What is named here is imported when it is first used, so that `import skilllib` costs nothing:

    from skilllib import SkillLibrary
    with SkillLibrary.open("skill-library") as library:
        for hit in library.search("make a stone pickaxe"):
            print(hit.skill.signature(), hit.score)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skilllib.build import learner, proving, replayer
    from skilllib.config import LearnOptions, load_options, options
    from skilllib.embedders import HashingEmbedder, MiniLMEmbedder
    from skilllib.errors import DuplicateSkill, SkillLibError
    from skilllib.exchange import Promise, added, edited
    from skilllib.library import SkillLibrary
    from skilllib.library.duplicates import Likeness
    from skilllib.library.revoking import Revocation
    from skilllib.library.using import Called
    from skilllib.protocols import Environment, Hit
    from skilllib.records.execution import Attempt, Execution, Limits, Trace
    from skilllib.records.ledger import LedgerEntry
    from skilllib.records.program import Program
    from skilllib.records.skill import Contract, Provenance, Provision, Skill
    from skilllib.records.task import Task
    from skilllib.registry import environments, make_environment
    from skilllib.runs import RunFolder

__version__ = "0.1.0"

_HOMES = {
    "Attempt": "skilllib.records.execution",
    "Called": "skilllib.library.using",
    "Contract": "skilllib.records.skill",
    "DuplicateSkill": "skilllib.errors",
    "Environment": "skilllib.protocols",
    "Execution": "skilllib.records.execution",
    "HashingEmbedder": "skilllib.embedders",
    "Hit": "skilllib.protocols",
    "LearnOptions": "skilllib.config",
    "LedgerEntry": "skilllib.records.ledger",
    "Likeness": "skilllib.library.duplicates",
    "Limits": "skilllib.records.execution",
    "MiniLMEmbedder": "skilllib.embedders",
    "Program": "skilllib.records.program",
    "Promise": "skilllib.exchange",
    "Provenance": "skilllib.records.skill",
    "Provision": "skilllib.records.skill",
    "Revocation": "skilllib.library.revoking",
    "RunFolder": "skilllib.runs",
    "Skill": "skilllib.records.skill",
    "SkillLibError": "skilllib.errors",
    "SkillLibrary": "skilllib.library",
    "Task": "skilllib.records.task",
    "Trace": "skilllib.records.execution",
    "added": "skilllib.exchange",
    "edited": "skilllib.exchange",
    "environments": "skilllib.registry",
    "learner": "skilllib.build",
    "load_options": "skilllib.config",
    "make_environment": "skilllib.registry",
    "options": "skilllib.config",
    "proving": "skilllib.build",
    "replayer": "skilllib.build",
}

__all__ = [
    "Attempt",
    "Called",
    "Contract",
    "DuplicateSkill",
    "Environment",
    "Execution",
    "HashingEmbedder",
    "Hit",
    "LearnOptions",
    "LedgerEntry",
    "Likeness",
    "Limits",
    "MiniLMEmbedder",
    "Program",
    "Promise",
    "Provenance",
    "Provision",
    "Revocation",
    "RunFolder",
    "Skill",
    "SkillLibError",
    "SkillLibrary",
    "Task",
    "Trace",
    "__version__",
    "added",
    "edited",
    "environments",
    "learner",
    "load_options",
    "make_environment",
    "options",
    "proving",
    "replayer",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'skilllib' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
