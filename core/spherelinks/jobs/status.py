"""What an account may know about its jobs, read the fastest way."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString, NamedTuple

from sqlalchemy import Engine

from spherelinks.accounts.keys import missing_scope, unknown_key
from spherelinks.accounts.worlds import World
from spherelinks.database import fetch_all, fetch_one
from spherelinks.errors import UnknownJob
from spherelinks.gltf.names import safe

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

# Ahead of a waiting job are queued calls of higher priority, and its account's jobs before it in line. One that has
# joined another (w) is as far as that one.
_COLUMNS: LiteralString = """
       j.id, j.account_id, coalesce(w.state, j.state), greatest(w.progress, j.progress), coalesce(w.stage, j.stage),
       j.error_code, j.error_message, j.error_hint, j.report, j.credits, j.created_at,
       coalesce(w.started_at, j.started_at), j.finished_at, j.expires_at, j.asset_path, j.asset_sha256, j.asset_size,
       j.thumbnail, j.cache_hit, w.id IS NOT NULL, j.sandbox, j.mask_size > 0, j.sides, j.options, j.output, d.state,
       CASE WHEN coalesce(w.state, j.state) = 'queued' THEN (
           SELECT count(*) + 1
           FROM (
               SELECT
               FROM procrastinate_jobs q
               WHERE q.status = 'todo' AND q.task_name = 'spherelinks.generate'
                 AND (q.priority > coalesce(w.priority, j.priority)
                      OR (q.priority = coalesce(w.priority, j.priority)
                          AND (q.id < coalesce(w.queue_id, j.queue_id) OR coalesce(w.queue_id, j.queue_id) = 0)))
               LIMIT 1000
           ) ahead
       ) + CASE WHEN coalesce(w.queue_id, j.queue_id) = 0 THEN (
           SELECT count(*)
           FROM jobs p
           WHERE p.account_id = j.account_id AND p.state = 'queued' AND p.queue_id = 0 AND p.joined IS NULL
             AND p.id < coalesce(w.id, j.id)
       ) ELSE 0 END END
"""


class _Row(NamedTuple):
    """A row of these columns, in their order."""

    job_id: str
    account_id: str
    state: str
    progress: int
    stage: str | None
    error_code: str | None
    error_message: str | None
    error_hint: str | None
    report: dict[str, Any] | None
    credits: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    asset_path: str | None
    asset_sha256: str | None
    asset_size: int | None
    thumbnail: bool
    cache_hit: bool
    joined: bool
    sandbox: bool
    masked: bool
    sides: list[str]
    options: dict[str, Any]
    output: dict[str, Any] | None
    output_state: str | None
    position: int | None


_BESIDE: LiteralString = """
LEFT JOIN jobs w ON w.id = j.joined AND j.state = 'queued' AND w.state IN ('queued', 'running')
LEFT JOIN deliveries d ON j.output IS NOT NULL AND d.job_id = j.id AND d.webhook_id IS NULL
"""
# One round trip authenticates the key and reads the job: no row is an unknown key, a row without a job an unknown job.
_BY_KEY: LiteralString = f"""
SELECT 'read' = ANY (k.scopes), k.id, extract(epoch FROM k.expires_at - now())::float8, {_COLUMNS}
FROM api_keys k
LEFT JOIN jobs j ON j.id = %s AND j.account_id = k.account_id AND j.sandbox = k.sandbox AND j.deleted_at IS NULL
{_BESIDE}
WHERE k.digest = %s AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
"""
_BY_ACCOUNT: LiteralString = f"""
SELECT {_COLUMNS}
FROM jobs j
{_BESIDE}
WHERE j.id = %s AND j.account_id = %s AND j.sandbox = %s AND j.deleted_at IS NULL
"""
_PAGE: LiteralString = f"""
SELECT {_COLUMNS}
FROM jobs j
{_BESIDE}
WHERE j.account_id = %s AND j.sandbox = %s AND j.deleted_at IS NULL AND j.id < %s AND j.state = ANY (%s)
ORDER BY j.id DESC
LIMIT %s
"""
_ORDERS: dict[str, LiteralString] = {
    "newest": "j.id DESC",
    "oldest": "j.id",
    "name": "lower(coalesce(j.options ->> 'name', '')), j.id",
    "size": "j.asset_size DESC NULLS LAST, j.id DESC",
}
_SEARCH: LiteralString = f"""
SELECT {_COLUMNS}
FROM jobs j
{_BESIDE}
WHERE j.account_id = %s AND j.sandbox = %s AND j.deleted_at IS NULL
  AND (%s = '' OR strpos(lower(coalesce(j.options ->> 'name', '')), lower(%s)) > 0)
