"""The public doubles of the seams, and that no test leaves this machine."""

from __future__ import annotations

import os
import socket

import pytest

from skilllib.errors import InvalidProgram
from skilllib.protocols import Draft
from skilllib.records.execution import Trace
from skilllib.records.program import Program
from skilllib.records.task import Task
from skilllib.testing import ScriptedWriter

SOURCE = "def go() -> None:\n    'Go.'\n    walk('home')\n"
TASK = Task(id="t", environment="bakery", goal="go home", check="after.at == 'home'")


def test_a_scripted_writer_hands_over_what_it_was_given_and_records_what_it_saw() -> None:
    draft = Draft(program=Program.parse(SOURCE), arguments={"n": 1})
    writer, trace = ScriptedWriter(SOURCE, draft.program, draft), Trace(task=TASK)
    written = [writer.write(TASK, skills=(), trace=trace) for _ in range(4)]
    assert written == [Draft(program=draft.program), Draft(program=draft.program), draft, None]
    assert writer.tasks == [TASK] * 4 and writer.traces == [trace] * 4 and writer.offered == [()] * 4


def test_a_script_that_is_no_program_is_refused_when_it_is_given() -> None:
    with pytest.raises(InvalidProgram):
        ScriptedWriter("import os")


def test_a_connection_to_elsewhere_fails_at_once() -> None:
    with socket.socket() as one, pytest.raises(RuntimeError, match="stay on this machine"):
        one.connect(("192.0.2.1", 80))
    with socket.socket() as one, pytest.raises(RuntimeError, match="stay on this machine"):
        one.connect_ex(("192.0.2.1", 80))


def test_a_connection_on_this_machine_works() -> None:
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        server.listen()
        client.connect(server.getsockname())


def test_no_key_and_no_download_is_within_reach() -> None:
    assert os.environ["HF_HUB_OFFLINE"] == "1" and not [name for name in os.environ if name.endswith("_API_KEY")]
