"""Sending a stored file: whole, in part, or not at all if the client already has it."""

from __future__ import annotations

import json
from http import HTTPStatus
from urllib.parse import quote

from flask import Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from spherelinks.jobs.files import File
from spherelinks.storage import Storage

MEDIA_TYPE = "model/gltf-binary"


def send(storage: Storage, file: File) -> Response:
    """The answer to GET or HEAD for a job's file, with its notes in ``X-Warnings`` as a JSON array if there are any.

    Honours If-None-Match, If-Range and a single Range (RFC 9110); several ranges at once get the whole file. The
    bytes are read before the answer begins: a slow client holds some memory, but no thread.

    Raises StorageUnavailable, and werkzeug's RequestedRangeNotSatisfiable.
    """
    response = Response(mimetype=file.media_type)
    response.set_etag(file.etag)
    response.accept_ranges = "bytes"
    response.headers["Content-Disposition"] = saved_as(file.name)
    if file.notes:
        response.headers["X-Warnings"] = json.dumps(file.notes)
    response.cache_control.private = True
    response.cache_control.no_cache = True
    response.make_conditional(request)
    if response.status_code == HTTPStatus.NOT_MODIFIED:
        return response
    if request.method == "HEAD":
        response.content_length = file.size
        return response
    part = _wanted(file.size, file.etag)
    if part is not None:
        response.status_code = HTTPStatus.PARTIAL_CONTENT
        response.content_range.set(*part, file.size)
    response.set_data(storage.read_range(file.path, *(part or (0, file.size))))
    return response


def saved_as(name: str) -> str:
    """The header that names the file (RFC 6266): for clients that read ASCII alone, its other characters are ``_``."""
    plain = "".join(each if each.isascii() else "_" for each in name)
    return f'attachment; filename="{plain}"' + (f"; filename*=UTF-8''{quote(name)}" if plain != name else "")


def _wanted(size: int, etag: str) -> tuple[int, int] | None:
    """The first byte and one past the last, from the Range header; None if there is none to honour."""
    asked = request.range
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return None
    condition = request.headers.get("If-Range")
    if condition is not None and condition != f'"{etag}"':
        return None
    start, end = asked.ranges[0]
    start = max(size + start, 0) if start < 0 else start
    end = size if end is None else min(end, size)
    if start >= end:
        raise RequestedRangeNotSatisfiable(size)
    return start, end
