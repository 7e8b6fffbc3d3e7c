"""The status of a job without Flask: clients ask for nothing as often.

Only a plain request takes this path, and only an answer that is not an error: whatever else may turn up is for the
application, with the same answer, since an error found here is raised there. A test compares the two byte by byte.
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

    Answers are kept until something is announced that changes them; :meth:`ready` gives these.

    app : the application, for all other requests
    bell : rings with the ids of jobs and keys that change
    vary : headers of every answer, by the application's origins for CORS
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
            except Exception as error:  # the application answers, and logs what nobody expected
                environ[access.REFUSED] = error
            else:
                start_response("200 OK", self._headers(request_id, body, begun))
                return [body]
        try:
            return self._app(environ, start_response)
        finally:
            # whoever changes something sees the change at once; a new job changes no other
            if environ["REQUEST_METHOD"] not in _SAFE and not environ["PATH_INFO"].endswith("/generate"):
                self._kept.forget()

    def ready(self, environ: WSGIEnvironment, network: str) -> Answer | None:
        """The answer to a request from that network, if it is kept; waits for nothing."""
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
        """The headers that may hold the key, and the job's id, in a plain request for a job's status."""
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
        """The answer's body. Raises what the application is to answer."""
        digest = access.admitted(self._limits, addresses.network(environ.get("REMOTE_ADDR", "")), key, authorization)

        def look() -> Reading[bytes]:
            seen = status.see(self._engine, digest, job_id)
            job = seen.job
            lasts_s = min(views.lasts_s(job), math.inf if seen.key_lasts_s is None else seen.key_lasts_s)
            # any other job may change one's place in the queue
            names = (job_id, seen.key_id) if job.queue_position is None else (job_id, seen.key_id, None)
            return Reading(encode(views.status(job)).encode(), names, lasts_s)

        return self._kept.read((digest, job_id), look)

    def _headers(self, request_id: str, body: bytes, begun: float) -> Headers:
        """The answer's headers, which end the request: it is counted."""
        self._observe("GET", _ROUTE, HTTPStatus.OK, time.perf_counter() - begun)
        own = (
            ("Cache-Control", "no-store"),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
        )
        return [*own, *self._vary, *headers.every(request_id)]
