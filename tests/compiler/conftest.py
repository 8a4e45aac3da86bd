from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("peft", reason="needs the extra `weights`")
sys.path.insert(0, str(Path(__file__).parent))

import toy

from skilllib.compiler.cache import AdapterCache
from skilllib.compiler.distill import make
from skilllib.compiler.job import Compiled, Compiling
from skilllib.gate.adapter import AdapterGate
from skilllib.models.base import TransformersBase


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Two threads on a model this small wait for each other most of the time."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> TransformersBase:
    return toy.base(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> AdapterCache:
    """A cache that tests only read."""
    return AdapterCache(tmp_path_factory.mktemp("adapters"))


@pytest.fixture(scope="session")
def compiled(base: TransformersBase, cache: AdapterCache) -> dict[str, Compiled]:
    """The skills of the toy language, each compiled once for all tests."""
    compiling = Compiling(base=base, compiler=make(base, **toy.DISTIL), cache=cache, gate=AdapterGate().decide)
    return {name: compiling.compiled(toy.request(name, base)) for name in toy.VERBS}
