"""Learns with and without parts of the agent and prints what that costs.

    python tests/benchmarks/ablations.py crafter --seeds 5 --steps 10000 --jobs 2

Every run has the same budget of world steps, those of re-executions included. A row is one arm: the mean over seeds of
the milestones its run reached, of its active skills, of the world steps it used and of its seconds, each with a 95 %
bootstrap interval over seeds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

ARMS: dict[str, list[str]] = {
    "everything": [],
    "no library": ["--no-library"],
    "random curriculum": ["--curriculum", "random"],
    "no re-execution": ["--no-re-execution"],
}


def learned(environment: str, arm: str, seed: int, steps: int, folder: Path) -> dict[str, float]:
    """Run one arm with one seed and return its figures."""
    home = folder / f"{arm.replace(' ', '-')}-{seed}"
    skilllib = [sys.executable, "-m", "skilllib"]
    command = [*skilllib, "learn", environment, "--library", f"{home}/library", "--run", f"{home}/run", "--seed", str(seed)]
    limits = ["--max-steps", str(steps), "--max-attempts", "2000", "--jobs", "1"]
    subprocess.run([*command, *limits, *ARMS[arm], "--quiet"], check=True, capture_output=True, text=True)
    summary = json.loads((home / "run" / "summary.json").read_text(encoding="utf-8"))
    return {
        "milestones": len(summary["milestones_reached"]),
        "active skills": summary["skills"].get("active", 0),
        "steps used": summary["environment_steps"],
        "seconds": summary["seconds"],
    }


def interval(values: list[float]) -> str:
    """Return the mean with a bootstrap interval as text."""
    numbers, generator = np.array(values, dtype=float), np.random.default_rng(0)
    means = [generator.choice(numbers, len(numbers)).mean() for _ in range(2000)]
    low, high = np.percentile(means, [2.5, 97.5])
    return f"{numbers.mean():.1f} ({low:.1f}-{high:.1f})"


def main() -> None:
    """Run all arms and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("environment")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(given.jobs) as pool:
        work = {
            (arm, seed): pool.submit(learned, given.environment, arm, seed, given.steps, Path(name))
            for seed in range(100, 100 + given.seeds)
            for arm in ARMS
        }
        figures = {key: future.result() for key, future in work.items()}
    columns = list(next(iter(figures.values())))
    print(f"| arm | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for arm in ARMS:
        rows = [figure for (name, _), figure in figures.items() if name == arm]
        print(f"| {arm} | {' | '.join(interval([row[column] for row in rows]) for column in columns)} |")
    print(json.dumps({f"{arm} {seed}": figure for (arm, seed), figure in figures.items()}))


if __name__ == "__main__":
    main()
