"""A tape holds what was asked and answered, whatever happens to the process that writes it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given
from model_requests import request

from skilllib.errors import ModelRefused, NotOnTape, StorageFailed, TapeError
from skilllib.models.scripted import ScriptedModel
from skilllib.models.tape import Tape, TapeFile
from skilllib.records.model import Message, Reply, Request

HEADER = b'{"format":1,"kind":"skilllib tape"}\n'

TEXTS = st.text(max_size=40)
REQUESTS = st.builds(
    Request,
    purpose=st.sampled_from(["write", "judge", "propose"]),
    prompt=TEXTS,
    messages=st.lists(st.builds(Message, role=st.sampled_from(["system", "user"]), content=TEXTS), max_size=3).map(tuple),
    temperature=st.floats(0, 2),
    max_tokens=st.integers(1, 10**6),
    seed=st.none() | st.integers(),
)
REPLIES = st.builds(
    Reply,
    text=TEXTS,
    finish=st.sampled_from(["stop", "length", "other"]),
    tokens_in=st.integers(0, 10**9),
    usd=st.floats(0, 1e6),
    seconds=st.floats(0, 1e6),
)
PAIRS = st.lists(st.tuples(REQUESTS, REPLIES), max_size=6, unique_by=lambda pair: pair[0].hash)


def recorded(path: Path, pairs: list[tuple[Request, Reply]]) -> bytes:
    path.unlink(missing_ok=True)
    with TapeFile(path, write=True) as file:
        for asked, reply in pairs:
            file.add(asked, reply)
    return path.read_bytes()


def ask(path: Path, *texts: str, model: ScriptedModel | None, name: str = "scripted") -> list[str]:
    with TapeFile(path, write=model is not None) as file:
        return [Tape(file, name, model).complete(request(text)).text for text in texts]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tapes")


# --- What is on it ----------------------------------------------------------------------------------------------------


@given(PAIRS)
def test_what_is_recorded_is_read_again_in_its_order(folder: Path, pairs: list[tuple[Request, Reply]]) -> None:
    path = folder / "round.jsonl"
    recorded(path, pairs)
    with TapeFile(path) as file:
        assert list(file) == pairs and len(file) == len(pairs)
        assert all(file.get(asked.hash) == (asked, reply) for asked, reply in pairs)
        assert file.get("0" * 64) is None


@given(PAIRS, st.data())
def test_a_tape_that_was_cut_off_anywhere_goes_on_after_its_last_whole_line(
    folder: Path, pairs: list[tuple[Request, Reply]], data: st.DataObject
) -> None:
    path = folder / "cut.jsonl"
    whole = recorded(path, pairs)
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    kept = max(0, whole[:cut].count(b"\n") - 1)
    with TapeFile(path) as file:
        assert list(file) == pairs[:kept], "it can be read as it is"
    assert path.read_bytes() == whole[:cut], "reading mends nothing"
    with TapeFile(path, write=True) as file:
        assert list(file) == pairs[:kept]
        for asked, reply in pairs[kept:]:
            file.add(asked, reply)
    assert path.read_bytes() == whole


def test_a_process_that_is_killed_loses_no_reply_that_it_used(tmp_path: Path) -> None:
    path = tmp_path / "tape.jsonl"
    code = f"""
import os, signal
from model_requests import request
from skilllib.models import ScriptedModel, Tape, TapeFile
model = Tape(TapeFile({str(path)!r}, write=True), "scripted", ScriptedModel(lambda asked: "reply to " + asked.messages[-1].content))
for text in "abc":
    model.complete(request(text))
os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, timeout=60, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    model = ScriptedModel(["new"])
    assert ask(path, "a", "b", "c", "d", model=model) == ["reply to a", "reply to b", "reply to c", "new"]
    assert len(model.requests) == 1, "nothing is paid twice"


def test_a_reader_sees_what_is_written_meanwhile(tmp_path: Path) -> None:
    with TapeFile(tmp_path / "t", write=True) as writing, TapeFile(tmp_path / "t") as reading:
        assert len(reading) == 0
        writing.add(request("a"), Reply(text="b"))
        assert reading.get(request("a").hash) == (request("a"), Reply(text="b"))


# --- Playing it -------------------------------------------------------------------------------------------------------


def test_a_replay_answers_as_the_model_did_and_leaves_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "tape.jsonl"
    assert ask(path, "a", "b", "a", model=ScriptedModel(["1", "2"])) == ["1", "2", "1"]
    before = path.read_bytes()
    assert ask(path, "b", "a", model=None) == ["2", "1"]
    assert path.read_bytes() == before


def test_a_reply_on_the_tape_is_the_whole_reply(tmp_path: Path) -> None:
    reply = Reply(text="ü\n\x00\u2028", finish="length", tokens_in=3, tokens_out=4, usd=0.1, seconds=0.1 + 0.2)
    with TapeFile(tmp_path / "t", write=True) as file:
        assert Tape(file, "m", ScriptedModel([reply])).complete(request()) == reply
    with TapeFile(tmp_path / "t") as file:
        assert Tape(file, "m").complete(request()) == reply


def test_a_request_that_is_not_on_the_tape_is_named(tmp_path: Path) -> None:
    ask(tmp_path / "t", "a", model=ScriptedModel(["1"]))
    with pytest.raises(NotOnTape, match=r"no reply to the 'write' request 'walk to the door': something that came before differs"):
        ask(tmp_path / "t", "walk to\n the door", model=None)


