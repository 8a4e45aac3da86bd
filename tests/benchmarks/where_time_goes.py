"""Learns for a while in one process and prints where the time went.

    python tests/benchmarks/where_time_goes.py crafter --attempts 60

The parts are measured by wrapping their methods; what the sandbox needs beyond the simulator's own calls is its share.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from skilllib.build import learner
from skilllib.config import options
from skilllib.embedders.minilm import MiniLMEmbedder
from skilllib.library.index import ChromaIndex
from skilllib.sandbox import MontySandbox

spent: dict[str, float] = {}
running: list[str] = []


def timed(part: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method whose own time is added to a part: time in parts it calls is theirs."""

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        started = time.perf_counter()
        running.append(part)
        try:
            return method(*args, **kwargs)
        finally:
            took = time.perf_counter() - started
            running.pop()
            spent[part] = spent.get(part, 0.0) + took
            if running:
                spent[running[-1]] = spent.get(running[-1], 0.0) - took

    return wrapped


def main() -> None:
    """Learn and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("environment")
    parser.add_argument("--attempts", type=int, default=60)
    given = parser.parse_args()
    MontySandbox.run = timed("sandbox", MontySandbox.run)  # type: ignore[method-assign]
    MiniLMEmbedder.embed = timed("embedding", MiniLMEmbedder.embed)  # type: ignore[method-assign]
    for name in ("put", "drop", "nearest"):
        setattr(ChromaIndex, name, timed("index", getattr(ChromaIndex, name)))
    with tempfile.TemporaryDirectory() as folder:
        chosen = options(environment=given.environment, library=str(Path(folder) / "library"), max_attempts=given.attempts, jobs=1)
        started = time.perf_counter()
        with learner(chosen, recorder=lambda event, **fields: None, run="timed") as made:
            world = type(made.environment)
            for name in ("reset", "call", "observe"):
                setattr(world, name, timed("simulator", getattr(world, name)))
            made.agent.library.count = timed("store", made.agent.library.count)  # type: ignore[method-assign]
            for name in ("admit", "commit", "append_attempt", "begin_trace", "effects", "statistics", "skills", "closure"):
                setattr(made.agent.library, name, timed("store", getattr(made.agent.library, name)))
            made.agent.learn()
        total = time.perf_counter() - started
    print("| part | seconds | share |\n|---|---|---|")
    rest = total - sum(spent.values())
    for part, seconds in sorted([*spent.items(), ("everything else (search, curriculum, start)", rest)], key=lambda row: -row[1]):
        print(f"| {part} | {seconds:.1f} | {seconds / total:.0%} |")
    print(f"| all | {total:.1f} | 100% |")


if __name__ == "__main__":
    main()
