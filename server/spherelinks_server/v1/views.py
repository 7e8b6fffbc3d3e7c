"""Jobs as the API returns them."""

from __future__ import annotations

import math
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from spherelinks.jobs import files
from spherelinks.jobs.status import JobStatus

_ETA_FROM = 10
_PLACE_S = 1.0  # a call that a worker takes off the queue and finds out of date is not announced


def status(job: JobStatus) -> dict[str, Any]:
    """The body of ``/v1/status``."""
    return {
        "jobId": job.job_id,
        "status": job.status,
        "progress": job.progress,
        "description": job.description,
        "stage": job.stage,
        "queuePosition": job.queue_position,
        "etaSeconds": _eta(job),
        "error": asdict(job.error) if job.error else None,
        "report": job.report,
        "creditsCharged": job.credits_charged,
        "expiresAt": moment(job.expires_at),
        "cache": "hit" if job.cache_hit else "joined" if job.joined else "miss",
        "sandbox": job.sandbox,
        "output": {"state": job.output_state or "pending"} if job.output and not job.error else None,
    }


def lasts_s(job: JobStatus) -> float:
    """For how many seconds the body holds if nothing happens to the job."""
    if job.queue_position is not None:
        return _PLACE_S
    eta = _eta(job)
    if eta is None or job.started_at is None:
        return math.inf
    # it grows, until something happens
    per_second = (100 - job.progress) / job.progress
    return max((eta + 0.5) / per_second - (datetime.now(UTC) - job.started_at).total_seconds(), 0.0)


def whole(job: JobStatus) -> dict[str, Any]:
    """The same, with its options, its times and the paths of its files."""
    base = f"/v1/jobs/{job.job_id}"
    return {
        **status(job),
        "options": job.options,
        "createdAt": moment(job.created_at),
        "startedAt": moment(job.started_at),
        "finishedAt": moment(job.finished_at),
        "files": {kind: f"{base}/files/{kind}" for kind in files.available(job)},
    }


def moment(value: datetime | None) -> str | None:
    """A moment as RFC 3339 in UTC, to the millisecond."""
    return None if value is None else value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _eta(job: JobStatus) -> int | None:
    """Seconds left at the pace so far; None until there is enough to go by."""
    if job.status != "PROCESSING" or job.started_at is None or job.progress < _ETA_FROM:
        return None
    elapsed = (datetime.now(UTC) - job.started_at).total_seconds()
    return max(round(elapsed * (100 - job.progress) / job.progress), 0)
