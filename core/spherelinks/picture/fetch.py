"""Fetching a picture from a URL chosen by a stranger, safe from server-side request forgery."""

from __future__ import annotations

import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

import httpcore2
import httpx2

from spherelinks.errors import PictureTooLarge, PictureUnreachable
from spherelinks.picture import base64_data
from spherelinks.picture.limits import MAX_BYTES, MAX_SIDE

FIELD = "imageUrl"
REFUSED = f"{FIELD} cannot be fetched: "
MAX_REDIRECTS = 3
MAX_URL = 8192
DEADLINE = 20.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: Values of Content-Encoding that compress; others, such as aws-chunked and UTF-8, say nothing of the bytes.
COMPRESSIONS = frozenset((b"gzip", b"x-gzip", b"deflate", b"compress", b"x-compress", b"br", b"zstd", b"dcb", b"dcz"))
_HEADERS = [
    (b"User-Agent", b"SphereLinks"),
    (b"Accept", b"image/*"),
    (b"Accept-Encoding", b"identity"),
    (b"Connection", b"close"),
]
_UPLOAD = "Give a public http or https URL, or send the picture itself as imageBase64."

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Formally global, but not the public internet.
_NEVER: tuple[Network, ...] = tuple(
    map(
        ip_network,
        (
            "168.63.129.16/32",  # Azure's host agent
            "192.0.0.0/24",  # IETF protocol assignments; Oracle's metadata is at 192.0.0.192
            "192.88.99.0/24",  # 6to4 relays
            "2001::/23",  # IETF protocol assignments, Teredo among them
            "2002::/16",  # 6to4: any IPv4 address in disguise
            "3fff::/20",  # documentation
        ),
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
_UNICAST6 = IPv6Network("2000::/3")
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet, without exceptions in disguise.

    IPv4 inside IPv6 (mapped, NAT64) is judged as the IPv4 address it leads to; other tunnels (6to4, Teredo, ISATAP,
    IPv4-compatible) are refused outright, as is all that is private, loopback, link-local, shared, multicast,
    reserved or a cloud's metadata service.
    """
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in _NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        if address not in _UNICAST6 or (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
            return False
    if address.is_multicast or address.is_reserved or not address.is_global:
        return False
    return not any(address in network for network in _NEVER)


@dataclass(frozen=True)
class Guard:
    """Which addresses may be connected to; by default the public internet on the two web ports.

    ports : allowed TCP ports
    trusted : networks allowed although they are not public, such as an intranet's picture server
    """

    ports: frozenset[int] = frozenset({80, 443})
    trusted: tuple[Network, ...] = ()

    def allows(self, address: Address) -> bool:
        return is_public(address) or any(address in network for network in self.trusted)


def fetch(url: str, *, guard: Guard | None = None, seconds: float = DEADLINE) -> bytes:
    """The bytes at an http(s) URL, or in a data URI; ``decode`` checks what they are.

    The host is resolved once; every address it has must be allowed by the guard (default: strict), and one of them is
    connected to, while TLS and the Host header keep the name. Redirects, at most ``MAX_REDIRECTS``, go through the
    same checks. No proxy or credentials from the environment, no cookies, no reused connections, no compression.
    ``seconds`` bounds the whole: resolving, connecting, redirects, the last byte.

    Raises PictureUnreachable (the reason in its message), PictureTooLarge above ``MAX_BYTES``, and for a malformed
    data URI InvalidRequest; all carry the field ``imageUrl``.
    """
    if base64_data.is_data_uri(url):
        return base64_data.parse(url, field=FIELD)
    guard = guard or Guard()
    backend = GuardedBackend(guard, time.monotonic() + seconds)
    target = parse(url.strip(), guard)
    try:
        with httpcore2.ConnectionPool(
            ssl_context=httpcore2.default_ssl_context(), max_keepalive_connections=0, network_backend=backend
        ) as pool:
            for _ in range(MAX_REDIRECTS + 1):
                answer = _get(pool, target)
                if isinstance(answer, bytes):
                    return answer
                target = parse(answer, guard, base=target)
    except httpcore2.TimeoutException as error:
        raise _unreachable(f"{target.host} did not send the picture within {seconds:g} s") from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError, ssl.SSLError) as error:
        raise _unreachable(f"{target.host} could not be read: {error or type(error).__name__}") from error
    raise _unreachable(f"more than {MAX_REDIRECTS} redirects, the last one to {target.host}")


def _get(pool: httpcore2.ConnectionPool, target: httpx2.URL) -> bytes | str:
    """Make one request; returns the body, or the URL it redirects to."""
    url = httpcore2.URL(
        scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path or b"/"
    )
    with pool.stream("GET", url, headers=_HEADERS) as response:
        headers = {name.lower(): value for name, value in response.headers}
        if response.status in _REDIRECTS and b"location" in headers:
            return _text(headers[b"location"])
        if response.status != 200:
            raise _unreachable(f"{target.host} answered with HTTP status {response.status}")
        said = headers.get(b"content-encoding", b"").lower().split(b",")
        if any(coding.strip() in COMPRESSIONS for coding in said):
            raise _unreachable(f"{target.host} sent the picture compressed, which was not requested")
        if (length := headers.get(b"content-length", b"")).isdigit() and int(length) > MAX_BYTES:
            raise _too_large()
        body = bytearray()
        for chunk in response.iter_stream():
            body += chunk
            if len(body) > MAX_BYTES:
                raise _too_large()
    if not body:
        raise _unreachable(f"{target.host} sent an empty answer")
    return bytes(body)


def _text(header: bytes) -> str:
    """A header's value: UTF-8, as browsers take it, or Latin-1."""
    try:
        return header.decode()
    except UnicodeDecodeError:
        return header.decode("latin-1")


def parse(text: str, guard: Guard, base: httpx2.URL | None = None) -> httpx2.URL:
    """A URL that may be requested, resolved against ``base`` for a redirect.

    Raises PictureUnreachable, whose message begins with ``REFUSED``.
    """
    if len(text) > MAX_URL:
        raise _unreachable(f"the URL is longer than {MAX_URL} characters")
    try:
        url = base.join(text) if base else httpx2.URL(text)
    except (httpx2.InvalidURL, ValueError) as error:
        raise _unreachable(f"not a valid URL: {error}") from error
    if url.scheme not in ("http", "https"):
        raise _unreachable(f"'{url.scheme}:' is not http or https" if url.scheme else "it does not start with http")
    if not url.host:
        raise _unreachable("the URL has no host")
    if url.userinfo:
        raise _unreachable("the URL contains a user name or password")
    port = url.port or (443 if url.scheme == "https" else 80)
    if port not in guard.ports:
        raise _unreachable(f"port {port} is not allowed (allowed: {', '.join(map(str, sorted(guard.ports)))})")
    return url


class GuardedBackend(httpcore2.NetworkBackend):
    """Connects only where the guard allows, and enforces the deadline (``time.monotonic``) on everything."""

    def __init__(self, guard: Guard, deadline: float) -> None:
        self._guard = guard
        self._deadline = deadline
        self._sockets = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        addresses = resolve(host, port, self._deadline)
        if not all(map(self._guard.allows, addresses)):
            # The address itself is not named: it would reveal the layout of a private network.
            raise _unreachable(f"{host} is not on the public internet")
        failure: httpcore2.NetworkError | httpcore2.TimeoutException | None = None
        for tried, address in enumerate(addresses):
            # An address that drops packets must leave time for the next ones.
            share = _left(self._deadline) / (len(addresses) - tried)
            try:
                stream = self._sockets.connect_tcp(str(address), port, share, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            else:
                return _DeadlineStream(stream, self._deadline)
        raise failure or httpcore2.ConnectError(f"{host} has no address")


class _DeadlineStream(httpcore2.NetworkStream):
    """A stream on which every operation has the remaining time as timeout.

    A server that sends a byte now and then never hits a timeout per operation. Python's own handshake, recv and send
    treat theirs as a total, so the sum is bounded.
    """

    def __init__(self, stream: httpcore2.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        secure = self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline))
        return _DeadlineStream(secure, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def resolve(host: str, port: int, deadline: float) -> list[Address]:
    """All addresses of a host, in the system's order of preference, each once.

    The system's resolver also parses the octal, hexadecimal and short forms of IPv4, so they are checked as the address
    that would be connected to. It has no timeout; hence the thread, abandoned at the deadline. Raises
    PictureUnreachable if the name has no address, httpcore2.ConnectTimeout at the deadline.
    """
    answers: queue.SimpleQueue[list[Address] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(list(dict.fromkeys(ip_address(str(entry[4][0]).partition("%")[0]) for entry in found)))
        except (OSError, ValueError) as error:  # ValueError: a label that IDNA refuses
            answers.put(error)

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        answer = answers.get(timeout=_left(deadline))
    except queue.Empty:
        raise httpcore2.ConnectTimeout(f"{host} could not be resolved in time") from None
    if isinstance(answer, Exception):
        raise _unreachable(f"{host} has no address") from answer
    return answer


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore2.ReadTimeout("the deadline has passed")
    return left


def _unreachable(reason: str) -> PictureUnreachable:
    return PictureUnreachable(f"{REFUSED}{reason}.", hint=_UPLOAD, field=FIELD)


def _too_large() -> PictureTooLarge:
    return PictureTooLarge(
        f"The picture at {FIELD} is larger than 10 MB ({MAX_BYTES} bytes).",
        hint=f"Use a smaller picture; {MAX_SIDE} px per side is enough.",
        field=FIELD,
    )
