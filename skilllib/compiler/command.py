"""Another program compiles: it is given a request as JSON and leaves a PEFT directory. For those with a cluster of their own."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from skilllib.compiler.format import read_adapter
from skilllib.compiler.lora import refuse_unsound
from skilllib.errors import CompilerFailed, InvalidRecord
from skilllib.protocols import Base, Recorder
from skilllib.records.adapter import CompileRequest, LoraWeights
from skilllib.records.base import Json

SAID = 2000
"""Characters of a program's last words that an error quotes."""


def make(base: Base, *, run: str | Sequence[str] = "", timeout_s: float = 3600.0) -> Command:
    """Make the compiler `command`.

    Args:
        base: The base model; the program is told its name and hash.
        run: The program and its arguments; a text is split as a shell would, but no shell runs it.
        timeout_s: Seconds after which the program is ended.

    Raises:
        InvalidRecord: There is no program.
    """
    words = shlex.split(run) if isinstance(run, str) else list(run)
    if not words:
        raise InvalidRecord("the compiler `command` needs the program to run, such as `--option run='python train.py'`")
    return Command(tuple(words), float(timeout_s))


@dataclass(frozen=True)
class Command:
    """Runs a program with two arguments more, a file with the request and a folder for the adapter."""

    run: tuple[str, ...]
    timeout_s: float = 3600.0
    name: str = "command"

    @property
    def configuration(self) -> Mapping[str, Json]:
        """The program."""
        return {"run": list(self.run)}

    def compile(self, request: CompileRequest, *, workspace: Path | None = None, progress: Recorder | None = None) -> LoraWeights:
        """Return what the program left, validated.

        Raises:
            CompilerFailed: The program is not there, fails, or takes too long.
            AdapterRefused: What it left is no adapter.
        """
        with tempfile.TemporaryDirectory(prefix="skilllib-compile-", dir=workspace) as folder:
            asked, made = Path(folder) / "request.json", Path(folder) / "adapter"
            asked.write_text(request.model_dump_json(indent=1), encoding="utf-8")
            made.mkdir()
            self._ran([*self.run, str(asked), str(made)], Path(folder))
            weights = read_adapter(made)
        refuse_unsound(weights)
        return weights

    def _ran(self, words: list[str], folder: Path) -> None:
        log = folder / "output.txt"
        try:
            with log.open("wb") as output:
                # A session of its own, so that what the program starts ends with it.
                process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
                try:
                    code = process.wait(self.timeout_s)
                finally:
                    with suppress(ProcessLookupError, PermissionError):
                        os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
        except subprocess.TimeoutExpired:
            raise CompilerFailed(
                f"{self.run[0]!r} did not end within {self.timeout_s:g} s; allow it more with `timeout_s`{_said(log)}"
            ) from None
        except OSError as error:
            raise CompilerFailed(f"{self.run[0]!r} cannot be run: {error.strerror or error}; check its path") from error
        if code != 0:
            raise CompilerFailed(f"{self.run[0]!r} ended with the code {code}{_said(log)}")


def _said(log: Path) -> str:
    try:
        text = log.read_text(encoding="utf-8", errors="replace").strip()[-SAID:]
    except OSError:
        return ""
    return f"; it said: {text}" if text else "; it said nothing"
