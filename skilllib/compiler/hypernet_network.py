"""The hypernetwork itself: what a frozen base makes of a text → the factors of an adapter, in one forward pass.

Queries, one for each layer, module and rank, attend to the base's hidden states over the text; what they bring back is turned
into a row of A and a column of B by heads that all layers share. After Doc-to-LoRA (arXiv 2602.15902) and SHINE (2602.06358).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skilllib.compiler.distill import chosen
from skilllib.compiler.hypernet_options import HypernetOptions
from skilllib.errors import CompilerFailed
from skilllib.models.hooks import Factors

SCALE_A, SCALE_B = 0.03, 0.02
"""What the heads' outputs are multiplied by: adapters begin small, and alike but for a little."""
WAVES = 16
"""Frequencies by which a network knows where a token stands in its text."""
Parameters = Mapping[str, Any]
"""Name → tensor."""


@dataclass(frozen=True)
class Shape:
    """The modules of a base that a hypernetwork writes adapters for."""

    modules: tuple[str, ...]
    """Paths of the linear modules, in the base's order."""
    sizes: Mapping[str, tuple[int, int]]
    """Last name of a module → (out, in), the same in all layers."""
    hidden: int
    """Width of the base's hidden states."""

    @classmethod
    def of(cls, model: Any, options: HypernetOptions) -> Shape:
        """Return the shape of a base.

        Raises:
            CompilerFailed: It has no such modules, or they differ in size from layer to layer.
        """
        found = chosen(model, options.targets, options.layers)
        sizes: dict[str, tuple[int, int]] = {}
        for name, module in found.items():
            size = (int(module.weight.shape[0]), int(module.weight.shape[1]))
            if sizes.setdefault(_last(name), size) != size:
                raise CompilerFailed(f"the base's modules {_last(name)!r} differ in size from layer to layer; choose other targets")
        return cls(tuple(found), sizes, int(model.config.hidden_size))

    @property
    def layers(self) -> tuple[str, ...]:
        """What stands before the modules' last names: one for each block of modules that share an embedding."""
        return tuple(dict.fromkeys(name.split(".layers.")[1].split(".")[0] for name in self.modules))


def beginning(shape: Shape, options: HypernetOptions, seed: int) -> dict[str, Any]:
    """Return the parameters with which training begins."""
    import torch

    draw = torch.Generator().manual_seed(seed)
    width = options.width

    def linear(out: int, inner: int) -> Any:
        return (torch.rand(out, inner, generator=draw) * 2 - 1) * inner**-0.5

    def embedding(n: int) -> Any:
        return torch.randn(n, width, generator=draw) * 0.5

    found = {
        "taps": linear(width, options.taps * shape.hidden),
        "place": linear(width, 2 * WAVES),
        "layer": embedding(len(shape.layers)),
        "module": embedding(len(shape.sizes)),
        "rank": embedding(options.rank),
    }
    for i in range(options.blocks):
        found |= {f"{i}.{part}": linear(width, width) for part in ("query", "key", "value", "out")}
        found |= {f"{i}.up": linear(4 * width, width), f"{i}.down": linear(width, 4 * width)}
    for name, (out, inner) in shape.sizes.items():
        found |= {f"head.{name}.a": linear(inner, width), f"head.{name}.b": linear(out, width)}
    found |= {f"bias.{name}": linear(options.rank, shape.sizes[_last(name)][1]) for name in shape.modules}
    return found


def features(model: Any, ids: Sequence[int], taps: int) -> Any:
    """Return what the base makes of a text: hidden states of some layers side by side, each of unit mean square.

    Args:
        model: The base.
        ids: The text's tokens.
        taps: From how many layers, evenly from the embeddings to the last.

    Returns:
        A tensor (tokens, taps * hidden).
    """
    import torch

    with torch.no_grad():
        states = model.base_model(
            input_ids=torch.tensor([list(ids)], device=model.device), use_cache=False, output_hidden_states=True
        ).hidden_states
    tapped = [states[round(float(i))][0].float() for i in np.linspace(0, len(states) - 1, taps)]
    return torch.cat([torch.nn.functional.rms_norm(state, state.shape[-1:]) for state in tapped], -1)


