"""The public double says what it was told to say, and nothing else."""

from __future__ import annotations

import pytest
from model_requests import request

from skilllib.errors import ModelUnavailable
from skilllib.models.scripted import NotScripted, ScriptedModel
from skilllib.records.model import Reply
from skilllib.testing import ScriptedModel as Public


def test_lines_are_said_in_order_and_what_was_asked_is_recorded() -> None:
    model = Public(["one", Reply(text="two", finish="length"), ModelUnavailable("three")])
    asked = [request(text) for text in "abc"]
    assert model.complete(asked[0]) == Reply(text="one", tokens_in=asked[0].tokens, tokens_out=1)
    assert model.complete(asked[1]).finish == "length"
    with pytest.raises(ModelUnavailable, match="three"):
        model.complete(asked[2])
    assert model.requests == asked


def test_each_purpose_has_its_own_lines() -> None:
    model = ScriptedModel({"write": ["w1", "w2"], "judge": lambda asked: f"judged {asked.messages[-1].content}"})
    purposes = [("a", "write"), ("b", "judge"), ("c", "write")]
    assert [model.complete(request(text, purpose=purpose)).text for text, purpose in purposes] == ["w1", "judged b", "w2"]


@pytest.mark.parametrize("script", [[], {}, {"judge": ["yes"]}, {"write": []}])
def test_a_call_that_is_not_scripted_fails(script: dict[str, list[str]]) -> None:
    with pytest.raises(NotScripted, match=r"'scripted' has no line for the request 1 \('write'\): 'What now\?'"):
        ScriptedModel(script).complete(request())


def test_one_text_is_one_line() -> None:
    assert ScriptedModel("yes").complete(request()).text == "yes"
