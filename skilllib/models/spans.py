"""OpenTelemetry spans, by its conventions for generative AI. They go nowhere unless an exporter is configured."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import entry_points

from opentelemetry import trace

from skilllib.errors import TelemetryMissing
from skilllib.protocols import LanguageModel
from skilllib.records.base import Scalar
from skilllib.records.model import Reply, Request

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def span(name: str, **attributes: Scalar) -> AbstractContextManager[trace.Span]:
    """Return a span for a block, such as one task or one attempt; attributes are put under `skilllib.`."""
    named = {f"skilllib.{key}": value for key, value in attributes.items()}
    return trace.get_tracer("skilllib").start_as_current_span(f"skilllib.{name}", attributes=named)


@dataclass(frozen=True)
class Spanned:
    """A model each of whose calls is a span."""

    inner: LanguageModel

    @property
    def name(self) -> str:
        """The name of the model within."""
        return self.inner.name

    def complete(self, request: Request) -> Reply:
        """Return the reply of the model within."""
        provider, _, model = self.name.rpartition("/")
        asked = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": provider.partition("/")[0] or "unknown",
            "gen_ai.request.model": model,
            "gen_ai.request.temperature": request.temperature,
            "gen_ai.request.max_tokens": request.max_tokens,
            "skilllib.purpose": request.purpose,
            **({} if request.seed is None else {"gen_ai.request.seed": request.seed}),
        }
        tracer = trace.get_tracer("skilllib")
        with tracer.start_as_current_span(f"chat {model}", kind=trace.SpanKind.CLIENT, attributes=asked) as current:
            try:
                reply = self.inner.complete(request)
            except Exception as error:
                current.set_attribute("error.type", type(error).__name__)
                raise
            current.set_attribute("gen_ai.usage.input_tokens", reply.tokens_in)
            current.set_attribute("gen_ai.usage.output_tokens", reply.tokens_out)
            current.set_attribute("gen_ai.response.finish_reasons", (reply.finish,))
            return reply


def configure_from_environment() -> bool:
    """Send spans where OpenTelemetry's environment variables say; do nothing if they say nothing, or if that is done already.

    Returns:
        Whether spans are sent.

    Raises:
        TelemetryMissing: They name an exporter that is not installed.
    """
    if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return True
    name = _exporter_name()
    if name is None:
        return False
    try:
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        (found,) = entry_points(group="opentelemetry_traces_exporter", name=name)
        exporter = found.load()()
    except (ImportError, ValueError) as error:
        raise TelemetryMissing(
            f"the environment asks for the OpenTelemetry exporter {name!r}, which is not installed; "
            'install it with `pip install "skilllib[telemetry]"`, or set OTEL_TRACES_EXPORTER=none'
        ) from error
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return True


def _exporter_name() -> str | None:
    """Return the entry point of the exporter that the environment names, or None if it names none."""
    asked = os.environ.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if asked == "none" or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    if not asked and not any(os.environ.get(variable) for variable in _ENDPOINTS):
        return None
    if asked not in ("", "otlp"):
        return asked
    protocol = next((os.environ[variable] for variable in _PROTOCOLS if os.environ.get(variable)), "grpc")
    return "otlp_proto_grpc" if protocol == "grpc" else "otlp_proto_http"
