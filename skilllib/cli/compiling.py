"""Progress of compiling, as bars on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from skilllib.cli.output import stderr
from skilllib.protocols import Recorder
from skilllib.records.base import Json

_WORDS = {
    "rehearsing": "playing the tests of {skill}",
    "teaching": "asking the teacher ({part})",
    "step": "learning, loss {loss:.3f}",
    "held_out": "learning, held out {objective:.3f}",
    "fitting": "fitting, loss {loss:.3f}",
    "held_out_skills": "fitting, held out: right {right:.3f}, wrong {wrong:.3f} nats a token",
    "measuring": "measuring {skill}",
}


@contextmanager
def shown() -> Iterator[Recorder]:
    """Give a recorder that shows what goes on; nothing is shown where nobody looks."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=stderr(), transient=True) as progress:
        bar = progress.add_task("beginning", total=None)

        def record(event: str, **fields: Json) -> None:
            words = _WORDS.get(event)
            if words is not None:
                progress.update(bar, description=words.format(**fields), completed=fields.get("step", 0), total=fields.get("of"))

        yield record
