"""``/metrics``, for Prometheus: this process's requests, and figures from the installation's database.

Requires SPHERELINKS_METRICS_TOKEN as bearer token, since the figures reveal the volume of business; without that
setting the page does not exist.
"""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from flask import Blueprint, Flask, Response, abort, g, request
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from spherelinks import database

LOOK_S = 5.0
"""Scrapes closer together than this share one query of the database."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)


Observe = Callable[[str, str, int, float], None]
"""Counts one request: method, route, status, seconds."""


def register(app: Flask, engine: Engine, token: str | None) -> Observe:
    """Count the application's requests and answer ``/metrics``; does nothing if ``token`` is None.

    Returns how to count a request that was answered without the application.
    """
    if token is None:
        return lambda method, route, status, seconds: None
    registry = CollectorRegistry()
    seconds = Histogram(
        "spherelinks_http_request_seconds",
        "Time to answer a request.",
        ("method", "route", "status"),
        buckets=_BUCKETS,
        registry=registry,
    )
    registry.register(_Installation(engine))
    expected = f"Bearer {token}".encode()
    pages = Blueprint("metrics", __name__)

    @pages.get("/metrics")
    def metrics() -> Response:
        if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), expected):
            abort(404)
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    def begin() -> None:
        g.begun = time.perf_counter()

    def end(response: Response) -> Response:
        # by route and known method: clients could make up any number of paths and methods, each a permanent series
        route = request.url_rule.rule if request.url_rule else "none"
        method = request.method if request.method in _METHODS else "other"
        observe(method, route, response.status_code, time.perf_counter() - g.begun)
        return response

    def observe(method: str, route: str, status: int, took: float) -> None:
        seconds.labels(method, route, status).observe(took)

    app.register_blueprint(pages)
    app.before_request(begin)
    app.after_request(end)
    return observe


class _Installation:
    """Jobs, credits and the ledger's state, from the database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._looked = float("-inf")
        self._metrics: list[Metric] = []

    def describe(self) -> list[Metric]:
        return []  # needs a query, which registering must not make

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            now = time.monotonic()
            if now - self._looked >= LOOK_S:
                with database.transaction(self._engine) as session:
                    self._metrics = [*_look(session), *_ledger(session)]
                self._looked = now
            yield from self._metrics


def _ledger(session: Session) -> Iterator[Metric]:
    """Of the last audit (:func:`spherelinks.jobs.housekeeping.audit`); nothing before the first."""
    audit = "SELECT cardinality(problems), extract(epoch FROM now() - made_at) FROM ledger_audits"
    for problems, age in _rows(session, audit):
        yield GaugeMetricFamily(
            "spherelinks_ledger_problems",
            "Contradictions found in the ledger by the last hourly check: anything but 0 is a bug.",
            problems,
        )
        yield GaugeMetricFamily("spherelinks_ledger_audit_age_seconds", "Age of that check.", float(age))


def _look(session: Session) -> Iterator[Metric]:
    states = dict(_rows(session, _STATES))
    jobs = GaugeMetricFamily(
        "spherelinks_jobs", "Jobs by state; joined: they wait for the asset of another.", labels=("state",)
    )
    for state in ("queued", "joined", "running", "completed", "failed"):
        jobs.add_metric([state], states.get(state, 0))
    yield jobs
    failures = GaugeMetricFamily("spherelinks_jobs_failed", "Failed jobs by error code.", labels=("code",))
    for code, count in _rows(session, "SELECT error_code, count(*) FROM jobs WHERE state = 'failed' GROUP BY 1"):
        failures.add_metric([code or "unknown"], count)
    yield failures
    for name, help_text, query in _FIGURES:
        ((value,),) = _rows(session, query)
        yield GaugeMetricFamily(f"spherelinks_{name}", help_text, float(value or 0))


_STATES = """
SELECT CASE WHEN state = 'queued' AND joined IS NOT NULL THEN 'joined' ELSE state END, count(*) FROM jobs GROUP BY 1
"""

_FIGURES = (
    (
        "queue_oldest_seconds",
        "How long the longest-waiting job has waited.",
        "SELECT extract(epoch FROM now() - min(created_at)) FROM jobs WHERE state = 'queued' AND joined IS NULL",
    ),
    (
        "jobs_retried",
        "Jobs that took more than one attempt.",
        "SELECT count(*) FROM jobs WHERE attempt > 1",
    ),
    (
        "worker_silence_seconds",
        "Age of the oldest heartbeat among running jobs.",
        "SELECT extract(epoch FROM now() - min(beat_at)) FROM jobs WHERE state = 'running'",
    ),
    ("credits_held", "Credits held for unfinished jobs.", "SELECT sum(held) FROM credit_balances"),
    (
        "hold_oldest_seconds",
        "Age of the oldest hold of an unfinished job.",
        "SELECT extract(epoch FROM now() - min(e.created_at)) FROM credit_entries e JOIN jobs j ON j.id = e.job_id "
        "WHERE e.kind = 'hold' AND j.state IN ('queued', 'running')",
    ),
    ("accounts", "Accounts.", "SELECT count(*) FROM accounts"),
)


def _rows(session: Session, query: str) -> list[Any]:
    return [tuple(row) for row in session.execute(text(query))]
