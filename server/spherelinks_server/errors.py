"""Every error as the contract's JSON: one table of statuses, one function that writes the answer."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any, NoReturn, get_args

import psycopg
import sqlalchemy.exc
from flask import Flask, Response, current_app, json, render_template, request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import HTTPException

from spherelinks import errors
from spherelinks.options import Options
from spherelinks_server.context import identifier, request_id
from spherelinks_server.headers import every

STATUSES: dict[type[errors.SphereLinksError], HTTPStatus] = {
    errors.InvalidRequest: HTTPStatus.BAD_REQUEST,
    errors.UnknownWebhook: HTTPStatus.NOT_FOUND,
    errors.PaymentsNotOffered: HTTPStatus.NOT_FOUND,
    errors.TooManyWebhooks: HTTPStatus.CONFLICT,
    errors.IdempotencyMismatch: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.PictureTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.PictureError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.InvalidKey: HTTPStatus.UNAUTHORIZED,
    errors.InsufficientCredits: HTTPStatus.PAYMENT_REQUIRED,
    errors.KeyCapReached: HTTPStatus.PAYMENT_REQUIRED,
    errors.StorageQuotaReached: HTTPStatus.PAYMENT_REQUIRED,
    errors.RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
    errors.AccessDenied: HTTPStatus.FORBIDDEN,
    errors.UnknownJob: HTTPStatus.NOT_FOUND,
    errors.UnknownFile: HTTPStatus.NOT_FOUND,
    errors.RequestInFlight: HTTPStatus.CONFLICT,
    errors.JobNotFinished: HTTPStatus.CONFLICT,
    errors.AssetExpired: HTTPStatus.GONE,
    errors.JobFailed: HTTPStatus.BAD_GATEWAY,
    errors.GenerationError: HTTPStatus.BAD_GATEWAY,
    errors.StorageFull: HTTPStatus.INSUFFICIENT_STORAGE,
    errors.ServiceError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.SphereLinksError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""HTTP status by class of error; other classes inherit that of their nearest ancestor here."""

HTTP_CODES: dict[int, tuple[str, str]] = {
    HTTPStatus.BAD_REQUEST: ("invalid_request", "The API documentation at /v1/docs describes each request."),
    HTTPStatus.NOT_FOUND: ("not_found", "The API documentation at /v1/docs lists every path."),
    HTTPStatus.METHOD_NOT_ALLOWED: ("method_not_allowed", "The Allow header lists the methods of this path."),
    HTTPStatus.REQUEST_TIMEOUT: ("request_timeout", "Send it again; a slow connection may need a smaller picture."),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("request_too_large", "Pictures are limited to 10 MB; send a smaller one."),
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: (
        "range_not_satisfiable",
        "The Content-Range header gives the file's length.",
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: ("internal_error", "Try again; if it persists, report the requestId."),
}
"""Code and hint of HTTP's own errors."""

MEANINGS: dict[str, str] = {
    "invalid_request": "the body is missing, is not JSON, or a field is missing, unknown or malformed",
    "invalid_option": "an option is unknown, of the wrong type or out of range",
    "picture_too_large": "the picture is larger than 10 MB",
    "picture_unreachable": "`imageUrl` or `maskUrl` cannot, or must not, be fetched",
    "picture_unreadable": "the picture is not JPEG, PNG or WebP, is damaged or animated, or has too many pixels",
    "invalid_api_key": "the key is missing, malformed, unknown, expired or revoked",
    "missing_scope": "the key is valid, but lacks the required scope",
    "key_cap_reached": "the key has reached its monthly cap",
    "idempotency_mismatch": "the `Idempotency-Key` was already used for a different request",
    "request_in_flight": "a request with the same `Idempotency-Key` is being accepted right now",
    "storage_quota_reached": "the account's files take all the space that its plan gives",
    "insufficient_credits": "the account has no credit left for a job",
    "rate_limited": "too many requests with the account's keys or from this network address, or too many pictures "
    "being received",
    "unknown_job": "this account has no such job",
    "unknown_file": "the job has no file of that kind",
    "unknown_webhook": "this account has no such webhook, or the webhook has no such delivery",
    "too_many_webhooks": "the account already has the maximum number of webhooks",
    "payments_not_offered": "this installation sells no credits",
    "job_not_finished": "the job has not finished",
    "asset_expired": "the job's files were deleted at the end of the plan's retention period",
    "no_object": "nothing in the picture can be separated from its background",
    "picture_mismatch": "the picture of a side cannot be of the object that the front's shows",
    "generator_failed": "generation or finishing failed or timed out",
    "cancelled": "the job was cancelled by its owner",
    "database_unavailable": "the database does not answer",
    "storage_unavailable": "the storage does not answer",
    "storage_full": "the server has too little free space left to take anything in",
    "service_error": "part of the service is not working",
    "not_found": "there is nothing at this path",
    "method_not_allowed": "the path does not support this method",
    "request_timeout": "the body arrived too slowly",
    "request_too_large": "the body is larger than 15 MB for each of its pictures",
    "range_not_satisfiable": "the Range starts past the end of the file",
    "internal_error": "something went wrong on the server",
}
"""The meaning of each code that a client may see, as in docs/errors.md."""

RETRY_AFTER_S = 2
"""Retry-After if nothing better is known."""
_FULL_RETRY_AFTER_S = 60

_DOCUMENTED = "The API documentation at /v1/docs describes each field."
_WANTED = {
    "model_type": "an object",
    "list_type": "a list",
    "string_type": "a string",
    "string_too_short": "a non-empty string",
}


class _Shown(reprlib.Repr):
    """A value of a request, shortened; null, true and false as JSON has them."""

    def repr_NoneType(self, value: None, level: int) -> str:
        return "null"

    def repr_bool(self, value: bool, level: int) -> str:
        return str(value).lower()


_SHOWN = _Shown()
_CONTENT = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}


