"""Who asks: the network address, the key in X-API-Key, and how often each may."""

from __future__ import annotations

from flask import g, request

from spherelinks import database
from spherelinks.accounts import addresses, keys
from spherelinks.accounts.keys import Principal
from spherelinks.errors import InvalidKey, RateLimited
from spherelinks_server.services import services

HEADER = "X-API-Key"


def count_address() -> None:
    """Count the request against the network address it comes from, whatever its key. Raises RateLimited."""
    wait = services().address_limit.take(addresses.network(request.remote_addr or "").encode())
    if wait:
        raise RateLimited(
            "There are too many requests from your network address.",
            retry_after=wait,
            hint="Wait for the time in Retry-After.",
        )


def identify() -> None:
    """Take the digest of the request's key, and count the request against it.

    Raises InvalidKey for a missing or malformed key, RateLimited.
    """
    secret = request.headers.get(HEADER, "")
    if not secret:
        raise InvalidKey(
            f"The header {HEADER} is missing.", hint="Send your API key in it; make one with: spherelinks keys create"
        )
    g.digest = keys.digest(secret)
    wait = services().rate_limit.take(g.digest)
    if wait:
        raise RateLimited(
            "There are too many requests with this key.", retry_after=wait, hint="Wait for the time in Retry-After."
        )


def digest() -> bytes:
    """The SHA-256 of the request's key, whether or not there is such a key."""
    found: bytes = g.digest
    return found


def principal() -> Principal:
    """Whose key it is. Raises InvalidKey where it is unknown or revoked."""
    if "principal" not in g:
        with database.outage(), services().engine.connect() as connection:
            g.principal = keys.authenticate(connection, request.headers[HEADER])
    found: Principal = g.principal
    return found
