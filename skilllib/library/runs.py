"""What is kept of runs: their options, their notes, and every attempt ever made.

Append-only but for the notes, and for the end of a trace, which is written once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from skilllib.errors import InvalidRecord, RunError
from skilllib.library import revoking, store, tables
from skilllib.library.writing import Writing
from skilllib.records.base import Json, canonical
from skilllib.records.execution import Attempt, Trace
from skilllib.records.model import ModelCall


class RunLog(Writing):
    """The part of a library that keeps runs and traces."""

    def begin_run(self, run: str, options: Json) -> None:
        """Store a new run with its options.

        Raises:
            RunError: A run of that name is there already.
        """
        with self._writes(f"run {run}") as connection:
            number = store.next_number(connection, tables.runs.c.sequence)
            values = {"run": run, "sequence": number, "options": _text(options), "created_at": store.now()}
            try:
                with connection.begin_nested():
                    connection.execute(sa.insert(tables.runs), values)
            except IntegrityError as error:
                raise RunError(f"the library already has a run {run!r}; resume it or choose another folder") from error

    def runs(self) -> tuple[str, ...]:
        """Return the names of all runs, in the order they began."""
        with self._database.reading() as connection:
            return tuple(connection.execute(sa.select(tables.runs.c.run).order_by(tables.runs.c.sequence)).scalars())

    def run_options(self, run: str) -> Json:
        """Return the options a run began with.

        Raises:
            RunError: There is no such run.
        """
        with self._database.reading() as connection:
            text = connection.execute(sa.select(tables.runs.c.options).where(tables.runs.c.run == run)).scalar()
        if text is None:
            raise RunError(f"the library has no run {run!r}; it has {list(self.runs())}")
        return json.loads(text)

    def note(self, run: str, key: str, value: Json) -> None:
        """Set a value of a run's state, in place of an earlier one.

        Raises:
            RunError: There is no such run.
        """
        table = tables.notes
        with self._writes(f"run {run}") as connection:
            connection.execute(sa.delete(table).where(table.c.run == run, table.c.key == key))
            try:
                with connection.begin_nested():
                    connection.execute(sa.insert(table), {"run": run, "key": key, "value": _text(value)})
            except IntegrityError as error:
                raise RunError(f"the library has no run {run!r}") from error

    def notes(self, run: str) -> dict[str, Json]:
        """Return all values of a run's state, by key in sorted order."""
        table = tables.notes
        with self._database.reading() as connection:
            query = sa.select(table.c.key, table.c.value).where(table.c.run == run).order_by(table.c.key)
            rows = connection.execute(query)
            return {key: json.loads(value) for key, value in rows}

    def begin_trace(self, trace_id: str, *, run: str, trace: Trace) -> None:
        """Store the beginning of a trace: all of it but its attempts.

        Raises:
            InvalidRecord: It has attempts; append them one by one.
            RunError: There is no such run, or the trace is there already.
        """
        if trace.attempts:
            raise InvalidRecord(f"trace {trace_id!r} begins with {len(trace.attempts)} attempts; append them one by one")
        text, check = store.written(trace)
        with self._writes(f"run {run}") as connection:
            number = store.next_number(connection, tables.traces.c.sequence)
            values = {"trace": trace_id, "sequence": number, "run": run, "record": text, "digest": check, "created_at": store.now()}
            try:
                with connection.begin_nested():
                    connection.execute(sa.insert(tables.traces), values)
            except IntegrityError as error:
                raise RunError(f"trace {trace_id!r} is there already, or there is no run {run!r}") from error

    def end_trace(self, trace_id: str, model_calls: tuple[ModelCall, ...]) -> None:
        """Add to a trace the model calls after its last attempt, which led to no other.

        Raises:
            RunError: There is no such trace, or it has ended already.
        """
        trace = self.trace(trace_id)
        if trace.model_calls:
            raise RunError(f"trace {trace_id!r} has ended already; what was asked for it is never replaced")
        text, check = store.written(trace.model_copy(update={"attempts": (), "model_calls": model_calls}))
        with self._writes(f"trace {trace_id}") as connection:
            store.change(connection, tables.traces, tables.traces.c.trace == trace_id, record=text, digest=check)

    def append_attempt(self, trace_id: str, attempt: Attempt) -> None:
        """Add an attempt to a trace. It is on disk when this returns.

        Raises:
            RunError: There is no such trace, or the run has an attempt of that number.
        """
        text, check = store.written(attempt)
        with self._writes(f"trace {trace_id}") as connection:
            run = connection.execute(sa.select(tables.traces.c.run).where(tables.traces.c.trace == trace_id)).scalar()
            if run is None:
                raise RunError(f"there is no trace {trace_id!r}; begin it first")
            values = {"run": run, "number": attempt.number, "trace": trace_id, "record": text, "digest": check}
            try:
                with connection.begin_nested():
                    connection.execute(sa.insert(tables.attempts), {**values, "created_at": store.now()})
            except IntegrityError as error:
                raise RunError(f"run {run!r} already has an attempt {attempt.number}; attempts are never replaced") from error
            revoking.note_uses(connection, trace_id, attempt)

    def attempt_count(self, run: str | None = None) -> int:
        """Return how many attempts a run has made; all runs together for None."""
        query = sa.select(sa.func.count()).select_from(tables.attempts)
        if run is not None:
            query = query.where(tables.attempts.c.run == run)
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def traces(self, run: str | None = None) -> Iterator[tuple[str, Trace]]:
        """Yield (id, trace) in the order the traces were begun; of all runs for None.

        One trace is in memory at a time, and each is read whole.
        """
        table = tables.traces
        query = sa.select(table.c.trace).order_by(table.c.sequence)
        if run is not None:
            query = query.where(table.c.run == run)
        with self._database.reading() as connection:
            ids = list(connection.execute(query).scalars())
        for trace_id in ids:
            yield trace_id, self.trace(trace_id)

    def trace(self, trace_id: str) -> Trace:
        """Return one trace with all its attempts.

        Raises:
            RunError: There is no such trace.
        """
        head, table = tables.traces.c, tables.attempts
        query = sa.select(table.c.record, table.c.digest).where(table.c.trace == trace_id).order_by(table.c.number)
        with self._database.reading() as connection:
            row = connection.execute(sa.select(head.record, head.digest).where(head.trace == trace_id)).first()
            attempts = connection.execute(query).all()
        if row is None:
            raise RunError(f"there is no trace {trace_id!r}")
        found = tuple(store.read(Attempt, text, check) for text, check in attempts)
        return store.read(Trace, *row).model_copy(update={"attempts": found})


def _text(value: Json) -> str:
    try:
        text = canonical(value)
        text.encode()  # half of a surrogate pair passes for JSON, but not for UTF-8
        return text
    except (TypeError, ValueError) as error:
        raise InvalidRecord(f"not a JSON value: {error}") from error
