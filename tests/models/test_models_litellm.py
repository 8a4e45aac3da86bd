"""A real litellm client talks over a real socket to a server that answers well, slowly and badly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from model_requests import request
from openai_server import Answer, OpenAIServer, serving

from skilllib.errors import ModelRefused, ModelUnavailable
from skilllib.models.litellm import LiteLLMModel, answer, price
from skilllib.models.retry import Retrying
from skilllib.records.model import Message, Reply, Request

pytestmark = pytest.mark.xdist_group("litellm")  # its import takes seconds: once is enough

OVERLOADED = Answer(status=429, error={"message": "slow down", "code": "rate_limit"})
PATIENT = LiteLLMModel("openai/local", timeout_s=20)


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a key")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    """A server that answers well unless it is told otherwise."""
    with serving() as server:
        monkeypatch.setenv("OPENAI_API_BASE", server.url)
        yield server


def reply(server: OpenAIServer, *answers: Answer, timeout_s: float = 20, question: Request | None = None) -> Reply:
    server.answers = list(answers)
    return LiteLLMModel("openai/local", timeout_s).complete(question or request())


def test_a_question_is_sent_as_it_was_asked_to_where_the_environment_says(asked: OpenAIServer) -> None:
    question = Request(
        purpose="write",
        messages=(Message(role="system", content="Be brief."), Message(role="user", content="Hello")),
        temperature=0.5,
        max_tokens=17,
        seed=3,
    )
    said = reply(asked, Answer(text="Good morning."), question=question)
    assert said.model_copy(update={"seconds": 0}) == Reply(text="Good morning.", tokens_in=11, tokens_out=7)
    assert 0 < said.seconds < 20 and asked.keys == ["Bearer a key"]
    (sent,) = asked.requests
    assert sent == {
        "model": "local",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}],
        "temperature": 0.5,
        "max_tokens": 17,
        "seed": 3,
    }


def test_a_seed_is_sent_only_when_there_is_one(asked: OpenAIServer) -> None:
    reply(asked, Answer())
    assert "seed" not in asked.requests[0]


@pytest.mark.parametrize("text", ["", None])
def test_an_empty_reply_is_a_reply(asked: OpenAIServer, text: str) -> None:
    assert reply(asked, Answer(text=text)).text == ""


def test_code_that_was_cut_off_says_so(asked: OpenAIServer) -> None:
    said = reply(asked, Answer(text="```python\ndef go(", finish="length"))
    assert (said.text, said.finish) == ("```python\ndef go(", "length")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<think>hm</think>go", "go"),
        ("<think>hm, I never come to an end", ""),
        ("hm\n</think>\n\ngo", "go"),
        ("<thinking>hm</thinking> go", "go"),
        ("go <think>was that right?</think>", "go"),
        ("a < b and think > c", "a < b and think > c"),
    ],
)
def test_what_a_model_thought_is_not_what_it_said(asked: OpenAIServer, text: str, said: str) -> None:
    assert answer(text) == said
    assert reply(asked, Answer(text=text)).text == said


def test_thoughts_in_a_field_of_their_own_are_left_there(asked: OpenAIServer) -> None:
    assert reply(asked, Answer(text="go", extra={"reasoning_content": "hm"})).text == "go"


def test_a_reply_that_counts_no_tokens_is_counted_here(asked: OpenAIServer) -> None:
    raw = b'{"id": "1", "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "123456"}}]}'
    said = reply(asked, Answer(raw=raw))
    assert (said.tokens_in, said.tokens_out) == (request().tokens, 2)


def test_half_a_letter_in_a_reply_does_no_harm(asked: OpenAIServer) -> None:
    assert reply(asked, Answer(text="a\ud800b")).text == "a?b"


UNAVAILABLE = {
    "overloaded": OVERLOADED,
    "500": Answer(status=500, error={"message": "oops"}),
    "busy": Answer(status=503, raw=b"<html>busy</html>"),
    "half a body": Answer(raw=b'{"id": "chat'),
    "fewer bytes than announced": Answer(raw=b'{"id": "chat', headers={"Content-Length": "500"}),
    "a list": Answer(raw=b"[]"),
    "an empty object": Answer(raw=b"{}"),
    "a web page": Answer(raw=b"<html>hello</html>", headers={"Content-Type": "text/html"}),
    "no choices": Answer(raw=b'{"id": "1", "choices": []}'),
    "no answer": Answer(drop=True),
}


@pytest.mark.parametrize("fault", UNAVAILABLE.values(), ids=UNAVAILABLE)
def test_what_may_pass_is_asked_again(asked: OpenAIServer, fault: Answer) -> None:
    asked.answers = [fault, fault, Answer(text="at last")]
    waits: list[float] = []
    assert Retrying(inner=PATIENT, sleep=waits.append).complete(request()).text == "at last"
    assert len(asked.requests) == 3 and len(waits) == 2


@pytest.mark.parametrize("fault", UNAVAILABLE.values(), ids=UNAVAILABLE)
def test_what_does_not_pass_is_given_up(asked: OpenAIServer, fault: Answer) -> None:
    asked.answers = [fault]
    with pytest.raises(ModelUnavailable, match=r"asked 3 times in vain, last: the model 'openai/local'"):
        Retrying(inner=PATIENT, attempts=3, sleep=lambda seconds: None).complete(request())
    assert len(asked.requests) == 3, "litellm asks nothing again by itself"


def test_a_model_that_says_when_to_come_back_is_asked_then(asked: OpenAIServer) -> None:
    asked.answers = [Answer(status=429, error={"message": "slow down"}, headers={"Retry-After": "7"}), Answer()]
    waits: list[float] = []
    Retrying(inner=PATIENT, sleep=waits.append).complete(request())
    assert waits == [7.0]


def test_a_slow_model_is_not_waited_for_longer_than_agreed(asked: OpenAIServer) -> None:
    with pytest.raises(ModelUnavailable, match=r"did not answer within 0\.2 s; allow it more time"):
        reply(asked, Answer(wait_s=1.0), timeout_s=0.2)


def test_a_slow_model_is_waited_for_as_long_as_agreed(asked: OpenAIServer) -> None:
    assert reply(asked, Answer(wait_s=0.3)).seconds >= 0.3


def test_a_server_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_BASE", "http://127.0.0.1:9/v1")
    with pytest.raises(ModelUnavailable, match=r"'openai/local' is not available.*check that its server runs"):
        PATIENT.complete(request())


REFUSED = {
    "bad key": (Answer(status=401, error={"message": "Incorrect API key", "code": "invalid_api_key"}), "set the key"),
    "no right": (Answer(status=403, error={"message": "no access"}), "set the key"),
    "unknown model": (Answer(status=404, error={"message": "no model `local`", "code": "model_not_found"}), "check the name"),
    "wrong path": (Answer(status=404, raw=b"not found"), "check the name.*OPENAI_API_BASE"),
    "too long": (
        Answer(status=400, error={"message": "This model's maximum context length is 9 tokens", "code": "context_length_exceeded"}),
        "lower `prompt_tokens`",
    ),
    "too large": (Answer(status=413, error={"message": "too large"}), "lower `prompt_tokens`"),
    "content": (Answer(status=400, error={"message": "flagged", "code": "content_filter"}), "does not accept the content"),
    "content of the reply": (Answer(text="", finish="content_filter"), "refused the content of its reply"),
    "no money": (Answer(status=429, error={"message": "pay", "code": "insufficient_quota"}), "no money left"),
    "bad request": (Answer(status=400, error={"message": "bad param"}), "bad param.*check the options"),
}


@pytest.mark.parametrize(("fault", "remedy"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_pass_is_asked_once_and_the_remedy_is_named(asked: OpenAIServer, fault: Answer, remedy: str) -> None:
    asked.answers = [fault]
    with pytest.raises(ModelRefused, match=rf"'openai/local'.*{remedy}"):
        Retrying(inner=PATIENT, sleep=lambda seconds: pytest.fail("waited")).complete(request())
    assert len(asked.requests) == 1


@pytest.mark.parametrize(
    ("name", "variable"), [("openai/local", "OPENAI"), ("anthropic/local", "ANTHROPIC"), ("gemini/x", "GEMINI")]
)
def test_a_missing_key_is_refused_before_anything_is_sent(monkeypatch: pytest.MonkeyPatch, name: str, variable: str) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(ModelRefused, match=rf"{variable}.*set the key of its provider") as caught:
        LiteLLMModel(name).complete(request())
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


@pytest.mark.parametrize("name", ["anthropic/m", "ollama_chat/m", "hosted_vllm/m"])
def test_clients_of_other_providers_are_understood_too(asked: OpenAIServer, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    provider = name.partition("/")[0].removesuffix("_chat").upper()
    monkeypatch.setenv(f"{provider}_API_BASE", asked.url)
    monkeypatch.setenv(f"{provider}_API_KEY", "a key")
    for fault in UNAVAILABLE.values():
        asked.answers = [fault]
        if fault.raw not in (b"[]", b"{}") and "choices" not in str(fault.raw):  # what these mean differs
            with pytest.raises(ModelUnavailable, match=name):
                LiteLLMModel(name).complete(request())
    asked.answers = [Answer(status=400, error={"message": "Your credit balance is too low"})]
    with pytest.raises(ModelRefused, match="no money left"):
        LiteLLMModel(name).complete(request())


@pytest.mark.parametrize("name", ["nonsense", "nonsense/large"])
def test_a_provider_that_nobody_knows_is_refused(name: str) -> None:
    with pytest.raises(ModelRefused, match=rf"'{name}' refused.*provider/model"):
        LiteLLMModel(name).complete(request())


def test_nothing_is_printed_when_a_model_fails(asked: OpenAIServer, capfd: pytest.CaptureFixture[str]) -> None:
    for fault in (OVERLOADED, Answer(drop=True), Answer(status=404, raw=b"")):
        with pytest.raises((ModelUnavailable, ModelRefused)):
            reply(asked, fault)
    assert capfd.readouterr() == ("", "")


def test_prices_are_litellms_and_a_model_without_one_has_none() -> None:
    assert price("gpt-4o-mini", 1_000_000, 1_000_000) == pytest.approx(0.75)
    assert price("openai/local", 1, 1) is None
    assert price("nonsense", 1, 1) is None


def test_a_reply_costs_what_its_tokens_cost(asked: OpenAIServer) -> None:
    asked.answers = [Answer()]
    assert LiteLLMModel("openai/gpt-4o-mini").complete(request()).usd == pytest.approx(price("gpt-4o-mini", 11, 7))
    assert LiteLLMModel("openai/local").complete(request()).usd == 0