def status_of(kind: type[errors.SphereLinksError]) -> HTTPStatus:
    """The HTTP status of a class of error."""
    return next(STATUSES[ancestor] for ancestor in kind.__mro__ if ancestor in STATUSES)


def register(app: Flask) -> None:
    """Answer every error of the application in the contract's form."""
    app.register_error_handler(errors.SphereLinksError, _known)
    app.register_error_handler(HTTPException, _http)
    for kind in (sqlalchemy.exc.DataError, psycopg.DataError, UnicodeEncodeError, OverflowError):
        app.register_error_handler(kind, _unstorable)
    app.register_error_handler(Exception, _unexpected)


def raise_invalid(error: ValidationError, model: type[BaseModel] | None = None) -> NoReturn:
    """Turn pydantic's first error about a request into InvalidRequest.

    model : of the request, whose fields are named if one is unknown
    """
    detail = error.errors(include_url=False)[0]
    path = list(detail["loc"])
    if path[:2] == ["output", "Output"]:  # the model's name, where null stands for none
        del path[1]
    steps = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    field = errors.shortened("".join(steps).removeprefix("."))
    if detail["type"] == "extra_forbidden":
        message, hint = f"{field} is not a known field.", _known_fields(model, path) or _DOCUMENTED
    elif detail["type"] == "missing":
        message, hint = f"{field} is missing.", _DOCUMENTED
    elif detail["type"] == "literal_error":
        message, hint = (
            f"{field} is {_SHOWN.repr(detail['input'])}: it must be {detail['ctx']['expected']}.",
            _DOCUMENTED,
        )
    else:
        wanted = _WANTED.get(detail["type"], detail["msg"])
        message, hint = f"{field} is {_SHOWN.repr(detail['input'])}: it must be {wanted}.", _DOCUMENTED
    raise errors.InvalidRequest(message, hint=hint, field=field) from error


def _known_fields(model: type[BaseModel] | None, path: Sequence[int | str]) -> str:
    """What may be in the place of an unknown field; empty if that is not known."""
    *outer, name = path
    if model and "options" in model.model_fields and not outer and name in _OPTIONS:
        return f"Did you mean options.{name}?"
    for step in (each for each in outer if isinstance(each, str)):
        found = [info for info in model.model_fields.values() if info.alias == step] if model else []
        model = next(_models(found[0].annotation), None) if found else None
    return f"Fields here are {', '.join(info.alias or '' for info in model.model_fields.values())}." if model else ""


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in an annotation, such as list[ViewPicture]."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


_OPTIONS = {info.alias for info in Options.model_fields.values()}


def in_json(error: errors.InvalidOption) -> errors.InvalidOption:
    """The same error; a value that JSON has another word for than Python is shown with that."""
    if not error.complaint or not (error.value is None or isinstance(error.value, bool)):
        return error
    message = f"{error.field} is {_SHOWN.repr(error.value)}: {error.complaint}."
    return errors.InvalidOption(
        message, hint=error.hint, field=error.field, value=error.value, complaint=error.complaint
    )


def _known(error: errors.SphereLinksError) -> Response:
    status = status_of(type(error))
    code = error.code
    headers: dict[str, str] = {}
    match error:
        case errors.RateLimited():
            headers["Retry-After"] = str(math.ceil(error.retry_after))
        case errors.JobFailed():
            code = error.reason
        case errors.StorageFull():
            headers["Retry-After"] = str(_FULL_RETRY_AFTER_S)
        case errors.JobNotFinished() | errors.RequestInFlight() | errors.ServiceError():
            headers["Retry-After"] = str(RETRY_AFTER_S)
        case errors.InvalidKey():
            headers["WWW-Authenticate"] = 'Bearer realm="SphereLinks", ApiKey realm="SphereLinks"'
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, errors.JobFailed):
        current_app.logger.error(error.message, exc_info=error)
    if isinstance(error, errors.StorageUnavailable):  # its words name paths, and quote the storage's library
        return _answer(status, code, "The storage does not answer.", "Try again; the server's log says more.", headers)
    return _answer(status, code, error.message, error.hint, headers)


