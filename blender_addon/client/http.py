"""One request to a server, bounded in time and size; the key is never sent to another server."""

from __future__ import annotations

import functools
import http.client
import io
import ipaddress
import json
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from .errors import Failure

MAX_JSON = 4 << 20
MAX_FILE = 512 << 20
SILENCE_S = 30.0
"""Seconds without a byte after which a server counts as gone."""
ANSWER_S = 90.0
FILE_S = 900.0
"""Seconds within which the whole of an answer, its headers too, must come, and the whole of a file."""
_CHUNK = 1 << 16
_KEY_HEADER = "X-api-key"  # the spelling urllib uses internally


def normal(address: str) -> str:
    """A server's normalised address: scheme, host and path, no trailing slash. Raises Failure."""
    address = address.strip().rstrip("/")
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or parts.username or parts.query or parts.fragment:
        raise Failure("address", f"'{address}' is not the address of a server.")
    return address


def is_loopback(address: str) -> bool:
    """Whether an address is this machine, to which Blender's online access does not apply."""
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True)
class Connection:
    """How to reach a server. Made on the main thread, used on any.

    address : as `normal` returns it
    key : the API key; never shown
    online : Blender's online access, required for any address but loopback
    """

    address: str
    key: str = field(repr=False)
    online: bool

    def json(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """The JSON object in the answer to a request. Raises Failure."""
        sent = None if body is None else json.dumps(body).encode()
        kind = {} if sent is None else {"Content-Type": "application/json"}
        with self._open(method, path, sent, {**kind, **(headers or {})}, ANSWER_S) as response:
            read = b"".join(_chunks(response, MAX_JSON))
        if not read:
            return {}
        try:
            answer = json.loads(read)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise Failure("bad_answer", f"{self.address} answers, but not as a SphereLinks server does.")
        return answer

    def file(self, path: str, target: Path, limit: int = MAX_FILE) -> None:
        """Fetch a file; `target` is replaced whole or left unchanged. Raises Failure."""
        part = target.with_name(target.name + ".part")
        try:
            with self._open("GET", path, None, {}, FILE_S) as response, part.open("wb") as out:
                for chunk in _chunks(response, limit):
                    out.write(chunk)
            part.replace(target)
        except OSError as error:
            raise Failure("file_error", f"{target.name} cannot be written: {error.strerror or error}.") from error
        finally:
            part.unlink(missing_ok=True)

    def _open(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], within_s: float
    ) -> IO[bytes]:
        if not self.online and not is_loopback(self.address):
            raise Failure("offline", f"Blender may not go online, and {self.address} is not on this machine.")
        request = urllib.request.Request(
            self.address + path,
            None if body is None else io.BytesIO(body),  # sent in pieces, each of which may take SILENCE_S
            {"Accept": "application/json, */*", "User-Agent": "SphereLinks-Blender", **headers},
            method=method,
        )
        if body is not None:
            request.add_header("Content-Length", str(len(body)))
        if self.key:
            request.add_header(_KEY_HEADER, self.key)
        try:
            response: IO[bytes] = self._opener(within_s).open(request, timeout=SILENCE_S)
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(error) from None
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(self.address, error) from error
        except ValueError as error:  # a key or an address with characters not allowed in a header or request line
            raise Failure("address", f"The request to {self.address} cannot be sent: {error}.") from error
        return response

    def _opener(self, within_s: float) -> urllib.request.OpenerDirector:
        # the system's and the environment's proxies, as Blender itself uses them; none for this machine
        proxies = urllib.request.ProxyHandler({} if is_loopback(self.address) else None)
        return urllib.request.build_opener(proxies, _Plain(within_s), _Secure(within_s), _Redirects(self.online))

    def _refusal(self, error: urllib.error.HTTPError) -> Failure:
        """The server's own error, or that it is not a SphereLinks server."""
        if 300 <= error.code < 400 and "Location" in error.headers:
            return Failure("redirected", "The server sends this request on too often, or to no web address.")
        transient = error.code in (409, 425, 429) or error.code >= 500
        try:
            told = json.loads(b"".join(_chunks(error, MAX_JSON)))["error"]
            code, message, hint = str(told["code"]), str(told["message"]), str(told.get("hint") or "")
        except (Failure, ValueError, RecursionError, KeyError, TypeError):
            kind = error.headers.get_content_type()
            message = f"{self.address} answers {error.code} with {kind}, not as a SphereLinks server does."
            return Failure("bad_answer", message, transient=transient)
        wait = error.headers.get("Retry-After", "")
        return Failure(
            code, message, hint=hint, transient=transient, retry_after=float(wait) if wait.isdecimal() else 0.0
        )


