"""A short way to run commands in tests."""

from __future__ import annotations

import json
from typing import Any

from typer.testing import CliRunner

from skilllib.cli import app


class Door:
    """Runs commands and returns exit code, stdout and stderr."""

    def __init__(self) -> None:
        self._runner = CliRunner()

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        done = self._runner.invoke(app, [str(argument) for argument in arguments], prog_name="skilllib")
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.stdout, done.stderr

    def json(self, *arguments: object, code: int = 0) -> Any:
        found, out, err = self(*arguments, "--json")
        assert found == code, err
        return json.loads(out)

    def refuses(self, *arguments: object) -> str:
        code, out, err = self(*arguments)
        assert code == 2 and out.count("\n") <= 1, (code, out)
        assert "Traceback" not in err
        return " ".join(err.split())

    def learn(self, *arguments: object) -> tuple[int, str, str]:
        return self("learn", "bakery", "--embedder", "hashing", "--jobs", 1, *arguments)
