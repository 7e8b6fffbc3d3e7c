"""Between Granian and Flask: a request's body is read whole before the application sees the request.

A thread that reads from a client is at the client's mercy. So the event loop reads the bodies, each within a time limit
that grows with what arrives; only then does a thread run the application. The number of bodies in flight per network
address and their total memory are bounded, and so is the processor time of an address (:mod:`.pace`).

Granian's protocol is RSGI, the application's WSGI (PEP 3333).
"""

from __future__ import annotations

import asyncio
import functools
import io
import sys
import time
from collections import Counter
from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from granian.rsgi import HTTPProtocol, ProtocolClosed, Scope  # type: ignore[attr-defined]
from werkzeug.exceptions import RequestTimeout
from werkzeug.http import parse_list_header

from spherelinks.accounts import addresses
from spherelinks.errors import RateLimited, ServiceError
from spherelinks_server import errors, health
from spherelinks_server.pace import Pace

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

GRACE_S = 15.0
"""Seconds allowed for any body, from the end of its headers."""
LEAST_RATE = 16 * 1024
"""Minimum rate of the rest of a body, bytes per second."""
OF_ADDRESS = 32
"""Bodies in flight per network address."""
MEMORY = 512 * 1024 * 1024
"""Bytes of all bodies in flight; one address may use half."""

DISCARD_S = 5.0
"""Seconds in which the rest of a body that was refused may still arrive."""

PLAIN_S, READ_S, WORK_S = 4e-4, 2e-9, 1e-8
"""Seconds of processor time that the event loop spends on a request, and on each byte of its body, about; and that a
byte costs in all."""

REFUSE_S = 1.0
"""How long a request of an address with too many others waits to be told so: whoever tries again at once must wait."""

_WHOLE = 256 * 1024
"""Answers of up to this many bytes are sent in one piece."""

Headers = list[tuple[str, str]]
Answer = tuple[int, Headers, bytes]
"""Status, headers, body."""


class Gateway:
    """An RSGI application that reads bodies and runs a WSGI application.

    app : the WSGI application; if its body could not be read, ``wsgi.input`` raises the error
    threads : requests answered at a time, including those that wait for a job
    most_bytes : size limit of a body; one declared longer is not read, any other is cut off there
    proxies : how many proxies are in front, each of which adds the address it saw to X-Forwarded-For
    ready : the answer to a request, by its environment and its client's network, where it is at hand; asked on the
        event loop, so it must not wait for anything
    """

    def __init__(
        self,
        app: WSGIApplication,
        threads: int,
        most_bytes: int,
        proxies: int = 0,
        ready: Callable[[dict[str, Any], str], Answer | None] | None = None,
    ) -> None:
        self._app = app
        self._threads = Threads(threads)
        self._bodies = Bodies(most_bytes)
        self._most_bytes = most_bytes
        self._pace = Pace()
        self._proxies = proxies
        self._ready = ready

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        environ = _environ(scope)
        address = self._address(environ)
        if self._ready is not None and (answer := self._ready(environ, address)) is not None:
            protocol.response_bytes(*answer)
            return
        body, expected = Body(address, environ, self._most_bytes), 0.0
        answering = _Answering(protocol, asyncio.get_running_loop())
        try:
            with self._bodies.place(body):
                if environ["PATH_INFO"] not in health.PATHS:  # health checks wait for nobody
                    expected = await self._pace.turn(address, WORK_S * min(body.announced, self._most_bytes))
                comes = await self._read(body, environ, protocol)
            await self._threads.run(address, answering.run, self._app, environ)
            answering.finish()
        except RateLimited as error:
            await asyncio.sleep(REFUSE_S)
            protocol.response_bytes(*errors.plain(error, environ.get("HTTP_X_REQUEST_ID")))
            comes = True
        except ProtocolClosed:
            return
        finally:
            self._bodies.release(body)
            self._pace.took(address, PLAIN_S + READ_S * body.size + answering.took, expected)
        if comes:
            self._pace.also(address, READ_S * await self._bodies.discard(protocol))

    async def _read(self, body: Body, environ: dict[str, Any], protocol: HTTPProtocol) -> bool:
        """Read the body, and put it or its error into the environment; whether more of it comes. Raises
        ProtocolClosed."""
        try:
            await self._bodies.read(body, protocol)
        except (RequestTimeout, ServiceError) as error:
            environ["wsgi.input"] = Unreadable(error)
            return not isinstance(error, RequestTimeout)
        environ["wsgi.input"] = body.file
        return not body.whole

    def _address(self, environ: dict[str, Any]) -> str:
        """The client's network, as seen by the outermost trusted proxy."""
        address = environ["REMOTE_ADDR"]
        if self._proxies:  # as werkzeug's ProxyFix, by which the application goes
            seen = parse_list_header(environ.get("HTTP_X_FORWARDED_FOR", ""))
            if len(seen) >= self._proxies:
                address = seen[-self._proxies] or address
        return addresses.network(address)


