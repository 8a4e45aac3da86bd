"""The index is a cache: it gives what a full scan gives, and is rebuilt when it is gone or stale."""

import hashlib
import json
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from skilllib.embedders import HashingEmbedder
from skilllib.library import ChromaIndex, ExactIndex, SkillLibrary, chroma, hnsw, pools
from skilllib.library.findable import Some, nearest
from skilllib.library.hnsw import HnswIndex
from skilllib.library.index import Stamp
from skilllib.records.query import Query
from skilllib.records.skill import Contract, Provenance


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(params=["exact", "hnsw", "chroma"])
def empty(request, tmp_path):
    made = {"exact": ExactIndex, "hnsw": lambda: HnswIndex(tmp_path / "index"), "chroma": lambda: ChromaIndex(tmp_path)}[
        request.param
    ]()
    yield made
    if isinstance(made, ChromaIndex):
        made.close()


def test_an_index_gives_what_a_full_scan_gives(empty, monkeypatch):
    monkeypatch.setattr(chroma, "BATCH", 64)
    random = np.random.default_rng(5)
    vectors = unit(random.normal(size=(300, 32)))
    keys = [f"key{i:03}" for i in range(300)]
    empty.put(keys, vectors)
    empty.put(keys[:10], -vectors[:10])
    empty.drop([*keys[10:20], "unknown"])
    vectors[:10] *= -1
    kept = [i for i in range(300) if not 10 <= i < 20]
    assert empty.keys() == {keys[i] for i in kept} and len(empty) == 290
    for query in unit(random.normal(size=(20, 32))):
        cosines = vectors[kept] @ query
        best = np.argsort(-cosines, kind="stable")[:7]
        found = empty.nearest(query, k=7)
        assert [key for key, _ in found] == [keys[kept[i]] for i in best]
        assert np.allclose([score for _, score in found], cosines[best], atol=1e-5)


