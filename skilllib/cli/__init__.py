"""The command line: one file per command, each parses, calls and prints."""

from __future__ import annotations

from skilllib.cli.application import app


def main() -> None:
    """Run the command line; the console script `skilllib`."""
    app(prog_name="skilllib")


__all__ = ["app", "main"]
