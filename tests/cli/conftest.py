"""The command line in a folder of its own, with a bakery to learn in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from command_door import Door

from skilllib import registry
from skilllib.sandbox import MontySandbox

BAKERY = EntryPoint(name="bakery", value="skilllib.testing.bakery:make_bakery", group=registry.GROUP)


@pytest.fixture
def bakery(monkeypatch: pytest.MonkeyPatch) -> None:
    found = registry.environments()
    monkeypatch.setattr(registry, "environments", lambda: {**found, "bakery": BAKERY})


@pytest.fixture
def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bakery: None) -> Door:
    monkeypatch.chdir(tmp_path)
    return Door()


@pytest.fixture(scope="session")
def learned_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which an agent has learned in the bakery."""
    folder = tmp_path_factory.mktemp("learned")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        found = registry.environments()
        patch.setattr(registry, "environments", lambda: {**found, "bakery": BAKERY})
        code, _, err = Door().learn("--max-attempts", 25, "--run", "runs/first")
        assert code == 0, err
    return folder


@pytest.fixture
def learned(learned_once: Path, tmp_path: Path, door: Door) -> Door:
    """The command line beside a copy of that folder."""
    import shutil

    shutil.copytree(learned_once, tmp_path, dirs_exist_ok=True)
    return door


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Press Ctrl-C at the n-th program that is run here (proofs count too)."""

    def at(n: int) -> None:
        run, count = MontySandbox.run, 0

        def counted(self: MontySandbox, *args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            if count == n:
                raise KeyboardInterrupt
            return run(self, *args, **kwargs)

        monkeypatch.setattr(MontySandbox, "run", counted)

    yield at
