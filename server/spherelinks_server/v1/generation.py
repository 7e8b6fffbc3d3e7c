"""The contract's three endpoints: generate, status, download."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Response, request
from flask_openapi3.models import RawModel
from flask_openapi3.models.tag import Tag
from pydantic import ValidationError

from spherelinks import errors
from spherelinks.jobs import files, outbound, submission
from spherelinks.jobs import status as jobs
from spherelinks.jobs.submission import Idempotency
from spherelinks.picture.fetch import Guard
from spherelinks.shape import SIDES
from spherelinks_server import access, assets
from spherelinks_server.errors import RETRY_AFTER_S, answers, http_answer, raise_invalid
from spherelinks_server.intake import Pictures, Sent
from spherelinks_server.services import services
from spherelinks_server.v1 import forms, views
from spherelinks_server.v1.blueprint import MAX_REST, answer, api, check_size, described
from spherelinks_server.v1.models import GenerateHeaders, GenerateRequest, JobPath, JobStatus, Output, StatusQuery
from spherelinks_server.waiting import LONGEST_S

TAG = Tag(name="Generation", description="One picture in, or several of one object; one textured GLB out.")

_JOINED = "An earlier job is making the same: this one waits for its asset."
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*(\d{1,6})(?:$|[,;\s])")
_GLB = {assets.MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}
_TEXT = {"schema": {"type": "string"}}
FILE_HEADERS = {
    "ETag": {"description": "Changes with the bytes.", **_TEXT},
    "Content-Disposition": {"description": "A suggested file name.", **_TEXT},
}
_ACCEPTED_HEADERS = {
    "Location": {"description": "The URL of the job's status.", **_TEXT},
    "Retry-After": {"description": "Seconds to wait before polling.", "schema": {"type": "integer"}},
    "Idempotent-Replayed": {"description": "`true` if this repeats an earlier answer.", **_TEXT},
}


class Body(RawModel):
    """What a request for a job may be written as; ``docs`` describes both."""

    mimetypes = ["application/json", forms.MEDIA_TYPE]  # noqa: RUF012 - the framework's


FILE_ANSWERS: dict[Any, Any] = {
    HTTPStatus.PARTIAL_CONTENT: {"description": "The requested range of bytes.", "content": _GLB},
    HTTPStatus.NOT_MODIFIED: {"description": "The client already has it: If-None-Match holds its ETag."},
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: http_answer(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE),
    **answers(
        errors.InvalidKey,
        errors.MissingScope,
        errors.UnknownJob,
        errors.JobNotFinished,
        errors.AssetExpired,
        errors.RateLimited,
        errors.NoObject,
        errors.GeneratorFailed,
        errors.Cancelled,
        errors.ServiceError,
    ),
}


@api.post(
    "/generate",
    tags=[TAG],
    summary="Turn a picture into a GLB",
    operation_id="generate",
    responses={
        HTTPStatus.OK: {
            "description": "With `Prefer: wait`: the GLB, if it was ready in time.",
            "content": _GLB,
            "headers": {**FILE_HEADERS, "X-Job-Id": {"description": "The job's id.", **_TEXT}},
        },
        HTTPStatus.ACCEPTED: {
            **described("JobAccepted", "The job is stored; its price is held for it until it ends."),
            "headers": _ACCEPTED_HEADERS,
            "links": {
                operation: {"operationId": operation, "parameters": {"jobId": "$response.body#/jobId"}}
                for operation in ("status", "download", "job", "delete_job")
            },
        },
        **answers(
            errors.InvalidRequest,
            errors.InvalidOption,
            errors.InvalidKey,
            errors.MissingScope,
            errors.InsufficientCredits,
            errors.KeyCapReached,
            errors.StorageQuotaReached,
            errors.RequestInFlight,
            errors.PictureTooLarge,
            errors.PictureUnreachable,
            errors.PictureUnreadable,
            errors.IdempotencyMismatch,
            errors.RateLimited,
            errors.NoObject,
            errors.GeneratorFailed,
            errors.Cancelled,
            errors.ServiceError,
            errors.StorageFull,
        ),
    },
)
def generate(header: GenerateHeaders, raw: Body) -> Response:
    """Takes JSON, or a form with the picture's file, or those of several sides of one object. Checks them, holds the
    generator's price, whatever their number, and queues the job. Poll the status; then download the asset.

    With the header `Idempotency-Key` the request can be repeated without a second job or charge. With `Prefer: wait=30`
    the answer waits for the asset and is the GLB itself (200), or the job's error if it fails (502); if it takes
    longer, the answer is 202, as without the header.
    """
    parts = services()
    who = access.principal()
    who.require("generate")
    asked = _asked()
    body = asked.body
    idempotency = asked.idempotency(header.idempotency_key)
    accepted = submission.replay(parts.engine, who, idempotency) if idempotency else None
    if accepted is None:
        card = parts.generators.card(body.options.generator)
        output = _output(body.output, parts.guard) if body.output else None
        anew = body.cache == "bypass"

        def affordable(pictures: Pictures) -> None:
            submission.check_means(
                parts.engine,
                who,
                pictures.front,
                body.options,
                card,
                mask=pictures.mask,
                sides=pictures.sides,
                bypass_cache=anew,
                idempotency=idempotency,
            )

        pictures = parts.intake.pictures(who.account_id, asked.sent(), admit=affordable)
        accepted = submission.submit(
            parts.engine,
            parts.storage,
            who,
            pictures.front,
            body.options,
            mask=pictures.mask,
            sides=pictures.sides,
            bypass_cache=anew,
            idempotency=idempotency,
            output=output,
            card=card,
        )
    headers = {"Idempotent-Replayed": "true"} if accepted.replayed else {}
    wanted = _WAIT.search(header.prefer or "")
    if wanted is not None:
        job_id = accepted.job_id
        job = parts.waiters.until_ended(
            lambda: jobs.find(parts.engine, who.world, job_id), min(int(wanted[1]), LONGEST_S)
        )
        headers |= {"Preference-Applied": f"wait={wanted[1]}", "X-Job-Id": job.job_id}
        if job.status != "PROCESSING":
            response = send(job, "glb")
            response.headers.extend(headers)
            return response
    hit = accepted.hit
    content = {
        "jobId": accepted.job_id,
        "status": "COMPLETED" if hit else "PROCESSING",
        "message": "The asset is ready." if hit else _JOINED if accepted.joined else "Generation started.",
        "cache": "hit" if hit and not who.sandbox else "joined" if accepted.joined else "miss",
        "creditsCharged": 0,
    }
    headers |= {"Location": f"/v1/status/{accepted.job_id}", "Retry-After": str(0 if hit else RETRY_AFTER_S)}
    return answer(content, HTTPStatus.ACCEPTED, headers)


@dataclass(frozen=True)
class Asked:
    """A request's body, checked; ``files`` are those of a form, ``content`` is the body as it was written."""

    body: GenerateRequest
    files: dict[str, bytes]
    content: dict[str, Any]

    def idempotency(self, key: str | None) -> Idempotency | None:
        """The request's Idempotency-Key and a digest of its body that ignores formatting."""
        if key is None:
            return None
        content = self.content | {name: hashlib.sha256(data).hexdigest() for name, data in self.files.items()}
        return Idempotency(key, hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest())

    def sent(self) -> dict[str, Sent]:
        """The pictures that it sends, by what they are. Raises InvalidRequest unless each is given in one way."""
        body, files = self.body, self.files
        given = {"imageUrl": body.image_url, "imageBase64": body.image_base64, "images": body.images}
        ways = [name for name, value in given.items() if value]
        if "image" not in files and len(ways) != 1:
            raise errors.InvalidRequest(
                f"{' and '.join(ways[:2] or ('imageUrl', 'imageBase64'))} are both {'given' if ways else 'missing'}.",
                hint=f"Give exactly one of {', '.join(given)}.",
                field="imageUrl",
            )
        if body.mask_url and body.mask_base64:
            raise errors.InvalidRequest(
                "maskUrl and maskBase64 are both given.", hint="Give one of the two, or none.", field="maskUrl"
            )
        sent: dict[str, Sent] = {
            each.view: Sent(f"images[{number}].image", each.image_url, each.image_base64)
            for number, each in enumerate(body.images)
        }
        if not sent:
            sent["front"] = Sent("image", body.image_url, body.image_base64, files.get("image"))
        if body.mask_url or body.mask_base64 or "mask" in files:
            sent["mask"] = Sent("mask", body.mask_url, body.mask_base64, files.get("mask"))
        return sent | {view: Sent(view, file=files[view]) for view in SIDES if view in files}