class Threads:
    """The threads that run the application. One network address gets half of them, whatever it does with them, such as
    not to read its answers; its other requests wait without one."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="request")
        self._share = max(1, count // 2)
        self._lines: dict[str, asyncio.Semaphore] = {}
        self._asked: Counter[str] = Counter()

    async def run(self, address: str, work: Callable[..., None], *arguments: Any) -> None:
        line = self._lines.setdefault(address, asyncio.Semaphore(self._share))
        self._asked[address] += 1
        try:
            async with line:
                await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)
        finally:
            self._asked[address] -= 1
            if not self._asked[address]:
                del self._asked[address], self._lines[address]


class Body:
    """A body: its client, its declared size, whether it is to be read, and, once it was read, its bytes, size, and
    whether that is all of it. One that is declared longer than ``most_bytes`` is not read."""

    def __init__(self, address: str, environ: dict[str, Any], most_bytes: int) -> None:
        self.announced = int(environ.get("CONTENT_LENGTH") or 0)
        self.address = address
        self.whole = self.announced <= most_bytes
        self.wanted = self.whole and (self.announced > 0 or "HTTP_TRANSFER_ENCODING" in environ)
        self.file = io.BytesIO()
        self.size = 0


class Unreadable(io.RawIOBase):
    """The body of a request that could not be read: reading it raises the error."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        raise self._error


class Bodies:
    """The bodies in flight, counted by network address. Lives on one event loop, so it needs no lock."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._count: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    @contextmanager
    def place(self, body: Body) -> Iterator[None]:
        """Until it was read, count a body of its address. Raises RateLimited if that has too many in flight."""
        if not body.wanted:
            yield
            return
        if self._count[body.address] >= OF_ADDRESS:
            raise RateLimited(
                "Your network address is sending too many requests at the same time.",
                retry_after=5,
                hint=f"Send at most {OF_ADDRESS} at a time.",
            )
        self._count[body.address] += 1
        try:
            yield
        finally:
            self._count[body.address] -= 1
            self._count += Counter()  # forgets those with none

    async def read(self, body: Body, protocol: HTTPProtocol) -> None:
        """Fill the body; the caller must release it, whatever comes of this.

        Raises RequestTimeout if it arrives too slowly, ServiceError if the memory is used up, ProtocolClosed if the
        client has gone.
        """
        if body.wanted:
            await self._fill(body, protocol)
            body.file.seek(0)

    async def _fill(self, body: Body, chunks: AsyncIterable[bytes]) -> None:
        until = asyncio.get_running_loop().time() + GRACE_S
        try:
            # one time limit that is put off, not one per chunk: there are hundreds, each of which would be a task
            async with asyncio.timeout_at(until) as limit:
                async for chunk in chunks:
                    self._keep(body, chunk)
                    if body.size >= self._most_bytes:
                        body.whole = False
                        return
                    limit.reschedule(until + body.size / LEAST_RATE)
        except TimeoutError:
            raise RequestTimeout("The request's body arrived too slowly.") from None

    def _keep(self, body: Body, chunk: bytes) -> None:
        if self._bytes.total() + len(chunk) > MEMORY or self._bytes[body.address] + len(chunk) > MEMORY // 2:
            raise ServiceError(
                "Too many requests are being read at the moment.", hint="Try again after the time in Retry-After."
            )
        self._bytes[body.address] += len(chunk)
        body.size += body.file.write(chunk)

    async def discard(self, protocol: HTTPProtocol) -> int:
        """Read on, for a while, what nobody wants: a client that still sends when its connection is closed may never
        see its answer, and a proxy in front answers 502 for us. Returns how many bytes it was."""
        read = 0
        with suppress(TimeoutError, ProtocolClosed):
            async with asyncio.timeout(DISCARD_S):
                async for chunk in protocol:
                    read += len(chunk)
                    if read > 2 * self._most_bytes:
                        break
        return read

    def release(self, body: Body) -> None:
        """Give the body's memory back."""
        self._bytes[body.address] -= body.size
        self._bytes += Counter()


class _Answering:
    """The application's answer, sent as it is produced. Runs in a thread, except :meth:`finish`."""

    def __init__(self, protocol: HTTPProtocol, loop: asyncio.AbstractEventLoop) -> None:
        self._protocol = protocol
        self._loop = loop
        self._status = 500
        self._headers: Headers = []
        self._whole: bytes | None = None
        self.took = 0.0
        """Seconds of processor time."""

    def run(self, app: WSGIApplication, environ: dict[str, Any]) -> None:
        begun = time.thread_time()
        try:
            self._run(app, environ)
        finally:
            self.took = time.thread_time() - begun

    def _run(self, app: WSGIApplication, environ: dict[str, Any]) -> None:
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
        first = next(pieces, b"")  # an application may start its answer only now
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
    """The request as a PEP 3333 environment, without its body."""
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
    bare = len(environ)
    for name, value in scope.headers.items():
        key = _variable(name)
        environ[key] = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{value}" if key in environ else value
    names = scope.headers.keys()
    if len(environ) - bare < len(names):
        # RSGI keeps no value with a byte above 127; to call it absent would make a retry with such a key a new request
        for name in names:
            environ.setdefault(_variable(name), "(not ASCII)")
    return environ


@functools.lru_cache(maxsize=256)
def _variable(header: str) -> str:
    """The environment's name of a header."""
    name = header.upper().replace("-", "_")
    return name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"
