"""The three endpoints of the contract, under ``/v1`` and without it."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from spherelinks import errors
from spherelinks.generators.base import not_installed
from spherelinks.jobs import status as jobs
from spherelinks.jobs import submission
from spherelinks_server import access, assets
from spherelinks_server.errors import RETRY_AFTER_S, answers, http_answer
from spherelinks_server.services import services
from spherelinks_server.v1.models import GenerateRequest, JobPath, JobStatus

SECURITY_SCHEME = "apiKey"

MAX_BODY = 15 * 1024 * 1024
"""Bytes of a request: a 10 MB picture is 14.0 MB in base64, 14.9 with escaped slashes and line breaks."""

_ETA_FROM = 10
_encode = json.JSONEncoder(separators=(",", ":")).encode
_GLB = {assets.MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}
_GLB_HEADERS = {
    "ETag": {"description": "The file's SHA-256.", "schema": {"type": "string"}},
    "Content-Disposition": {"description": "A file name to save it under.", "schema": {"type": "string"}},
}

api = APIBlueprint(
    "v1",
    __name__,
    url_prefix="/v1",
    abp_tags=[Tag(name="Generation", description="One picture in, one textured GLB out.")],
    abp_security=[{SECURITY_SCHEME: []}],
)


@api.before_request
def admit() -> None:
    """The key comes first: nothing of a request is read before it is known who sent it."""
    if request.method == "OPTIONS":
        return
    access.identify()
    if request.method == "POST":
        access.principal()
        _check_json()


def _check_json() -> None:
    """Bodies are JSON objects. Checked here, for the framework takes whatever does not parse as an empty body."""
    hint = "Send a JSON object with the header Content-Type: application/json."
    if not request.is_json:
        sent = request.mimetype or "missing"
        raise errors.InvalidRequest(f"The Content-Type is {sent}, not application/json.", hint=hint)
    if len(request.get_data()) > MAX_BODY:  # of a body without Content-Length, what is past the limit is just missing
        raise RequestEntityTooLarge
    try:
        body = request.get_json()
    except (BadRequest, RecursionError) as error:
        raise errors.InvalidRequest("The body is not valid JSON.", hint=hint) from error
    if not isinstance(body, dict):
        raise errors.InvalidRequest("The body is valid JSON, but not an object.", hint=hint)


@api.post(
    "/generate",
    summary="Turn a picture into a GLB",
    operation_id="generate",
    responses={
        HTTPStatus.ACCEPTED: {
            "description": "The job is stored; one credit is held for it until it ends.",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/JobAccepted"}}},
            "headers": {
                "Location": {"description": "Where the job's status is.", "schema": {"type": "string"}},
                "Retry-After": {"description": "Seconds to wait before asking.", "schema": {"type": "integer"}},
            },
            "links": {
                operation: {"operationId": operation, "parameters": {"jobId": "$response.body#/jobId"}}
                for operation in ("status", "download")
            },
        },
        **answers(
            errors.InvalidRequest,
            errors.InvalidOption,
            errors.InvalidKey,
            errors.InsufficientCredits,
            errors.PictureTooLarge,
            errors.PictureUnreachable,
            errors.PictureUnreadable,
            errors.RateLimited,
            errors.ServiceError,
        ),
    },
)
def generate(body: GenerateRequest) -> Response:
    """Checks the picture, holds a credit and queues the job. Poll the status; then download the asset."""
    parts = services()
    options = body.options
    if options.generator not in parts.generators:
        raise not_installed(options.generator)
    picture = parts.intake.picture(body.image_url, body.image_base64)
    job_id = submission.submit(parts.engine, parts.storage, access.principal(), picture, options).job_id
    accepted = {"jobId": job_id, "status": "PROCESSING", "message": "Generation started."}
    headers = {"Location": f"/v1/status/{job_id}", "Retry-After": str(RETRY_AFTER_S)}
    return _json(accepted, HTTPStatus.ACCEPTED, headers)


@api.get(
    "/status/<jobId>",
    summary="How far a job is",
    operation_id="status",
    responses={
        HTTPStatus.OK: JobStatus,
        **answers(errors.InvalidKey, errors.UnknownJob, errors.RateLimited, errors.ServiceError),
    },
)
def status(path: JobPath) -> Response:
    """PROCESSING until it is COMPLETED or FAILED; the further fields say more."""
    job = jobs.read(services().engine, access.digest(), path.job_id)
    return _json(
        {
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
            "expiresAt": None,
        }
    )


@api.get(
    "/download/<jobId>",
    summary="The asset",
    operation_id="download",
    responses={
        HTTPStatus.OK: {"description": "The whole GLB.", "content": _GLB, "headers": _GLB_HEADERS},
        HTTPStatus.PARTIAL_CONTENT: {"description": "The range of bytes that was asked for.", "content": _GLB},
        HTTPStatus.NOT_MODIFIED: {"description": "The client has it: If-None-Match holds its ETag."},
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: http_answer(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE),
        **answers(
            errors.InvalidKey,
            errors.UnknownJob,
            errors.JobNotFinished,
            errors.RateLimited,
            errors.NoObject,
            errors.GeneratorFailed,
            errors.ServiceError,
        ),
    },
)
def download(path: JobPath) -> Response:
    """The GLB, with an ETag and byte ranges, so that a download can be resumed and repeated for nothing."""
    parts = services()
    job = jobs.read(parts.engine, access.digest(), path.job_id)
    if job.error is not None:
        raise errors.JobFailed(job.error.message, reason=job.error.code, hint=job.error.hint)
    if job.asset_path is None or job.asset_size is None or job.asset_sha256 is None:
        raise errors.JobNotFinished(
            f"Job '{job.job_id}' is at {job.progress} %: {job.description}",
            hint=f"Ask /v1/status/{job.job_id} until it is COMPLETED.",
        )
    return assets.send(parts.storage, job.asset_path, job.asset_size, job.asset_sha256, job.asset_name)


def _eta(job: jobs.JobStatus) -> int | None:
    """Seconds that are left, if it goes on as fast as it has gone so far; None before there is much to go by."""
    if job.status != "PROCESSING" or job.started_at is None or job.progress < _ETA_FROM:
        return None
    elapsed = (datetime.now(UTC) - job.started_at).total_seconds()
    return max(round(elapsed * (100 - job.progress) / job.progress), 0)


def _json(body: dict[str, Any], status: int = HTTPStatus.OK, headers: dict[str, str] | None = None) -> Response:
    return Response(
        _encode(body), status, {"Cache-Control": "no-store", **(headers or {})}, content_type="application/json"
    )