def _http(error: HTTPException) -> Response | HTTPException:
    if error.code is None or error.code < HTTPStatus.BAD_REQUEST:
        return error  # a redirect
    nearest = HTTPStatus.BAD_REQUEST if error.code < HTTPStatus.INTERNAL_SERVER_ERROR else 500
    code, hint = HTTP_CODES.get(error.code) or HTTP_CODES[nearest]
    headers = {k: v for k, v in error.get_headers(request.environ) if k.lower() in ("allow", "content-range")}
    messages = {
        HTTPStatus.NOT_FOUND: f"There is nothing at {request.path}.",
        HTTPStatus.METHOD_NOT_ALLOWED: f"{request.path} does not support {request.method}.",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is larger than 15 MB for each of its "
        "pictures; a 10 MB picture is 14 MB in base64.",
    }
    message = messages.get(HTTPStatus(error.code)) or error.description or HTTPStatus(error.code).phrase
    return _answer(error.code, code, message, "" if _wants_page() else hint, headers)


def _unstorable(error: Exception) -> Response:
    """What no field's own check has caught, and no database holds: NUL characters, half characters, huge numbers."""
    current_app.logger.info("%s %s: %s", request.method, request.path, error)
    code, hint = HTTP_CODES[HTTPStatus.BAD_REQUEST]
    message = "A value of the request holds a character or a number that cannot be stored."
    return _answer(HTTPStatus.BAD_REQUEST, code, message, hint)


def _unexpected(error: Exception) -> Response:
    current_app.logger.error("%s %s failed", request.method, request.path, exc_info=error)
    code, hint = HTTP_CODES[HTTPStatus.INTERNAL_SERVER_ERROR]
    return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, code, "Something went wrong on the server.", hint)


def _answer(status: int, code: str, message: str, hint: str, headers: dict[str, str] | None = None) -> Response:
    if _wants_page():
        page = render_template(
            "error.html", status=status, title=_title(status), message=message, hint=hint, request_id=request_id()
        )
        return Response(page, status, headers, mimetype="text/html")
    return Response(_body(code, message, hint, request_id()), status, headers, mimetype="application/json")


def plain(error: errors.RateLimited, offered_id: str | None) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and body of the same answer without the application, which a crowd would keep busy.

    offered_id : the client's own id of the request, if it sent one
    """
    request_id = identifier(offered_id)
    headers = [
        ("Content-Type", "application/json"),
        ("Retry-After", str(math.ceil(error.retry_after))),
        *every(request_id),
    ]
    return status_of(type(error)), headers, _body(error.code, error.message, error.hint, request_id).encode()


def _body(code: str, message: str, hint: str, request_id: str) -> str:
    return json.dumps({"error": {"code": code, "message": message, "hint": hint, "requestId": request_id}})


def _wants_page() -> bool:
    """Whether a person is looking at a page: the client is a browser, and the path is not the API's."""
    api = request.path.startswith("/v1/") or request.blueprint in ("v1", "unversioned")
    return not api and request.accept_mimetypes.best_match(["application/json", "text/html"]) == "text/html"


def _title(status: int) -> str:
    titles = {
        HTTPStatus.NOT_FOUND: "There is nothing here",
        HTTPStatus.TOO_MANY_REQUESTS: "Too many requests",
        HTTPStatus.FORBIDDEN: "Not allowed",
        HTTPStatus.MISDIRECTED_REQUEST: "Unknown host name",
        HTTPStatus.SERVICE_UNAVAILABLE: "Back in a moment",
    }
    otherwise = "Something broke" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "That did not work"
    return titles.get(HTTPStatus(status), otherwise)


def answers(*kinds: type[errors.SphereLinksError]) -> dict[str | int, Any]:
    """The error answers of an operation, by status, for the API documentation."""
    described: dict[str | int, Any] = {}
    for kind in kinds:
        line = f"`{kind.code}`: {MEANINGS[kind.code]}."
        entry = described.setdefault(status_of(kind), {"description": "", "content": _CONTENT})
        entry["description"] = f"{entry['description']}\n\n{line}".strip()
    return described


def http_answer(status: HTTPStatus) -> dict[str, Any]:
    """The same for one of HTTP's own errors."""
    code, _ = HTTP_CODES[status]
    return {"description": f"`{code}`: {MEANINGS[code]}.", "content": _CONTENT}
