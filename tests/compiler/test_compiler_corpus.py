"""What a hypernetwork is fitted on: datasets give back the very skills that they were written from."""

from __future__ import annotations

from pathlib import Path

import hyper
import pytest
import toy
from hypothesis import given
from hypothesis import strategies as st

from skilllib.compiler.dataset import dataset_text
from skilllib.compiler.hypernet_corpus import Corpus, grouped, read_corpus
from skilllib.compiler.text import informed, told_in
from skilllib.errors import CompilerFailed, InvalidRecord
from skilllib.records.adapter import Example, Section, SkillText
from skilllib.records.model import Message

BODIES = st.text(st.characters(codec="utf-8", exclude_characters="\r"), min_size=1, max_size=60)
SECTIONS = st.builds(Section, kind=st.sampled_from(["general", "procedure", "pitfalls"]), body=BODIES)
TEXTS = st.builds(SkillText, name=st.just("any"), sections=st.lists(SECTIONS, min_size=1, max_size=4).map(tuple))


@given(TEXTS, st.booleans())
def test_a_text_that_was_told_is_found_again(text: SkillText, system: bool) -> None:
    asked = (*([Message(role="system", content="You act.")] if system else []), Message(role="user", content="Now?"))
    told = informed(asked, text.text)
    assert told_in(told) == text.text.replace("&lt;skill>", "<skill>").replace("&lt;/skill>", "</skill>")
    assert told_in(asked) is None and told_in(()) is None
    (skill,) = grouped([Example(skill="any", prompt=asked, informed=told, answer="yes")])
    assert skill.text.text == told_in(told), "the same hash, so that it is the same text to every compiler"


def test_sections_are_found_again() -> None:
    skill = hyper.corpus(1)[0]
    assert [section.kind for section in skill.text.sections] == ["general", "procedure", "pitfalls"]


def test_a_dataset_holds_the_skills_it_was_written_from_and_their_neighbours(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "dataset.jsonl").write_text(dataset_text(toy.data("tidy")), encoding="utf-8")
    found = {skill.text.name: skill for skill in read_corpus(tmp_path)}
    assert {name: skill.text for name, skill in found.items()} == {name: toy.text(name) for name in toy.VERBS}
    assert len(found["tidy"].examples) == 24 and {one.kind for one in found["hide"].examples} == {"own"}
    assert {skill.text.hash for skill in read_corpus(tmp_path / "deep" / "er" / "dataset.jsonl")} == {
        skill.text.hash for skill in found.values()
    }


def test_where_there_is_nothing_to_learn_from_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidRecord, match=r"has no dataset\.jsonl"):
        read_corpus(tmp_path)
    with pytest.raises(InvalidRecord, match="is no dataset"):
        read_corpus(tmp_path / "nowhere.jsonl")
    (tmp_path / "dataset.jsonl").write_text("{}\n", encoding="utf-8")
    with pytest.raises(InvalidRecord, match=r"dataset\.jsonl is no dataset"):
        read_corpus(tmp_path)
    with pytest.raises(CompilerFailed, match=r"the corpus has 3 skills.*needs 4"):
        Corpus.split(grouped(toy.data("tidy")), 0.1, 0)


def test_examples_without_an_answer_or_a_text_teach_nothing() -> None:
    asked = (Message(role="user", content="Now?"),)
    assert grouped([Example(skill="any", prompt=asked, informed=asked, answer="yes")]) == []
    assert grouped([Example(skill="any", prompt=asked, informed=informed(asked, "A text."))]) == []


@given(st.permutations(range(8)), st.integers(0, 3))
def test_a_split_depends_on_the_skills_and_the_seed_and_not_on_their_order(order: list[int], seed: int) -> None:
    skills = hyper.corpus()
    one, other = Corpus.split(skills, 0.3, seed), Corpus.split([skills[i] for i in order], 0.3, seed)
    assert one.hash == other.hash and one.train == other.train and one.held_out == other.held_out
    assert len(one.held_out) == 2 and len(one.train) == 6 and not {*one.train} & {*one.held_out}
