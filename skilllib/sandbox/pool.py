"""The pool of interpreter processes: made when first needed, one per process of ours."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from skilllib.errors import SandboxUnavailable

if TYPE_CHECKING:
    import pydantic_monty

REMEDY = 'pip install "pydantic-monty==1.4.0" "pydantic-monty-client==1.4.0" "pydantic-monty-runtime==1.4.0"'
_inherited: list[object] = []
"""Pools that came with a fork. They belong to the parent: closing or collecting them here would end its workers."""
_started_in: set[int] = set()
"""Processes, this one or its ancestors by `fork`, that have started a pool."""


class WorkerPool:
    """A lazily started pool of workers. Pickled, it arrives unstarted; forked after its start, it refuses."""

    def __init__(self, *, request_timeout_s: float) -> None:
        self._request_timeout_s = request_timeout_s
        self._pool: pydantic_monty.Monty | None = None
        self._owner = 0
        self._lock = threading.Lock()

    def get(self) -> pydantic_monty.Monty:
        """Return the running pool.

        Raises:
            SandboxUnavailable: The interpreter is not installed or cannot be started.
        """
        if _started_in - {os.getpid()}:
            # The interpreter's threads do not survive a fork: a checkout here would wait for ever, even from a new pool.
            raise SandboxUnavailable(
                "this process was forked after its parent had run programs; start workers with 'spawn' or 'loky', or fork first"
            )
        with self._lock:
            if self._pool is None:
                self._pool, self._owner = self._started(), os.getpid()
                _started_in.add(self._owner)
            return self._pool

    def close(self) -> None:
        """End the workers; harmless when called twice."""
        if self._owner == os.getpid() and self._pool is not None:
            self._pool.__exit__(None, None, None)
        elif self._pool is not None:
            _inherited.append(self._pool)
        self._pool = None

    def _started(self) -> pydantic_monty.Monty:
        try:
            import pydantic_monty as pm
        except ImportError as error:
            raise SandboxUnavailable(f"the sandbox needs pydantic-monty ({error}). Install it with: {REMEDY}") from error
        pool = pm.Monty(request_timeout=self._request_timeout_s, checkout_timeout=self._request_timeout_s)
        try:
            return pool.__enter__()
        except (RuntimeError, OSError, pm.MontyError) as error:
            raise SandboxUnavailable(f"the sandbox does not start ({error}). Install it again with: {REMEDY}") from error

    def __getstate__(self) -> dict[str, object]:
        return {"request_timeout_s": self._request_timeout_s}

    def __setstate__(self, state: dict[str, float]) -> None:
        self.__init__(request_timeout_s=state["request_timeout_s"])  # type: ignore[misc]
