"""A model on this machine: the same answers with and without a cache of prompts, adapters put on and taken off."""

from __future__ import annotations

import time

import pytest
import toy

from skilllib.compiler.cache import AdapterCache
from skilllib.compiler.job import Compiled
from skilllib.errors import AdapterRefused, ModelRefused
from skilllib.models.base import TransformersBase
from skilllib.models.local import LocalModel
from skilllib.records.adapter import LoraWeights, Pair
from skilllib.records.model import Message, Request

pytestmark = pytest.mark.xdist_group("compiled")  # what all of these read is compiled once


def asked(words: str, **given: object) -> Request:
    messages = (Message(role="system", content="You act."), Message(role="user", content=words))
    return Request.model_validate({"purpose": "act", "messages": messages, "max_tokens": 8, **given})


def weights(cache: AdapterCache, one: Compiled) -> LoraWeights:
    assert one.stored is not None
    return cache.load(one.stored)


QUESTIONS = [asked(f"kitchen: tidy the {thing}, step {step}") for thing in toy.THINGS for step in (1, 2, 3)]


def test_what_prompts_share_is_computed_once_and_the_answers_are_the_same(base: TransformersBase) -> None:
    plain, caching = LocalModel(base, caches=False), LocalModel(base)
    assert [plain.complete(q).text for q in QUESTIONS] == [caching.complete(q).text for q in QUESTIONS]
    assert caching.usage.prompt == plain.usage.prompt == plain.usage.prefilled
    assert caching.usage.generated == plain.usage.generated
    assert 0 < caching.usage.reused < caching.usage.prompt and plain.usage.reused == 0


def test_the_very_same_prompt_again_costs_one_token(base: TransformersBase) -> None:
    model = LocalModel(base)
    first = model.complete(QUESTIONS[0])
    before = model.usage.prefilled
    assert model.complete(QUESTIONS[0]).text == first.text and model.usage.prefilled == before + 1


def test_an_adapter_changes_answers_and_leaves_nothing_behind(
    base: TransformersBase, cache: AdapterCache, compiled: dict[str, Compiled]
) -> None:
    model = LocalModel(base)
    before = [model.complete(q).text for q in QUESTIONS]
    with model.mounted(weights(cache, compiled["tidy"])):
        during = [model.complete(q).text for q in QUESTIONS]
    assert during[0] == "take cup" and during != before
    assert [model.complete(q).text for q in QUESTIONS] == before


def test_the_cache_of_one_adapter_is_never_used_for_another(
    base: TransformersBase, cache: AdapterCache, compiled: dict[str, Compiled]
) -> None:
    one, other = weights(cache, compiled["tidy"]), weights(cache, compiled["hide"])
    caching, plain = LocalModel(base), LocalModel(base, caches=False)
    for adapter in (one, other, None, one, None, other):
        caching.mount(adapter), plain.mount(adapter)
        for question in (QUESTIONS[0], asked("hall: hide the cup, step 1")):
            assert caching.complete(question).text == plain.complete(question).text
    caching.mount(None), plain.mount(None)


def test_mounting_takes_milliseconds(base: TransformersBase, cache: AdapterCache, compiled: dict[str, Compiled]) -> None:
    model, one = LocalModel(base), weights(cache, compiled["tidy"])
    fastest = 1.0
    for _ in range(10):
        begun = time.perf_counter()
        model.mount(one)
        model.mount(None)
        fastest = min(fastest, time.perf_counter() - begun)
    assert fastest < 0.02


def test_an_adapter_for_another_base_is_refused_and_nothing_is_mounted(base: TransformersBase) -> None:
    import numpy as np

    model = LocalModel(base)
    before = model.complete(QUESTIONS[0]).text
    names = ("model.layers.9.self_attn.q_proj", "model.layers.0.self_attn.q_proj")
    for name in names:
        wrong = LoraWeights({name: Pair(np.ones((1, 7), np.float32), np.ones((7, 1), np.float32))})
        with pytest.raises(AdapterRefused, match=r"no linear module|the adapter is for"):
            model.mount(wrong)
    assert model.complete(QUESTIONS[0]).text == before


def test_equal_seeds_draw_equal_answers(base: TransformersBase) -> None:
    model = LocalModel(base)
    drawn = [model.complete(asked("kitchen", temperature=1.5, seed=seed)).text for seed in (1, 1, 2, 3, 4)]
    assert drawn[0] == drawn[1] and len(set(drawn)) > 1


def test_a_request_that_is_longer_than_the_model_reads_is_refused(base: TransformersBase) -> None:
    with pytest.raises(ModelRefused, match="reads 4096 tokens, the request has"):
        LocalModel(base).complete(asked("cup " * 5000))


def test_a_reply_says_how_it_ended_and_what_it_took(
    base: TransformersBase, cache: AdapterCache, compiled: dict[str, Compiled]
) -> None:
    model = LocalModel(base)
    with model.mounted(weights(cache, compiled["tidy"])):
        whole, cut = model.complete(QUESTIONS[0]), model.complete(QUESTIONS[0].model_copy(update={"max_tokens": 1}))
    assert whole.finish == "stop" and cut.finish == "length" and cut.tokens_out == 1
    assert whole.tokens_in == cut.tokens_in > 0 and whole.usd == 0


def test_a_model_is_found_by_its_name(base: TransformersBase) -> None:
    model = LocalModel.named(f"local:{base.name}")
    assert model.name == f"local:{base.name}" and isinstance(model.base, TransformersBase) and model.base.hash == base.hash
