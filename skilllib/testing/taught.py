"""A base model small enough to be taught in a test to do what a text in its context says. Needs the extra `weights`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from skilllib.models.base import TransformersBase
from skilllib.models.local import answer_ids, prompt_ids
from skilllib.protocols import Recorder
from skilllib.records.base import content_hash
from skilllib.records.model import Message
from skilllib.testing.tiny import tiny_base

Lesson = tuple[tuple[Message, ...], str]
"""A prompt and its answer."""
ROWS = 8
"""Lessons of a step."""
WARM_UP = 0.1
"""Share of the steps over which the learning rate rises."""


def taught_base(
    folder: Path,
    lessons: Sequence[Lesson],
    *,
    spoken: Iterable[str] = (),
    seed: int = 0,
    steps: int = 1000,
    shape: tuple[int, int] = (64, 3),
    lr: float = 4e-3,
    progress: Recorder | None = None,
) -> Path:
    """Return the folder of a small model that learned lessons; it is taught once and found again under its hash.

    The loss is that of all that comes after the first message: each turn of a conversation teaches as much as the last answer.

    Args:
        folder: Where models are kept.
        lessons: Prompts with answers; where they tell a text, the model learns to follow texts.
        spoken: More texts whose words it has to know.
        seed: Of weights and of the order of lessons.
        steps: Of 32 lessons each.
        shape: Width and layers.
        lr: The highest learning rate; it rises, then falls as a cosine does.
        progress: Is told each step's loss.
    """
    said = sorted({text for messages, answer in lessons for text in (*(m.content for m in messages), f" {answer}", answer)})
    told = [[[[m.role, m.content] for m in messages], answer] for messages, answer in lessons]
    key = content_hash([told, sorted(spoken), seed, steps, list(shape), lr])
    found = folder / key
    if not (found / "model.safetensors").is_file():
        untaught = tiny_base(folder / f"{key}.new", [*said, *spoken], seed=seed, width=shape[0], layers=shape[1])
        _teach(untaught, lessons, steps=steps, lr=lr, seed=seed, progress=progress)
        untaught.rename(found)
    return found


def _teach(folder: Path, lessons: Sequence[Lesson], *, steps: int, lr: float, seed: int, progress: Recorder | None) -> None:
    import torch

    model, tokenizer = TransformersBase(folder, dtype="float32", device="cpu").loaded()
    model.requires_grad_(True)
    rows = [_tokens(tokenizer, *lesson) for lesson in lessons]
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, betas=(0.9, 0.98), weight_decay=0.01)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps + 1, pct_start=WARM_UP)
    draw = np.random.default_rng(seed)
    for step in range(1, steps + 1):
        loss = _loss(model, [rows[i] for i in draw.integers(len(rows), size=ROWS)])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        pace.step()
        if progress is not None:
            progress("step", step=step, of=steps, loss=float(loss.detach()))
    model.eval().requires_grad_(False).save_pretrained(folder)


def _tokens(tokenizer: Any, messages: tuple[Message, ...], answer: str) -> tuple[list[int], int]:
    """Return a lesson's tokens, and where its second message begins."""
    before = prompt_ids(tokenizer, messages[:1]) if len(messages) > 1 else []
    ids = [*prompt_ids(tokenizer, messages), *answer_ids(tokenizer, answer)]
    return ids, len(before)


def _loss(model: Any, rows: Sequence[tuple[list[int], int]]) -> Any:
    import torch

    longest = max(len(ids) for ids, _ in rows)
    padded = torch.tensor([ids + [0] * (longest - len(ids)) for ids, _ in rows])
    wanted = torch.tensor([[-100] * start + ids[start:] + [-100] * (longest - len(ids)) for ids, start in rows])
    # What stands to the right of a row is never seen by it: attention is causal, so that no mask is needed.
    logits = model(input_ids=padded, use_cache=False).logits
    return torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), wanted[:, 1:].flatten())
