"""A model on this machine, through transformers, that adapters are mounted on and taken off within milliseconds."""

from __future__ import annotations

import inspect
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from skilllib.errors import AdapterRefused, ModelRefused
from skilllib.models.base import TransformersBase
from skilllib.models.hooks import mount, tensors
from skilllib.protocols import Base
from skilllib.records.adapter import LoraWeights
from skilllib.records.model import Message, Reply, Request

PREFIX = "local:"
"""What the name of a model on this machine begins with: `local:` and a hub id, a folder or a GGUF file."""
KEPT = 4
"""Adapters whose last prompt is kept, so that what the next one shares with it is not computed again."""


@dataclass
class Usage:
    """Tokens of a model since it was made."""

    prompt: int = 0
    """Of all prompts: what is prefilled where no prefix is cached."""
    reused: int = 0
    """Of them, those that the prefix cache spared."""
    generated: int = 0

    @property
    def prefilled(self) -> int:
        """Tokens of prompts that were really computed."""
        return self.prompt - self.reused


@dataclass
class _Prefix:
    """Tokens that were computed, and what the model remembers of them."""

    ids: list[int]
    cache: Any


@dataclass
class LocalModel:
    """A base model with at most one adapter at a time; satisfies `protocols.LanguageModel`.

    Args:
        base: The model.
        caches: Whether what prompts share at their beginning is computed once.
        adapters: Hash of an adapter → its weights, for requests that name one.
    """

    base: Base
    caches: bool = True
    adapters: Callable[[str], LoraWeights] | None = None
    usage: Usage = field(default_factory=Usage)
    _handles: list[Any] = field(default_factory=list)
    _mounted: LoraWeights | None = None
    _prefixes: OrderedDict[int, tuple[LoraWeights | None, _Prefix]] = field(default_factory=OrderedDict)

    @classmethod
    def named(cls, name: str) -> LocalModel:
        """Return the model of a name such as `local:PATH`, or `local:PATH#FOLDER` with a folder of adapters."""
        return cls(TransformersBase(name.removeprefix(PREFIX).partition("#")[0]))

    @property
    def name(self) -> str:
        """The model's name."""
        return f"{PREFIX}{self.base.name}"

    # ---- adapters

    def mount(self, weights: LoraWeights | None) -> None:
        """Run with an adapter from now on, in place of the one before; None takes it off.

        Raises:
            AdapterRefused: It is for another base.
        """
        model, _ = self.base.loaded()
        if weights is self._mounted:
            return
        for handle in self._handles:
            handle.remove()
        self._handles, self._mounted = [], None
        if weights is not None:
            self._handles = mount(model, tensors(weights, str(model.device)), weights.alpha)
            self._mounted = weights

    @contextmanager
    def mounted(self, weights: LoraWeights | None) -> Iterator[None]:
        """Run with an adapter for a block, and with what was there before afterwards."""
        before = self._mounted
        self.mount(weights)
        try:
            yield
        finally:
            self.mount(before)

    # ---- answering

    def complete(self, request: Request) -> Reply:
        """Return the reply to a request: greedy at temperature 0, else drawn with the request's seed.

        Raises:
            BaseRefused: The model cannot be loaded.
            AdapterRefused: The request names an adapter that is not there, or that is for another base.
            ModelRefused: The request is longer than the model reads.
        """
        if not request.adapter:
            return self._answered(request)
        if self.adapters is None:
            raise AdapterRefused(f"a request names the adapter {request.adapter!r}, and {self.name!r} was given no adapters")
        with self.mounted(self.adapters(request.adapter)):
            return self._answered(request)

    def _answered(self, request: Request) -> Reply:
        import torch

        model, tokenizer = self.base.loaded()
        ids = prompt_ids(tokenizer, request.messages)
        self._refuse_long(len(ids), request.max_tokens, model)
        begun = time.monotonic()
        with torch.inference_mode():
            out, ended = self._generate(model, ids, request, _ends(model, tokenizer))
        self.usage.prompt += len(ids)
        self.usage.generated += len(out)
        return Reply(
            text=tokenizer.decode(out, skip_special_tokens=True).strip(),
            finish="stop" if ended else "length",
            tokens_in=len(ids),
            tokens_out=len(out),
            seconds=time.monotonic() - begun,
        )

    def continued(self, request: Request) -> list[int]:
        """Return the tokens of a reply, its end included if it came to one."""
        import torch

        model, tokenizer = self.base.loaded()
        ends = _ends(model, tokenizer)
        with torch.inference_mode():
            out, ended = self._generate(model, prompt_ids(tokenizer, request.messages), request, ends)
        return [*out, tokenizer.eos_token_id] if ended or not out else out

    def _generate(self, model: Any, ids: list[int], request: Request, ends: frozenset[int]) -> tuple[list[int], bool]:
        import torch

        prefix = self._prefix(ids)
        generator = torch.Generator().manual_seed(request.seed or 0)
        out: list[int] = []
        fresh = ids[len(prefix.ids) :]
        computed = {_cache_name(model): prefix.cache, "use_cache": True}
        for _ in range(request.max_tokens):
            logits = model(torch.tensor([fresh], device=model.device), **computed).logits
            prefix.ids += fresh
            token = _chosen(logits[0, -1].float().cpu(), request.temperature, generator)
            if token in ends:
                return out, True
            out.append(token)
            fresh = [token]
        return out, False

    def _prefix(self, ids: list[int]) -> _Prefix:
        """Return what is already computed of a prompt; the last token is always computed, since its logits are needed."""
        from transformers import DynamicCache

        key = id(self._mounted)
        kept = self._prefixes.pop(key, None)
        if not self.caches or kept is None:
            found = _Prefix([], DynamicCache())
        else:
            found = kept[1]
            shared = min(_shared(found.ids, ids), len(ids) - 1)
            if shared < len(found.ids):
                found.cache.crop(shared - len(found.ids))  # a negative number: so many tokens are forgotten
            found.ids = found.ids[:shared]
            self.usage.reused += shared
        # The weights are kept with their prefix, so that their id stands for nothing else as long as it is a key.
        self._prefixes[key] = (self._mounted, found)
        while len(self._prefixes) > KEPT:
            self._prefixes.popitem(last=False)
        return found

    def _refuse_long(self, tokens: int, more: int, model: Any) -> None:
        reads = getattr(model.config, "max_position_embeddings", None)
        if reads is not None and tokens + more > reads:
            raise ModelRefused(
                f"the model {self.name!r} reads {reads} tokens, the request has {tokens} and its reply up to {more}; "
                "lower `prompt_tokens` or `reply_tokens`, or use a model that reads more"
            )


