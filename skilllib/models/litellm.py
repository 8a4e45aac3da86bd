"""Any model that litellm reaches: every provider, every local server.

Key and base URL follow litellm's own conventions (`OPENAI_API_KEY`, `OPENAI_API_BASE`, …). litellm takes seconds to import
and would ask the network for a list of prices, so it is imported when the first question is asked, with the list that it
brings along.
"""

from __future__ import annotations

import logging
import os
import re
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from skilllib.errors import ModelError, ModelRefused, ModelUnavailable
from skilllib.records.model import Reply, Request, estimated_tokens

_THOUGHT = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
_THOUGHT_BEFORE = re.compile(r"\A.*</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_NO_KEY = re.compile(r"missing.{0,40}(?:api.?key|credential)|api.?key.{0,40}(?:missing|not (?:set|found|provided))", re.IGNORECASE)
_NO_MONEY = re.compile(r"insufficient_quota|credit balance", re.IGNORECASE)
_CONTENT = re.compile(r"content.?(?:filter|policy|management)", re.IGNORECASE)
_TRANSIENT = frozenset({408, 409, 425, 429})


@contextmanager
def _litellm() -> Iterator[Any]:
    """Hold litellm: with the prices it brings along, silent, sending nothing anywhere but to the model.

    It imports and builds what it needs when it needs it, so what pydantic has to say about its types may come at any call.
    """
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"pydantic|litellm")
        import litellm

        litellm.telemetry = False
        litellm.suppress_debug_info = True
        if "LITELLM_LOG" not in os.environ:
            logging.getLogger("LiteLLM").setLevel(logging.CRITICAL)
        yield litellm


def price(name: str, tokens_in: int, tokens_out: int) -> float | None:
    """Return what so many tokens cost with a model, in US dollars by litellm's list, or None where the list has no price."""
    try:
        with _litellm() as litellm:
            return float(sum(litellm.cost_per_token(model=name, prompt_tokens=tokens_in, completion_tokens=tokens_out)))
    except Exception as error:  # what litellm raises for an unknown model is not of one kind, and some of it is plain Exception
        logging.getLogger(__name__).debug("no price for %r: %s", name, error)
        return None


def refuse_unknown(names: Iterable[str]) -> None:
    """Look up the providers of models by their names; nothing is sent.

    Raises:
        ModelRefused: A name belongs to none.
    """
    with _litellm() as litellm:
        for name in sorted(set(names)):
            try:
                litellm.get_llm_provider(name)
            except litellm.exceptions.BadRequestError as error:
                raise ModelRefused(
                    f"litellm knows no provider for the model {name!r}; name it as `provider/model`, such as `openai/m`"
                ) from error
            except Exception as error:  # as in `price`; whatever it is, the first call will meet it again
                logging.getLogger(__name__).debug("no provider looked up for %r: %s", name, error)