class _Plain(urllib.request.HTTPHandler):
    """Opens http addresses; the whole of an answer must come within `within_s` seconds."""

    def __init__(self, within_s: float) -> None:
        super().__init__()
        self._within_s = within_s

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(functools.partial(_connection, http.client.HTTPConnection, self._within_s), req)


class _Secure(urllib.request.HTTPSHandler):
    """The same for https addresses."""

    def __init__(self, within_s: float) -> None:
        self._within_s, self._trusted = within_s, _trust()
        super().__init__(context=self._trusted)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        secure = functools.partial(http.client.HTTPSConnection, context=self._trusted)
        return self.do_open(functools.partial(_connection, secure, self._within_s), req)


def _connection(kind: Callable[..., http.client.HTTPConnection], within_s: float, host: str, **more: Any) -> Any:
    """A connection whose answer has a time limit."""
    connection: Any = kind(host, **more)
    connection.response_class = functools.partial(_Answer, within_s=within_s)
    return connection


class _Answer(http.client.HTTPResponse):
    """An answer each of whose bytes comes before its time is over."""

    def __init__(self, sock: socket.socket, *arguments: Any, within_s: float, **more: Any) -> None:
        super().__init__(sock, *arguments, **more)
        self.fp.close()
        self.fp = io.BufferedReader(_Timed(sock, within_s))


class _Timed(io.RawIOBase):
    """What a socket receives. Raises _TooSlow `within_s` seconds from now, TimeoutError after SILENCE_S of silence."""

    def __init__(self, sock: socket.socket, within_s: float) -> None:
        self._socket, self._within_s = sock, within_s
        self._received = sock.makefile("rb", buffering=0)
        self._deadline = time.monotonic() + within_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise _TooSlow(f"The server's answer takes longer than {self._within_s:.0f} s.")
        self._socket.settimeout(min(left, SILENCE_S))
        try:
            return self._received.readinto(buffer)
        except TimeoutError:
            if left < SILENCE_S:
                raise _TooSlow(f"The server's answer takes longer than {self._within_s:.0f} s.") from None
            raise

    def close(self) -> None:
        self._received.close()
        super().close()


class _TooSlow(TimeoutError):
    """Bytes come, but not all of them in time; the text says so."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects of downloads, without the key to other hosts; follows nothing else."""

    max_redirections = 5

    def __init__(self, online: bool) -> None:
        self._online = online

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        place = f"{new.scheme}://{new.netloc.rpartition('@')[2]}"
        downgraded = (old.scheme, new.scheme) == ("https", "http")
        if req.get_method() != "GET" or downgraded or new.scheme not in ("http", "https"):
            raise Failure("redirected", f"The server sends this request on to {place}, where it does not go.")
        if not self._online and not is_loopback(newurl):
            raise Failure("offline", f"The server sends this request on to {place}, and Blender may not go online.")
        followed = super().redirect_request(req, fp, code, msg, headers, newurl)
        if followed is not None and (old.scheme, old.netloc) != (new.scheme, new.netloc):
            followed.remove_header(_KEY_HEADER)
        return followed


def _chunks(response: IO[bytes], limit: int) -> Iterator[bytes]:
    """An answer's bytes as they come. Raises Failure past `limit` bytes, or if it breaks off or takes too long."""
    length = getattr(response, "headers", {}).get("Content-Length", "")
    expected = int(length) if length.isdecimal() else None
    got = 0
    while expected is None or expected <= limit:
        try:
            chunk = response.read1(_CHUNK)  # type: ignore[attr-defined]  # what is there, without waiting for more
        except _TooSlow as error:
            raise Failure("unreachable", str(error), transient=True) from None
        except (OSError, http.client.HTTPException) as error:
            raise Failure("unreachable", "The server's answer breaks off.", transient=True) from error
        if not chunk:
            if expected is not None and got < expected:
                raise Failure("unreachable", f"The server's answer breaks off at {got} bytes.", transient=True)
            return
        got += len(chunk)
        if got > limit:
            break
        yield chunk
    raise Failure("too_large", f"The server's answer is larger than {limit >> 20} MB and was not read.")


def _unreachable(address: str, error: Exception) -> Failure:
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return Failure("unreachable", f"{address} shows a certificate that is not valid: {reason.verify_message}.")
    if isinstance(reason, _TooSlow):
        return Failure("unreachable", str(reason), transient=True)
    if isinstance(reason, TimeoutError):
        return Failure("unreachable", f"{address} does not answer.", transient=True)
    text = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    return Failure("unreachable", f"{address} cannot be reached: {text}.", transient=True)


def _trust() -> ssl.SSLContext:
    """The system's certificates, and those Blender brings along where the system's are out of Python's reach."""
    context = ssl.create_default_context()
    try:
        import certifi
    except ImportError:
        return context
    context.load_verify_locations(certifi.where())
    return context
