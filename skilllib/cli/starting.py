"""Where a run starts: a new run folder with its options, or one that is to be continued."""

from __future__ import annotations

import itertools
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL

from skilllib.build import run_name
from skilllib.config import LearnOptions, load_options, merged, options
from skilllib.errors import InvalidRecord, LibraryNotFound, PromptError, RunError, TapeError
from skilllib.library import SkillLibrary
from skilllib.library.place import bare, located
from skilllib.runs import RunFolder

RUNS = Path("runs")
"""Where new run folders are made."""
TAPE = "tape.jsonl"
"""Name of a run's own tape, in its folder."""
CHANGEABLE = frozenset(
    {
        *("max_attempts", "max_steps", "max_seconds", "jobs", "library", "vectors"),
        *("budget", "timeout_s", "tape", "replay", "compile_for"),
    }
)
"""What may be given anew when a run is resumed: it shapes no behaviour."""
PATHS = ("library", "tape", "prompts")
"""Options that are kept relative to the run folder, so that all can be moved together."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """A run that is ready to go on."""

    options: LearnOptions
    folder: Path
    new: bool

    @property
    def taped(self) -> LearnOptions:
        """The options with the tape that is used, where there is a model."""
        tape = str(tape_of(self.folder, self.options.tape)) if self.options.model else None
        return self.options.model_copy(update={"tape": tape})

    def opened(self) -> RunFolder:
        """Make the run folder, or open and mend it."""
        if self.new:
            return RunFolder.create(self.folder, _stored(self.options, self.folder))
        run = RunFolder.open(self.folder)
        run.mend()
        return run

    def discard(self) -> None:
        """Take back a folder that was just made for a run that could not begin."""
        if self.new and not (self.folder / "events.jsonl").exists():
            shutil.rmtree(self.folder)
            if self.folder.parent == RUNS:
                with suppress(OSError):  # others are in it
                    RUNS.rmdir()


def begun(given: dict[str, Any], folder: Path | None, config: Path | None) -> Start:
    """Return the start of a new run.

    Raises:
        InvalidRecord: An option is unknown, impossible or without effect, or no environment is named.
        PromptError: There is no folder of prompts where one should be.
        TapeError: There is no tape to answer from.
        RunError: The folder or the library has a run of that name already.
    """
    chosen = _options(given, config)
    _refuse_lost_files(chosen)
    known = _runs(chosen.library)
    folder = folder or (Path(chosen.run) if chosen.run else None)
    if folder is None:
        folder = _free(f"{chosen.environment}-s{chosen.seed}", known)
    elif run_name(folder) in known:
        raise RunError(
            f"the library {chosen.library!r} already knows a run {run_name(folder)!r}; continue it with --resume --run {folder}, "
            "or give --run another last name"
        )
    return Start(options=chosen, folder=folder, new=True)


def resumed(given: dict[str, Any], folder: Path | None, config: Path | None) -> Start:
    """Return the start of a run that was interrupted, with the options it was begun with.

    Raises:
        RunError: There is no such run, or an option is given that would make it another run.
    """
    if config is not None:
        raise RunError("--resume continues with the options the run was begun with; leave out --config")
    folder = folder or _newest(given.get("environment"))
    stored = dict(RunFolder.open(folder).options)
    stored.pop("format", None)
    stored |= {key: _found(stored[key], folder) for key in PATHS if stored.get(key) is not None}
    for key, value in given.items():
        if key not in CHANGEABLE and stored.get(key) != value:
            raise RunError(
                f"{str(folder)!r} was begun with {key}={stored.get(key)!r}, not {value!r}; leave it out or begin a new run"
            )
    chosen = options(**merged(stored, given))
    _refuse_lost_tape(chosen, folder)
    return Start(options=chosen, folder=folder, new=False)


def library_of(folder: Path) -> str:
    """Return where the library of a run is: its path is stored relative to the run folder, so both can be moved together."""
    return _found(str(RunFolder.open(folder).options.get("library", "")), folder)


def tape_of(folder: Path, tape: str | None) -> Path:
    """Return where the tape of a run is: where the options say, or in its own folder."""
    return Path(tape) if tape else folder / TAPE


def recorded_on(folder: Path) -> Path:
    """Return where the tape of a run is; its path is stored relative to the run folder too."""
    return Path(os.path.normpath(folder / str(RunFolder.open(folder).options.get("tape") or TAPE)))


def _refuse_lost_files(chosen: LearnOptions) -> None:
    if chosen.replay and chosen.tape is None:
        raise InvalidRecord("--replay answers from the tape of an earlier run; name it with --tape RUN/tape.jsonl")
    if chosen.prompts is not None and not Path(chosen.prompts).is_dir():
        raise PromptError(f"there is no folder of prompts {chosen.prompts!r}; name one, or leave --prompts out")
    _refuse_lost_tape(chosen, Path(""))


def _refuse_lost_tape(chosen: LearnOptions, folder: Path) -> None:
    file = tape_of(folder, chosen.tape)
    if chosen.replay and not file.is_file():
        raise TapeError(f"there is no tape {str(file)!r} to answer from; give --tape a file that an earlier run recorded")


def _options(given: dict[str, Any], config: Path | None) -> LearnOptions:
    if config is None and "environment" not in given:
        raise InvalidRecord("which environment? Name one: `skilllib learn ENV`; `skilllib environments` lists them")
    return load_options(config, **given) if config is not None else options(**given)


def _stored(chosen: LearnOptions, folder: Path) -> dict[str, Any]:
    values = chosen.model_dump(mode="json", exclude={"run"})
    return {**values, **{key: _relative(values[key], folder) for key in PATHS if values[key] is not None}}


def _found(path: str, folder: Path) -> str:
    return path if isinstance(located(path), URL) else os.path.normpath(folder / path)


def _relative(path: str, folder: Path) -> str:
    if isinstance(place := located(path), URL):
        return bare(place)[0].render_as_string()  # a run folder is no place for a password
    absolute = Path(path).expanduser().absolute()
    try:
        return Path(os.path.relpath(absolute, folder.absolute())).as_posix()
    except ValueError:  # another drive
        return absolute.as_posix()


def _runs(library: str) -> frozenset[str]:
    try:
        with SkillLibrary.open(library) as opened:
            return frozenset(opened.runs())
    except LibraryNotFound:
        return frozenset()


def _free(stem: str, known: frozenset[str]) -> Path:
    for number in itertools.count(1):
        path = RUNS / f"{stem}-{number}"
        if path.name not in known:
            with suppress(FileExistsError):  # made by us, and by us alone: another run may begin at this very moment
                path.mkdir(parents=True)
                return path
    raise AssertionError("numbers do not end")


def _newest(environment: str | None) -> Path:
    found = sorted(RUNS.glob("*/run.json"), key=lambda file: (file.stat().st_mtime, str(file)), reverse=True)
    for file in found:
        if environment is None or RunFolder.open(file.parent).options.get("environment") == environment:
            return file.parent
    raise RunError(f"there is no run to resume in {str(RUNS)!r}; name its folder with --run, or begin one without --resume")