"""
ORDERS = tuple(_ORDERS)
"""How :func:`search` can sort."""
_AFTER_ALL = "job_~"  # sorts after every id


@dataclass(frozen=True)
class JobError:
    """Why a job failed: the code, message and hint of the error that ended it."""

    code: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class JobStatus:
    """A job as its account sees it.

    progress : 0 to 100; 100 exactly when completed
    description : one sentence for people
    stage : ``queued``, the pipeline's stage, ``completed`` or ``failed``
    queue_position : 1 for the next to start, approximate above 1000; None unless queued
    credits_charged : 0 until the job has succeeded, and for a free one
    expires_at : when its files are, or were, deleted; None is never, or not known before it ends
    asset_* : None until the job has succeeded; ``asset_sha256`` (hex) can serve as a strong ETag
    thumbnail : a thumbnail is available
    cache_hit : the asset is that of another job
    joined : it waits for another job that makes the same, and shows how far that one is
    sandbox : submitted with a sandbox key
    masked : its picture came with a mask
    sides : the object's other sides, of which it has pictures, too
    options : all options of the request, by their API names
    output : where the asset is delivered, ``{"putUrl": …}``, or None
    output_state : ``pending``, ``delivered`` or ``failed``; None if there is no output, or nothing to send yet
    """

    job_id: str
    account_id: str
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
    expires_at: datetime | None
    asset_path: str | None
    asset_sha256: str | None
    asset_size: int | None
    thumbnail: bool
    cache_hit: bool
    joined: bool
    sandbox: bool
    masked: bool
    sides: tuple[str, ...]
    options: dict[str, Any]
    output: dict[str, Any] | None
    output_state: str | None

    @property
    def name(self) -> str | None:
        """What the asset was asked to be called."""
        return self.options.get("name")

    @property
    def file_name(self) -> str:
        """For its downloads, without an ending: of the asset's name, or of the job's id where it was given none."""
        return safe(self.name) if self.name else self.job_id

    @property
    def asset_name(self) -> str:
        """The file name for a download."""
        return f"{self.file_name}.glb"


@dataclass(frozen=True)
class Page:
    """Some of an account's jobs, newest first. ``next_cursor`` leads to older ones; None if there are no more."""

    jobs: Sequence[JobStatus]
    next_cursor: str | None


@dataclass(frozen=True)
class Seen:
    """A job as a key sees it: that key's id, and for how many seconds it still works; None is for ever."""

    job: JobStatus
    key_id: str
    key_lasts_s: float | None


def read(engine: Engine, key_digest: bytes, job_id: str) -> JobStatus:
    """The job's status, for the key with that digest (:func:`spherelinks.accounts.keys.digest`).

    Raises InvalidKey for a key that does not work, MissingScope for one that may not read; UnknownJob for a malformed
    or unknown id and for another account's job, which cannot be told apart; DatabaseUnavailable.
    """
    return see(engine, key_digest, job_id).job


def see(engine: Engine, key_digest: bytes, job_id: str) -> Seen:
    """The same, with what is needed to tell how long it holds. Raises what :func:`read` does."""
    # a malformed id still goes to the database, which must check the key before the job
    row = fetch_one(engine, _BY_KEY, (_sane(job_id), key_digest))
    if row is None:
        raise unknown_key()
    may_read, key_id, lasts_s, *columns = row
    if not may_read:
        raise missing_scope("read")
    if columns[0] is None:
        raise unknown_job(job_id)
    return Seen(_status(_Row(*columns)), key_id, lasts_s)


def find(engine: Engine, world: World, job_id: str) -> JobStatus:
    """The job's status, for its world. Raises UnknownJob, DatabaseUnavailable."""
    row = fetch_one(engine, _BY_ACCOUNT, (_sane(job_id), *world))
    if row is None:
        raise unknown_job(job_id)
    return _status(_Row(*row))


def page(
    engine: Engine,
    world: World,
    *,
    status: Status | None = None,
    cursor: str | None = None,
    limit: int = 20,
) -> Page:
    """Some of the world's jobs, newest first.

    status : only those; None is all
    cursor : the ``next_cursor`` of the previous page; None is the first page
    limit : jobs per page, 1 or more

    Raises DatabaseUnavailable.
    """
    states = [state for state, shown in _STATUSES.items() if status in (None, shown)]
    rows = fetch_all(engine, _PAGE, (*world, cursor or _AFTER_ALL, states, limit + 1))
    jobs = [_status(_Row(*row)) for row in rows[:limit]]
    return Page(jobs, jobs[-1].job_id if len(rows) > limit else None)


def search(
    engine: Engine, world: World, *, name: str = "", order: str = "newest", skip: int = 0, limit: int = 20
) -> list[JobStatus]:
    """Those of the world's jobs whose name contains ``name``, in any case, sorted by one of ``ORDERS``.

    Raises DatabaseUnavailable.
    """
    name = name.replace("\0", "")
    statement = f"{_SEARCH} ORDER BY {_ORDERS[order]} OFFSET %s LIMIT %s"
    return [_status(_Row(*row)) for row in fetch_all(engine, statement, (*world, name, name, skip, limit))]


def is_job_id(text: str) -> bool:
    """Whether the text has the form of a job's id."""
    return _JOB_ID.fullmatch(text) is not None


def unknown_job(job_id: str) -> UnknownJob:
    """The same error for every job that the account does not have, whatever the reason."""
    return UnknownJob(
        f"There is no job '{job_id[:64]}' in this account.", hint="Use a jobId that /v1/generate returned."
    )


def _sane(job_id: str) -> str:
    return job_id if is_job_id(job_id) else ""


def _status(row: _Row) -> JobStatus:
    return JobStatus(
        job_id=row.job_id,
        account_id=row.account_id,
        status=_STATUSES[row.state],
        progress=row.progress,
        description=_description(row.state, row.stage, row.position, row.error_message),
        stage=(row.stage or "starting") if row.state == "running" else row.state,
        queue_position=row.position,
        error=JobError(row.error_code, row.error_message or "", row.error_hint or "") if row.error_code else None,
        report=row.report,
        credits_charged=row.credits if row.state == "completed" else 0,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        expires_at=row.expires_at,
        asset_path=row.asset_path,
        asset_sha256=row.asset_sha256,
        asset_size=row.asset_size,
        thumbnail=row.thumbnail,
        cache_hit=row.cache_hit,
        joined=row.joined,
        sandbox=row.sandbox,
        masked=row.masked,
        sides=tuple(row.sides),
        options=row.options,
        output=row.output,
        output_state=row.output_state,
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
