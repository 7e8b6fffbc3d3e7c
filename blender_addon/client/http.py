"""One request to a server: bounded in time and size, and the key stays with the server it belongs to."""

from __future__ import annotations

import http.client
import ipaddress
import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
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
_CHUNK = 1 << 16
_KEY_HEADER = "X-api-key"  # as urllib spells it inside


def normal(address: str) -> str:
    """A server's address as it is kept: scheme, host and path, no slash at the end. Raises Failure."""
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
    """Whether an address is this machine itself, which Blender's online access does not concern."""
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
    online : Blender's online access, which any address but loopback needs
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
        """The JSON object a request is answered with. Raises Failure."""
        sent = None if body is None else json.dumps(body).encode()
        kind = {} if sent is None else {"Content-Type": "application/json"}
        with self._open(method, path, sent, {**kind, **(headers or {})}) as response:
            read = b"".join(_chunks(response, MAX_JSON, ANSWER_S))
        if not read:
            return {}
        try:
            answer = json.loads(read)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise Failure("bad_answer", f"{self.address} answers, but not as a SphereLinks server does.")
        return answer

    def file(self, path: str, target: Path, limit: int = MAX_FILE) -> None:
        """Fetch a file; `target` is whole afterwards or as it was before. Raises Failure."""
        part = target.with_name(target.name + ".part")
        try:
            with self._open("GET", path, None, {}) as response, part.open("wb") as out:
                for chunk in _chunks(response, limit, FILE_S):
                    out.write(chunk)
            part.replace(target)
        except OSError as error:
            raise Failure("file_error", f"{target.name} cannot be written: {error.strerror or error}.") from error
        finally:
            part.unlink(missing_ok=True)

    def _open(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> IO[bytes]:
        if not self.online and not is_loopback(self.address):
            raise Failure("offline", f"Blender may not go online, and {self.address} is not on this machine.")
        request = urllib.request.Request(
            self.address + path,
            body,
            {"Accept": "application/json, */*", "User-Agent": "SphereLinks-Blender", **headers},
            method=method,
        )
        if self.key:
            request.add_header(_KEY_HEADER, self.key)
        try:
            response: IO[bytes] = self._opener().open(request, timeout=SILENCE_S)
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(error) from None
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(self.address, error) from error
        except ValueError as error:  # a key or an address that no header or request line may hold
            raise Failure("address", f"The request to {self.address} cannot be sent: {error}.") from error
        return response

    def _opener(self) -> urllib.request.OpenerDirector:
        # the system's and the environment's proxies, as Blender itself uses them; none on the way to this machine
        proxies = urllib.request.ProxyHandler({} if is_loopback(self.address) else None)
        tls = urllib.request.HTTPSHandler(context=_trust())
        return urllib.request.build_opener(proxies, tls, _Redirects(self.online))

    def _refusal(self, error: urllib.error.HTTPError) -> Failure:
        """The server's own words for what it refuses, or that it is no server of ours."""
        transient = error.code in (409, 425, 429) or error.code >= 500
        try:
            told = json.loads(b"".join(_chunks(error, MAX_JSON, ANSWER_S)))["error"]
            code, message, hint = str(told["code"]), str(told["message"]), str(told.get("hint") or "")
        except (Failure, ValueError, KeyError, TypeError):
            kind = error.headers.get_content_type()
            message = f"{self.address} answers {error.code} with {kind}, not as a SphereLinks server does."
            return Failure("bad_answer", message, transient=transient)
        wait = error.headers.get("Retry-After", "")
        return Failure(
            code, message, hint=hint, transient=transient, retry_after=float(wait) if wait.isdecimal() else 0.0
        )


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a download to where it lies, without the key where that is another host; nothing else is followed."""

    max_redirections = 5

    def __init__(self, online: bool) -> None:
        self._online = online

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        place = f"{new.scheme}://{new.netloc.rpartition('@')[2]}"
        if req.get_method() != "GET" or (old.scheme, new.scheme) == ("https", "http"):
            raise Failure("redirected", f"The server sends this request on to {place}, where it does not go.")
        if not self._online and not is_loopback(newurl):
            raise Failure("offline", f"The server sends this request on to {place}, and Blender may not go online.")
        followed = super().redirect_request(req, fp, code, msg, headers, newurl)
        if followed is not None and (old.scheme, old.netloc) != (new.scheme, new.netloc):
            followed.remove_header(_KEY_HEADER)
        return followed


def _chunks(response: IO[bytes], limit: int, within_s: float) -> Iterator[bytes]:
    """An answer's bytes as they come. Raises Failure past `limit` bytes or `within_s` seconds, or if it breaks off."""
    length = getattr(response, "headers", {}).get("Content-Length", "")
    expected = int(length) if length.isdecimal() else None
    got = 0
    deadline = time.monotonic() + within_s
    while expected is None or expected <= limit:
        try:
            chunk = response.read1(_CHUNK)  # type: ignore[attr-defined]  # what is there, without waiting for more
        except (OSError, http.client.HTTPException) as error:
            raise Failure("unreachable", "The server's answer breaks off.", transient=True) from error
        if not chunk:
            if expected is not None and got < expected:
                raise Failure("unreachable", f"The server's answer breaks off at {got} bytes.", transient=True)
            return
        got += len(chunk)
        if got > limit:
            break
        if time.monotonic() > deadline:
            raise Failure("unreachable", f"The server's answer takes longer than {within_s:.0f} s.", transient=True)
        yield chunk
    raise Failure("too_large", f"The server's answer is larger than {limit >> 20} MB and was not read.")


def _unreachable(address: str, error: Exception) -> Failure:
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return Failure("unreachable", f"{address} shows a certificate that is not valid: {reason.verify_message}.")
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
