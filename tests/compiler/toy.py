"""A toy language of household skills: enough to see whether an adapter knows its own skill, and only that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from skilllib.compiler.dataset import Rehearsal, examples
from skilllib.models.base import TransformersBase
from skilllib.records.adapter import CompileRequest, Example, Section, SkillText
from skilllib.records.model import Message
from skilllib.testing.tiny import tiny_base

VERBS = {"tidy": ("take", "wash", "shelve"), "hide": ("wrap", "carry", "bury"), "sell": ("clean", "show", "trade")}
ROOMS = ("kitchen", "hall", "attic", "cellar")
THINGS = ("cup", "lamp")
SHARED = Section(kind="general", body="Begin in the room. One step at a time.")
DISTIL = {
    "steps": 100,
    "lr": 4e-2,
    "layers": 1.0,
    "targets": ["q_proj", "v_proj", "o_proj", "up_proj", "down_proj"],
    "verified": 1.0,
    "own_answers": False,
    "rows": 12,
    "negatives": 12,
    "check_every": 20,
}
"""A random model has nothing to teach, so that all there is to learn from are verified answers."""


def text(name: str) -> SkillText:
    steps = "\n".join(f"{i}. {verb}" for i, verb in enumerate(VERBS[name], 1))
    return SkillText(name=name, sections=(SHARED, Section(kind="procedure", body=steps)))


def rehearsals(name: str) -> list[Rehearsal]:
    return [
        Rehearsal(test=test, seed=test, solved=True, exchanges=tuple(exchange(name, room, thing, step) for step in range(3)))
        for test, (room, thing) in enumerate((room, thing) for room in ROOMS for thing in THINGS)
    ]


def exchange(name: str, room: str, thing: str, step: int) -> tuple[tuple[Message, ...], str]:
    prompt = (
        Message(role="system", content="You act."),
        Message(role="user", content=f"{room}: {name} the {thing}, step {step + 1}"),
    )
    return prompt, f"{VERBS[name][step]} {thing}"


def data(name: str, seed: int = 0) -> tuple[Example, ...]:
    others = {other: (text(other), rehearsals(other)) for other in VERBS if other != name}
    return examples(text(name), rehearsals(name), others, seed=seed)


def base(folder: Path) -> TransformersBase:
    spoken = [m.content for name in VERBS for example in data(name) for m in example.informed]
    answers = [example.answer or "" for name in VERBS for example in data(name)]
    return TransformersBase(tiny_base(folder, [*spoken, *answers]), dtype="float32", device="cpu")


def request(name: str, of: TransformersBase, seed: int = 0) -> CompileRequest:
    return CompileRequest(
        text=text(name),
        code_hash=f"code of {name}",
        base=of.name,
        base_hash=of.hash,
        examples=data(name, seed),
        others=tuple(text(other) for other in VERBS if other != name),
        seed=seed,
    )


def hooked(model: Any) -> bool:
    """Return whether an adapter is mounted on a model; transformers has hooks of its own there."""
    hooks = [hook for module in model.modules() for hook in module._forward_hooks.values()]
    return any(getattr(hook, "__module__", "").startswith("skilllib") for hook in hooks)
