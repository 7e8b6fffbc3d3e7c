"""What a client may know of its job, read by the shortest way."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString

from sqlalchemy import Engine

from spherelinks.accounts.keys import unknown_key
from spherelinks.database import fetch_one
from spherelinks.errors import UnknownJob

Status = Literal["PROCESSING", "COMPLETED", "FAILED"]

_JOB_ID = re.compile("job_[0-7][0-9a-hjkmnp-tv-z]{25}", re.ASCII)

_STATUSES: dict[str, Status] = {
    "queued": "PROCESSING",
    "running": "PROCESSING",
    "completed": "COMPLETED",
    "failed": "FAILED",
}
_DOING = {
    "decode": "Reading the picture.",
    "matte": "Finding the object.",
    "frame": "Framing the object.",
    "generator": "Making the shape.",
    "finishing": "Finishing mesh and texture.",
}

# One round trip authenticates the key and reads the job: no row is an unknown key, a row without a job an unknown job.
_QUERY: LiteralString = """
SELECT j.id, j.state, j.progress, j.stage, j.error_code, j.error_message, j.error_hint, j.report, j.credits,
       j.created_at, j.started_at, j.finished_at, j.asset_path, j.asset_sha256, j.asset_size,
       CASE WHEN j.state = 'queued' THEN (
           SELECT count(*) + 1
           FROM (
               SELECT
               FROM procrastinate_jobs q
               JOIN procrastinate_jobs own ON own.id = j.queue_id
               WHERE q.status = 'todo' AND (q.priority > own.priority OR (q.priority = own.priority AND q.id < own.id))
               LIMIT 1000
           ) ahead
       ) END
FROM api_keys k
LEFT JOIN jobs j ON j.id = %s AND j.account_id = k.account_id
WHERE k.digest = %s AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
"""


@dataclass(frozen=True)
class JobError:
    """Why a job failed: the code, message and hint of the error that ended it."""

    code: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class JobStatus:
    """A job as its client sees it.

    progress : 0 to 100; 100 exactly when completed
    description : one sentence for people
    stage : ``queued``, the pipeline's stage, ``completed`` or ``failed``
    queue_position : 1 for the next to start, counted to 1001 at most; None unless queued
    credits_charged : 0 until the job has succeeded
    asset_* : None until the job has succeeded; ``asset_sha256`` (hex) suits as a strong ETag
    """

    job_id: str
    status: Status
    progress: int
    description: str
    stage: str
    queue_position: int | None
    error: JobError | None
    report: dict[str, Any] | None
    credits_charged: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    asset_path: str | None
    asset_sha256: str | None
    asset_size: int | None

    @property
    def asset_name(self) -> str:
        """The file name for a download."""
        return f"{self.job_id}.glb"


def read(engine: Engine, key_digest: bytes, job_id: str) -> JobStatus:
    """The job's status, for the key with that digest (:func:`spherelinks.accounts.keys.digest`).

    Raises InvalidKey for a key that does not work; UnknownJob for a malformed or unknown id and for another account's
    job, which cannot be told apart; DatabaseUnavailable.
    """
    # an id of another form still goes to the database, which must judge the key before the job
    known_form = job_id if _JOB_ID.fullmatch(job_id) else ""
    row = fetch_one(engine, _QUERY, (known_form, key_digest))
    if row is None:
        raise unknown_key()
    if row[0] is None:
        raise UnknownJob(
            f"There is no job '{job_id[:64]}' in this account.", hint="Give the jobId that /v1/generate answered."
        )
    (_, state, progress, stage, *error, report, credits, created, started, finished, path, sha256, size, position) = row
    code, message, hint = error
    return JobStatus(
        job_id=job_id,
        status=_STATUSES[state],
        progress=progress,
        description=_description(state, stage, position, message),
        stage=(stage or "starting") if state == "running" else state,
        queue_position=position,
        error=JobError(code, message, hint or "") if code else None,
        report=report,
        credits_charged=credits if state == "completed" else 0,
        created_at=created,
        started_at=started,
        finished_at=finished,
        asset_path=path,
        asset_sha256=sha256,
        asset_size=size,
    )


def _description(state: str, stage: str | None, position: int | None, message: str | None) -> str:
    match state:
        case "queued":
            ahead = (position or 1) - 1
            return f"Waiting in the queue, {ahead} before it." if ahead else "Waiting to start."
        case "running":
            return _DOING.get(stage or "", f"Working: {stage}." if stage else "Starting.")
        case "completed":
            return "The asset is ready."
        case _:
            return message or "The job failed."
