"""No accidents: no network, no keys, no downloads, and property tests that draw the same examples every time."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "ANONYMIZED_TELEMETRY": "False",
    "TOKENIZERS_PARALLELISM": "false",
}
LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0")

os.environ.update(OFFLINE)
for name in [name for name in os.environ if name.endswith(("_API_KEY", "_TOKEN")) or name.startswith("SKILLLIB_")]:
    del os.environ[name]

settings.register_profile(
    "house", derandomize=True, deadline=None, database=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("house")


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Tests are in files that say so; what helps them has no doctests, and is imported by whom it helps."""
    return True if collection_path.suffix == ".py" and not collection_path.name.startswith("test_") else None


def _is_local(family: int, address: Any) -> bool:
    return family == getattr(socket, "AF_UNIX", None) or (isinstance(address, tuple) and str(address[0]).startswith(LOOPBACK))


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Connections leave this machine in no test."""
    with pytest.MonkeyPatch.context() as patch:
        for verb in ("connect", "connect_ex"):
            patch.setattr(socket.socket, verb, _guarded(getattr(socket.socket, verb)))
        yield


def _guarded(connect: Any) -> Any:
    def guarded(self: socket.socket, address: Any) -> Any:
        if not _is_local(self.family, address):
            raise RuntimeError(f"a test tried to connect to {address!r}; tests stay on this machine")
        return connect(self, address)

    return guarded