def _asked() -> Asked:
    """The request's body. Raises InvalidRequest."""
    if request.mimetype == forms.MEDIA_TYPE:
        form = forms.read(MAX_REST)
        check_size(len(form.files))
    else:
        form = forms.Form(request.get_json())
    try:
        body = GenerateRequest.model_validate(form.body)
    except ValidationError as error:
        raise_invalid(error, GenerateRequest)
    return Asked(body, form.files, form.body)


def _output(wanted: Output, guard: Guard) -> dict[str, Any]:
    """Where the asset is delivered, checked. Raises InvalidRequest."""
    found: dict[str, Any] = {"putUrl": outbound.check(wanted.put_url, guard, "output.putUrl")}
    return found | ({"headers": wanted.headers} if wanted.headers else {})


@api.get(
    "/status/<jobId>",
    tags=[TAG],
    summary="A job's progress",
    operation_id="status",
    responses={
        HTTPStatus.OK: JobStatus,
        **answers(
            errors.InvalidRequest,
            errors.InvalidKey,
            errors.MissingScope,
            errors.UnknownJob,
            errors.RateLimited,
            errors.ServiceError,
        ),
    },
)
def status(path: JobPath, query: StatusQuery) -> Response:
    """PROCESSING until it is COMPLETED or FAILED; the other fields give details.

    With `wait`, returns when the job has ended, or after that many seconds.
    """
    parts = services()
    digest = access.digest()
    job = parts.waiters.until_ended(lambda: jobs.read(parts.engine, digest, path.job_id), query.wait)
    return answer(views.status(job))


@api.get(
    "/download/<jobId>",
    tags=[TAG],
    summary="The asset",
    operation_id="download",
    responses={
        HTTPStatus.OK: {"description": "The whole GLB.", "content": _GLB, "headers": FILE_HEADERS},
        **FILE_ANSWERS,
    },
)
def download(path: JobPath) -> Response:
    """The GLB, with an ETag and byte ranges, so that a download can be resumed and repeated for nothing."""
    return send(jobs.read(services().engine, access.digest(), path.job_id), "glb")


def send(job: jobs.JobStatus, kind: str) -> Response:
    """The answer to GET for that kind of file."""
    storage = services().storage
    return assets.send(storage, files.find(services().engine, storage, job, kind))
