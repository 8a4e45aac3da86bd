"""The only place that chooses classes: options in, an assembled agent out.

What is exported is imported when it is first used: whoever only wants an embedder does not wait for the agent.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skilllib.build.assembly import Learner, learner, run_name
    from skilllib.build.parts import make_embedder, make_sandbox, make_workers, make_world
    from skilllib.build.prover import proving
    from skilllib.build.replaying import Replayer, replayer

__all__ = [
    "Learner",
    "Replayer",
    "learner",
    "make_embedder",
    "make_sandbox",
    "make_workers",
    "make_world",
    "proving",
    "replayer",
    "run_name",
]

_PLACES = {
    "assembly": ("Learner", "learner", "run_name"),
    "parts": ("make_embedder", "make_sandbox", "make_workers", "make_world"),
    "prover": ("proving",),
    "replaying": ("Replayer", "replayer"),
}


def __getattr__(name: str) -> Any:
    for module, names in _PLACES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
