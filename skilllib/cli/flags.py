"""The flags of `skilllib learn`, in the groups in which its help shows them, and the options they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skilllib.cli.options import without_password

if TYPE_CHECKING:
    from skilllib.records.base import Json

RUN, MODEL, BUDGET, TAPE, ABLATIONS = "Run", "Language model", "Budget of the model", "Tape", "Ablations and baselines"

Library = Annotated[
    str | None,
    typer.Option(
        "--library",
        "-l",
        metavar="PLACE",
        callback=without_password,
        help="Folder (default: skill-library), or postgresql://USER@HOST/NAME.",
    ),
]
Vectors = Annotated[
    str | None,
    typer.Option(
        "--vectors",
        metavar="URL",
        envvar="SKILLLIB_VECTORS",
        help="A Chroma server that holds the vectors, http://HOST:PORT (default: this machine).",
    ),
]
Run = Annotated[Path | None, typer.Option("--run", help="Folder of the run (default: runs/ENV-sSEED-N).", rich_help_panel=RUN)]
Seed = Annotated[int | None, typer.Option("--seed", "-s", min=0, help="All follows from it (default: 0).", rich_help_panel=RUN)]
MaxAttempts = Annotated[
    int | None, typer.Option(min=0, help="Attempts after which the run ends (default: 300).", rich_help_panel=RUN)
]
MaxSteps = Annotated[int | None, typer.Option(min=0, help="World steps after which it ends, proofs included.", rich_help_panel=RUN)]
MaxSeconds = Annotated[
    float | None, typer.Option(min=0, help="Seconds after which it ends; not reproducible.", rich_help_panel=RUN)
]
Resume = Annotated[bool, typer.Option("--resume", help="Continue the run of --run, or the newest.", rich_help_panel=RUN)]
Config = Annotated[
    Path | None, typer.Option("--config", "-c", help="TOML file with options; flags win over it.", rich_help_panel=RUN)
]
Jobs = Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="Processes for proofs (default: 2).", rich_help_panel=RUN)]
Threshold = Annotated[
    float | None, typer.Option(help="Success rate a skill must be shown to exceed (default: 0.3).", rich_help_panel=RUN)
]
Curriculum = Annotated[
    str | None,
    typer.Option(metavar="[frontier|random]", help="Chooses tasks (default: frontier).", rich_help_panel=RUN),
]
Embedder = Annotated[
    str | None, typer.Option(metavar="MODEL", help="A sentence-transformers model, or `hashing`.", rich_help_panel=RUN)
]
CompileFor = Annotated[
    str | None,
    typer.Option(
        "--compile-for", metavar="MODEL", help="Base model for which skills that have earned it are compiled.", rich_help_panel=RUN
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the end.")]

Model = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL", help="Writes programs; by litellm's name. Without it they are searched for.", rich_help_panel=MODEL
    ),
]
CriticModel = Annotated[
    str | None, typer.Option(metavar="MODEL", help="Gives advice and opinions (default: --model).", rich_help_panel=MODEL)
]
CurriculumModel = Annotated[
    str | None, typer.Option(metavar="MODEL", help="Proposes tasks (default: --model).", rich_help_panel=MODEL)
]
DescribeModel = Annotated[
    str | None, typer.Option(metavar="MODEL", help="Describes skills (default: --model).", rich_help_panel=MODEL)
]
Candidates = Annotated[
    int | None, typer.Option(min=1, help="Programs written in each round; execution chooses (default: 1).", rich_help_panel=MODEL)
]
Honing = Annotated[
    float | None, typer.Option(help="Share of the tasks that exercise weak or unused skills (default: 0.2).", rich_help_panel=MODEL)
]
Context = Annotated[
    str | None,
    typer.Option(
        metavar="[never|retry|always]",
        help="When it is asked how to do a task before writing; retry: after a failure (default: retry).",
        rich_help_panel=MODEL,
    ),
]
Temperature = Annotated[
    float | None, typer.Option(help="Of the first candidate; rises when a program comes back (default: 0).", rich_help_panel=MODEL)
]
PromptTokens = Annotated[int | None, typer.Option(help="Tokens a prompt may have (default: 3000).", rich_help_panel=MODEL)]
ReplyTokens = Annotated[int | None, typer.Option(help="Tokens a reply may have (default: 800).", rich_help_panel=MODEL)]
Timeout = Annotated[float | None, typer.Option(help="Seconds to wait for one reply (default: 120).", rich_help_panel=MODEL)]
Prompts = Annotated[
    Path | None, typer.Option(help="Folder with prompts of your own in place of the packaged ones.", rich_help_panel=MODEL)
]
ShowPrompts = Annotated[
    bool, typer.Option("--show-prompts", help="Print each prompt and reply as they happen.", rich_help_panel=MODEL)
]

MaxCalls = Annotated[int | None, typer.Option(min=0, help="Model calls.", rich_help_panel=BUDGET)]
MaxTokens = Annotated[int | None, typer.Option(min=0, help="Tokens, in and out.", rich_help_panel=BUDGET)]
MaxUsd = Annotated[float | None, typer.Option(min=0, help="US dollars.", rich_help_panel=BUDGET)]
MaxModelSeconds = Annotated[float | None, typer.Option(min=0, help="Seconds spent waiting for replies.", rich_help_panel=BUDGET)]

Tape = Annotated[
    Path | None, typer.Option(help="Where requests and replies are recorded (default: RUN/tape.jsonl).", rich_help_panel=TAPE)
]
Replay = Annotated[bool, typer.Option("--replay", help="Answer from the tape alone; no model is asked.", rich_help_panel=TAPE)]

Preset = Annotated[
    str | None,
    typer.Option(
        metavar="[voyager|react|no-library]", help="A baseline to compare with; needs --model.", rich_help_panel=ABLATIONS
    ),
]
NoLibrary = Annotated[bool, typer.Option("--no-library", help="Programs may not call learned skills.", rich_help_panel=ABLATIONS)]
NoReExecution = Annotated[
    bool, typer.Option("--no-re-execution", help="One success makes a skill active.", rich_help_panel=ABLATIONS)
]

_BUDGET = {"max_calls": "calls", "max_tokens": "tokens", "max_usd": "usd", "max_model_seconds": "seconds"}
_RENAMED = {"env": "environment", "timeout": "timeout_s"}
_AS_GIVEN = (
    *("library", "vectors", "seed", "max_attempts", "max_steps", "max_seconds", "jobs", "threshold", "curriculum", "embedder"),
    *("model", "critic_model", "curriculum_model", "describe_model", "candidates", "honing", "context", "temperature"),
    *("prompt_tokens", "reply_tokens", "prompts", "tape", "preset", "compile_for"),
)


def given(flags: Mapping[str, Any]) -> dict[str, Json]:
    """Return the options that flags stand for; a flag that was not given says nothing.

    >>> given({"env": "bakery", "seed": None, "max_usd": 2.0, "no_library": True})
    {'environment': 'bakery', 'use_library': False, 'budget': {'usd': 2.0}}
    """
    from skilllib.cli.options import json_pairs

    found: dict[str, Json] = {option: flags.get(flag) for flag, option in _RENAMED.items()}
    found |= {flag: flags.get(flag) for flag in _AS_GIVEN}
    found |= {
        "use_library": False if flags.get("no_library") else None,
        "re_execute": False if flags.get("no_re_execution") else None,
    }
    found |= {"replay": True if flags.get("replay") else None}
    found["budget"] = {name: flags[flag] for flag, name in _BUDGET.items() if flags.get(flag) is not None} or None
    found["environment_options"] = json_pairs(flags.get("option"), "the environment option") or None
    return {key: str(value) if isinstance(value, Path) else value for key, value in found.items() if value is not None}
