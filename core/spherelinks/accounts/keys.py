"""API keys: made, shown once, looked up by digest.

A key is ``sk_sph_live_``, 32 random base62 characters (190.5 bits) and 6 base62 characters of CRC-32 over all that
stands before them. The prefix is unique to us, so that secret scanners can find a leaked key; the checksum tells a
typo from an unknown key without asking the database. With that much entropy a plain SHA-256 is a safe digest.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, func, or_, select
from sqlalchemy.orm import Session

from spherelinks.accounts import accounts
from spherelinks.database import ApiKey, new_id
from spherelinks.errors import InvalidKey, InvalidRequest

PREFIX = "sk_sph_live_"
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
RANDOM_LENGTH = 32
CHECKSUM_LENGTH = 6
_FORM = re.compile(f"{PREFIX}[0-9A-Za-z]{{{RANDOM_LENGTH + CHECKSUM_LENGTH}}}", re.ASCII)


@dataclass(frozen=True)
class Principal:
    """Who asks: the account, and the key it came with."""

    account_id: str
    key_id: str


def create(session: Session, account_id: str, name: str) -> tuple[ApiKey, str]:
    """A new key of the account and its secret, which is not kept and cannot be shown again.

    Raises InvalidRequest for an unknown account, or a name that is empty or over 200 characters.
    """
    accounts.get(session, account_id)
    name = accounts.checked_name(name)
    body = PREFIX + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    secret = body + _checksum(body)
    key = ApiKey(
        id=new_id("key"),
        account_id=account_id,
        name=name,
        digest=hashlib.sha256(secret.encode()).digest(),
        prefix=secret[: len(PREFIX) + 4],
        last4=secret[-4:],
    )
    session.add(key)
    session.flush()
    return key, secret


def rotate(session: Session, key_id: str, grace: timedelta) -> tuple[ApiKey, str]:
    """A new key of the same account and name, and its secret; the old key works for ``grace`` longer.

    Raises InvalidRequest for an unknown key, or one that no longer works.
    """
    old = _get(session, key_id)
    if old.state in ("revoked", "expired"):
        raise InvalidRequest(f"key '{key_id}' is {old.state}.", hint="Create a new key instead.", field="key")
    new, secret = create(session, old.account_id, old.name)
    end = datetime.now(UTC) + max(grace, timedelta())
    old.expires_at = min(old.expires_at or end, end)
    session.flush()
    return new, secret


def revoke(session: Session, key_id: str) -> ApiKey:
    """End the key at once; again is harmless. Raises InvalidRequest for an unknown key."""
    key = _get(session, key_id)
    key.revoked_at = key.revoked_at or datetime.now(UTC)
    session.flush()
    return key


def list_keys(session: Session, account_id: str) -> Sequence[ApiKey]:
    """The account's keys, dead ones included, oldest first. Raises InvalidRequest for an unknown account."""
    accounts.get(session, account_id)
    return session.scalars(select(ApiKey).where(ApiKey.account_id == account_id).order_by(ApiKey.id)).all()


def digest(secret: str) -> bytes:
    """The SHA-256 of a well-formed key, 32 bytes. Raises InvalidKey for a malformed or mistyped one."""
    if not _FORM.fullmatch(secret) or _checksum(secret[:-CHECKSUM_LENGTH]) != secret[-CHECKSUM_LENGTH:]:
        raise InvalidKey(
            "The API key is malformed.",
            hint=f"Copy the whole key: it starts with {PREFIX} and has {len(PREFIX) + RANDOM_LENGTH + CHECKSUM_LENGTH} "
            "characters.",
        )
    return hashlib.sha256(secret.encode()).digest()


def unknown_key() -> InvalidKey:
    """The one answer to a well-formed key that does not work, whatever the reason."""
    return InvalidKey(
        "The API key is unknown, expired or revoked.", hint="Create a new one with: spherelinks keys create"
    )


def authenticate(connection: Session | Connection, secret: str) -> Principal:
    """Whose key it is. Raises InvalidKey for one that is malformed, unknown, expired or revoked."""
    row = connection.execute(
        select(ApiKey.account_id, ApiKey.id).where(
            ApiKey.digest == digest(secret),
            ApiKey.revoked_at.is_(None),
            or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now()),
        )
    ).one_or_none()
    if row is None:
        raise unknown_key()
    return Principal(account_id=row[0], key_id=row[1])


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