@dataclass(frozen=True)
class LiteLLMModel:
    """A model by litellm's name, such as `openai/gpt-4o-mini` or `ollama/llama3`.

    Args:
        name: litellm's name of the model.
        timeout_s: Seconds to wait for the server before giving up on a request.
    """

    name: str
    timeout_s: float = 120.0

    def complete(self, request: Request) -> Reply:
        """Return the reply to a request; it was asked once, without retries.

        Raises:
            ModelUnavailable: Asking again may help: overload, time-out, a lost connection, a reply that is not one.
            ModelRefused: Asking again cannot help: key, name, length, content.
        """
        with _litellm() as litellm:
            begun = time.monotonic()
            try:
                response = litellm.completion(
                    model=self.name,
                    messages=[message.model_dump() for message in request.messages],
                    temperature=request.temperature,
                    max_tokens=request.max_tokens,
                    seed=request.seed,
                    timeout=self.timeout_s,
                    drop_params=True,  # some providers take no seed, some models no temperature
                    num_retries=0,
                    max_retries=0,
                )
            except Exception as error:  # litellm lets errors of its many clients through; all are translated here
                raise self._translated(error) from error
            return self._reply(litellm, request, response, time.monotonic() - begun)

    def _reply(self, litellm: Any, request: Request, response: Any, seconds: float) -> Reply:
        if not response.choices:
            raise ModelUnavailable(f"the model {self.name!r} sent a reply without content; check what serves it")
        choice, usage = response.choices[0], getattr(response, "usage", None)
        # A lone surrogate is legal in JSON and in no file.
        written = (choice.message.content or "").encode(errors="replace").decode()
        text = answer(written)
        if choice.finish_reason == "content_filter" and not text:
            raise ModelRefused(f"the model {self.name!r} refused the content of its reply; use another model")
        return Reply(
            text=text,
            finish=choice.finish_reason if choice.finish_reason in ("stop", "length") else "other",
            tokens_in=getattr(usage, "prompt_tokens", 0) or request.tokens,
            tokens_out=getattr(usage, "completion_tokens", 0) or estimated_tokens(written),
            usd=_cost(litellm, response, self.name),
            seconds=seconds,
        )

    def _translated(self, error: Exception) -> ModelError:
        status = int(getattr(error, "status_code", None) or 500)
        said = f"{_first_line(error)!r}"
        if remedy := _remedy(error, status):
            return ModelRefused(f"the model {self.name!r} refused ({status}): {said}; {remedy}")
        if status == 408:
            return ModelUnavailable(f"the model {self.name!r} did not answer within {self.timeout_s:g} s; allow it more time")
        found = f"the model {self.name!r} is not available ({status}): {said}"
        return ModelUnavailable(f"{found}; check that its server runs and can be reached", retry_after_s=_retry_after(error))


def answer(text: str) -> str:
    """Return what a model said without what it thought aloud before it.

    >>> answer("<think>Which one?</think> The second.")
    'The second.'
    >>> answer("<think>Which one? I never come to an end")
    ''
    """
    return _THOUGHT_BEFORE.sub("", _THOUGHT.sub("", text)).strip()


def _remedy(error: Exception, status: int) -> str:
    """Return what to do about an error that does not pass by itself; nothing for one that may."""
    text = f"{error} {getattr(error, 'body', '')}"
    kind = type(error).__name__
    if status in (401, 403) or _NO_KEY.search(text):
        return "set the key of its provider in the environment (such as `OPENAI_API_KEY`)"
    if status == 402 or (status < 500 and _NO_MONEY.search(text)):
        return "the account has no money left; pay its provider"
    if status in _TRANSIENT or not 400 <= status < 500:  # below 400 the answer was cut off
        return ""
    if kind == "ContextWindowExceededError" or status == 413:
        return "the request is longer than the model reads; lower `prompt_tokens`, or use a model that reads more"
    if kind == "ContentPolicyViolationError" or _CONTENT.search(text):
        return "its provider does not accept the content; use another model"
    if status == 404 or "Provider NOT provided" in text:
        return "check the name, as `provider/model` by litellm's list, and the base URL (such as `OPENAI_API_BASE`)"
    return "the request does not suit it; check the options, or use another model"


def _first_line(error: Exception) -> str:
    lines = re.sub(r"^(?:litellm\.|\w*(?:Error|Exception|Timeout)\b[ :-]*)+", "", str(error)).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__


def _retry_after(error: Exception) -> float | None:
    for headers in (getattr(error, "litellm_response_headers", None), getattr(getattr(error, "response", None), "headers", None)):
        try:
            return max(0.0, float((headers or {})["retry-after"]))
        except (KeyError, ValueError):
            continue  # absent, or a date
    return None


def _cost(litellm: Any, response: Any, name: str) -> float:
    try:
        return float(litellm.completion_cost(completion_response=response, model=name))
    except Exception as error:  # as in `price`
        logging.getLogger(__name__).debug("no price for %r: %s", name, error)
        return 0.0
