"""API keys: created, shown once, looked up by digest.

A key is ``sk_sph_live_`` or, for a sandbox key, ``sk_sph_test_``, then 32 random base62 characters (190.5 bits) and 6
base62 characters of CRC-32 over everything before them. The unique prefix lets secret scanners find leaked keys; the
checksum tells a typo from an unknown key without asking the database. With that much entropy a plain SHA-256 is a safe
digest.

A key may do what its scopes say: ``generate`` submits and cancels jobs, ``read`` sees jobs, results and credits,
``manage`` deletes jobs and sets up webhooks. A sandbox key's jobs cost nothing and end at once with a sample; it has a
world of its own (:mod:`spherelinks.accounts.worlds`).
"""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, func, or_, select
from sqlalchemy.orm import Session

from spherelinks.accounts import accounts
from spherelinks.accounts.worlds import World
from spherelinks.database import Account, ApiKey, new_id
from spherelinks.errors import InvalidKey, InvalidRequest, MissingScope

PREFIX = "sk_sph_live_"
SANDBOX_PREFIX = "sk_sph_test_"
SCOPES = ("generate", "read", "manage")
LIMIT = 50
"""Keys of an account that may work at a time."""
A_DAY = 200
"""Keys that an account may create in 24 hours: those that do not work any more are kept, too."""
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
RANDOM_LENGTH = 32
CHECKSUM_LENGTH = 6
_FORM = re.compile(f"(?:{PREFIX}|{SANDBOX_PREFIX})[0-9A-Za-z]{{{RANDOM_LENGTH + CHECKSUM_LENGTH}}}", re.ASCII)


@dataclass(frozen=True)
class Principal:
    """Who is asking: the account, and the key used; None for its owner at the dashboard."""

    account_id: str
    key_id: str | None
    scopes: frozenset[str] = frozenset(SCOPES)
    sandbox: bool = False

    @property
    def world(self) -> World:
        """What it may see and change."""
        return World(self.account_id, self.sandbox)

    def require(self, scope: str) -> None:
        """Raises MissingScope unless the key may do this."""
        if scope not in self.scopes:
            raise missing_scope(scope)


def create(
    session: Session,
    account_id: str,
    name: str,
    *,
    scopes: Collection[str] = SCOPES,
    monthly_cap: int | None = None,
    sandbox: bool = False,
    key_id: str | None = None,
) -> tuple[ApiKey, str]:
    """A new key of the account and its secret, which is not stored and cannot be shown again.

    scopes : what it may do, a subset of ``SCOPES``
    monthly_cap : credits that its jobs may cost in a calendar month (UTC), 1 to 1 000 000; None is no cap
    sandbox : whether its jobs cost nothing and return a sample
    key_id : from :func:`spherelinks.database.new_id`, so that a request sent twice makes one key; None is a new one

    Raises InvalidRequest for an id that is taken (its ``field`` is ``id``), an unknown account, a name that is empty or
    over 200 characters, no or unknown scopes, or a cap out of range.
    """
    if accounts.get(session, account_id).closed_at is not None:
        raise InvalidRequest(f"account '{account_id}' is closed.", hint="Create another account.", field="account")
    # concurrent calls are serialised, so each sees the keys created before it
    session.execute(select(Account.id).where(Account.id == account_id).with_for_update())
    if key_id is not None and session.get(ApiKey, key_id) is not None:
        raise InvalidRequest(f"key '{key_id}' has been created already.", hint="Create another one.", field="id")
    if _count(session, account_id, *_WORKS) >= LIMIT:
        raise InvalidRequest(f"The account already has {LIMIT} keys that work, the maximum.", hint="Revoke one first.")
    if _count(session, account_id, ApiKey.created_at > func.now() - timedelta(days=1)) >= A_DAY:
        raise InvalidRequest(
            f"The account has created {A_DAY} keys in 24 hours, the maximum.", hint="Use one of them, or wait a day."
        )
    name = accounts.checked_name(name)
    if not scopes or not set(scopes) <= set(SCOPES):
        raise InvalidRequest(f"scopes is {sorted(scopes)}.", hint=f"Give some of {', '.join(SCOPES)}.", field="scopes")
    if monthly_cap is not None and not 1 <= monthly_cap <= 1_000_000:
        raise InvalidRequest(
            f"monthlyCap is {monthly_cap}.",
            hint="Give a whole number from 1 to 1000000, or leave it out for no cap.",
            field="monthlyCap",
        )
    prefix = SANDBOX_PREFIX if sandbox else PREFIX
    body = prefix + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    secret = body + _checksum(body)
    key = ApiKey(
        id=key_id or new_id("key"),
        account_id=account_id,
        name=name,
        digest=hashlib.sha256(secret.encode()).digest(),
        prefix=secret[: len(PREFIX) + 4],
        last4=secret[-4:],
        scopes=[scope for scope in SCOPES if scope in scopes],
        monthly_cap=monthly_cap,
        sandbox=sandbox,
    )
    session.add(key)
    session.flush()
    return key, secret