def prompt_ids(tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    """Return the tokens of a conversation up to where the reply begins: the very same in training and when it runs."""
    if tokenizer.chat_template:
        turns = [message.model_dump() for message in messages]
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])
    text = "".join(f"{message.role}: {message.content}\n\n" for message in messages)
    return list(tokenizer(f"{text}assistant:")["input_ids"])


def answer_ids(tokenizer: Any, answer: str) -> list[int]:
    """Return the tokens of an answer, its end included."""
    spaced = answer if tokenizer.chat_template else f" {answer}"
    return [*tokenizer(spaced, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]


def _chosen(logits: Any, temperature: float, generator: Any) -> int:
    import torch

    if temperature <= 0:
        return int(logits.argmax())
    return int(torch.multinomial(torch.softmax(logits / temperature, 0), 1, generator=generator))


def _cache_name(model: Any) -> str:
    """Return what a model calls the argument with what is computed already: transformers 5.24 began to rename it."""
    return "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"


def _ends(model: Any, tokenizer: Any) -> frozenset[int]:
    configured = getattr(model.generation_config, "eos_token_id", None)
    listed = configured if isinstance(configured, list) else [configured]
    return frozenset(end for end in [*listed, tokenizer.eos_token_id] if end is not None)


def _shared(left: list[int], right: list[int]) -> int:
    return next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