def generated(parameters: Parameters, texts: Sequence[Any], shape: Shape, options: HypernetOptions) -> dict[str, tuple[Any, Any]]:
    """Return the adapters of several texts at once.

    Args:
        parameters: Of the hypernetwork.
        texts: Features of each, (tokens, taps * hidden).
        shape: Of the base.
        options: Those the parameters were made with.

    Returns:
        Module → a (texts, rank, in) and b (texts, out, rank).
    """
    import torch

    keys = torch.nn.utils.rnn.pad_sequence(list(texts), batch_first=True)
    there = torch.arange(keys.shape[1], device=keys.device) < torch.tensor([[len(text)] for text in texts], device=keys.device)
    keys = _normed(keys @ parameters["taps"].T + _places(keys.shape[1]).to(keys.device) @ parameters["place"].T)
    found = _queries(parameters, shape).expand(len(texts), -1, -1)
    for i in range(options.blocks):
        found = found + _attended(parameters, i, _normed(found), keys, there, options.heads)
        up = torch.nn.functional.gelu(_normed(found) @ parameters[f"{i}.up"].T)
        found = found + up @ parameters[f"{i}.down"].T
    rows = _normed(found).unflatten(1, (len(shape.modules), options.rank))
    factors = {}
    for i, name in enumerate(shape.modules):
        a = rows[:, i] @ parameters[f"head.{_last(name)}.a"].T * SCALE_A + parameters[f"bias.{name}"]
        b = (rows[:, i] @ parameters[f"head.{_last(name)}.b"].T * SCALE_B).transpose(1, 2)
        factors[name] = (a, b)
    return factors


def gathered(factors: Factors, groups: Sequence[Sequence[int]]) -> dict[str, tuple[Any, Any]]:
    """Return for each group of texts the sum of their adapters, by concatenating ranks; shorter ones are filled up with zeros."""
    import torch

    most = max(len(group) for group in groups)
    found = {}
    for name, (a, b) in factors.items():
        nothing = len(a)  # the number of a text whose adapter is zeros
        index = torch.tensor([[*group, *[nothing] * (most - len(group))] for group in groups], device=a.device)
        rows = torch.cat([a, a.new_zeros(1, *a.shape[1:])])[index]
        columns = torch.cat([b, b.new_zeros(1, *b.shape[1:])])[index]
        found[name] = (rows.flatten(1, 2), columns.transpose(1, 2).flatten(2, 3))
    return found


def _places(tokens: int) -> Any:
    """Return where each token of a text stands, as waves, (tokens, 2 * WAVES): what a line says depends on which line it is."""
    import torch

    angles = torch.arange(tokens)[:, None] * torch.logspace(0, -3, WAVES)
    return torch.cat([angles.sin(), angles.cos()], -1)


def _queries(parameters: Parameters, shape: Shape) -> Any:
    """Return one query for each module of each layer and each rank, (modules * rank, width)."""
    layers, last = shape.layers, list(shape.sizes)
    which = [(layers.index(name.split(".layers.")[1].split(".")[0]), last.index(_last(name))) for name in shape.modules]
    places = parameters["layer"][[i for i, _ in which]] + parameters["module"][[j for _, j in which]]
    return (places[:, None] + parameters["rank"]).flatten(0, 1)


def _attended(parameters: Parameters, block: int, queries: Any, keys: Any, there: Any, heads: int) -> Any:
    """Return what the queries bring back from the keys that are there, (texts, queries, width)."""
    import torch

    def split(states: Any, part: str) -> Any:
        return (states @ parameters[f"{block}.{part}"].T).unflatten(-1, (heads, -1)).transpose(1, 2)

    brought = torch.nn.functional.scaled_dot_product_attention(
        split(queries, "query"), split(keys, "key"), split(keys, "value"), attn_mask=there[:, None, None]
    )
    return brought.transpose(1, 2).flatten(2) @ parameters[f"{block}.out"].T


def _normed(states: Any) -> Any:
    import torch

    return torch.nn.functional.layer_norm(states, states.shape[-1:])


def _last(name: str) -> str:
    return name.rpartition(".")[2]