def rotate(session: Session, key_id: str, grace: timedelta, new_key_id: str | None = None) -> tuple[ApiKey, str]:
    """A new key, identical but for its secret, and that secret; the old key keeps working for ``grace``.

    The new key starts with its full monthly cap. ``new_key_id``: see :func:`create`.

    Raises InvalidRequest for an unknown key, or one that no longer works.
    """
    old = _get(session, key_id)
    if old.state in ("revoked", "expired"):
        raise InvalidRequest(f"key '{key_id}' is {old.state}.", hint="Create a new key instead.", field="key")
    new, secret = create(
        session,
        old.account_id,
        old.name,
        scopes=old.scopes,
        monthly_cap=old.monthly_cap,
        sandbox=old.sandbox,
        key_id=new_key_id,
    )
    end = datetime.now(UTC) + max(grace, timedelta())
    old.expires_at = min(old.expires_at or end, end)
    session.flush()
    return new, secret


def revoke(session: Session, key_id: str) -> ApiKey:
    """Revoke the key at once; idempotent. Raises InvalidRequest for an unknown key."""
    key = _get(session, key_id)
    key.revoked_at = key.revoked_at or datetime.now(UTC)
    session.flush()
    return key


def list_keys(session: Session, account_id: str) -> Sequence[ApiKey]:
    """The account's keys, including inactive ones, oldest first. Raises InvalidRequest for an unknown account."""
    accounts.get(session, account_id)
    return session.scalars(select(ApiKey).where(ApiKey.account_id == account_id).order_by(ApiKey.id)).all()


def digest(secret: str) -> bytes:
    """The SHA-256 of a well-formed key, 32 bytes. Raises InvalidKey for a malformed or mistyped one."""
    if not _FORM.fullmatch(secret) or _checksum(secret[:-CHECKSUM_LENGTH]) != secret[-CHECKSUM_LENGTH:]:
        raise InvalidKey(
            "The API key is malformed.",
            hint=f"Copy the whole key: it starts with {PREFIX} or {SANDBOX_PREFIX} and has "
            f"{len(PREFIX) + RANDOM_LENGTH + CHECKSUM_LENGTH} characters.",
        )
    return hashlib.sha256(secret.encode()).digest()


def unknown_key() -> InvalidKey:
    """The same error for every well-formed key that does not work, whatever the reason."""
    return InvalidKey(
        "The API key is unknown, expired or revoked.", hint="Create a new one with: spherelinks keys create"
    )


def missing_scope(scope: str) -> MissingScope:
    """The error for a key that lacks a scope."""
    return MissingScope(
        f"The API key lacks the scope '{scope}'.", hint=f"Use a key with the scope '{scope}'; the owner can create one."
    )


def authenticate(connection: Session | Connection, secret: str) -> Principal:
    """The owner of the key. Raises InvalidKey for one that is malformed, unknown, expired or revoked."""
    row = connection.execute(
        select(ApiKey.account_id, ApiKey.id, ApiKey.scopes, ApiKey.sandbox).where(
            ApiKey.digest == digest(secret), *_WORKS
        )
    ).one_or_none()
    if row is None:
        raise unknown_key()
    return Principal(row.account_id, row.id, frozenset(row.scopes), row.sandbox)


_WORKS = (ApiKey.revoked_at.is_(None), or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now()))


def _count(session: Session, account_id: str, *which: ColumnElement[bool]) -> int:
    """How many keys of the account there are of that sort."""
    return session.scalars(select(func.count()).where(ApiKey.account_id == account_id, *which)).one()


def _get(session: Session, key_id: str) -> ApiKey:
    key = session.get(ApiKey, key_id)
    if key is None:
        raise InvalidRequest(
            f"key is '{key_id}': there is no such key.",
            hint="List the keys with: spherelinks keys list",
            field="key",
        )
    return key


def _checksum(body: str) -> str:
    value = zlib.crc32(body.encode())
    digits = ""
    for _ in range(CHECKSUM_LENGTH):
        value, digit = divmod(value, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits
