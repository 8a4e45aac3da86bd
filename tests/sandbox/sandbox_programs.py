"""Makes programs and skills for tests of the sandbox."""

from __future__ import annotations

import re
from collections.abc import Callable

from skilllib.records.execution import Execution, Limits
from skilllib.records.program import Program
from skilllib.records.skill import Callee, Contract, Skill

LIMITS = Limits(cpu_s=2.0, turn_s=0.5, wall_s=20.0, memory_bytes=32_000_000, recursion=60, output_bytes=4096)
Run = Callable[..., Execution]


def main(source: str) -> Program:
    """Return a program; a bare body is put on lines 3 and following of `def main()`."""
    if re.fullmatch(r"def .*\n( .*\n?|\n)*", source):
        return Program.parse(source)
    body = "\n".join(f"    {line}" for line in source.split("\n"))
    return Program.parse(f'def main():\n    """Test."""\n{body}\n')


def skill(source: str, *callees: Skill, capabilities: tuple[str, ...] = ()) -> Skill:
    """Return a skill version from source."""
    program = Program.parse(source)
    edges = tuple(Callee(name=callee.name, code_hash=callee.code_hash) for callee in callees)
    contract = Contract(parameters=program.parameters, capabilities=capabilities)
    return Skill(name=program.name, program=program, calls=edges, contract=contract)
