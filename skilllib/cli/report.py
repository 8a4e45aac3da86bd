"""`skilllib report`: a page about a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from skilllib.cli.options import AsJson


def report(
    run: Annotated[Path, typer.Argument(help="Folder of the run.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write the page (default: RUN/report.html).")
    ] = None,
    library: Annotated[
        str | None, typer.Option("--library", "-l", metavar="PLACE", help="Folder of the library, if it was moved away.")
    ] = None,
    tape: Annotated[Path | None, typer.Option("--tape", help="Tape of the run's model calls, if it was moved away.")] = None,
    no_pictures: Annotated[bool, typer.Option("--no-pictures", help="Do not make the world again to draw it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write one self-contained HTML page about a run: curves, skills, tasks, failures, pictures, and what models were asked."""
    from skilllib.cli.output import emit, stderr, stdout, write_file
    from skilllib.cli.starting import library_of, recorded_on
    from skilllib.report.account import gather
    from skilllib.report.page import page
    from skilllib.report.pictures import pictures

    account = gather(run, library or library_of(run), tape or recorded_on(run))
    with stderr().status("drawing the world"):
        taken = [] if no_pictures else pictures(account)
    path = output or run / "report.html"
    text = page(account, taken)
    write_file(path, text)
    if account.fault:
        stderr().print(f"the library could not be read, so the page has no skills: {account.fault}", style="yellow")
    if as_json:
        emit({"path": str(path), "bytes": len(text.encode()), "pictures": len(taken), "skills": len(account.skills)})
    else:
        stdout().print(f"wrote {path}: {len(account.skills)} skills, {len(taken)} pictures, {len(text.encode()) // 1024} KB")