def test_a_replay_that_goes_on_longer_than_what_was_recorded_says_so(tmp_path: Path) -> None:
    ask(tmp_path / "t", "a", model=ScriptedModel(["1"]))
    with TapeFile(tmp_path / "t") as file:
        tape = Tape(file, "scripted")
        tape.complete(request("a"))
        with pytest.raises(NotOnTape, match="the recorded run ended before it; go on from there without `--replay`"):
            tape.complete(request("b"))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"prompt": "p2"}, "the prompt 'write' changed since the tape was made"),
        ({"max_tokens": 7}, "max_tokens is 7 and was 100 when"),
        ({"temperature": 0.5}, r"temperature is 0\.5 and was 0\.0 when"),
        ({"purpose": "judge"}, "it has no request of that kind"),
    ],
)
def test_why_a_request_is_not_on_the_tape_is_said(tmp_path: Path, change: dict[str, object], why: str) -> None:
    ask(tmp_path / "t", "a", model=ScriptedModel(["1"]))
    with TapeFile(tmp_path / "t") as file, pytest.raises(NotOnTape, match=why):
        Tape(file, "scripted").complete(request("a").model_copy(update=change))


def test_a_tape_of_another_model_is_named(tmp_path: Path) -> None:
    ask(tmp_path / "t", "a", model=ScriptedModel(["1"]))
    with pytest.raises(NotOnTape, match="model is 'other' and was 'scripted' when"):
        ask(tmp_path / "t", "a", model=None, name="other")


def test_models_share_a_tape_and_each_has_its_own_replies(tmp_path: Path) -> None:
    with TapeFile(tmp_path / "t", write=True) as file:
        one, other = Tape(file, "one", ScriptedModel(["1"])), Tape(file, "other", ScriptedModel(["2"]))
        assert [model.complete(request()).text for model in (one, other, one, other)] == ["1", "2", "1", "2"]


def test_a_call_that_failed_is_not_recorded(tmp_path: Path) -> None:
    model = ScriptedModel([ModelRefused("bad key"), "yes"])
    with pytest.raises(ModelRefused):
        ask(tmp_path / "t", "a", model=model)
    assert ask(tmp_path / "t", "a", model=model) == ["yes"]


# --- What is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [b"hello\n", b"no newline", b"[]\n", b'{"a": 1}\n', b"\x00\xff\n", b'{"format": 1}\n', b"SQLite format 3\x00"],
)
def test_a_file_that_is_no_tape_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "precious"
    path.write_bytes(content)
    for write in (True, False):
        with pytest.raises(TapeError, match="is not a tape; it was left as it is"):
            TapeFile(path, write=write)
    assert path.read_bytes() == content


@pytest.mark.parametrize("number", [0, 2, "1", None])
def test_a_tape_of_another_format_is_refused(tmp_path: Path, number: object) -> None:
    path = tmp_path / "t"
    path.write_text(json.dumps({"kind": "skilllib tape", "format": number}) + "\n", encoding="utf-8")
    before = path.read_bytes()
    with pytest.raises(TapeError, match=rf"has format {number!r}, and this version of skilllib knows format 1; use the version"):
        TapeFile(path, write=True)
    assert path.read_bytes() == before


@pytest.mark.parametrize("line", [b"nonsense\n", b"{}\n", b'{"hash": 3}\n', b"\n"])
def test_a_line_that_is_damaged_is_found_when_the_tape_is_opened(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "t"
    whole = recorded(path, [(request("a"), Reply(text="b"))])
    path.write_bytes(HEADER + line + whole.removeprefix(HEADER))
    with pytest.raises(TapeError, match=f"is damaged at byte {len(HEADER)}: "):
        TapeFile(path, write=True)


@pytest.mark.parametrize(
    ("old", "new"), [("What now", "What then"), ('"request"', '"question"'), ('"tokens_in":0', '"tokens_in":"x"')]
)
def test_a_line_that_was_changed_is_found_when_it_is_read(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "t"
    text = recorded(path, [(request(), Reply(text="b"))]).decode()
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with TapeFile(path) as file, pytest.raises(TapeError, match="is damaged at byte"):
        file.get(request().hash)


def test_two_runs_do_not_write_one_tape(tmp_path: Path) -> None:
    with TapeFile(tmp_path / "t", write=True), pytest.raises(TapeError, match="another run writes the tape"):
        TapeFile(tmp_path / "t", write=True)
    TapeFile(tmp_path / "t", write=True).close()


def test_a_tape_that_was_refused_is_not_held(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"precious\n")
    with pytest.raises(TapeError):
        TapeFile(tmp_path / "t", write=True)
    (tmp_path / "t").unlink()
    TapeFile(tmp_path / "t", write=True).close()


def test_a_tape_that_is_not_there_cannot_be_replayed(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match=r"there is no tape .* record one first"):
        TapeFile(tmp_path / "none")
    assert not list(tmp_path.iterdir())


def test_nothing_is_added_to_a_tape_that_is_only_read(tmp_path: Path) -> None:
    recorded(tmp_path / "t", [])
    with TapeFile(tmp_path / "t") as file, pytest.raises(TapeError, match="is not open to be written"):
        file.add(request(), Reply(text=""))


def test_a_disk_that_refuses_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    for path in (tmp_path, tmp_path / "file" / "t"):
        with pytest.raises(StorageFailed, match="cannot be used"):
            TapeFile(path, write=True)


def test_a_disk_that_is_full_leaves_the_tape_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with TapeFile(tmp_path / "t", write=True) as file:
        file.add(request("a"), Reply(text="1"))
        before = (tmp_path / "t").read_bytes()
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", _full)
            with pytest.raises(StorageFailed, match="No space left"):
                file.add(request("b"), Reply(text="2"))
        assert (tmp_path / "t").read_bytes() == before and file.get(request("b").hash) is None
        file.add(request("b"), Reply(text="2"))
        assert [reply.text for _, reply in file] == ["1", "2"]


def _full(handle: int) -> None:
    raise OSError(28, "No space left on device")
