"""A proposal: a goal in words and the check that decides it, as a model writes them, one to a line."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

from skilllib.curriculum.goals import need_task, quantity_task
from skilllib.errors import InvalidCheck
from skilllib.records.base import content_hash
from skilllib.records.check import MAX_LENGTH, Check, Condition
from skilllib.records.need import Need
from skilllib.records.task import Task
from skilllib.records.world import EnvironmentSpec

MOST = 5
"""Proposals that are taken from one reply."""
LENGTH = 100
"""Characters of a goal."""

_BULLET = re.compile(r"^[\s>#*\-•|`]*(?:\d+[.):]\s*)?")


_ASSIGNMENT = re.compile(r"(?<![<>=!])=(?!=)")
_TAG = re.compile(r"</?[a-z_]+>")
_NO_WORD = re.compile(r"[^\w'.,-]+|_")


@dataclass(frozen=True)
class Proposal:
    """A goal and its check, not yet accepted."""

    goal: str
    check: str


def proposals(reply: str) -> list[Proposal]:
    r"""Return the proposals of a reply: its lines of the form `goal | check`, at most `MOST`, each check once.

    >>> proposals("Sure!\n1. tie a knot | `after.knots >= 1`\n- done")
    [Proposal(goal='tie a knot', check='after.knots >= 1')]
    """
    found: dict[str, Proposal] = {}
    for line in reply.splitlines():
        goal, bar, check = _BULLET.sub("", line).rstrip(" |`*").partition("|")
        goal, check = _plain(goal), _TAG.sub("", check).strip("` ")
        if bar and goal and check:
            found.setdefault(check, Proposal(goal[:LENGTH], check))
    return list(found.values())[:MOST]


def _plain(goal: str) -> str:
    """Return a goal as words, whatever marks or code a model wrote around them."""
    return " ".join(_NO_WORD.sub(" ", _TAG.sub("", goal)).split()).strip("'.,- ")


def identity(check: str) -> str:
    """Return what two spellings of one check have in common.

    >>> identity("after.rope>before.rope") == identity("after['rope'] >= before.rope + 1")
    True
    """
    conditions, parts = Check(check).conditions(), _conjuncts(check)
    if len(conditions) == parts:
        return " and ".join(sorted(f"{c.fact} {c.kind} {c.value!r}" for c in conditions))
    return ast.unparse(ast.parse(check, mode="eval"))


def _conjuncts(check: str) -> int:
    body = ast.parse(check, mode="eval").body
    return len(body.values) if isinstance(body, ast.BoolOp) and isinstance(body.op, ast.And) else 1


def task_of(proposal: Proposal, spec: EnvironmentSpec, known: Mapping[str, Task]) -> Task:
    """Return the task a proposal amounts to; equal checks make equal tasks.

    A goal that is known under another id keeps it, and an amount becomes a parameter instead of a part of the skill's name.

    Args:
        proposal: With a check that parses.
        spec: The environment's specification.
        known: Tasks by the identity of their check.

    Raises:
        InvalidCheck: The check does not parse.
    """
    same = identity(proposal.check)
    for name in (same, _risen(proposal.check)):
        if name in known:
            return known[name]
    if (amount := _amount(proposal.check, spec)) is not None:
        if isinstance(amount.value, int) and amount.value > 1:
            return quantity_task(spec, amount.fact, amount.value)
        return need_task(spec, Need(fact=amount.fact, kind="at_least", value=1))
    return Task(
        id=f"model:{content_hash(same)[:12]}",
        environment=spec.name,
        goal=proposal.goal,
        check=ast.unparse(ast.parse(proposal.check, mode="eval")),
    )


def _risen(check: str) -> str:
    """Return the identity of a check that says of a fact that it rose, if a check asks to have one of it.

    What counts progress is 0 at first, so that having one and having one more are the same goal.
    """
    conditions = Check(check).conditions()
    one = len(conditions) == 1 == _conjuncts(check) and conditions[0].kind == "at_least" and conditions[0].value == 1
    return f"{conditions[0].fact} increase 1" if one else ""


def _amount(check: str, spec: EnvironmentSpec) -> Condition | None:
    """Return the one condition of a check that asks for an amount of something and for nothing else."""
    conditions = Check(check).conditions()
    if len(conditions) != 1 or _conjuncts(check) != 1 or conditions[0].kind != "at_least":
        return None
    fact = conditions[0].fact
    whole = spec.fact_types().get(fact, {}).get("type") == "integer" and all(key.isidentifier() for key in fact.split("."))
    return conditions[0] if whole and isinstance(conditions[0].value, int) and conditions[0].value >= 1 else None


def mended(check: str, spec: EnvironmentSpec) -> str:
    """Return a check without the slips that leave no doubt about what is meant.

    A fact without a side is one of `after`; a name without its group stands for the only fact of that name; one `=` is two.

    Raises:
        InvalidCheck: It is no expression.

    >>> facts = {"properties": {"store": {"type": "object", "properties": {"rope": {"type": "integer"}}}}}
    >>> spec = EnvironmentSpec(name="x", primitives=(), facts=facts)
    >>> mended("store.rope = 2", spec), mended("after.rope > before.rope", spec)
    ('after.store.rope == 2', 'after.store.rope > before.store.rope')
    """
    if len(check) > MAX_LENGTH:
        raise InvalidCheck(f"a check has at most {MAX_LENGTH} characters, this one has {len(check)}")
    try:
        with warnings.catch_warnings(action="ignore"):  # an odd escape in a string is the model's affair
            tree = ast.parse(_ASSIGNMENT.sub("==", check), mode="eval")
            return ast.unparse(_Mending(list(spec.fact_types())).visit(tree))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InvalidCheck(f"it is not a Python expression: {error}") from error


class _Mending(ast.NodeTransformer):
    def __init__(self, facts: list[str]) -> None:
        self._groups = {fact.split(".")[0] for fact in facts} - {"before", "after"}
        leaves = [fact.rpartition(".")[2] for fact in facts]
        self._only = {leaf: fact for leaf, fact in zip(leaves, facts, strict=True) if leaves.count(leaf) == 1}

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.parse(f"after.{node.id}", mode="eval").body if node.id in self._groups else node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        match node:
            case ast.Attribute(value=ast.Name(id="before" | "after" as side), attr=leaf) if leaf not in self._groups:
                fact = self._only.get(leaf, leaf)
                return ast.parse(f"{side}.{fact}", mode="eval").body
        return self.generic_visit(node)
