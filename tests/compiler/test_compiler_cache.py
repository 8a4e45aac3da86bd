"""The cache: whole or not at all, by content, the least recently used first to go."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from test_compiler_lora import adapter

from skilllib.compiler import lora
from skilllib.compiler.cache import AdapterCache
from skilllib.errors import AdapterRefused, StorageFailed
from skilllib.records.adapter import AdapterKey, Manifest

KEY = AdapterKey(text="t" * 64, base="b" * 64, backend="distill", configuration="c" * 64)


def manifest(**given: Any) -> Manifest:
    key = KEY.model_copy(update=given)
    empty: dict[str, Any] = {"rank": 0, "alpha": 1.0, "targets": (), "adapter_hash": ""}
    return Manifest(skill="tidy", key=key, text_hash=key.text, base="some/base", **empty)


@pytest.fixture
def empty(tmp_path: Path) -> AdapterCache:
    return AdapterCache(tmp_path / "adapters")


def test_what_is_stored_is_found_by_its_key_alone(empty: AdapterCache) -> None:
    stored = empty.store(adapter(1, alpha=0.5), manifest())
    assert empty.find(KEY) is not None
    assert stored.manifest.alpha == 0.5 and stored.manifest.rank == 2 and stored.manifest.cost.bytes > 0
    assert lora.distance(empty.load(stored), adapter(1, alpha=0.5)) < 0.1
    for other in ({"text": "u" * 64}, {"base": "u" * 64}, {"backend": "null"}, {"configuration": "u" * 64}, {"seed": 1}):
        assert empty.find(KEY.model_copy(update=other)) is None, other


def test_the_second_of_one_key_takes_the_place_of_the_first(empty: AdapterCache) -> None:
    empty.store(adapter(1), manifest())
    stored = empty.store(adapter(2), manifest())
    assert len(empty.all()) == 1 and lora.distance(empty.load(stored), adapter(2)) < 0.1


def test_a_flipped_byte_is_found(empty: AdapterCache) -> None:
    stored = empty.store(adapter(1), manifest())
    file = stored.path / "adapter_model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))
    with pytest.raises(AdapterRefused, match="is not what was written"):
        empty.load(stored)


def test_a_full_disk_is_said_and_the_cache_is_intact(empty: AdapterCache, monkeypatch: pytest.MonkeyPatch) -> None:
    first = empty.store(adapter(1), manifest())

    def full(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    for key in ({}, {"seed": 1}):
        with monkeypatch.context() as patch:
            patch.setattr(Path, "write_bytes", full)
            with pytest.raises(StorageFailed, match=r"No space left on device.*check free space"):
                empty.store(adapter(2), manifest(**key))
    assert [stored.path for stored in empty.all()] == [first.path]
    assert lora.distance(empty.load(first), adapter(1)) < 0.1
    assert not list(empty.folder.glob(".new-*")), "nothing half written is left"


def test_a_process_that_is_killed_while_it_stores_leaves_only_whole_adapters(empty: AdapterCache) -> None:
    code = """
import sys
sys.path.insert(0, sys.argv[2])
from test_compiler_cache import AdapterCache, adapter, manifest
cache = AdapterCache(sys.argv[1])
print("begun", flush=True)
n = 0
while True:
    cache.store(adapter(n % 5, rank=64), manifest(seed=n % 5))
    n += 1
"""
    words = [sys.executable, "-c", code, str(empty.folder), str(Path(__file__).parent)]
    for pause in (0.05, 0.15, 0.3):
        process = subprocess.Popen(words, stdout=subprocess.PIPE)
        assert process.stdout is not None and process.stdout.readline()
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        for stored in empty.all():
            assert lora.distance(empty.load(stored), adapter(stored.manifest.key.seed, rank=64)) < 1


def test_what_a_dead_process_left_is_swept_up_later(empty: AdapterCache) -> None:
    empty.store(adapter(1), manifest())
    old, new = empty.folder / ".new-dead-1-0", empty.folder / ".new-alive-2-0"
    old.mkdir(), new.mkdir()
    os.utime(old, (time.time() - 7200,) * 2)
    work, forgotten = empty.workspace(KEY), empty.workspace(KEY.model_copy(update={"seed": 3}))
    os.utime(work, (time.time() - 7200,) * 2), os.utime(forgotten, (time.time() - 40 * 86400,) * 2)
    empty.store(adapter(2), manifest(seed=2))
    assert not old.exists() and new.exists()
    assert work.exists() and not forgotten.exists(), "checkpoints wait for the next worker, but not for ever"


def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    cache = AdapterCache(tmp_path)
    for seed in range(3):
        stored = cache.store(adapter(seed), manifest(seed=seed))
        os.utime(stored.path, (1000.0 + seed,) * 2)
    assert cache.find(KEY) is not None  # used again
    dropped = cache.shrink(2 * stored.bytes)
    assert [one.manifest.key.seed for one in dropped] == [1]
    assert {one.manifest.key.seed for one in cache.all()} == {0, 2}


def test_an_adapter_that_runs_is_used(tmp_path: Path) -> None:
    cache = AdapterCache(tmp_path)
    for seed in range(2):
        stored = cache.store(adapter(seed), manifest(seed=seed))
        os.utime(stored.path, (1000.0 + seed,) * 2)
    cache.load(cache.all()[0])
    (dropped,) = cache.shrink(stored.bytes)
    assert dropped.manifest.key.seed == 1


def test_storing_never_drops_what_was_just_stored(tmp_path: Path) -> None:
    cache = AdapterCache(tmp_path, max_bytes=1)
    for seed in range(2):
        cache.store(adapter(seed), manifest(seed=seed))
    assert [one.manifest.key.seed for one in cache.all()] == [1]


def test_a_folder_that_is_no_adapter_is_passed_over(empty: AdapterCache) -> None:
    empty.store(adapter(1), manifest())
    (empty.folder / "strange").mkdir()
    (empty.folder / "file").write_text("nothing", encoding="utf-8")
    assert len(empty.all()) == 1 and AdapterCache(empty.folder / "nowhere").all() == []
