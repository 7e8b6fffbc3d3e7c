"""The requests to a SphereLinks server, one function each."""

from __future__ import annotations

import base64
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from . import glb
from .errors import Failure
from .http import Connection

MAX_PICTURE = 10 * 1024 * 1024
SIDES = ("back", "left", "right")
"""What further pictures of an object show; its front is the picture itself."""
MAX_THUMBNAIL = 8 << 20


def generate(
    connection: Connection,
    picture: bytes,
    options: dict[str, Any],
    idempotency_key: str,
    sides: Mapping[str, bytes] = types.MappingProxyType({}),
) -> str:
    """Submit a job and return its id; that of the existing one if the key was sent before.

    sides : pictures of the object's other sides, by their names in SIDES

    Raises Failure.
    """
    for each in (picture, *sides.values()):
        if len(each) > MAX_PICTURE:
            raise Failure("picture_too_large", f"The picture has {len(each) / (1 << 20):.1f} MB, more than 10.")
    shown = {"imageBase64": _base64(picture)}
    if sides:
        images = [{"view": view, "imageBase64": _base64(side)} for view, side in sides.items()]
        body: dict[str, Any] = {"images": [{"view": "front", **shown}, *images], "options": options}
    else:  # as servers of before 0.3 take it, too
        body = {**shown, "options": options}
    answer = connection.json("POST", "/v1/generate", body, {"Idempotency-Key": idempotency_key})
    return _text(connection, answer, "jobId")


def status(connection: Connection, job_id: str, wait_s: int = 0) -> dict[str, Any]:
    """A job's status, once it has ended or after `wait_s` seconds. Raises Failure."""
    answer = connection.json("GET", f"/v1/status/{quote(job_id, safe='')}?wait={wait_s}")
    _text(connection, answer, "status")
    return answer


def download(connection: Connection, job_id: str, target: Path) -> None:
    """The job's asset, as a complete GLB. Raises Failure."""
    part = target.with_name(target.name + ".unchecked")
    try:
        connection.file(f"/v1/download/{quote(job_id, safe='')}", part)
        glb.check(part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def thumbnail(connection: Connection, job_id: str, target: Path) -> None:
    """The job's thumbnail. Raises Failure."""
    connection.file(f"/v1/jobs/{quote(job_id, safe='')}/files/png", target, MAX_THUMBNAIL)


def picture(connection: Connection, job_id: str, target: Path, kind: str = "picture") -> None:
    """The picture that a job was made from, or of another side, by its name in SIDES. Raises Failure."""
    connection.file(f"/v1/jobs/{quote(job_id, safe='')}/files/{kind}", target, MAX_PICTURE)


def delete(connection: Connection, job_id: str) -> None:
    """Cancel a running job, or delete one that has ended. Raises Failure."""
    connection.json("DELETE", f"/v1/jobs/{quote(job_id, safe='')}")


def jobs(connection: Connection) -> dict[str, Any]:
    """The account's jobs, newest first. Raises Failure."""
    return connection.json("GET", "/v1/jobs")


def account(connection: Connection) -> dict[str, Any]:
    """The key's account, plan and credits. Raises Failure."""
    return connection.json("GET", "/v1/account")


def generators(connection: Connection) -> dict[str, Any]:
    """The generators of this server, with the JSON Schema of their options. Raises Failure."""
    return connection.json("GET", "/v1/generators")


def strange(connection: Connection, what: str) -> Failure:
    """The answer does not have the required form."""
    return Failure("bad_answer", f"{connection.address} answers, but not as a SphereLinks server does: {what}.")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _text(connection: Connection, answer: dict[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise strange(connection, f"no {name}")
    return value
