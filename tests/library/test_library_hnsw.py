"""A graph that was made otherwise than graphs are made now is made anew, and what is found stays right."""

from __future__ import annotations

import json
import shutil

import pytest
from shelf import YARD, names, put, skill

from skilllib.embedders import HashingEmbedder
from skilllib.library import SkillLibrary, hnsw
from skilllib.library.hnsw import HnswIndex
from skilllib.library.index import Stamp

QUESTIONS = ("make rope", "water from the well", "light", "thing 7", "")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(hnsw, "TAIL", 10)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "library"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hnsw, "TAIL", 10)
        with SkillLibrary.open(folder, create=True, embedder=HashingEmbedder(), index="hnsw") as library:
            put(library, *YARD, *(skill(f"thing_{number}", f"About {number * 7919}.") for number in range(20)))
            library.search("rope")
    assert (folder / "index" / "hnsw.json").exists()
    return folder


@pytest.fixture
def grown(made, folder):
    return shutil.copytree(made, folder)


def found(folder, index):
    with SkillLibrary.open(folder, embedder=HashingEmbedder(), index=index) as library:
        return [[(hit.skill.name, round(hit.score, 2)) for hit in library.retrieve(question, k=4)] for question in QUESTIONS]


@pytest.mark.parametrize("made_with", ["missing", [16, 128], [24], None, "24, 300"], ids=str)
def test_a_graph_made_with_other_parameters_is_made_anew(grown, made_with):
    file = grown / "index" / "hnsw.json"
    said = json.loads(file.read_text(encoding="utf-8"))
    now = said.pop("made_with")
    assert now == [hnsw._LINKS, hnsw._BUILD_WIDTH]
    file.write_text(json.dumps(said if made_with == "missing" else {**said, "made_with": made_with}), encoding="utf-8")
    opened = HnswIndex(grown / "index")
    assert opened.stamp() is None and opened.keys() == set()
    assert found(grown, "hnsw") == found(grown, "exact")
    again = json.loads(file.read_text(encoding="utf-8"))
    assert again["made_with"] == now and again["name"] != said["name"] and again["stamp"] == said["stamp"]
    assert [folder.name for folder in (grown / "index").glob("hnsw-*")] == [again["name"]]
    assert len(HnswIndex(grown / "index")) == 26


def test_a_graph_made_as_graphs_are_made_now_is_used_as_it_is(grown, monkeypatch):
    expected = found(grown, "exact")
    monkeypatch.setattr(HnswIndex, "put", lambda *_: pytest.fail("nothing has to be put into it"))
    assert found(grown, "hnsw") == expected


def test_other_parameters_of_the_house_make_every_graph_anew(grown, monkeypatch):
    monkeypatch.setattr(hnsw, "_MADE_WITH", [8, 100])
    monkeypatch.setattr(hnsw, "_LINKS", 8)
    assert found(grown, "hnsw") == found(grown, "exact")
    assert json.loads((grown / "index" / "hnsw.json").read_text(encoding="utf-8"))["made_with"] == [8, 100]


def test_a_filter_on_a_graph_leaves_what_a_scan_leaves(grown):
    with SkillLibrary.open(grown, embedder=HashingEmbedder(), index="hnsw") as library:
        assert names(library.search("thing", k=9, environment="house"))[-1] in {"light_lamp", "sharpen_knife", "sing_song"}
        whole = {hit.skill.name: hit.score for hit in library.retrieve("rope in the oak", k=26)}
        for hit in library.search("rope in the oak", k=9, capability="walk"):
            assert hit.score == pytest.approx(whole[hit.skill.name], abs=1e-3)


def test_a_stamp_is_not_believed_without_its_files(tmp_path):
    vectors = HashingEmbedder(8).embed([str(number) for number in range(30)])
    index = HnswIndex(tmp_path)
    index.put([f"key{number}" for number in range(30)], vectors)
    index._keep(Stamp(1, "0", "test"))
    assert HnswIndex(tmp_path).stamp() == Stamp(1, "0", "test")
    (graph,) = tmp_path.glob("hnsw-*/graph")
    graph.write_bytes(graph.read_bytes()[:-1])
    assert HnswIndex(tmp_path).stamp() is None
