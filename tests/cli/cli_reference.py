"""Writes docs/reference/cli.md from the commands themselves: `python tests/cli/cli_reference.py`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from skilllib.cli import app

FILE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
HEAD = """# Command line

Made from the commands' own help by `python tests/cli/cli_reference.py`; a test fails when it is stale.

`skilllib COMMAND --help` shows the same. Before the command: `--debug` shows the traceback of an error, `--version` the version.
With `--json` a command prints one JSON value on stdout and nothing else there. Exit codes: 0 done; 1 the answer is no (a failed
test, a problem found, a skill that failed); 2 it could not be done, with one line `Kind: message` on stderr; 130 Ctrl-C.
"""


def reference() -> str:
    """Return the page."""
    group: Any = typer.main.get_command(app)
    return HEAD + "".join(_command(name, command) for name, command in _flat("", group))


def _flat(before: str, group: Any) -> Iterator[tuple[str, Any]]:
    """Yield the commands of a group, those of its groups by their whole names."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _flat(f"{before}{name} ", command)
        else:
            yield f"{before}{name}", command


def _command(name: str, command: Any) -> str:
    context = typer.Context(command, info_name=name)
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
    usage = " ".join(["skilllib", name, *(_usage(argument) for argument in arguments), "[OPTIONS]"])
    lines = [f"\n## {name}\n", inspect.cleandoc(command.help or ""), f"\n```\n{usage}\n```\n", "| option | meaning |", "|---|---|"]
    lines += [f"| `{_usage(argument)}` | {_cell(argument.help or '')} |" for argument in arguments]
    lines += [f"| `{_cell(names)}` | {_cell(words)} |" for names, words in (option.get_help_record(context) for option in options)]
    return "\n".join(lines) + "\n"


def _usage(argument: Any) -> str:
    shown = argument.metavar or argument.name.upper()
    return shown if argument.required or shown.startswith("[") else f"[{shown}]"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(reference(), encoding="utf-8")
