"""The API's blueprint: under ``/v1`` and without it, behind a key; bodies in JSON, and forms where they are natural."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import Any

from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from spherelinks import errors
from spherelinks.jobs import submission
from spherelinks.picture.fetch import COMPRESSIONS
from spherelinks.shape import VIEWS
from spherelinks_server import access
from spherelinks_server.services import services
from spherelinks_server.v1 import forms

SECURITY_SCHEME = "apiKey"
BEARER_SCHEME = "bearer"

OF_PICTURE = 15 * 1024 * 1024
"""Size limit of a request for each of its pictures: one of 10 MB is 14.0 MB in base64, 14.9 with escaped slashes and
line breaks."""

MAX_BODY = len(VIEWS) * OF_PICTURE
"""Size limit of a request with a picture of every side. A mask comes on top, and is small as a PNG."""

MAX_REST = 64 * 1024
"""Size limit of a body apart from its pictures: parsing a million names takes seconds and gigabytes."""

LARGE = 1024 * 1024
"""Size of a body whose sender must have a credit before it is looked at: parsing and decoding it take a tenth of a
second."""

WITHOUT_BODY = frozenset({"rotate_webhook", "redeliver"})
"""POST operations without a body."""

FORMS = frozenset({"generate"})
"""Operations whose body may be a form."""

_encode = json.JSONEncoder(separators=(",", ":")).encode

api = APIBlueprint("v1", __name__, url_prefix="/v1", abp_security=[{SECURITY_SCHEME: []}, {BEARER_SCHEME: []}])


@api.before_request
def admit() -> None:
    """Address and key come first: nothing of a request is read before its sender is known."""
    if request.method == "OPTIONS":
        return
    access.identify()
    if request.method == "POST":
        who = access.principal()
        operation = (request.endpoint or "").rpartition(".")[2]
        if operation == "generate" and (request.content_length or MAX_BODY) > LARGE:
            who.require("generate")
            submission.check_credit(services().engine, who, request.headers.get("Idempotency-Key"))
        if operation not in WITHOUT_BODY:
            _check_body(form=operation in FORMS)


def answer(body: dict[str, Any], status: int = HTTPStatus.OK, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer that must not be cached."""
    return Response(
        _encode(body), status, {"Cache-Control": "no-store", **(headers or {})}, content_type="application/json"
    )


def encode(body: dict[str, Any]) -> str:
    """JSON on one line, as in the answers."""
    return _encode(body)


def described(schema: str, description: str) -> dict[str, Any]:
    """An answer with a body of that schema, for the API documentation."""
    return {
        "description": description,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }


def _check_body(*, form: bool) -> None:
    """Check that the body is a JSON object, or a form where that is allowed, and not too long.

    The framework treats anything it cannot parse as an empty body.
    """
    hint = "Send a JSON object with the header Content-Type: application/json."
    coding = request.headers.get("Content-Encoding", "").strip().lower()
    if any(part.strip().encode() in COMPRESSIONS for part in coding.split(",")):
        raise errors.InvalidRequest(
            f"The body is compressed (Content-Encoding: {coding[:64]}), which is not read.",
            hint="Send it uncompressed, without Content-Encoding.",
        )
    is_form = form and request.mimetype == forms.MEDIA_TYPE
    if not is_form and not request.is_json:
        sent = request.mimetype or "missing"
        wanted = f"application/json{f' or {forms.MEDIA_TYPE}' if form else ''}"
        raise errors.InvalidRequest(f"The Content-Type is {sent}, not {wanted}.", hint=hint)
    if len(request.get_data()) > MAX_BODY:  # a body without Content-Length is cut off at the limit
        raise RequestEntityTooLarge
    if not is_form:
        _check_json(hint)


def check_size(pictures: int) -> None:
    """Raises RequestEntityTooLarge for a body that is too large for so many pictures."""
    if len(request.get_data()) > OF_PICTURE * max(pictures, 1):
        raise RequestEntityTooLarge


def _check_json(hint: str) -> None:
    pictures, rest = _measured(request.get_data())
    check_size(pictures)
    if rest > MAX_REST:
        body = request.get_data()
        kind = _NO_LIST.match(body, found) if (found := body.find(b'"images"')) >= 0 else None
        if kind:
            raise errors.InvalidRequest(
                f"images is {_KINDS[kind[1]]}: it must be a list.",
                hint='Send it as [{"view": "front", "imageBase64": "…"}, {"view": "back", "imageBase64": "…"}].',
                field="images",
            )
        raise errors.InvalidRequest(
            f"The body has more than {MAX_REST} bytes apart from its pictures (imageBase64, maskBase64 …).",
            hint="Send the picture as imageBase64 or imageUrl, and nothing else of that size.",
        )
    try:
        body = request.get_json()
    except (BadRequest, RecursionError) as error:
        raise errors.InvalidRequest("The body is not valid JSON.", hint=hint) from error
    if not isinstance(body, dict):
        raise errors.InvalidRequest("The body is valid JSON, but not an object.", hint=hint)


def _measured(body: bytes) -> tuple[int, int]:
    """How many pictures are in the body, and its length less theirs, found without parsing it; above ``MAX_REST`` just
    some of both.

    Base64 and URLs contain no quotation marks, so a picture extends from one to the next. Nothing but these is looked
    for, and no further than needed: no other thread runs while ten megabytes are searched.
    """
    pictures = rest = at = 0
    while rest <= MAX_REST and (quote := body.find(b'"', at)) >= 0:
        picture = _PICTURE.match(body, quote)
        text = picture.end() if picture else quote + 1
        rest += text - at
        at = text
        if picture:
            pictures += 1
            end = body.find(b'"', text)
            at = end if end >= 0 else len(body)
    return pictures, rest + (0 if rest > MAX_REST else len(body) - at)


_NO_LIST = re.compile(rb'"images"\s*:\s*([{"])')
_KINDS = {b"{": "an object", b'"': "a string"}
_PICTURE = re.compile(rb'"(?:image|mask)(?:Base64|Url)"\s*:\s*"')
