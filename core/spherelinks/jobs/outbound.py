"""Sending to URLs chosen by strangers: webhooks, and assets for ``output.putUrl``.

The same guard as for fetching pictures: the host is resolved once, all its addresses must be allowed, and one of them
is connected to. Redirects are not followed, and only the status of the answer is read.
"""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Mapping
from ipaddress import ip_address

import httpcore2

from spherelinks.config import Settings
from spherelinks.errors import InvalidRequest, PictureUnreachable
from spherelinks.picture import fetch
from spherelinks.picture.fetch import Guard, GuardedBackend

DEADLINE_S = 20.0
_HEADERS = [(b"User-Agent", b"SphereLinks"), (b"Connection", b"close")]


HEADERS = (
    "cache-control",
    "content-disposition",
    "x-amz-acl",
    "x-amz-server-side-encryption",
    "x-amz-storage-class",
    "x-goog-acl",
    "x-goog-storage-class",
    "x-ms-blob-content-disposition",
    "x-ms-blob-content-type",
    "x-ms-blob-type",
    "x-ms-version",
)
"""What a store may ask for beside the body, in lower case; nothing here says who sends it."""

VALUE = r"^[ -~]{0,256}$"
"""The value of such a header."""


def check_headers(headers: Mapping[str, str], field: str) -> dict[str, str]:
    """The headers, if they may be sent to a store. Raises InvalidRequest."""
    for name, value in headers.items():
        if name not in HEADERS:
            raise InvalidRequest(
                f"{field} has {name[:64]!r}, which is not allowed.",
                hint=f"Give only {', '.join(HEADERS)}, in lower case.",
                field=field,
            )
        if not re.fullmatch(VALUE, value):
            raise InvalidRequest(
                f"{field}: the value of {name} is not printable ASCII of at most 256 characters.",
                hint="Correct or remove it.",
                field=field,
            )
    return dict(headers)


class Undelivered(Exception):
    """Not delivered, as far as we know; the text says why."""


def allowed(settings: Settings) -> Guard:
    """Where deliveries may go: the public internet, and what the operator has opened besides."""
    return Guard(Guard.ports | frozenset(settings.webhook_ports), settings.webhook_networks)


def check(url: str, guard: Guard, field: str) -> str:
    """The stripped URL, if it can be sent to.

    Its host is not resolved yet: that is done, and checked, at each delivery. Raises InvalidRequest.
    """
    try:
        host = fetch.parse(url.strip(), guard).host.strip("[]")
    except PictureUnreachable as error:
        raise _refused(field, _reason(error)) from error
    try:
        address = ip_address(host)
    except ValueError:
        return url.strip()
    if not guard.allows(address):
        raise _refused(field, f"{host} is not on the public internet.")
    return url.strip()


def send(method: str, url: str, headers: Mapping[str, str], body: bytes, guard: Guard) -> int:
    """Send one request within ``DEADLINE_S`` and return the answer's HTTP status. Raises Undelivered."""
    try:
        target = fetch.parse(url, guard)
        backend = GuardedBackend(guard, time.monotonic() + DEADLINE_S)
        with (
            httpcore2.ConnectionPool(
                ssl_context=httpcore2.default_ssl_context(), max_keepalive_connections=0, network_backend=backend
            ) as pool,
            pool.stream(
                method,
                httpcore2.URL(
                    scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path or b"/"
                ),
                headers=[*_HEADERS, *((name.encode(), value.encode()) for name, value in headers.items())],
                content=body,
            ) as response,
        ):
            return int(response.status)
    except PictureUnreachable as error:
        raise Undelivered(_reason(error)) from error
    except httpcore2.TimeoutException as error:
        raise Undelivered(f"no answer within {DEADLINE_S:g} s.") from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError, ssl.SSLError) as error:
        raise Undelivered(f"{error or type(error).__name__}.") from error


def _reason(error: PictureUnreachable) -> str:
    return error.message.removeprefix(fetch.REFUSED)


def _refused(field: str, reason: str) -> InvalidRequest:
    return InvalidRequest(f"{field}: {reason}", hint="Give a public http or https address.", field=field)
