"""An OpenTelemetry span for each request, if the operator sets the usual variables."""

from __future__ import annotations

import os

from flask import Flask

from spherelinks import __version__
from spherelinks.telemetry import missing


def trace(app: Flask) -> bool:
    """Send a span for each of the application's requests to OTEL_EXPORTER_OTLP_ENDPOINT; False if that is not set.

    Raises ConfigurationError if the packages are missing.
    """
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return False
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.instrumentation.flask import FlaskInstrumentor
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError as error:
        raise missing("OTEL_EXPORTER_OTLP_ENDPOINT") from error
    # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES take precedence
    resource = Resource.create({"service.name": "spherelinks", "service.version": __version__} | _named())
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    instrument = FlaskInstrumentor().instrument_app
    instrument(app, tracer_provider=provider, excluded_urls="healthz,readyz,metrics")  # type: ignore[no-untyped-call]
    return True


def _named() -> dict[str, str]:
    name = os.environ.get("OTEL_SERVICE_NAME")
    return {"service.name": name} if name else {}
