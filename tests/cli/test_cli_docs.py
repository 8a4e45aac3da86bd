"""The reference is what the program says of itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cli_reference
import typer
from command_door import Door

from skilllib.cli import app
from skilllib.config import LearnOptions
from skilllib.runs import RunFolder

OPTIONS = Path(__file__).parents[2] / "docs" / "reference" / "options.md"
SUMMARY = Path(__file__).parents[2] / "docs" / "reference" / "summary.md"


def test_the_reference_is_not_stale() -> None:
    written = cli_reference.FILE.read_text(encoding="utf-8")
    assert written == cli_reference.reference(), "run `python tests/cli/cli_reference.py`"


def test_every_option_has_help() -> None:
    for line in cli_reference.reference().splitlines():
        if line.startswith("| `"):
            assert not line.endswith("|  |"), line


def test_every_option_of_a_run_is_in_the_reference_with_its_flag() -> None:
    text = OPTIONS.read_text(encoding="utf-8")
    assert not [name for name in LearnOptions.model_fields if f"| `{name}` |" not in text]
    flags = set(re.findall(r"`(--[a-z-]+)`", text))
    learn: Any = typer.main.get_command(app).commands["learn"]  # type: ignore[attr-defined]  # it is a group
    assert flags <= {flag for option in learn.params for flag in option.opts}


def test_every_field_of_a_run_folder_is_documented(learned: Door) -> None:
    text = SUMMARY.read_text(encoding="utf-8")
    run = RunFolder.open("runs/first")
    for field in run.summary():
        assert f"`{field}`" in text, field
    for event in run.events():
        for field in event:
            assert f"`{field}`" in text or field == "at", (event["event"], field)
