"""An account's jobs: list, details, events, cancelling, deleting; their files."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from flask import Response
from flask_openapi3.models.tag import Tag

from spherelinks import errors
from spherelinks.formats import writing
from spherelinks.jobs import deletion
from spherelinks.jobs import status as jobs
from spherelinks.jobs.status import JobStatus
from spherelinks_server import access, assets
from spherelinks_server.errors import answers
from spherelinks_server.services import services
from spherelinks_server.v1 import views
from spherelinks_server.v1.blueprint import answer, api, described, encode
from spherelinks_server.v1.generation import FILE_ANSWERS, FILE_HEADERS, send
from spherelinks_server.v1.models import FilePath, Job, JobPage, JobPath, JobsQuery

TAG = Tag(name="Jobs", description="The request, its progress and its files.")

_ONE = (errors.InvalidKey, errors.MissingScope, errors.UnknownJob, errors.RateLimited, errors.ServiceError)
_MEDIA_TYPES = sorted(
    {assets.MEDIA_TYPE, "image/jpeg", "image/png", "image/webp"} | {kind.media_type for kind in writing.KINDS.values()}
)
_HEADERS = FILE_HEADERS | {
    "X-Warnings": {
        "description": "A JSON array of sentences: what the asset shows and this kind of file has no place for. Absent "
        "where nothing was left out.",
        "schema": {"type": "string"},
    }
}
_ANY_FILE = {media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in _MEDIA_TYPES}


@api.get(
    "/jobs",
    tags=[TAG],
    summary="The account's jobs, newest first",
    operation_id="jobs",
    responses={
        HTTPStatus.OK: JobPage,
        **answers(
            errors.InvalidRequest, errors.InvalidKey, errors.MissingScope, errors.RateLimited, errors.ServiceError
        ),
    },
)
def list_jobs(query: JobsQuery) -> Response:
    """A page of jobs; pass `nextCursor` as `cursor` to get the next one. New jobs do not shift the pages."""
    who = access.principal()
    who.require("read")
    page = jobs.page(
        services().engine,
        who.world,
        status=query.status,
        cursor=query.cursor,
        limit=query.limit,
    )
    return answer({"jobs": [views.whole(job) for job in page.jobs], "nextCursor": page.next_cursor})


@api.get(
    "/jobs/<jobId>",
    tags=[TAG],
    summary="A job in full",
    operation_id="job",
    responses={HTTPStatus.OK: Job, **answers(*_ONE)},
)
def job(path: JobPath) -> Response:
    """Its status, with the options, the times and the paths of its files."""
    return answer(views.whole(_read(path)))


@api.delete(
    "/jobs/<jobId>",
    tags=[TAG],
    summary="Cancel or delete a job",
    operation_id="delete_job",
    responses={
        HTTPStatus.OK: described("Deleted", "It is cancelled, or deleted with all its files."),
        **answers(*_ONE),
    },
)
def delete_job(path: JobPath) -> Response:
    """While it waits or runs, the job is cancelled and its credit returned: its status is then FAILED with the code
    `cancelled`, and needs the scope `generate`. One that has ended is deleted with its picture and its files, and is
    unknown from then on; this needs the scope `manage`.
    """
    parts = services()
    who = access.principal()
    found = jobs.find(parts.engine, who.world, path.job_id)
    who.require("generate" if found.status == "PROCESSING" else "manage")
    outcome = deletion.delete(parts.engine, parts.storage, who.world, path.job_id)
    return answer({"jobId": path.job_id, "outcome": outcome})


@api.get(
    "/jobs/<jobId>/files/<kind>",
    tags=[TAG],
    summary="One of the job's files",
    operation_id="file",
    responses={
        HTTPStatus.OK: {"description": "The whole file.", "content": _ANY_FILE, "headers": _HEADERS},
        **FILE_ANSWERS,
        **answers(errors.UnknownJob, errors.UnknownFile, errors.StorageFull),
        HTTPStatus.PARTIAL_CONTENT: {"description": "The requested range of bytes.", "content": _ANY_FILE},
    },
)
def file(path: FilePath) -> Response:
    """`glb` is the asset, `picture` and `mask` what was sent; the other kinds are made from the asset on first request.
    All have an ETag and byte ranges. What a kind of file has no place for is told in `X-Warnings`.
    """
    return send(_read(path), path.kind)


@api.get(
    "/jobs/<jobId>/events",
    tags=[TAG],
    summary="Stream a job's status",
    operation_id="events",
    responses={
        HTTPStatus.OK: {
            "description": "Server-sent events: `status`, with the job's status as data, now and at every change. "
            "The stream ends with the job, or after five minutes.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **answers(*_ONE),
    },
)
def events(path: JobPath) -> Response:
    """The job's status now and at every change. With too many streams open, the answer is 429: poll instead."""
    parts = services()
    digest = access.digest()
    changes = parts.waiters.changes(lambda: jobs.read(parts.engine, digest, path.job_id))
    return Response(_stream(changes), mimetype="text/event-stream", headers={"Cache-Control": "no-store"})


def _stream(changes: Iterator[JobStatus | None]) -> Iterator[str]:
    yield "retry: 2000\n\n"
    for job in changes:
        yield ":\n\n" if job is None else f"event: status\ndata: {encode(views.status(job))}\n\n"


def _read(path: Any) -> JobStatus:
    return jobs.read(services().engine, access.digest(), path.job_id)
