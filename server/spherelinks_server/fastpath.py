"""The status of a job without Flask, because no other request is made so often.

Only plain requests take this path, and only if the answer is not an error. All others go to the application, which
raises an error found here and so gives the same answer. A test compares the two byte by byte.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine

from spherelinks import logs
from spherelinks.accounts import addresses, keys
from spherelinks.errors import InvalidKey, RateLimited
from spherelinks.jobs import status
from spherelinks.jobs.bell import Bell
from spherelinks.jobs.kept import Kept, Reading
from spherelinks_server import access, context, headers
from spherelinks_server.gateway import Answer, Headers
from spherelinks_server.limits import Limits
from spherelinks_server.metrics import Observe
from spherelinks_server.v1 import views
from spherelinks_server.v1.blueprint import encode

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_PATH = "/v1/status/"
_ROUTE = "/v1/status/<jobId>"
_UNUSUAL = frozenset(
    f"HTTP_{name}"
    for name in (
        *("EXPECT", "ORIGIN", "PREFER", "RANGE", "TRANSFER_ENCODING", "UPGRADE"),
        *("IF_MATCH", "IF_NONE_MATCH", "IF_MODIFIED_SINCE", "IF_UNMODIFIED_SINCE", "IF_RANGE"),
    )
)
_REQUEST_ID = "HTTP_X_REQUEST_ID"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class FastPath:
    """WSGI middleware that answers plain requests for a job's status itself.

    Answers are kept until something that changes them is announced; :meth:`ready` returns kept ones.

    app : the application, for all other requests
    bell : rings with the ids of jobs and keys that change
    vary : headers of every answer that depend on the origins allowed for CORS
    observe : counts each answer
    """

    def __init__(
        self, app: WSGIApplication, engine: Engine, bell: Bell, limits: Limits, vary: Iterable[Any], observe: Observe
    ) -> None:
        self._app = app
        self._engine = engine
        self._limits = limits
        self._vary = tuple(vary)
        self._observe = observe
        self._kept: Kept[bytes] = Kept(bell)
        self.closed = False
        """Whether all requests go to the application."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        asked = self._asked(environ)
        if asked is not None:
            begun = time.perf_counter()
            request_id = context.identifier(environ.get(_REQUEST_ID))
            logs.set_subject(request_id=request_id)
            try:
                body = self._read(environ, *asked)
            except Exception as error:  # the application answers, and logs it if it is unexpected
                environ[access.REFUSED] = error
            else:
                start_response("200 OK", self._headers(request_id, body, begun))
                return [body]
        try:
            return self._app(environ, start_response)
        finally:
            # a client sees its own changes at once; a new job changes no other job
            if environ["REQUEST_METHOD"] not in _SAFE and not environ["PATH_INFO"].endswith("/generate"):
                self._kept.forget()

    def ready(self, environ: WSGIEnvironment, network: str) -> Answer | None:
        """The kept answer to a request from that network, if there is one; never blocks."""
        asked = self._asked(environ)
        if asked is None:
            return None
        begun = time.perf_counter()
        key, authorization, job_id = asked
        try:
            digest = keys.digest(access.secret(key, authorization))
            body = self._kept.get((digest, job_id))
            if body is None or not self._limits.account.knows(digest):
                return None
            access.admitted(self._limits, network, key, authorization)
        except InvalidKey:
            return None
        except RateLimited as error:
            environ[access.REFUSED] = error
            return None
        request_id = context.identifier(environ.get(_REQUEST_ID))
        return HTTPStatus.OK, self._headers(request_id, body, begun), body

    def _asked(self, environ: WSGIEnvironment) -> tuple[str, str, str] | None:
        """X-API-Key, Authorization and the job's id if this is a plain request for a job's status, else None."""
        path = environ["PATH_INFO"]
        if (
            not path.startswith(_PATH)
            or environ["REQUEST_METHOD"] != "GET"
            or environ.get("QUERY_STRING")
            or environ.get("CONTENT_LENGTH", "0") not in ("", "0")
            or not _UNUSUAL.isdisjoint(environ)
            or access.REFUSED in environ
            or self.closed
        ):
            return None
        job_id = path[len(_PATH) :]
        if not status.is_job_id(job_id):
            return None
        return environ.get("HTTP_X_API_KEY", ""), environ.get("HTTP_AUTHORIZATION", ""), job_id

    def _read(self, environ: WSGIEnvironment, key: str, authorization: str, job_id: str) -> bytes:
        """The answer's body. Raises the error that the application is to answer with."""
        digest = access.admitted(self._limits, addresses.network(environ.get("REMOTE_ADDR", "")), key, authorization)

        def look() -> Reading[bytes]:
            seen = status.see(self._engine, digest, job_id)
            job = seen.job
            lasts_s = min(views.lasts_s(job), math.inf if seen.key_lasts_s is None else seen.key_lasts_s)
            # any other job may change its place in the queue
            names = (job_id, seen.key_id) if job.queue_position is None else (job_id, seen.key_id, None)
            return Reading(encode(views.status(job)).encode(), names, lasts_s)

        return self._kept.read((digest, job_id), look)

    def _headers(self, request_id: str, body: bytes, begun: float) -> Headers:
        """The answer's headers; also counts the request, which ends with them."""
        self._observe("GET", _ROUTE, HTTPStatus.OK, time.perf_counter() - begun)
        own = (
            ("Cache-Control", "no-store"),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
        )
        return [*own, *self._vary, *headers.every(request_id)]
