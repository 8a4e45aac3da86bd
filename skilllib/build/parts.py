"""Makes worlds, sandboxes, workers and embedders by name."""

from __future__ import annotations

import functools

from skilllib.embedders.hashing import HashingEmbedder
from skilllib.embedders.minilm import MiniLMEmbedder
from skilllib.protocols import Embedder, Environment, EnvironmentFactory, Guard, Sandbox
from skilllib.registry import make_environment
from skilllib.sandbox import MontySandbox
from skilllib.workers import Workers


def make_world(name: str, options: dict[str, object]) -> Environment:
    """Make an environment; a function of its own so that worker processes can be told to call it."""
    return make_environment(name, **options)


def make_sandbox(guard: Guard | None = None) -> Sandbox:
    """Make a sandbox; likewise."""
    return MontySandbox(guard=guard)


def make_workers(
    environment: str,
    options: dict[str, object],
    *,
    jobs: int,
    world: EnvironmentFactory | None = None,
    guard: Guard | None = None,
) -> Workers:
    """Return workers that run programs on fresh worlds of an environment, or of one made by a factory."""
    made = functools.partial(make_world, environment, options) if world is None else functools.partial(world, **options)
    return Workers(world=made, sandbox=functools.partial(make_sandbox, guard), processes=jobs)


def make_embedder(name: str | None) -> Embedder:
    """Return an embedder by name.

    Args:
        name: `hashing` for the one that needs no weights and knows letters, not meaning; else a sentence-transformers model
            or its folder; None for the packaged MiniLM weights.
    """
    return HashingEmbedder() if name == "hashing" else MiniLMEmbedder(name)
