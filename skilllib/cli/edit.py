"""`skilllib edit`: a person changes a skill; what comes of it has to prove itself like any other version."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skilllib.cli.options import DEFAULT_LIBRARY, Again, AsJson, Author, Jobs, KeepCallers, LibraryPath, ProofSeed

if TYPE_CHECKING:
    from skilllib.records.skill import Skill


def edit(  # noqa: PLR0913 - typer reads the options from the signature
    name: Annotated[str, typer.Argument(help="The skill, as in `show`.")],
    file: Annotated[
        Path | None, typer.Option("--file", help="The new text; without it an editor opens ($VISUAL, $EDITOR) on the present one.")
    ] = None,
    relink: Annotated[
        bool, typer.Option("--relink", help="Leave the text as it is, and call the active versions of its callees.")
    ] = False,
    library: LibraryPath = DEFAULT_LIBRARY,
    keep: KeepCallers = None,
    author: Author = "",
    jobs: Jobs = 1,
    seed: ProofSeed = 0,
    again: Again = False,
    as_json: AsJson = False,
) -> None:
    """Change a skill's program; the old version stays active until the new one is proved.

    It must keep what the old one promised: in fresh worlds, in its kept tests, and in those of the skills that call it, which
    then follow.

    Exit code 1: the new version stays on trial; the reason is printed.
    """
    from skilllib.build import proving
    from skilllib.cli.add import read_source, specification
    from skilllib.cli.handing import proved
    from skilllib.cli.opening import reading
    from skilllib.cli.output import stderr
    from skilllib.errors import InvalidRecord
    from skilllib.exchange import edited
    from skilllib.library.quarantine import BY_HAND
    from skilllib.records.program import Program

    with reading(library, finds=True) as opened:
        old = opened.get(name)
        if old.program is None:
            raise InvalidRecord(f"{old.name!r} has no code form to edit")
        written = None if relink else file or _written(old)
        if written is None and not relink:
            stderr().print("nothing was changed")
            return
        with _kept(written, name):
            program = Program.parse(read_source(written)) if written else old.program
            spec = specification(opened, old.environment, opened.conditions(old).environment_options)
            skill = edited(opened, old, program, spec=spec, author=author)
        if written is not None and file is None:
            written.unlink()
        proposer = author or BY_HAND
        with proving(opened, keep=keep or (), proposer=proposer, jobs=jobs, seed=seed, again=again) as door:
            proved(door, skill, as_json=as_json)


@contextmanager
def _kept(written: Path | None, name: str) -> Iterator[None]:
    """Say where a text is if it cannot be taken: nothing that somebody wrote is lost."""
    from skilllib.cli.output import stderr
    from skilllib.errors import SkillLibError

    try:
        yield
    except (SkillLibError, KeyboardInterrupt):
        if written is not None:
            again = f"skilllib edit {name} --file {written}"
            stderr().print(f"your text is in {written}; mend it there and go on with: {again}", soft_wrap=True)
        raise


def _written(old: Skill) -> Path | None:
    """Return a file with what a person made of a skill's source; None if that was nothing."""
    assert old.program is not None  # noqa: S101 - the caller looked
    folder = Path(tempfile.mkdtemp(prefix="skilllib-"))
    written = folder / f"{old.name}.py"
    written.write_text(old.program.source, encoding="utf-8")
    with _kept(written, old.name):
        _edit(written)
    if written.read_text(encoding="utf-8", errors="replace").strip() not in ("", old.program.source.strip()):
        return written
    written.unlink()
    folder.rmdir()
    return None


def _edit(file: Path) -> None:
    """Open a person's editor on a file and wait until it is closed."""
    from skilllib.errors import InvalidRecord

    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    remedy = "set $EDITOR, or give the new text with --file"
    try:
        done = subprocess.run([*shlex.split(editor), str(file)], check=False)
    except (OSError, ValueError) as error:
        raise InvalidRecord(f"the editor {editor!r} cannot be started: {error}; {remedy}") from error
    if done.returncode != 0:
        raise InvalidRecord(f"the editor {editor!r} ended with code {done.returncode}, so nothing is taken over; {remedy}")
