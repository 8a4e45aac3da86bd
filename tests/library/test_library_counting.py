"""What was used is counted without waiting for anybody, and only what can be counted."""

import math
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from skilllib.embedders import HashingEmbedder
from skilllib.errors import InvalidRecord, LibraryError, StorageFailed
from skilllib.library import SkillLibrary

HOLDER = """
import sys
from skilllib.library import SkillLibrary
with SkillLibrary.open(sys.argv[1]) as library, library.writing("a long import"):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def written_elsewhere(folder):
    """Have another process hold the right to write for a block."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], text=True, **pipes) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        try:
            yield
        finally:
            process.communicate("")


@contextmanager
def at_once(seconds=1.0):
    begin = time.perf_counter()
    yield
    assert time.perf_counter() - begin < seconds, "somebody waited"


def reopened(folder):
    return SkillLibrary.open(folder, embedder=HashingEmbedder(), index="exact")


def test_nobody_who_counts_waits_for_another_process_and_nothing_is_lost(folder, library, make):
    skill = make.active(library, "fetch")
    hits = library.search("fetch")
    with written_elsewhere(folder):
        with at_once():
            for _ in range(5):
                library.count(skill.code_hash, called=1, usd=0.5)
            library.record_use("fetch", hits, called=["fetch"], solved=True)
        assert library.statistics(skill.code_hash).called == 0 and library.lookups() == ()
    library.count(skill.code_hash, called=1)
    with reopened(folder) as other:
        figures = other.statistics(skill.code_hash)
        assert (figures.called, figures.usd, len(other.lookups())) == (6, 2.5, 1)
    assert library.problems() == []


def test_what_is_due_is_written_after_whatever_is_written_next(folder, library, make):
    skill = make.active(library, "fetch")
    with written_elsewhere(folder):
        library.count(skill.code_hash, called=3)
    make.active(library, "carry")
    assert library.statistics(skill.code_hash).called == 3


def test_what_is_due_is_written_when_the_library_is_closed(folder, library, make):
    skill = make.active(library, "fetch")
    with written_elsewhere(folder):
        library.count(skill.code_hash, called=3)
    library.close()
    with reopened(folder) as other:
        assert other.statistics(skill.code_hash).called == 3


def test_closing_waits_for_no_writer_and_says_what_it_could_not_count(folder, library, make, caplog):
    skill = make.active(library, "fetch")
    with written_elsewhere(folder):
        library.count(skill.code_hash, called=3)
        with at_once():
            library.close()
    assert "was not counted" in caplog.text and str(folder) in caplog.text
    with reopened(folder) as other:
        assert other.statistics(skill.code_hash).called == 0 and other.problems() == []


def test_what_is_counted_in_a_transaction_is_undone_with_it_and_what_was_due_is_not(folder, library, make):
    skill = make.active(library, "fetch")
    with written_elsewhere(folder):
        library.count(skill.code_hash, called=1)
    with pytest.raises(ZeroDivisionError), library.transaction():
        library.count(skill.code_hash, called=10)
        assert library.statistics(skill.code_hash).called == 10
        raise ZeroDivisionError
    library.count(skill.code_hash, called=100)
    assert library.statistics(skill.code_hash).called == 101


def test_a_disk_that_refuses_costs_no_count(library, make, monkeypatch):
    skill = make.active(library, "fetch")

    def full(**_):
        raise StorageFailed("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(library._database, "writing", full)
        library.count(skill.code_hash, called=1)
    library.count(skill.code_hash, called=1)
    assert library.statistics(skill.code_hash).called == 2


def test_what_cannot_be_written_at_all_is_not_in_the_way_of_the_rest(folder, library, make, caplog):
    one, other = make.active(library, "fetch"), make.active(library, "carry")

    def broken(connection):
        raise InvalidRecord("no such figure")

    with written_elsewhere(folder):
        library.count(one.code_hash, called=1)
        library._in_passing(broken)
        library.count(other.code_hash, called=1)
    library.count(one.code_hash, called=1)
    assert [library.statistics(skill.code_hash).called for skill in (one, other)] == [2, 1]
    assert "no such figure" in caplog.text


def test_threads_that_count_at_the_same_time_lose_nothing(library, make):
    skill = make.active(library, "fetch")
    with ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(library.count, skill.code_hash, called=1) for _ in range(200)]:
            done.result()
    assert library.statistics(skill.code_hash).called == 200


def test_a_thread_that_counts_does_not_wait_for_one_that_writes(library, make):
    skill = make.active(library, "fetch")
    inside, done = threading.Event(), threading.Event()

    def write():
        with library.transaction():
            inside.set()
            assert done.wait(60)

    with ThreadPoolExecutor(1) as threads:
        writer = threads.submit(write)
        assert inside.wait(60)
        with at_once():
            library.count(skill.code_hash, called=1)
        done.set()
        writer.result()
    assert library.statistics(skill.code_hash).called == 1


def test_a_thread_that_counts_does_not_wait_for_one_that_waits_to_write(folder, library, make):
    skill = make.active(library, "fetch")

    def write():
        with library.writing("waiting"):
            pass

    with ThreadPoolExecutor(1) as threads, written_elsewhere(folder):
        threads.submit(write)
        time.sleep(0.2)
        with at_once():
            library.count(skill.code_hash, called=1)
    library.count(skill.code_hash, called=1)
    assert library.statistics(skill.code_hash).called == 2


NO_COUNTS = [math.nan, math.inf, -math.inf, -1, -(10**5000), 10**30, 10**5000, None, "1", [1], 1j]


@pytest.mark.parametrize("name", ["called", "tokens", "usd"])
@pytest.mark.parametrize("figure", NO_COUNTS, ids=range(len(NO_COUNTS)))
def test_nothing_that_is_no_count_is_counted(library, make, name, figure):
    skill = make.active(library, "fetch")
    with pytest.raises(InvalidRecord, match=f"{name} cannot rise by"):
        library.count(skill.code_hash, retrieved=1, **{name: figure})
    assert library.statistics(skill.code_hash).retrieved == 0 and library.problems() == []


@pytest.mark.parametrize("name", ["retrieved", "called", "solved", "failed", "tokens"])
def test_halves_are_counted_of_money_alone(library, make, name):
    skill = make.active(library, "fetch")
    with pytest.raises(InvalidRecord, match="whole number"):
        library.count(skill.code_hash, **{name: 0.5})
    library.count(skill.code_hash, **{name: 2.0}, usd=0.5)
    figures = library.statistics(skill.code_hash)
    assert (getattr(figures, name), figures.usd) == (2, 0.5) and library.problems() == []


def test_a_closed_library_counts_nothing(library, make):
    skill = make.active(library, "fetch")
    library.close()
    with pytest.raises(LibraryError, match="closed; open it again"):
        library.count(skill.code_hash, called=1)
    with pytest.raises(LibraryError, match="closed; open it again"):
        library.record_use("fetch", [])
    with pytest.raises(LibraryError, match="closed; open it again"), library.writing("too late"):
        pass
