"""Adapters on a model: hooks on its linear modules, put on and taken off without touching a weight."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from skilllib.errors import AdapterRefused
from skilllib.models.base import linears
from skilllib.records.adapter import LoraWeights

Factors = Mapping[str, tuple[Any, Any]]
"""Module → tensors a (rank, in) and b (out, rank); for a batch of groups of rows (groups, rank, in) and (groups, out, rank)."""


@contextmanager
def mounted(model: Any, factors: Factors, alpha: float = 1.0) -> Iterator[None]:
    """Let a model compute with adapters for a block.

    Args:
        model: A model of transformers.
        factors: What is added; gradients flow through it.
        alpha: Multiplies every ΔW.

    Raises:
        AdapterRefused: The model has no such module.
    """
    handles = mount(model, factors, alpha)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def mount(model: Any, factors: Factors, alpha: float = 1.0) -> list[Any]:
    """Put adapters on a model and return the handles by which they are removed.

    Raises:
        AdapterRefused: The model has no such module, or one of another shape.
    """
    modules = linears(model)
    for name, (a, b) in factors.items():
        if name not in modules:
            raise AdapterRefused(f"the base model has no linear module {name!r}; the adapter is for another base")
        shape = tuple(modules[name].weight.shape)
        if (b.shape[-2], a.shape[-1]) != shape:
            raise AdapterRefused(f"{name}: the base has {shape[0]} x {shape[1]}, the adapter is for {b.shape[-2]} x {a.shape[-1]}")
    return [modules[name].register_forward_hook(_hook(a, b, alpha)) for name, (a, b) in factors.items()]


def tensors(weights: LoraWeights, device: str = "cpu") -> dict[str, tuple[Any, Any]]:
    """Return weights as float32 tensors on a device."""
    import torch

    return {
        module: (torch.as_tensor(pair.a, device=device), torch.as_tensor(pair.b, device=device))
        for module, pair in weights.pairs.items()
    }


def _hook(a: Any, b: Any, alpha: float) -> Any:
    def added(_module: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        # The same operations in the same order and precision as in peft, so that logits are equal to the last bit.
        x = inputs[0].to(a.dtype)
        if a.ndim == 3:
            groups = a.shape[0]
            grouped = x.reshape(groups, -1, x.shape[-1])
            change = (grouped @ a.transpose(1, 2) @ b.transpose(1, 2)).reshape(*x.shape[:-1], b.shape[1])
        else:
            change = (x @ a.T) @ b.T
        return (output + change * alpha).to(output.dtype)

    return added
