"""Learns the toy bakery with a language model, under the very prompts that the first world was learned with.

    OPENAI_API_BASE=http://127.0.0.1:8123/v1 OPENAI_API_KEY=none \\
        python tests/benchmarks/second_world.py --model openai/local --calls 30 --seeds 3 --folder bakery

The bakery (`skilllib.testing`) shares nothing with a world of cells: other facts, other primitives, no pictures. What counts
as solved is the check's word.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from presets import calls_for_code, ratio, truly_solved

from skilllib.build import learner
from skilllib.config import LearnOptions
from skilllib.errors import SkillLibError
from skilllib.records.model import Budget
from skilllib.testing import make_bakery


def silent(event: str, **fields: object) -> None:
    """Take no note."""


def learned(given: argparse.Namespace, seed: int) -> dict[str, float]:
    """Make one run and return what it came to."""
    home = Path(given.folder) / str(seed)
    options = LearnOptions(
        environment="bakery",
        library=str(home / "library"),
        seed=seed,
        model=given.model,
        budget=Budget(calls=given.calls),
        tape=str(home / "tape.jsonl"),
        reply_tokens=given.reply_tokens,
        timeout_s=given.timeout,
        preset=given.preset,
    )
    home.mkdir(parents=True, exist_ok=True)
    with learner(options, recorder=silent, run=f"run{seed}", world=make_bakery) as made:
        try:
            made.agent.learn(made.unfinished)
        except SkillLibError as error:
            print(f"{seed}: {error}", file=sys.stderr)
        traces = [trace for _, trace in made.library.traces()]
        solved = [trace for trace in traces if truly_solved(trace)]
        active = made.library.skills("active")
        return {
            "milestones": len(made.agent.progress.milestones),
            "tasks": len(traces),
            "tasks solved": len(solved),
            "calls": made.agent.progress.model_calls,
            "calls per solved task": ratio(made.agent.progress.model_calls, len(solved)),
            "solved without a call for code": ratio(sum(not calls_for_code(trace) for trace in solved), len(solved)),
            "active skills": len(active),
            "composed": ratio(sum(bool(skill.calls) for skill in active), len(active)),
        }


def main() -> None:
    """Make the runs and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--calls", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--preset", choices=["voyager", "no-library"])
    parser.add_argument("--reply-tokens", type=int, default=300)
    parser.add_argument("--timeout", type=float, default=300)
    parser.add_argument("--folder", default="bakery")
    given = parser.parse_args()
    rows = [learned(given, seed) for seed in range(given.seeds)]
    print(json.dumps(rows), file=sys.stderr)
    print(f"| | {' | '.join(f'seed {seed}' for seed in range(given.seeds))} |\n|---|{'---|' * given.seeds}")
    for column in rows[0]:
        print(f"| {column} | {' | '.join(f'{row[column]:.2f}'.removesuffix('.00') for row in rows)} |")


if __name__ == "__main__":
    main()
