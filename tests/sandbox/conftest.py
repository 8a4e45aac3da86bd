from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from counter_world import Counter
from sandbox_programs import LIMITS, Run, main

from skilllib.records.execution import Execution
from skilllib.records.skill import Skill
from skilllib.sandbox import MontySandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[MontySandbox]:
    with MontySandbox() as sandbox:
        yield sandbox


@pytest.fixture
def run(sandbox: MontySandbox) -> Run:
    """Run a body of statements, or a whole program, in a counter world."""

    def run(source: str, *skills: Skill, environment: Any = None, **options: Any) -> Execution:
        return sandbox.run(
            main(source),
            arguments=options.pop("arguments", {}),
            closure=options.pop("closure", skills),
            calls=options.pop("calls", {skill.name: skill.code_hash for skill in skills}),
            environment=environment or Counter(),
            limits=LIMITS.model_copy(update=options.pop("limits", {})),
            **options,
        )

    return run
