"""Skills are identified by what they are, never by what was measured of them."""

from __future__ import annotations

from typing import Any

import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from skilllib.records.base import canonical, content_hash
from skilllib.records.program import Program
from skilllib.records.skill import Callee, Contract, Provenance, Provision, Skill

PROGRAM = Program.parse("def fetch() -> None:\n    'Fetch rope.'\n    take()\n")
PINNED = "15da51a27b66fce01ec85484a82f902ca0d09aadf29cdb733b135b3d7f6e988c"


def skill(**fields: Any) -> Skill:
    return Skill(**{"name": "fetch", "program": PROGRAM, **fields})


def test_a_skill_needs_a_form() -> None:
    with pytest.raises(ValidationError, match="neither code nor text"):
        Skill(name="fetch")


@given(strategies.skills, st.integers(1, 99), st.text(max_size=9), st.sampled_from(["trial", "active", "retired", "revoked"]))
def test_version_number_status_description_and_provenance_are_no_part_of_the_identity(
    one: Skill, version: int, words: str, status: str
) -> None:
    other = one.model_copy(
        update={"version": version, "description": words, "status": status, "provenance": Provenance(writer=words, seed=version)}
    )
    assert (other.code_hash, other.text_hash, other.version_hash) == (one.code_hash, one.text_hash, one.version_hash)


@pytest.mark.parametrize(
    "changed",
    [
        {"program": Program.parse("def fetch() -> None:\n    'Fetch rope.'\n    take()\n    take()\n")},
        {"contract": Contract(provides=(Provision(check="after.rope >= 1"),))},
        {"contract": Contract(capabilities=("take",))},
        {"calls": (Callee(name="climb", code_hash="1" * 64),)},
    ],
    ids=["source", "provides", "capabilities", "calls"],
)
def test_source_contract_and_callees_are_the_code_hash(changed: dict[str, Any]) -> None:
    assert skill(**changed).code_hash != skill().code_hash
    assert skill(**changed).text_hash == skill().text_hash
    assert skill(**changed).version_hash != skill().version_hash


def test_the_text_is_the_text_hash() -> None:
    assert skill(text="Take it.").code_hash == skill().code_hash
    assert skill(text="Take it.").text_hash != skill().text_hash and skill(text="Take it.").version_hash != skill().version_hash


def chain(salt: str, length: int) -> list[Skill]:
    """Skills that call one another; only the innermost depends on the salt."""
    skills: list[Skill] = []
    for i in range(length):
        body = f"inner_{i - 1}()" if skills else f"take({salt!r})"
        program = Program.parse(f"def inner_{i}() -> None:\n    'Step {i}.'\n    {body}\n")
        calls = (Callee(name=skills[-1].name, code_hash=skills[-1].code_hash),) if skills else ()
        skills.append(Skill(name=program.name, program=program, calls=calls))
    return skills


@given(st.integers(1, 6))
def test_a_change_deep_down_changes_every_caller(length: int) -> None:
    one, other = chain("rope", length), chain("lamp", length)
    assert all(a.code_hash != b.code_hash for a, b in zip(one, other, strict=True))
    assert [a.code_hash for a in one] == [a.code_hash for a in chain("rope", length)]


@given(st.lists(strategies.callees, max_size=4))
def test_the_order_in_which_callees_are_listed_does_not_matter(callees: list[Callee]) -> None:
    assert skill(calls=tuple(callees)).code_hash == skill(calls=tuple(reversed(callees))).code_hash


def test_the_name_under_which_a_callee_is_called_matters() -> None:
    one, other = (skill(calls=(Callee(name=name, code_hash="1" * 64),)) for name in ("climb", "jump"))
    assert one.code_hash != other.code_hash


@given(strategies.skills)
def test_a_skill_survives_storage_with_its_hashes(one: Skill) -> None:
    stored = Skill.model_validate_json(one.model_dump_json())
    assert stored == one and stored.version_hash == one.version_hash


def test_equal_content_has_one_hash_whatever_its_order() -> None:
    assert content_hash({"b": 1, "a": [1, 2]}) == content_hash({"a": [1, 2], "b": 1}) != content_hash({"a": [2, 1], "b": 1})
    with pytest.raises(ValueError, match="JSON"):
        canonical(float("nan"))


def test_hashes_stay_what_they_are_so_that_old_libraries_can_be_read() -> None:
    assert skill(contract=Contract(capabilities=("take",))).code_hash == PINNED