@pytest.mark.parametrize("apart", ["near", "far", "anywhere"])
def test_of_some_keys_the_nearest_are_found_wherever_they_lie(empty, apart, monkeypatch):
    monkeypatch.setattr(hnsw, "TAIL", 100)
    n = 8000 if isinstance(empty, HnswIndex) else 1000  # so many that the graph is asked, and asked for more
    random = np.random.default_rng(6)
    vectors, query = unit(random.normal(size=(n, 16))), unit(random.normal(size=(1, 16)))[0]
    keys = [f"key{i:05}" for i in range(n)]
    order = np.argsort(-vectors @ query)
    among = {"near": order[: n // 5], "far": order[n // 20 : n // 3], "anywhere": np.arange(0, n, 3)}[apart]
    allowed, left = frozenset(keys[i] for i in among), list(order[np.isin(order, among)])

    def check(*counts):
        for k in counts:
            found = nearest(empty, query, k, Some(allowed, n))
            assert len(found) == min(k, len(left)) and {key for key, _ in found} <= {keys[i] for i in left}
            assert [score for _, score in found] == sorted([score for _, score in found], reverse=True)
            true = {keys[i] for i in left[:k]}
            assert len(true & {key for key, _ in found}) >= 0.9 * len(true)

    empty.put(keys[:-50], vectors[:-50])
    if isinstance(empty, HnswIndex):
        empty.sign(Stamp(1, "0", "test"))
    empty.put(keys[-50:], vectors[-50:])
    check(1, 10, 60, n)
    gone = left[:5] + left[9::9]
    empty.drop([keys[i] for i in gone])
    left = [i for i in left if i not in set(gone)]
    check(10)
    empty.put([keys[i] for i in gone], vectors[gone])
    left = [i for i in order if i in set(among)]
    if isinstance(empty, HnswIndex):
        empty.sign(Stamp(2, "0", "test"))
    check(10, 60)


def test_a_graph_from_which_much_or_all_was_dropped_is_written_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(hnsw, "TAIL", 10)
    vectors = unit(np.random.default_rng(7).normal(size=(100, 8)))
    keys, index = [f"key{i:03}" for i in range(100)], HnswIndex(tmp_path)
    index.put(keys, vectors)
    for number, gone in enumerate((keys[:1], keys[1:20], keys[20:80], keys[80:]), start=1):
        index.sign(Stamp(number, "0", "test"))
        index.drop(gone)
        index.sign(Stamp(number + 1, "0", "test"))
        left = keys[keys.index(gone[-1]) + 1 :]
        for opened in (index, HnswIndex(tmp_path)):
            if opened is index or len(gone) > 10:  # fewer are not written yet
                assert opened.keys() == set(left) and len(opened) == len(left)
                assert {key for key, _ in opened.nearest(vectors[0], k=100)} == set(left)
    index.put(keys, vectors)
    index.sign(Stamp(9, "0", "test"))
    assert index.keys() == set(keys)


def test_threads_search_among_some_while_a_graph_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(hnsw, "TAIL", 20)
    monkeypatch.setattr(hnsw, "_SETS", 2)
    random = np.random.default_rng(8)
    vectors = unit(random.normal(size=(600, 8)))
    keys, index = [f"key{i:03}" for i in range(600)], HnswIndex(tmp_path)
    index.put(keys[:300], vectors[:300])
    index.sign(Stamp(1, "0", "test"))
    sets, done = [frozenset(keys[start:300:7]) for start in range(7)], threading.Event()

    def searching(start):
        count = 0
        while not done.is_set():
            among = sets[(start + count) % len(sets)]
            count += 1
            found = {key for key, _ in index.nearest(vectors[start], k=10, among=among)}
            assert len(found) == 10 and found <= among
        return count

    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(searching, number) for number in range(4)]
        for start in range(300, 600, 30):
            index.put(keys[start : start + 30], vectors[start : start + 30])
            index.sign(Stamp(start, "0", "test"))
        done.set()
        assert all(one.result() > 0 for one in asked)


def test_an_empty_index_and_large_or_small_k_are_no_special_cases(empty):
    query = unit(np.ones((1, 4)))[0]
    assert empty.nearest(query, k=3) == [] and empty.keys() == set()
    empty.put(["b", "a"], np.stack([query, query]))
    assert [key for key, _ in empty.nearest(query, k=9)] == ["a", "b"]
    assert empty.nearest(query, k=0) == []


@pytest.fixture
def stocked(folder, make):
    with SkillLibrary.open(folder, create=True, embedder=HashingEmbedder(), index="chroma") as library:
        for name in ("fetch_water", "make_rope", "climb_tree"):
            make.active(library, name)
        assert [hit.skill.name for hit in library.search("make rope", k=1)] == ["make_rope"]
    return folder


def names(folder, query="make rope", embedder=None):
    with SkillLibrary.open(folder, embedder=embedder or HashingEmbedder(), index="chroma") as library:
        return [hit.skill.name for hit in library.search(query)]


@pytest.mark.parametrize("harm", ["delete", "no stamp", "bad stamp", "old stamp", "another library's", "one key less", "garbage"])
def test_a_lost_or_stale_index_is_rebuilt(stocked, harm):
    folder, expected = stocked / "index", names(stocked)
    stamp = folder / "stamp.json"
    if harm == "delete":
        shutil.rmtree(folder)
    elif harm == "no stamp":
        stamp.unlink()
    elif harm == "bad stamp":
        stamp.write_text("[1]", encoding="utf-8")
    elif harm == "old stamp":
        stamp.write_text(json.dumps([0, "0" * 64, HashingEmbedder().fingerprint]), encoding="utf-8")
    elif harm == "another library's":
        stamp.write_text(json.dumps([6, "f" * 64, HashingEmbedder().fingerprint]), encoding="utf-8")
    elif harm == "one key less":
        opened = ChromaIndex(folder)
        opened.drop([next(iter(opened.keys()))])
        opened.close()
    else:
        next(folder.rglob("chroma.sqlite3")).write_bytes(b"garbage" * 1000)
    assert names(stocked) == expected
    with SkillLibrary.open(stocked, embedder=HashingEmbedder(), index="chroma") as library:
        assert library.problems() == []


def test_another_embedder_finds_with_its_own_vectors(stocked):
    assert names(stocked, embedder=HashingEmbedder(64))[0] == "make_rope"
    assert names(stocked)[0] == "make_rope"


def test_what_changed_without_the_index_is_taken_over(stocked, make):
    with SkillLibrary.open(stocked, embedder=HashingEmbedder(), index="exact") as library:
        library.commit(make.change("retire", library.get("make_rope")), make.promote)
        make.active(library, "make_raft")
    assert names(stocked)[0] == "make_raft" and "make_rope" not in names(stocked)


def test_stored_vectors_are_used_again(stocked):
    class Counting(HashingEmbedder):
        texts = 0

        def embed(self, texts):
            self.texts += len(texts)
            return super().embed(texts)

    shutil.rmtree(stocked / "index")
    counting = Counting()
    assert names(stocked, embedder=counting)[0] == "make_rope"
    assert counting.texts == 1, "the query alone"


@pytest.mark.parametrize("choice", ["auto", "hnsw", "chroma"])
def test_search_follows_every_commit_of_this_process_and_others(folder, make, choice):
    with (
        SkillLibrary.open(folder, create=True, embedder=HashingEmbedder(), index=choice) as writer,
        SkillLibrary.open(folder, embedder=HashingEmbedder(), index="exact") as reader,
    ):
        assert writer.search("rope") == reader.search("rope") == []
        for number, name in enumerate(("fetch_water", "make_rope", "climb_tree"), start=1):
            make.active(writer, name)
            assert len(writer.search(name)) == len(reader.search(name)) == number
            assert writer.search(name)[0].skill.name == reader.search(name)[0].skill.name == name
        make.active(writer, "make_rope", salt="2")
        assert writer.search("rope", k=1)[0].skill.version == reader.search("rope", k=1)[0].skill.version == 2
        assert writer.search("rope", k=0) == []


@pytest.mark.parametrize("choice", ["exact", "hnsw", "chroma"])
def test_a_filter_leaves_as_many_as_are_asked_for_though_all_are_far_from_the_query(folder, make, choice, monkeypatch):
    monkeypatch.setattr(pools, "SMALL", 0)
    monkeypatch.setattr(pools, "BY_MEANING", 1)
    monkeypatch.setattr(hnsw, "TAIL", 5)
    with SkillLibrary.open(folder, create=True, embedder=HashingEmbedder(), index=choice) as library:
        for number in range(14):
            word = hashlib.sha256(bytes([number])).hexdigest()[:6]
            make.active(library, f"make_rope_{word}")
            program = make.program(f"fry_eggs_{word}")
            contract = Contract(parameters=program.parameters, capabilities=("cook",))
            cooking = {"contract": contract, "calls": {}, "provenance": Provenance(), "primitives": make.primitives}
            make.activate(library, library.admit(program, trace=make.trace(program), **cooking))
        assert all("rope" in hit.skill.name for hit in library.retrieve("make rope", k=14))
        found = library.retrieve(Query(text="make rope", capability="cook"), k=3)
        assert len(found) == 3 and all("eggs" in hit.skill.name for hit in found)


def test_an_index_of_ones_own_is_filled_from_the_library(stocked):
    own = ExactIndex()
    own.put(["stranger"], HashingEmbedder().embed(["make rope"]))
    with SkillLibrary.open(stocked, embedder=HashingEmbedder(), index=own) as library:
        assert library.search("make rope", k=1)[0].skill.name == "make_rope"
        assert own.keys() == {skill.code_hash for skill in library.skills("active")}


def test_what_another_process_put_into_the_index_is_found(stocked):
    code = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from conftest import Maker; from skilllib.library import SkillLibrary; from skilllib.embedders import HashingEmbedder\n"
        "with SkillLibrary.open(sys.argv[1], embedder=HashingEmbedder(), index='chroma') as library:\n"
        "    library.search('anything')\n"
        "    for name in ('swim_ashore', 'light_fire'): Maker().active(library, name)\n"
    )
    with SkillLibrary.open(stocked, embedder=HashingEmbedder(), index="chroma") as library:
        assert len(library.search("swim ashore")) == 3
        subprocess.run([sys.executable, "-c", code, str(stocked), str(Path(__file__).parent)], check=True, timeout=60)
        hits = library.search("swim ashore")
        assert hits[0].skill.name == "swim_ashore" and len(hits) == 5
        assert library.problems() == []


def test_a_writer_waits_for_a_reader_that_updates_the_index(stocked, make):
    code = (
        "import sys, time; from pathlib import Path; from skilllib.library.lock import BRIEF, WriterLock\n"
        "with WriterLock(Path(sys.argv[1])).hold(BRIEF):\n"
        "    print('held', flush=True); time.sleep(0.5)\n"
    )
    with (
        subprocess.Popen([sys.executable, "-c", code, str(stocked)], stdout=subprocess.PIPE, text=True) as process,
        SkillLibrary.open(stocked, embedder=HashingEmbedder(), index="exact") as library,
    ):
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        make.active(library, "swim_ashore")


@pytest.mark.parametrize("order", [("usearch.index", "onnxruntime"), ("onnxruntime", "usearch.index")])
def test_index_and_embedder_live_in_one_process_whichever_is_imported_first(order: tuple[str, str]) -> None:
    done = subprocess.run([sys.executable, "-c", "import {}, {}".format(*order)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
