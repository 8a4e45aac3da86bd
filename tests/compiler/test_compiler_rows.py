"""What is learned from: a conversation is computed once, and nothing that is measured changes by it."""

from __future__ import annotations

import pytest
import toy
from lessons import data, request, words

from environments.household.language import language
from skilllib.compiler.distill import make
from skilllib.compiler.rows import alike, answered, disturbance, divergence, joined, nll, remembered, taught
from skilllib.models.base import TransformersBase
from skilllib.models.local import LocalModel
from skilllib.records.adapter import Example
from skilllib.testing.tiny import tiny_base

DRAWN = language(training=4, held_out=2)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> TransformersBase:
    folder = tmp_path_factory.mktemp("rows") / "tiny"
    return TransformersBase(tiny_base(folder, words(DRAWN)), dtype="float32", device="cpu")


@pytest.fixture(scope="module")
def examples() -> tuple[Example, ...]:
    return data(DRAWN.training[0], DRAWN.training[1:])


def test_a_conversation_that_only_grows_is_one_row(house: TransformersBase, examples: tuple[Example, ...]) -> None:
    own = [example for example in examples if example.kind == "own"]
    _, tokenizer = house.loaded()
    rows, told = ([answered(tokenizer, example, told=as_told) for example in own] for as_told in (False, True))
    once, as_told = joined(rows, told)
    assert len(rows) == 60 and len(once) == len(as_told) == 12
    assert sum(len(one.places) for one in once) == sum(len(one.places) for one in rows)
    for short, long in zip(once, as_told, strict=True):
        assert [short.ids[place] for place in short.places] == [long.ids[place] for place in long.places], "the same answers"


def test_likelihood_and_divergence_are_the_same_whether_rows_are_joined_or_not(
    house: TransformersBase, examples: tuple[Example, ...]
) -> None:
    model, tokenizer = house.loaded()
    rows, told = ([answered(tokenizer, one, told=as_told) for one in examples[:5]] for as_told in (False, True))
    once, as_told = joined(rows, told)
    assert nll(model, once) == pytest.approx(nll(model, rows), rel=1e-5)
    (whole, _), (each, _) = (
        divergence(model, taught(model, teachers, students)) for students, teachers in ((once, as_told), (rows, told))
    )
    sizes = [len(one.places) for one in rows]
    assert float(whole[0]) == pytest.approx(sum(float(kl) * n for kl, n in zip(each, sizes, strict=True)) / sum(sizes), rel=1e-4)


def test_rows_that_do_not_go_on_from_each_other_are_left_alone(house: TransformersBase) -> None:
    _, tokenizer = house.loaded()
    rows = [answered(tokenizer, example) for example in toy.data("tidy")]
    assert len(joined(rows, rows)[0]) == len(rows)
    twice = [rows[0], rows[0]]
    assert joined(twice, twice)[0] == twice, "nothing is lost that is there twice"


def test_prompts_that_only_the_student_sees_as_one_conversation_are_not_joined(
    house: TransformersBase, examples: tuple[Example, ...]
) -> None:
    _, tokenizer = house.loaded()
    one, after = (answered(tokenizer, example) for example in examples[:2])
    (elsewhere,) = (answered(tokenizer, example, told=True) for example in examples[:1])
    assert len(joined([one, after], [elsewhere, after])[0]) == 2


def test_nothing_drifts_without_an_adapter_and_something_does_with_one(
    house: TransformersBase, examples: tuple[Example, ...]
) -> None:
    import torch

    model, tokenizer = house.loaded()
    rows = remembered(model, [answered(tokenizer, example) for example in examples[:7]])
    with torch.no_grad():
        assert disturbance(model, rows)[2].tolist() == pytest.approx([0.0] * 7, abs=1e-9)
    adapter = make(house, steps=2, own_answers=False, rows=2, negatives=0).compile(
        request(DRAWN.training[0], DRAWN.training[1:], house)
    )
    with LocalModel(house).mounted(adapter.scaled(8.0)), torch.no_grad():
        assert min(disturbance(model, rows)[2].tolist()) > 1e-6


def test_rows_are_computed_with_those_of_about_their_length(house: TransformersBase, examples: tuple[Example, ...]) -> None:
    _, tokenizer = house.loaded()
    rows = [answered(tokenizer, one, told=told) for one in examples[:9] for told in (False, True)]
    groups = list(alike(rows, lambda row: len(row.ids)))
    assert sorted(id(one) for group in groups for one in group) == sorted(map(id, rows)) and len(groups) > 1
    for group in groups:
        assert max(len(one.ids) for one in group) <= 1.3 * min(len(one.ids) for one in group)


def test_progress_tells_of_each_conversation(house: TransformersBase, examples: tuple[Example, ...]) -> None:
    asked, seen = request(DRAWN.training[0], DRAWN.training[1:], house, negatives=8), list[str]()
    compiler = make(house, steps=1, own_answers=False, rows=2, negatives=2)
    compiler.compile(asked, progress=lambda event, **fields: seen.append(event))
    assert "teaching" in seen and seen[-1] == "held_out"
