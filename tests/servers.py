"""A PostgreSQL and a Chroma server on this machine's loopback, for as long as a test session lasts."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HOW = "install PostgreSQL with `apt-get install postgresql`"
_NOBODY = "nobody"
"""PostgreSQL refuses to run as root."""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def postgres_binaries() -> Path | None:
    """Return where PostgreSQL's programs are: on the path, or where Debian puts them."""
    if (found := shutil.which("initdb")) is not None:
        return Path(found).parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda file: int(file.parts[-3]))
    return folders[-1].parent if folders else None


@contextmanager
def postgres() -> Iterator[str]:
    """Run a PostgreSQL server and give its address, without the name of a database; skip where there is none."""
    if (binaries := postgres_binaries()) is None:
        pytest.skip(f"there is no PostgreSQL server here; {HOW}")
    # Not below pytest's own folder, which only the user who runs the tests may enter.
    with tempfile.TemporaryDirectory(prefix="skilllib-postgres-", ignore_cleanup_errors=True) as made:
        yield from _postgres(binaries, Path(made))


def _postgres(binaries: Path, folder: Path) -> Iterator[str]:
    as_user = [] if os.geteuid() else ["setpriv", f"--reuid={_NOBODY}", "--clear-groups", "--regid=nogroup"]
    if as_user:
        shutil.chown(folder, _NOBODY)
    port, data = free_port(), folder / "data"
    initdb = [*as_user, binaries / "initdb", "-D", data, "-U", "tester", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"]
    made = subprocess.run(initdb, capture_output=True, text=True, check=False, cwd="/")
    if made.returncode:
        pytest.skip(f"PostgreSQL cannot be started here: {made.stderr.strip()[-300:]}")
    options = ["-h", "127.0.0.1", "-p", str(port), "-k", str(folder), "-c", "fsync=off", "-c", "max_connections=60"]
    with _running([*as_user, binaries / "postgres", "-D", data, *options], folder / "postgres.log", _answers(port)):
        yield f"postgresql://tester@127.0.0.1:{port}"


@contextmanager
def chroma(folder: Path) -> Iterator[str]:
    """Run a Chroma server and give its address."""
    port = free_port()
    command = [sys.executable, "-m", "chromadb.cli.cli"] if shutil.which("chroma") is None else ["chroma"]
    beside = Path(sys.executable).with_name("chroma")
    command = [str(beside)] if beside.exists() else command
    folder.mkdir(parents=True, exist_ok=True)
    arguments = ["run", "--host", "127.0.0.1", "--port", str(port), "--path", str(folder / "data")]
    with _running([*command, *arguments], folder / "chroma.log", _answers(port)):
        yield f"http://127.0.0.1:{port}"


def _answers(port: int) -> Callable[[], bool]:
    def answers() -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    return answers


@contextmanager
def _running(command: list[str | Path], log: Path, ready: Callable[[], bool]) -> Iterator[None]:
    with open(log, "wb") as output, subprocess.Popen(command, stdout=output, stderr=output, cwd="/") as process:
        try:
            deadline = time.monotonic() + 120
            while not ready():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{command[0]} did not start: {log.read_text(encoding='utf-8')[-2000:]}")
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
