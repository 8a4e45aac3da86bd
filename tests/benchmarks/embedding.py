"""What a query's embedding costs on the fast way and on the reference: docs/results.md, section "Embedding".

    python tests/benchmarks/embedding.py

The same weights run through onnxruntime and through sentence-transformers, text by text in turn and on one thread each. Then a
fresh process for each says how long it takes from nothing to the first vector, and how much memory it holds.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from generated_skills import questions

from skilllib.embedders import MiniLMEmbedder

ROUNDS = 300
FRESH = """
import sys, time
from pathlib import Path
clock = time.perf_counter()
from skilllib.embedders import MiniLMEmbedder
embedder = MiniLMEmbedder()
(embedder._encode if sys.argv[1] == "fast" else embedder._encode_by_reference)(["open the heavy door"])
status = Path("/proc/self/status").read_text().splitlines()
memory = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
print(time.perf_counter() - clock, memory, "torch" in sys.modules)
"""


def main() -> None:
    """Print the table."""
    embedder = MiniLMEmbedder()
    ways: dict[str, Callable[[Sequence[str]], Any]] = {"fast": embedder._encode, "reference": embedder._encode_by_reference}
    texts = questions(ROUNDS + 20)
    times: dict[str, list[float]] = {name: [] for name in ways}
    apart = 0.0
    for turn, text in enumerate(texts):
        found = {}
        for name, way in ways.items():
            clock = time.perf_counter()
            found[name] = way([text])
            if turn >= 20:
                times[name].append(1000 * (time.perf_counter() - clock))
        apart = max(apart, float(np.abs(found["fast"] - found["reference"]).max()))
    fresh = {name: started(name) for name in ways}
    print("| | onnxruntime | sentence-transformers |\n|---|---|---|")
    shown = [f"{np.median(taken):.1f} ({np.percentile(taken, 95):.1f})" for taken in times.values()]
    print(f"| a query, ms (95th percentile) | {' | '.join(shown)} |")
    print(f"| from nothing to the first vector, s | {' | '.join(f'{seconds:.2f}' for seconds, _, _ in fresh.values())} |")
    print(f"| memory of that process, MB | {' | '.join(f'{memory:.0f}' for _, memory, _ in fresh.values())} |")
    print(f"| imports torch | {' | '.join('yes' if torch else 'no' for _, _, torch in fresh.values())} |")
    print(f"\nLargest difference of a component over {len(texts)} texts: {apart:.1e}.")


def started(name: str) -> tuple[float, float, bool]:
    """Return seconds, megabytes and whether torch was imported, the fastest of three fresh processes."""
    command = [sys.executable, "-c", FRESH, name]
    runs = [subprocess.run(command, check=True, capture_output=True, text=True).stdout.split() for _ in range(3)]
    seconds, memory, torch = min(runs, key=lambda run: float(run[0]))
    return float(seconds), float(memory), torch == "True"


if __name__ == "__main__":
    main()
