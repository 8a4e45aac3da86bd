"""What was acknowledged is there, whatever happens to the process or the disk; what was not is not there by half."""

import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from skilllib.embedders import HashingEmbedder
from skilllib.errors import StorageFailed
from skilllib.library import SkillLibrary

PROCESS = str(Path(__file__).with_name("writer_process.py"))


def killed(chance, folder, start, index):
    """Kill a process without warning somewhere in its next few writes, and return what it had acknowledged."""
    command = [sys.executable, PROCESS, str(folder), str(start), index]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        lines = [process.stdout.readline().rstrip() for _ in range(chance.randrange(1, 8))]
        time.sleep(chance.random() * 0.1)
        process.kill()
        lines += process.stdout.read().splitlines()
    return [line for line in lines if line.startswith("skill_")]


def survive(folder, rounds, index="exact"):
    chance, acknowledged = random.Random(7), []
    for number in range(rounds):
        acknowledged += killed(chance, folder, 1000 * number, index)
        with SkillLibrary.open(folder, embedder=HashingEmbedder(), index=index) as library:
            active = {skill.name for skill in library.skills("active")}
            assert set(acknowledged) <= active
            # The last one may have been on disk before it could be acknowledged; a skill on trial has no tests yet.
            assert len(active - set(acknowledged)) <= number + 1
            for skill in library.skills("active"):
                assert len(library.tests(skill.code_hash)) == 2
            assert library._findable.current().keys() == {skill.code_hash for skill in library.skills("active")}
            assert library.search("skill", k=len(active))
            assert library.problems() == []
    assert acknowledged


@pytest.mark.parametrize("index", ["exact", "hnsw"])
def test_no_acknowledged_skill_is_lost_when_the_writer_is_killed(folder, index):
    survive(folder, rounds=3, index=index)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("index", "rounds"), [("exact", 100), ("hnsw", 100), ("chroma", 25)])
def test_no_acknowledged_skill_is_lost_in_a_hundred_killings(folder, index, rounds):
    survive(folder, rounds=rounds, index=index)


def test_a_full_disk_loses_nothing_and_says_so(library, folder, make):
    make.active(library, "fetch")
    with library._database.reading() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 3}")
    kept = ["fetch"]
    with pytest.raises(StorageFailed, match="full"):
        for number in range(100):
            make.active(library, f"skill_{number}")
            kept.append(f"skill_{number}")
    # The skill that did not fit may have been admitted on trial, which is a change of its own.
    assert [skill.name for skill in library.skills("active")] == kept
    assert library.problems() == []
    with library._database.reading() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    make.active(library, "make_rope")
    assert library.get("make_rope").status == "active" and library.problems() == []


def test_a_transaction_on_a_full_disk_leaves_nothing(library, folder, make):
    make.active(library, "fetch")
    with library._database.reading() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 3}")
    with pytest.raises(StorageFailed), library.transaction():
        for number in range(100):
            make.active(library, f"skill_{number}")
    assert [skill.name for skill in library.skills()] == ["fetch"] and len(library.ledger()) == 2


def test_readers_do_not_wait_for_a_writer(library, folder, make):
    make.active(library, "fetch")
    with SkillLibrary.open(folder, embedder=HashingEmbedder(), index="exact") as reader, library.transaction():
        make.active(library, "make_rope")
        # The transaction ends after these lines, so a reader that waited for it would wait in vain.
        assert [skill.name for skill in reader.skills()] == ["fetch"]
        assert [hit.skill.name for hit in reader.search("rope")] == ["fetch"]
    with SkillLibrary.open(folder, embedder=HashingEmbedder(), index="exact") as reader:
        assert len(reader.search("rope")) == 2


def test_threads_share_a_library(library, make):
    def work(number):
        make.active(library, f"skill_{number}")
        library.search("skill")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(library.skills("active")) == 8 and library.problems() == []
    assert len(library.search("skill", k=20)) == 8
