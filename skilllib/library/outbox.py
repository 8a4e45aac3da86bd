"""Work that a decision asked for, to be done later by another process. The row is written with the decision, or not at all.

Whoever works takes a row under a lease and renews it; when a worker dies its lease ends, and the next one takes the row.
"""

from __future__ import annotations

import json
import time

import sqlalchemy as sa

from skilllib.errors import InvalidRecord
from skilllib.library import store, tables
from skilllib.library.database import Database
from skilllib.records.base import canonical
from skilllib.records.ledger import Change
from skilllib.records.outbox import Order, OrderState

TRIES = 3
"""How often an order is taken up whose worker died each time."""


class Outbox:
    """The part of a library that keeps what is to be done.

    Workers never wait for the library's writer: rows of this table concern nobody else, and the database keeps them apart.
    """

    _database: Database

    def orders(self, state: OrderState | None = None) -> tuple[Order, ...]:
        """Return the orders of a state, or all, the oldest first."""
        with self._database.reading() as connection:
            found = _orders(connection)
        return tuple(order for order in found if state is None or order.state == state)

    def take(self, worker: str, *, lease_s: float = 60.0, bases: frozenset[str] | None = None) -> Order | None:
        """Take the oldest order that nobody works on, and hold it for so many seconds; None if there is none.

        Args:
            worker: Who asks.
            lease_s: Seconds after which another may take it, unless it is renewed.
            bases: Take only orders for these base models.
        """
        now = time.time()
        with self._database.writing() as connection:
            for order in _orders(connection):
                if not order.free(now) or (bases is not None and order.base not in bases):
                    continue
                if order.tries >= TRIES:
                    message = f"its worker died {order.tries} times; see whether the memory suffices, then order it again"
                    _write(connection, order.model_copy(update={"state": "failed", "message": message}))
                    continue
                taken = order.model_copy(
                    update={"state": "working", "worker": worker, "until": now + lease_s, "tries": order.tries + 1}
                )
                _write(connection, taken)
                return taken
        return None

    def renew(self, order: Order, *, lease_s: float = 60.0) -> bool:
        """Hold an order longer; False if it was lost to another worker."""
        with self._database.writing() as connection:
            if not _held(connection, order):
                return False
            _write(connection, order.model_copy(update={"until": time.time() + lease_s}))
            return True

    def settle(self, order: Order, *, done: bool, message: str = "", adapter: str = "") -> bool:
        """Say what came of an order; False if it was lost to another worker, and then nothing is written."""
        with self._database.writing() as connection:
            if not _held(connection, order):
                return False
            state: OrderState = "done" if done else "failed"
            _write(connection, order.model_copy(update={"state": state, "message": message, "adapter": adapter, "until": 0.0}))
            return True

    def put_back(self, order: Order) -> None:
        """Let another worker take an order, since this one was stopped; that is no failed try."""
        with self._database.writing() as connection:
            if _held(connection, order):
                back = {"state": "waiting", "worker": "", "until": 0.0, "tries": max(0, order.tries - 1)}
                _write(connection, order.model_copy(update=back))


def place(connection: sa.Connection, change: Change, code_hash: str, entry: int) -> None:
    """Write the order that a decided change of kind `compile` asks for; one that waits already is not written twice.

    Raises:
        InvalidRecord: It names no base model.
    """
    wanted = {edit.field: edit.value for edit in change.edits}
    if not isinstance(wanted.get("base"), str) or not wanted["base"]:
        raise InvalidRecord("a change of kind `compile` needs an edit of `base` that names the base model")
    try:
        order = Order(
            number=entry,
            code_hash=code_hash,
            base=wanted["base"],
            backend=wanted.get("backend", "distill"),
            options=wanted.get("options", {}),
            seed=wanted.get("seed", 0),
        )
    except ValueError as error:
        raise InvalidRecord(f"a change of kind `compile` has edits that do not fit: {error}") from error
    if any(order.same(other) and other.state == "waiting" for other in _orders(connection)):
        return
    values = {"number": entry, "kind": "compile", "payload": _payload(order), "state": order.state, "created_at": store.now()}
    connection.execute(sa.insert(tables.outbox), values)


def _orders(connection: sa.Connection) -> list[Order]:
    table = tables.outbox
    query = sa.select(table.c.number, table.c.state, table.c.payload).where(table.c.kind == "compile").order_by(table.c.number)
    return [Order(number=number, state=state, **json.loads(payload)) for number, state, payload in connection.execute(query)]


def _held(connection: sa.Connection, order: Order) -> bool:
    now = next((one for one in _orders(connection) if one.number == order.number), None)
    return now is not None and now.state == "working" and (now.worker, now.tries) == (order.worker, order.tries)


def _write(connection: sa.Connection, order: Order) -> None:
    store.change(connection, tables.outbox, tables.outbox.c.number == order.number, state=order.state, payload=_payload(order))


def _payload(order: Order) -> str:
    return canonical(order.model_dump(mode="json", exclude={"number", "state"}))
