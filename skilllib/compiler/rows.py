"""What a student learns from: sequences of tokens, and what a teacher would have said at each place of the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from skilllib.models.local import answer_ids, prompt_ids
from skilllib.records.adapter import Example
from skilllib.records.model import Message

T = TypeVar("T")

TOP = 32
"""Tokens of the teacher's distribution that are kept; the rest counts as one."""
TINY = 1e-9
UNLIKE = 1.3
"""Rows of which one is longer than another by more than this factor are computed apart."""


@dataclass(frozen=True)
class Row:
    """One prompt with one answer, as tokens; or a conversation with several answers."""

    ids: list[int]
    start: int
    """Where the answer begins; of several the last one."""
    top: Any = None
    """The teacher's likeliest tokens at each place of the answer, (tokens, k)."""
    probabilities: Any = None
    """Their probabilities, (tokens, k)."""
    verified: bool = False
    """Whether the answer was executed and verified; else it is the teacher's own."""
    states: Any = None
    """The model's last hidden states without an adapter, (tokens, width)."""
    earlier: tuple[int, ...] = ()
    """Where the tokens of earlier answers are."""

    @property
    def places(self) -> list[int]:
        """Where the tokens of all answers are."""
        return [*self.earlier, *range(self.start, len(self.ids))]


def row(tokenizer: Any, prompt: Sequence[Message], answer: Sequence[int], *, verified: bool = False) -> Row:
    """Return a prompt and an answer's tokens as a row without a teacher."""
    ids = prompt_ids(tokenizer, prompt)
    return Row([*ids, *answer], len(ids), verified=verified)


def answered(tokenizer: Any, example: Example, *, told: bool = False) -> Row:
    """Return an example with its verified answer as a row; `told` with the skill's text in context."""
    prompt = example.informed if told else example.prompt
    return row(tokenizer, prompt, answer_ids(tokenizer, example.answer or ""), verified=example.answer is not None)


