"""Who is asking: the network address and the key in X-API-Key, and the rate limit of each."""

from __future__ import annotations

from flask import g, request

from spherelinks import database
from spherelinks.accounts import addresses, keys
from spherelinks.accounts.keys import Principal
from spherelinks.errors import InvalidKey, RateLimited
from spherelinks_server.services import services

HEADER = "X-API-Key"


def count_address() -> None:
    """Count the request against its network address, whatever its key. Raises RateLimited."""
    wait = services().address_limit.take(addresses.network(request.remote_addr or "").encode())
    if wait:
        raise RateLimited(
            "Too many requests from your network address.",
            retry_after=wait,
            hint="Wait for the time in Retry-After.",
        )


def identify() -> None:
    """Return the digest of the request's key, and count the request against it.

    Raises InvalidKey for a missing or malformed key, RateLimited.
    """
    secret = request.headers.get(HEADER, "")
    if not secret:
        raise InvalidKey(
            f"The header {HEADER} is missing.", hint="Send your API key in it; create one with: spherelinks keys create"
        )
    g.digest = keys.digest(secret)
    wait = services().rate_limit.take(g.digest)
    if wait:
        raise RateLimited(
            "Too many requests with this key.", retry_after=wait, hint="Wait for the time in Retry-After."
        )


def digest() -> bytes:
    """The SHA-256 of the request's key, whether or not that key exists."""
    found: bytes = g.digest
    return found


def principal() -> Principal:
    """The owner of the key. Raises InvalidKey if it is unknown or revoked."""
    if "principal" not in g:
        with database.outage(), services().engine.connect() as connection:
            g.principal = keys.authenticate(connection, request.headers[HEADER])
    found: Principal = g.principal
    return found
