"""What tests of exchange share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from skilllib.embedders import HashingEmbedder
from skilllib.library import SkillLibrary
from skilllib.records.program import Program
from skilllib.records.skill import Callee, Skill

FolderMaker = Callable[..., Path]
Fresh = Callable[[], SkillLibrary]


def opened(folder: Path) -> SkillLibrary:
    return SkillLibrary.open(folder, create=True, embedder=HashingEmbedder(), index="exact")


def coded(name: str, *calls: Skill, salt: str = "", parameters: str = "", **fields: object) -> Skill:
    """Return a skill that walks and then calls others."""
    body = "".join(f"    {callee.name}()\n" for callee in calls)
    program = Program.parse(f'def {name}({parameters}) -> None:\n    """Do {name}{salt}."""\n    walk()\n{body}')
    edges = tuple(Callee(name=callee.name, code_hash=callee.code_hash) for callee in calls)
    contract = {"parameters": program.parameters}
    values = {"name": name, "program": program, "calls": edges, "environment": "yard", "contract": contract}
    return Skill.model_validate({**values, **fields})