def joined(rows: Sequence[Row], told: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Return rows with those put together of which one goes on from the other, so that a conversation is computed once.

    Args:
        rows: As a student sees them.
        told: The same rows as a teacher sees them; two are put together only where both go on.
    """
    found: list[tuple[Row, Row]] = []
    for pair in sorted(zip(rows, told, strict=True), key=lambda pair: -len(pair[0].ids)):
        for i, longer in enumerate(found):
            if all(_goes_on(after, before) for after, before in zip(longer, pair, strict=True)):
                found[i] = (_with(longer[0], pair[0]), _with(longer[1], pair[1]))
                break
        else:
            found.append(pair)
    return [student for student, _ in found], [teacher for _, teacher in found]


def _goes_on(after: Row, before: Row) -> bool:
    begun = after.ids[: len(before.ids)] == before.ids and len(before.ids) <= after.start
    return begun and after.verified == before.verified and not set(before.places) & set(after.earlier)


def _with(after: Row, before: Row) -> Row:
    return replace(after, earlier=tuple(sorted((*after.earlier, *before.places))))


def logits(model: Any, rows: Sequence[Row]) -> tuple[Any, Any, Any]:
    """Return the logits at every place of the answers, (n, vocabulary), the answers' tokens (n) and their rows (n)."""
    return _logits(model, rows, *_states(model, rows)[:2])


def _logits(model: Any, rows: Sequence[Row], hidden: Any, padded: Any) -> tuple[Any, Any, Any]:
    import torch

    places = [(i, place) for i, row in enumerate(rows) for place in row.places]
    which = torch.tensor([i for i, _ in places], device=model.device)
    before = torch.tensor([place - 1 for _, place in places], device=model.device)
    # Only the answers go through the head: the logits of whole prompts would be the largest tensor by far.
    return model.get_output_embeddings()(hidden[which, before]).float(), padded[which, before + 1], which


def _states(model: Any, rows: Sequence[Row]) -> tuple[Any, Any, Any]:
    """Return the last hidden states (rows, tokens, width), the tokens, and which of them are no filling."""
    import torch

    longest = max(len(row.ids) for row in rows)
    padded = torch.tensor([row.ids + [0] * (longest - len(row.ids)) for row in rows], device=model.device)
    mask = torch.tensor([[1] * len(row.ids) + [0] * (longest - len(row.ids)) for row in rows], device=model.device)
    return model.base_model(input_ids=padded, attention_mask=mask, use_cache=False).last_hidden_state, padded, mask


def remembered(model: Any, rows: Sequence[Row], k: int = TOP) -> list[Row]:
    """Return rows with what the model says to them, and its last hidden states, (tokens, width)."""
    import torch

    found = []
    for one in rows:
        with torch.inference_mode():
            hidden, padded, _ = _states(model, [one])
            # Not on the model's device: all rows of all skills together are larger than what a step needs.
            found.append(_said(replace(one, states=hidden[0].cpu().clone()), _logits(model, [one], hidden, padded)[0], k))
    return found


def disturbance(model: Any, rows: Sequence[Row]) -> tuple[Any, Any, Any]:
    """Return for each row how far the model is from what was remembered, and the mean negative log-likelihood of its answers.

    Returns:
        The mean forward KL of its answers and their negative log-likelihood, in nats, and how far its last hidden states have
        moved, squared and relative to these. The KL says nothing of what is unlikely without an adapter, though it may be what
        another adapter makes likely: the states do.
    """
    import torch

    hidden, padded, mask = _states(model, rows)
    kl, nll = _divergence(*_logits(model, rows, hidden, padded), rows)
    wanted = torch.nn.utils.rnn.pad_sequence([row.states for row in rows], batch_first=True).to(hidden.device).float()
    change = (hidden.float() - wanted).square().sum(-1) / wanted.square().sum(-1).clamp_min(TINY)
    return kl, nll, (change * mask).sum(-1) / mask.sum(-1)


def alike(rows: Sequence[T], length: Callable[[T], int]) -> Iterator[list[T]]:
    """Yield groups of rows of about one length: filling up short ones to the longest of all would be computing for nothing."""
    part: list[T] = []
    for one in sorted(rows, key=length):
        if part and length(one) > UNLIKE * length(part[0]):
            yield part
            part = []
        part.append(one)
    if part:
        yield part


def taught(model: Any, teacher: Sequence[Row], student: Sequence[Row], k: int = TOP) -> list[Row]:
    """Return the student's rows with what the model says to the teacher's, whose answers are the same."""
    import torch

    found = []
    for told, plain in zip(teacher, student, strict=True):
        with torch.inference_mode():
            found.append(_said(plain, logits(model, [told])[0], k))
    return found


def _said(plain: Row, all_of: Any, k: int) -> Row:
    import torch

    probabilities, top = torch.softmax(all_of, -1).topk(min(k, all_of.shape[-1]))
    return replace(plain, top=top.clone(), probabilities=probabilities.clone())


def sure(one: Row, k: int = TOP) -> Row:
    """Return a row with a teacher who is sure of its answer: KL to that one is the negative log-likelihood."""
    import torch

    answer = [one.ids[place] for place in one.places]
    probabilities = torch.zeros(len(answer), k)
    probabilities[:, 0] = 1
    return replace(one, top=torch.tensor(answer)[:, None].expand(-1, k), probabilities=probabilities)


def divergence(model: Any, rows: Sequence[Row]) -> tuple[Any, Any]:
    """Return for each row the mean forward KL to its teacher and the mean negative log-likelihood of its answer, in nats."""
    return _divergence(*logits(model, rows), rows)


def _divergence(all_of: Any, tokens: Any, which: Any, rows: Sequence[Row]) -> tuple[Any, Any]:
    import torch

    log = torch.log_softmax(all_of, -1)
    top = torch.cat([row.top.to(log.device) for row in rows])
    p = torch.cat([row.probabilities.to(log.device) for row in rows])
    q = log.gather(-1, top)
    p_rest, q_rest = (1 - p.sum(-1)).clamp_min(TINY), (1 - q.exp().sum(-1)).clamp_min(TINY)
    kl = (p * (p.clamp_min(TINY).log() - q)).sum(-1) + p_rest * (p_rest.log() - q_rest.log())
    nll = -log.gather(-1, tokens[:, None])[:, 0]
    return _by_row(kl, which, len(rows)), _by_row(nll, which, len(rows))


def nll(model: Any, rows: Sequence[Row]) -> float:
    """Return the mean negative log-likelihood of a token of the answers, in nats."""
    import torch

    total, tokens = 0.0, 0
    with torch.inference_mode():
        for one in rows:
            all_of, wanted, _ = logits(model, [one])
            total += float(torch.nn.functional.cross_entropy(all_of, wanted, reduction="sum"))
            tokens += len(wanted)
    return total / max(1, tokens)


def _by_row(values: Any, which: Any, n: int) -> Any:
    import torch

    zeros = torch.zeros(n, device=values.device)
    return zeros.index_add(0, which, values) / zeros.index_add(0, which, torch.ones_like(values)).clamp_min(1)
