"""One writer at a time; whoever waits learns for whom."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from skilllib.embedders import HashingEmbedder
from skilllib.errors import LibraryLocked
from skilllib.library import SkillLibrary, WriterLock, lock

PROCESS = str(Path(__file__).with_name("writer_process.py"))


def test_a_second_writer_is_told_who_the_first_is_and_readers_are_not_disturbed(folder, make, monkeypatch):
    monkeypatch.setattr(lock, "PATIENCE_S", 0.2)
    command = [sys.executable, PROCESS, str(folder), "0", "exact"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        process.stdout.readline()
        try:
            with SkillLibrary.open(folder, embedder=HashingEmbedder()) as library:
                begin = time.perf_counter()
                with pytest.raises(LibraryLocked) as caught:
                    make.active(library, "fetch")
                assert time.perf_counter() - begin < 1
                for part in (f"process {process.pid}", "writer_process.py", "being killed", f"kill {process.pid}", str(folder)):
                    assert part in str(caught.value)
                with pytest.raises(LibraryLocked), library.writing("waiting", timeout_s=0.1):
                    pass
                assert library.search("skill") and not (folder / "index").exists()
        finally:
            process.kill()
    with SkillLibrary.open(folder, embedder=HashingEmbedder(), index="exact") as library:
        make.active(library, "fetch")


def test_the_lock_can_be_taken_again_by_its_holder_only(folder):
    folder.mkdir()
    first, second = WriterLock(folder), WriterLock(folder)
    with first.hold("outer"):
        with first.hold("inner"):
            pass
        assert first.held and not second.held
        with pytest.raises(LibraryLocked, match=f"process {os.getpid()}.*outer"), second.hold("other", timeout_s=0):
            pass
    with second.hold("other"):
        pass
    assert not first.held and not second.held


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "null"])
def test_an_unreadable_signature_does_not_hide_the_lock(folder, content):
    folder.mkdir()
    first, second = WriterLock(folder), WriterLock(folder)
    with first.hold("outer"):
        (folder / "writer.json").write_text(content, encoding="utf-8")
        with pytest.raises(LibraryLocked, match="another process"), second.hold("other", timeout_s=0):
            pass


def test_what_raises_inside_lets_the_lock_go(folder):
    folder.mkdir()
    mine = WriterLock(folder)
    with pytest.raises(ZeroDivisionError), mine.hold("outer"):
        raise ZeroDivisionError
    assert not mine.held
