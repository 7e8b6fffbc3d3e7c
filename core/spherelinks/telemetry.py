"""Errors to Sentry and traces to OpenTelemetry, where the operator sets their usual variables; else nothing at all.

SENTRY_DSN reports what is logged as an error, in every process; no request's body, headers with keys, or variables are
sent. OTEL_EXPORTER_OTLP_ENDPOINT sends a span for each request of a web process. Both come with the extra
``telemetry``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from spherelinks import __version__
from spherelinks.errors import ConfigurationError

if TYPE_CHECKING:
    from flask import Flask


def report_errors() -> None:
    """Send errors to SENTRY_DSN from here on. Raises ConfigurationError where the package is missing."""
    dsn = os.environ.get("SENTRY_DSN")
    if not dsn:
        return
    try:
        import sentry_sdk
    except ModuleNotFoundError as error:
        raise _missing("SENTRY_DSN") from error
    sentry_sdk.init(
        dsn=dsn,
        release=f"spherelinks@{__version__}",
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
    )


def trace(app: Flask) -> None:
    """Send a span for each of the application's requests to OTEL_EXPORTER_OTLP_ENDPOINT.

    Raises ConfigurationError where the packages are missing.
    """
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.instrumentation.flask import FlaskInstrumentor
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError as error:
        raise _missing("OTEL_EXPORTER_OTLP_ENDPOINT") from error
    # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go before
    resource = Resource.create({"service.name": "spherelinks", "service.version": __version__} | _named())
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    instrument = FlaskInstrumentor().instrument_app
    instrument(app, tracer_provider=provider, excluded_urls="healthz,readyz,metrics")  # type: ignore[no-untyped-call]


def _named() -> dict[str, str]:
    name = os.environ.get("OTEL_SERVICE_NAME")
    return {"service.name": name} if name else {}


def _missing(variable: str) -> ConfigurationError:
    return ConfigurationError(
        f"{variable} is set, but what it needs is not installed.",
        hint="Install it with: pip install 'spherelinks[telemetry]', or unset the variable.",
    )
