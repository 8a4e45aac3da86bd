"""Another program compiles: what it is told, what it may do wrong, and that no shell ever reads a word of it."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
import toy
from test_compiler_lora import adapter

from skilllib.compiler import command, lora
from skilllib.compiler.command import Command
from skilllib.errors import AdapterRefused, CompilerFailed, InvalidRecord
from skilllib.models.base import TransformersBase
from skilllib.records.adapter import CompileRequest

GOOD = """
import json, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_compiler_lora import adapter
from skilllib.compiler.format import write_adapter
request = json.loads(Path(sys.argv[1]).read_text())
assert request["text"]["name"] == "tidy" and len(request["examples"]) > 10 and request["base_hash"]
write_adapter(Path(sys.argv[2]), adapter(request["seed"]), base=request["base"])
"""


@pytest.fixture
def request_(base: TransformersBase) -> CompileRequest:
    return toy.request("tidy", base)


def program(folder: Path, source: str, **given: float) -> Command:
    file = folder / "train.py"
    file.write_text(source, encoding="utf-8")
    return Command((sys.executable, str(file)), **given)  # type: ignore[arg-type]


def test_a_program_is_given_the_request_and_leaves_an_adapter(request_: CompileRequest, tmp_path: Path) -> None:
    compiler = program(tmp_path, GOOD.format(tests=str(Path(__file__).parent)))
    made = compiler.compile(request_.model_copy(update={"seed": 3}))
    assert lora.distance(made, adapter(3)) < 0.1


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import sys; sys.exit('the cluster is full')", "ended with the code 1; it said: the cluster is full"),
        ("pass", r"has no adapter_config\.json"),
        ("import sys; open(sys.argv[2] + '/adapter_config.json', 'w').write('{}')", "peft_type is None"),
        (
            "import sys, os; d = sys.argv[2]\n"
            "open(d + '/adapter_config.json', 'w').write("
            '\'{"peft_type": "LORA", "r": 8, "lora_alpha": 8, "target_modules": ["q_proj"]}\')\n'
            "open(d + '/adapter_model.safetensors', 'wb').write(b'garbage')",
            "not a safetensors file",
        ),
    ],
    ids=["fails", "leaves nothing", "leaves an empty configuration", "leaves garbage"],
)
def test_what_a_program_does_wrong_is_said(request_: CompileRequest, tmp_path: Path, source: str, words: str) -> None:
    with pytest.raises((CompilerFailed, AdapterRefused), match=words):
        program(tmp_path, source).compile(request_)


def test_a_program_that_takes_too_long_is_ended_with_all_that_it_started(request_: CompileRequest, tmp_path: Path) -> None:
    mark = tmp_path / "alive"
    child = f"import time; time.sleep(3); open({str(mark)!r}, 'w')"
    source = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(60)"
    begun = time.monotonic()
    with pytest.raises(CompilerFailed, match=r"did not end within 0\.5 s.*timeout_s"):
        program(tmp_path, source, timeout_s=0.5).compile(request_)
    assert time.monotonic() - begun < 30
    time.sleep(4)
    assert not mark.exists(), "what it started was ended, too"


def test_a_program_that_is_not_there_is_named(request_: CompileRequest) -> None:
    with pytest.raises(CompilerFailed, match="'/no/such/program' cannot be run"):
        Command(("/no/such/program",)).compile(request_)


def test_no_shell_reads_the_words(request_: CompileRequest, base: TransformersBase, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with pytest.raises((CompilerFailed, AdapterRefused)):
        command.make(base, run=f"echo hello; touch {mark}").compile(request_)
    assert not mark.exists()
    with pytest.raises(InvalidRecord, match="needs the program to run"):
        command.make(base)
