"""The only place that chooses classes: options in, an assembled agent out."""

from skilllib.build.assembly import Learner, learner, run_name
from skilllib.build.parts import make_embedder, make_sandbox, make_workers, make_world
from skilllib.build.proving import proving
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
