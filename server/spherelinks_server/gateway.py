"""Between Granian and Flask: a request's body is here, whole, before anything else of it is worked on.

A thread that reads from a client waits for as long as the client likes. So bodies are read by the event loop, which
waits for many at the cost of none, each within a time that grows with what arrives; only then does a thread run the
application. One network address can have so many bodies under way at a time, and all together so much memory.

Granian's protocol is RSGI, the application's WSGI (PEP 3333).
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from granian.rsgi import HTTPProtocol, ProtocolClosed, Scope  # type: ignore[attr-defined]
from werkzeug.exceptions import RequestTimeout

from spherelinks.accounts import addresses
from spherelinks.errors import RateLimited, ServiceError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

GRACE_S = 15.0
"""Seconds that any body may take, from the end of its headers on."""
LEAST_RATE = 16 * 1024
"""Bytes a second that the rest of a body must come with."""
OF_ADDRESS = 32
"""Bodies that one network address may have under way at a time."""
MEMORY = 512 * 1024 * 1024
"""Bytes that all bodies under way may take; those of one address half of it."""

_WHOLE = 256 * 1024
"""Answers up to this many bytes are sent in one piece."""

Headers = list[tuple[str, str]]


class Gateway:
    """An RSGI application that reads bodies and runs a WSGI application.

    app : the WSGI application; what stands in the way of reading a body is raised by its ``wsgi.input``
    threads : how many requests it answers at a time, those that wait for a job included
    most_bytes : of a body; one that says it is longer is not read, and of another the rest is left out
    proxies : how many proxies stand in front, each of which adds the address it saw to X-Forwarded-For
    """

    def __init__(self, app: WSGIApplication, threads: int, most_bytes: int, proxies: int = 0) -> None:
        self._app = app
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="request")
        self._bodies = Bodies(most_bytes)
        self._proxies = proxies

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        environ = _environ(scope)
        address = self._address(environ)
        body: Body | None = None
        try:
            body = await self._bodies.read(address, environ, protocol)
            environ["wsgi.input"] = body.file
        except ProtocolClosed:
            return
        except (RequestTimeout, RateLimited, ServiceError) as error:
            environ["wsgi.input"] = Unreadable(error)
        loop = asyncio.get_running_loop()
        answer = _Answer(protocol, loop)
        try:
            await loop.run_in_executor(self._threads, answer.run, self._app, environ)
            answer.finish()
        finally:
            if body is not None:
                self._bodies.release(body)

    def _address(self, environ: dict[str, Any]) -> str:
        """The client's network, as the nearest proxy that is trusted saw it."""
        address = environ["REMOTE_ADDR"]
        seen = [part.strip() for part in environ.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
        if self._proxies and len(seen) >= self._proxies:
            address = seen[-self._proxies]
        return addresses.network(address)


class Body:
    """What was read of a request, from its beginning once it is whole; how much, and for whom."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.file = io.BytesIO()
        self.size = 0


class Unreadable(io.RawIOBase):
    """The body of a request that could not be read: whoever reads it gets the error."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        raise self._error


class Bodies:
    """The bodies under way, counted by network address. Lives on one event loop, so it needs no lock."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._count: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    async def read(self, address: str, environ: dict[str, Any], protocol: HTTPProtocol) -> Body:
        """The whole body, which must be released in the end.

        Raises RequestTimeout for one that comes too slowly, RateLimited where the address has too many under way,
        ServiceError where there is no memory left, ProtocolClosed for a client that has gone.
        """
        body = Body(address)
        announced = int(environ.get("CONTENT_LENGTH") or 0)
        if (not announced and "HTTP_TRANSFER_ENCODING" not in environ) or announced > self._most_bytes:
            return body
        if self._count[address] >= OF_ADDRESS:
            raise RateLimited(
                "Your network address is sending too many requests at the same time.",
                retry_after=5,
                hint=f"Send at most {OF_ADDRESS} at a time.",
            )
        self._count[address] += 1
        try:
            await self._fill(body, aiter(protocol))
            body.file.seek(0)
            return body
        except BaseException:
            self.release(body)
            raise
        finally:
            self._count[address] -= 1
            self._count += Counter()  # forgets those with none

    async def _fill(self, body: Body, chunks: AsyncIterator[bytes]) -> None:
        clock = asyncio.get_running_loop().time
        begun = clock()
        while body.size < self._most_bytes:
            until = begun + GRACE_S + body.size / LEAST_RATE
            try:
                chunk = await asyncio.wait_for(anext(chunks), until - clock())
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise RequestTimeout("The request's body arrived too slowly.") from None
            if self._bytes.total() + len(chunk) > MEMORY or self._bytes[body.address] + len(chunk) > MEMORY // 2:
                raise ServiceError(
                    "Too many requests are being read at the moment.", hint="Try again after the time in Retry-After."
                )
            self._bytes[body.address] += len(chunk)
            body.size += body.file.write(chunk)

    def release(self, body: Body) -> None:
        """Give the body's memory back."""
        self._bytes[body.address] -= body.size
        self._bytes += Counter()


class _Answer:
    """What the application answers, sent as it comes. Runs in a thread, but for :meth:`finish`."""

    def __init__(self, protocol: HTTPProtocol, loop: asyncio.AbstractEventLoop) -> None:
        self._protocol = protocol
        self._loop = loop
        self._status = 500
        self._headers: Headers = []
        self._whole: bytes | None = None

    def run(self, app: WSGIApplication, environ: dict[str, Any]) -> None:
        parts = app(environ, self._start)
        try:
            self._send(parts)
        except ProtocolClosed:
            pass  # the client has gone
        finally:
            close = getattr(parts, "close", None)
            if close is not None:
                close()

    def finish(self) -> None:
        """Send an answer in one piece."""
        if self._whole is not None:
            self._protocol.response_bytes(self._status, self._headers, self._whole)

    def _start(self, status: str, headers: Headers, exc_info: Any = None) -> Any:
        self._status, self._headers = int(status[:3]), headers

    def _send(self, parts: Iterable[bytes]) -> None:
        pieces = iter(parts)
        first = next(pieces, b"")  # an application may start its answer as late as this
        length = next((int(value) for name, value in self._headers if name.lower() == "content-length"), None)
        if length is not None and length <= _WHOLE:
            self._whole = b"".join([first, *pieces])
            return
        transport = self._on_loop(_opened(self._protocol, self._status, self._headers))
        if first:
            self._on_loop(_sent(transport, first))
        for piece in pieces:
            if piece:
                self._on_loop(_sent(transport, piece))

    def _on_loop(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


async def _opened(protocol: HTTPProtocol, status: int, headers: Headers) -> Any:
    return protocol.response_stream(status, headers)


async def _sent(transport: Any, piece: bytes) -> None:
    await transport.send_bytes(piece)


def _environ(scope: Scope) -> dict[str, Any]:
    """The request as PEP 3333 has it, without its body."""
    host, _, port = scope.server.rpartition(":")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        # text of latin-1 characters, each a byte of the decoded path
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": host.strip("[]"),
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.errors": sys.stderr,
        "wsgi.input_terminated": True,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        environ[key] = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{value}" if key in environ else value
    return environ
