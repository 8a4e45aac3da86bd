"""A run can be watched as spans: calls to models within attempts, attempts within tasks; without a provider there are none."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from agents import silent
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from solvers import bakery_solver, stocked

from skilllib.build import learner
from skilllib.config import options
from skilllib.embedders import HashingEmbedder
from skilllib.errors import ModelUnavailable
from skilllib.models import Spanned
from skilllib.models.scripted import ScriptedModel
from skilllib.records.model import Request
from skilllib.testing import make_bakery

WHEAT = '```python\ndef get_wheat() -> None:\n    """Get wheat."""\n    walk("field")\n    gather("wheat")\n```'


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    yield exporter
    provider.shutdown()


def says(request: Request) -> str:
    return {"propose": "hold wheat | after.stock.wheat > before.stock.wheat", "write": WHEAT}.get(request.purpose, "Get wheat.")


def learn(folder: Path, answer: Callable[[Request], str | Exception] = says) -> None:
    chosen = options(environment="bakery", library=str(folder), model="m", jobs=1, max_attempts=1, preset="no-library")
    with learner(
        chosen,
        recorder=silent,
        run="run",
        embedder=HashingEmbedder(),
        world=functools.partial(make_bakery, length=60),
        model=lambda name: Spanned(ScriptedModel(answer, name="openai/m")),
    ) as made:
        made.agent.learn()


def below(spans: InMemorySpanExporter, parent: ReadableSpan | None) -> list[ReadableSpan]:
    """The spans right below another, in order; those at the top for None."""
    wanted = parent.context.span_id if parent is not None and parent.context is not None else None
    return [span for span in spans.get_finished_spans() if (span.parent.span_id if span.parent else None) == wanted]


def test_calls_lie_within_attempts_and_attempts_within_tasks(spans: InMemorySpanExporter, tmp_path: Path) -> None:
    learn(tmp_path / "library")
    proposed, task = below(spans, None)
    assert (proposed.name, task.name) == ("chat m", "skilllib.task")
    assert task.attributes is not None and set(task.attributes) == {"skilllib.id", "skilllib.goal"}
    (attempt,) = below(spans, task)
    assert attempt.name == "skilllib.attempt" and attempt.attributes == {"skilllib.number": 1}
    calls = below(spans, attempt)
    assert {call.name for call in calls} == {"chat m"} and (calls[0].attributes or {})["skilllib.purpose"] == "write"


def test_a_model_that_is_gone_marks_the_spans_around_it(spans: InMemorySpanExporter, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable):
        learn(tmp_path / "library", lambda request: ModelUnavailable("gone") if request.purpose == "write" else says(request))
    _, task = below(spans, None)
    (attempt,) = below(spans, task)
    assert not any(span.status.is_ok for span in (task, attempt, *below(spans, attempt)))


def test_a_task_that_is_solved_by_what_is_known_has_the_same_spans(spans: InMemorySpanExporter, tmp_path: Path) -> None:
    stocked(tmp_path / "library")
    with bakery_solver(tmp_path / "library") as (solver, _, _):
        assert solver.solve("gather two wheat").solved
    (task,) = below(spans, None)
    assert task.name == "skilllib.task" and [span.name for span in below(spans, task)] == ["skilllib.attempt"]


def test_without_a_provider_there_are_none(tmp_path: Path) -> None:
    learn(tmp_path / "library")
    assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    assert not trace.get_current_span().is_recording()
