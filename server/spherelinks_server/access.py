"""Who is asking: the network address and the API key, and the rate limit of each."""

from __future__ import annotations

from flask import g, request

from spherelinks import database
from spherelinks.accounts import addresses, keys
from spherelinks.accounts.keys import Principal
from spherelinks.errors import InvalidKey, RateLimited
from spherelinks_server.limits import Limits
from spherelinks_server.services import services

HEADER = "X-API-Key"
_HINT = f"Send it as {HEADER}: KEY or Authorization: Bearer KEY; create one with: spherelinks keys create"

REFUSED = "spherelinks.refused"
"""In a request's environment: the exception that it is to be answered with; it is counted and looked into already."""


def identify() -> None:
    """Count the request against its network address and its key, whose digest is then known.

    Raises what :func:`admitted` does, and what the request was refused for before.
    """
    refused = request.environ.get(REFUSED)
    if refused is not None:
        raise refused
    network = addresses.network(request.remote_addr or "")
    g.digest = admitted(services().limits, network, *_offered())


def admitted(limits: Limits, network: str, key: str, authorization: str) -> bytes:
    """The digest of a key that came from a network address, once the request is counted against both.

    key, authorization : the headers X-API-Key and Authorization, or nothing

    The address comes first, whatever the key. Raises RateLimited, and what :func:`secret` does.
    """
    wait = limits.address.take(network)
    if wait:
        raise RateLimited(
            "Too many requests from your network address.",
            retry_after=wait,
            hint="Wait for the time in Retry-After.",
        )
    digest = keys.digest(secret(key, authorization))
    wait = limits.account.take(digest)
    if wait:
        raise RateLimited(
            "Too many requests with the keys of this account.",
            retry_after=wait,
            hint="Wait for the time in Retry-After.",
        )
    return digest


def secret(key: str, authorization: str) -> str:
    """The key in the headers X-API-Key and Authorization. Raises InvalidKey for none and for two different ones."""
    scheme, _, bearer = authorization.strip().partition(" ")
    if scheme.lower() != "bearer":  # of a proxy in front, perhaps
        bearer = ""
    bearer = bearer.strip()
    if key and bearer and key != bearer:
        raise InvalidKey(f"{HEADER} and Authorization hold different keys.", hint="Send the key in one of the two.")
    if key or bearer:
        return key or bearer
    if scheme:
        raise InvalidKey(f"The Authorization header is no Bearer KEY, and {HEADER} is missing.", hint=_HINT)
    raise InvalidKey("The API key is missing.", hint=_HINT)


def digest() -> bytes:
    """The SHA-256 of the request's key, whether or not that key exists."""
    found: bytes = g.digest
    return found


def principal() -> Principal:
    """The owner of the key. Raises InvalidKey if it is unknown or revoked."""
    if "principal" not in g:
        with database.outage(), services().engine.connect() as connection:
            g.principal = keys.authenticate(connection, secret(*_offered()))
    found: Principal = g.principal
    return found


def _offered() -> tuple[str, str]:
    return request.headers.get(HEADER, ""), request.headers.get("Authorization", "")
