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
    from skilllib.build import learner
    from skilllib.config import LearnOptions, load_options, options
    from skilllib.embedders import HashingEmbedder, MiniLMEmbedder
    from skilllib.errors import SkillLibError
    from skilllib.library import SkillLibrary
    from skilllib.protocols import Environment, Hit
    from skilllib.records.program import Program
    from skilllib.records.skill import Skill
    from skilllib.records.task import Task
    from skilllib.registry import environments, make_environment
    from skilllib.runs import RunFolder

__version__ = "0.1.0"

_HOMES = {
    "Environment": "skilllib.protocols",
    "HashingEmbedder": "skilllib.embedders",
    "Hit": "skilllib.protocols",
    "LearnOptions": "skilllib.config",
    "MiniLMEmbedder": "skilllib.embedders",
    "Program": "skilllib.records.program",
    "RunFolder": "skilllib.runs",
    "Skill": "skilllib.records.skill",
    "SkillLibError": "skilllib.errors",
    "SkillLibrary": "skilllib.library",
    "Task": "skilllib.records.task",
    "environments": "skilllib.registry",
    "learner": "skilllib.build",
    "load_options": "skilllib.config",
    "make_environment": "skilllib.registry",
    "options": "skilllib.config",
}

__all__ = [
    "Environment",
    "HashingEmbedder",
    "Hit",
    "LearnOptions",
    "MiniLMEmbedder",
    "Program",
    "RunFolder",
    "Skill",
    "SkillLibError",
    "SkillLibrary",
    "Task",
    "__version__",
    "environments",
    "learner",
    "load_options",
    "make_environment",
    "options",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'skilllib' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
