"""OpenTelemetry, when the operator switches it on: spans and durations by route, without addresses."""

from __future__ import annotations

from fastapi.telemetry import TelemetryConfig
from opentelemetry.context import Context
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import Span, SpanProcessor, TracerProvider

_HIDDEN = ("url.path", "url.query", "url.full", "client.address", "server.address", "user_agent.original")
_REMOVED = "removed"


class HideAddresses(SpanProcessor):
    """Addresses hold launch ids, codes and states: they are removed before any exporter sees the span."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002
        for name in _HIDDEN:
            if name in (span.attributes or {}):
                span.set_attribute(name, _REMOVED)


def telemetry_config(*, switched_on: bool, provider: TracerProvider | None = None) -> TelemetryConfig:
    """What FastAPI traces and measures.  Exception texts are never recorded: they can repeat what was sent.

    `provider`: where spans go; by default a new one that the standard OTEL_ variables give its exporter.
    """
    if not switched_on:
        return {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
    chosen = provider or TracerProvider(resource=Resource.create({SERVICE_NAME: "ltot-panel"}))
    chosen.add_span_processor(HideAddresses())
    return {
        "tracer_provider": chosen,
        "tracing": True,
        "metrics": True,
        "logs": False,
        "operation_spans": False,
        "auto_configure": True,
    }
