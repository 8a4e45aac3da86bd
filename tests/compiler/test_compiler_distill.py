"""Context distillation, the gate, and what the cache keeps of them."""

from __future__ import annotations

from skilllib.compiler.job import Compiled


def test_an_adapter_does_without_the_text_what_it_was_taught(compiled: dict[str, Compiled]) -> None:
    for one in compiled.values():
        assert one.manifest.evaluation is not None
        assert one.manifest.evaluation.arms["adapter"].success >= 0.9
