"""Who is asking: the network address and the API key, and the rate limit of each."""

from __future__ import annotations

from flask import g, request

from spherelinks import database
from spherelinks.accounts import addresses, keys
from spherelinks.accounts.keys import Principal
from spherelinks.errors import InvalidKey, RateLimited
from spherelinks_server.services import services

HEADER = "X-API-Key"
_HINT = f"Send it as {HEADER}: KEY or Authorization: Bearer KEY; create one with: spherelinks keys create"


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

    Raises InvalidKey for a missing or malformed key and for two different ones, RateLimited.
    """
    g.digest = keys.digest(_secret())
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
            g.principal = keys.authenticate(connection, _secret())
    found: Principal = g.principal
    return found


def _secret() -> str:
    """The request's key. Raises InvalidKey."""
    secret = request.headers.get(HEADER, "")
    scheme, _, bearer = request.headers.get("Authorization", "").strip().partition(" ")
    if scheme.lower() != "bearer":  # of a proxy in front, perhaps
        bearer = ""
    bearer = bearer.strip()
    if secret and bearer and secret != bearer:
        raise InvalidKey(f"{HEADER} and Authorization hold different keys.", hint="Send the key in one of the two.")
    if secret or bearer:
        return secret or bearer
    if scheme:
        raise InvalidKey(f"The Authorization header is no Bearer KEY, and {HEADER} is missing.", hint=_HINT)
    raise InvalidKey("The API key is missing.", hint=_HINT)
