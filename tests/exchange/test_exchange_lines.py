"""A library in one file: the same hashes elsewhere, and not one byte may be another."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from outside import Fresh, coded

from skilllib.errors import ImportRefused
from skilllib.exchange import export, take_in
from skilllib.library import SkillLibrary
from skilllib.records.ledger import Change, Decision


def sealed(lines: list[str]) -> bytes:
    """Return lines under a head that fits them, as somebody would write who knows how."""
    rest = "".join(f"{line}\n" for line in lines)
    digest = hashlib.sha256(rest.encode()).hexdigest()
    return json.dumps({"format": "skilllib", "version": 1, "skills": len(lines), "sha256": digest}).encode() + b"\n" + rest.encode()


@pytest.fixture
def file(learned: SkillLibrary, tmp_path: Path) -> Path:
    export(learned, tmp_path / "all.jsonl", form="jsonl")
    return tmp_path / "all.jsonl"


def refusal(library: SkillLibrary, path: Path) -> str:
    with pytest.raises(ImportRefused) as caught:
        take_in(library, path)
    assert not library.skills() and not library.ledger()
    return str(caught.value)


def test_every_version_has_the_same_hashes_number_and_tests_elsewhere(
    learned: SkillLibrary, library: SkillLibrary, file: Path
) -> None:
    taken = take_in(library, file)
    assert len(taken.imported) == len(learned.skills()) > 10 and not taken.refused
    for here, there in zip(library.skills(), learned.skills(), strict=True):
        assert (here.name, here.version, here.code_hash, here.text_hash, here.version_hash) == (
            there.name,
            there.version,
            there.code_hash,
            there.text_hash,
            there.version_hash,
        )
        assert library.tests(here.code_hash) == learned.tests(there.code_hash) and here.status == "trial"
    assert not library.problems()


def test_the_same_skills_give_the_same_bytes_whatever_became_of_them(library: SkillLibrary, file: Path, tmp_path: Path) -> None:
    take_in(library, file)
    one = library.skills()[0]
    library.commit(Change(kind="retire", targets=(one.code_hash,), proposer="test"), Decision(outcome="promote"))
    library.count(one.code_hash, called=3)
    export(library, tmp_path / "again.jsonl", form="jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == file.read_bytes()


def test_named_skills_travel_with_all_they_call(learned: SkillLibrary, library: SkillLibrary, tmp_path: Path) -> None:
    export(learned, tmp_path / "one.jsonl", names=["kneaded_dough"], form="jsonl")
    taken = take_in(library, tmp_path / "one.jsonl")
    assert [one.skill.code_hash for one in taken.imported] == [
        skill.code_hash for skill in learned.closure([learned.get("kneaded_dough").code_hash])
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(at=st.integers(0, 10**6), by=st.integers(1, 255))
def test_a_byte_that_was_changed_is_noticed_wherever_it_is(library: SkillLibrary, file: Path, at: int, by: int) -> None:
    data = bytearray(file.read_bytes())
    data[at % len(data)] ^= by
    path = file.with_name("changed.jsonl")
    path.write_bytes(data)
    assert refusal(library, path)


@pytest.mark.parametrize("keep", [0.2, 0.9, 0.999])
def test_a_file_that_was_cut_off_is_refused(library: SkillLibrary, file: Path, keep: float) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * keep)])
    assert "cut off" in refusal(library, file)
    file.write_bytes(b"\n".join(data.split(b"\n")[:5]) + b"\n")
    assert "digest" in refusal(library, file)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"walk"', '"burn"', "code hash"),
        ("gather(", "gather (", "code hash"),
        ('"check":"after', '"check":"import os; after', "not an expression|code hash"),
        ('"name":"found_egg"', '"name":"found_ogg"', "has the code of 'found_egg'|code hash"),
        ('"status":"trial"', '"status":"active","extra":1', "extra"),
        ('"text":null', '"text":null,"text":null', "twice"),
        ('"version_hash":"', '"version_hash":"0', "version hash"),
        ('"description":"', '"description":"\\u202e', "invisible"),
        ('"seed":0', '"seed":Infinity', "seed"),
        ('"seed":0', '"seed":' + "[" * 100_000, "line"),
        ('"seed":0', '"seed":' + "9" * 5000, "line"),
    ],
)
def test_a_file_sealed_anew_around_other_contents_is_refused(
    library: SkillLibrary, file: Path, old: str, new: str, reason: str
) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()[1:]
    changed = [line.replace(old, new) for line in lines]
    assert changed != lines
    file.write_bytes(sealed(changed))
    assert re.search(reason, refusal(library, file))


def test_an_active_status_in_a_file_means_nothing(library: SkillLibrary, file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()[1:]
    file.write_bytes(sealed([line.replace('"status":"trial"', '"status":"active"') for line in lines]))
    take_in(library, file)
    assert {skill.status for skill in library.skills()} == {"trial"}


def test_callers_before_their_callees_are_refused_whole(library: SkillLibrary, fresh: Fresh, tmp_path: Path) -> None:
    callee = coded("callee")
    for skill in (callee, coded("caller", callee)):
        library.quarantine(skill, proposer="test")
    export(library, tmp_path / "all.jsonl", form="jsonl")
    lines = (tmp_path / "all.jsonl").read_text(encoding="utf-8").splitlines()[1:]
    (tmp_path / "all.jsonl").write_bytes(sealed(lines[::-1]))
    assert "'caller' calls 'callee'" in refusal(fresh(), tmp_path / "all.jsonl")


def test_a_file_from_the_future_says_so(library: SkillLibrary, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(sealed([]).replace(b'"version": 1', b'"version": 3'))
    assert "this skilllib reads 'skilllib' 1 and 2" in refusal(library, tmp_path / "a.jsonl")
