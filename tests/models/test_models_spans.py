"""Each call is a span by OpenTelemetry's conventions where an exporter is configured, and nothing otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from model_requests import request
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from skilllib.errors import ModelUnavailable, TelemetryMissing
from skilllib.models.scripted import ScriptedModel
from skilllib.models.spans import Spanned, configure_from_environment, span
from skilllib.records.model import Reply


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    yield exporter
    provider.shutdown()


@pytest.fixture(autouse=True)
def nothing_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


def only(spans: InMemorySpanExporter) -> ReadableSpan:
    (one,) = spans.get_finished_spans()
    return one


def test_a_call_is_a_span_with_what_was_asked_and_what_it_cost(spans: InMemorySpanExporter) -> None:
    reply = Reply(text="secret", finish="length", tokens_in=3, tokens_out=4)
    asked = request("private").model_copy(update={"temperature": 0.5, "seed": 7})
    assert Spanned(ScriptedModel([reply], name="openai/org/large")).complete(asked) == reply
    found = only(spans)
    assert (found.name, found.kind) == ("chat large", trace.SpanKind.CLIENT)
    assert dict(found.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "large",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 100,
        "gen_ai.request.seed": 7,
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 4,
        "gen_ai.response.finish_reasons": ("length",),
        "skilllib.purpose": "write",
    }, "texts stay here"


def test_a_call_that_failed_says_how(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ModelUnavailable):
        Spanned(ScriptedModel([ModelUnavailable("gone")])).complete(request())
    found = only(spans)
    assert (found.attributes or {})["error.type"] == "ModelUnavailable" and not found.status.is_ok


def test_spans_nest_in_those_of_the_agent(spans: InMemorySpanExporter) -> None:
    with span("task", goal="go home", number=3):
        Spanned(ScriptedModel(["yes"])).complete(request())
    call, task = spans.get_finished_spans()
    assert task.name == "skilllib.task" and task.attributes == {"skilllib.goal": "go home", "skilllib.number": 3}
    assert call.parent is not None and task.context is not None and call.parent.span_id == task.context.span_id


def test_without_an_exporter_nothing_happens() -> None:
    assert configure_from_environment() is False
    with span("task"):
        assert Spanned(ScriptedModel(["yes"])).complete(request()).text == "yes"


@pytest.mark.parametrize("off", [{"OTEL_TRACES_EXPORTER": "none"}, {"OTEL_SDK_DISABLED": "true"}])
def test_an_exporter_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, off: dict[str, str]) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    for name, value in off.items():
        monkeypatch.setenv(name, value)
    assert configure_from_environment() is False


def test_an_exporter_that_is_not_installed_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "carrier-pigeon")
    with pytest.raises(TelemetryMissing, match=r"'carrier-pigeon', which is not installed.*skilllib\[telemetry\]"):
        configure_from_environment()


def test_spans_go_where_the_environment_says() -> None:
    """In a process of its own, since a provider is set once and for all."""
    code = """
from model_requests import request
from skilllib.models import ScriptedModel, Spanned, configure_from_environment
assert configure_from_environment() is True
Spanned(ScriptedModel(["yes"], name="openai/local")).complete(request())
"""
    environment = {**os.environ, "OTEL_TRACES_EXPORTER": "console", "PYTHONPATH": os.path.dirname(__file__)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert '"name": "chat local"' in done.stdout
