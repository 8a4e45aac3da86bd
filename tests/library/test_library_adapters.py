"""Which adapters of a library's skills are valid, and where they lie."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from skilllib.build import ordering
from skilllib.build.compiling import FOLDER, cache_of, stale
from skilllib.compiler.text import text_of
from skilllib.errors import CompilerFailed
from skilllib.library.place import located
from skilllib.records.adapter import AdapterKey, Manifest


def manifest(skill, **measured):
    """What stands beside an adapter that was made from a skill and what was measured of it by then."""
    text = text_of(skill, **measured)
    key = AdapterKey(text=text.hash, base="b", backend="distill", configuration="c")
    return Manifest(
        skill=skill.name,
        key=key,
        text_hash=text.hash,
        text=text,
        code_hash=skill.code_hash,
        base="b",
        rank=1,
        alpha=1,
        targets=(),
        adapter_hash="",
    )


def test_an_adapter_is_valid_as_long_as_the_skill_has_the_text_it_was_made_from(library, make):
    in_code = manifest(make.active(library, "fetch"))
    make.activate(library, library.reword("fetch", "Walk, then twist."))
    in_words = manifest(library.get("fetch"))
    assert stale(in_code, library) == "the skill's text is another one since" and stale(in_words, library) == ""
    make.activate(library, library.reword("fetch", None))
    assert library.get("fetch").text is None
    assert stale(in_words, library) == "the skill's text is another one since" and stale(in_code, library) == ""


def test_what_is_measured_of_a_skill_in_code_makes_its_adapter_no_other_one(library, make):
    skill = make.active(library, "fetch")
    before, since = manifest(skill), manifest(skill, effects=library.effects(skill.code_hash))
    assert before.text_hash != since.text_hash, "its text tells more than before"
    make.activate(library, library.reword("fetch", "Walk, then twist."))
    assert stale(before, library) and stale(since, library)
    make.activate(library, library.reword("fetch", None))
    assert stale(before, library) == stale(since, library) == ""


@pytest.fixture
def user_cache(tmp_path_factory, monkeypatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("SKILLLIB_CACHE", str(folder))
    return folder


def test_adapters_lie_in_the_librarys_folder_or_for_one_on_a_server_in_the_users_cache(library, backend, user_cache):
    folder = cache_of(library).folder
    assert folder == (user_cache / FOLDER / library.identity if backend == "servers" else library.path / FOLDER)
    assert library.identity and cache_of(library, user_cache).folder == user_cache


def test_libraries_on_servers_have_caches_of_their_own(user_cache):
    places = [SimpleNamespace(path=located("postgresql://me@host/n"), identity=identity) for identity in ("one", "two")]
    assert [cache_of(place).folder for place in places] == [user_cache / FOLDER / "one", user_cache / FOLDER / "two"]


def test_a_file_is_no_folder_for_adapters(library, user_cache):
    (user_cache / "file").touch()
    with pytest.raises(CompilerFailed, match="is a file, and no folder for adapters"):
        cache_of(library, user_cache / "file")


@pytest.mark.parametrize("address", ["postgresql://me:s%40cret@host/n", "postgresql://me@host/n?password=s%40cret"])
def test_a_worker_is_told_the_password_where_nobody_else_can_read_it(tmp_path, monkeypatch, address):
    started = {}

    def popen(words, **given):
        started.update(words=words, **given)
        return SimpleNamespace(pid=7)

    monkeypatch.setattr(subprocess, "Popen", popen)
    monkeypatch.delenv("PGPASSWORD", raising=False)
    assert ordering.start_worker(address, tmp_path / "log") == 7
    assert started["words"][-2:] == ["--library", "postgresql://me@host/n"]
    assert not any("cret" in word for word in started["words"])
    assert started["env"]["PGPASSWORD"] == "s@cret" and "PGPASSWORD" not in os.environ
    ordering.start_worker(tmp_path / "library", tmp_path / "log")
    assert started["words"][-1] == str(tmp_path / "library") and "PGPASSWORD" not in started["env"]
