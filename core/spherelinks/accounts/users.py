"""Users: people who sign in to an account's pages with an e-mail address and a password, or with a link.

Passwords are stored as argon2id hashes (RFC 9106, second recommended option: 64 MiB, three passes). Nothing here
reveals whether an address has a user: known and unknown addresses get the same answers after the same work. No e-mail
is sent; a user who has lost the password gets a sign-in link from the operator.
"""

from __future__ import annotations

import hashlib
import math
import re
import secrets
import threading
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import Engine, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from spherelinks.accounts import accounts, addresses
from spherelinks.database import Account, SignInLink, User, new_id, transaction
from spherelinks.errors import InvalidRequest, RateLimited

PASSWORD_LENGTHS = (10, 200)
EMAIL_LENGTH = 254
LINK_LIFE = timedelta(hours=24)

WINDOW = timedelta(minutes=15)
TRIES_AN_EMAIL = 20
TRIES_AN_ADDRESS = 100
"""Sign-in and sign-up attempts per window, for one e-mail address and for one network address."""

_EMAIL = re.compile(r"[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+")
_hasher = PasswordHasher()
_hashing = threading.BoundedSemaphore(2)  # each takes 64 MiB and all cores: more at once would only be slower


@cache
def _nobodys() -> str:
    """A hash that matches no password."""
    return _hasher.hash(secrets.token_hex())


def sign_up(session: Session, email: str, password: str) -> bool:
    """Create an account on the free plan with this user; returns whether it is new, which clients must not learn.

    Raises InvalidRequest for a malformed address or a password of the wrong length.
    """
    email = checked_email(email)
    hashed = _hash(checked_password(password))
    if session.scalar(select(User.id).where(User.email == email)) is not None:
        return False
    account = accounts.create(session, email[:200])
    added = session.execute(
        insert(User)
        .values(id=new_id("usr"), account_id=account.id, email=email, password_hash=hashed)
        .on_conflict_do_nothing()
        .returning(User.id)
    ).one_or_none()
    if added is None:  # somebody was faster
        session.delete(account)
        session.flush()
    return added is not None


def create(session: Session, email: str, account_id: str | None = None) -> User:
    """A user without a password, with a new account unless one is given; a sign-in link lets the user choose one.

    Raises InvalidRequest for an address that is taken or malformed, or an unknown account.
    """
    email = checked_email(email)
    if session.scalar(select(User.id).where(User.email == email)) is not None:
        raise InvalidRequest(
            f"email is '{email}', which already belongs to a user.",
            hint="Create a sign-in link for it with: spherelinks users link",
            field="email",
        )
    account = accounts.create(session, email[:200]) if account_id is None else accounts.get(session, account_id)
    user = User(id=new_id("usr"), account_id=account.id, email=email)
    session.add(user)
    session.flush()
    return user


def local_owner(session: Session) -> User:
    """The user of the installation's owner, created on first call, at first without e-mail or password."""
    account = accounts.local_owner(session)
    # the lock lets only one of two concurrent callers create it
    session.execute(select(Account.id).where(Account.id == account.id).with_for_update())
    user = session.scalars(select(User).where(User.account_id == account.id).order_by(User.id)).first()
    if user is None:
        user = User(id=new_id("usr"), account_id=account.id)
        session.add(user)
        session.flush()
    return user


def get(session: Session, user_id: str) -> User:
    """The user with that id, which must exist."""
    return session.get_one(User, user_id)


def by_email(session: Session, email: str) -> User:
    """The user with that address, for the operator. Raises InvalidRequest if there is none."""
    user = session.scalars(select(User).where(User.email == _normal(email))).one_or_none()
    if user is None:
        raise InvalidRequest(
            f"email is '{email}': there is no such user.",
            hint="List the users with: spherelinks users list",
            field="email",
        )
    return user


def list_users(session: Session) -> Sequence[User]:
    """All users, oldest first."""
    return session.scalars(select(User).order_by(User.id)).all()


def sign_in(session: Session, email: str, password: str) -> User | None:
    """The user with this address and password, or None; both take the same work."""
    user = session.scalars(select(User).where(User.email == _normal(email))).one_or_none()
    known = user.password_hash if user is not None else None
    fits = _verify(known or _nobodys(), password)
    if user is None or known is None or not fits:
        return None
    if _hasher.check_needs_rehash(known):
        user.password_hash = _hash(password)
    return user


def knows(user: User, password: str) -> bool:
    """Whether this is the user's password."""
    return user.password_hash is not None and _verify(user.password_hash, password)


def set_password(session: Session, user: User, password: str, email: str | None = None) -> None:
    """Set the user's password, and the address if there is none; voids earlier sign-in links.

    Raises InvalidRequest for a password of the wrong length, or an address that is malformed or taken.
    """
    if user.email is None:
        address = checked_email(email or "")
        if session.scalar(select(User.id).where(User.email == address)) is not None:
            raise InvalidRequest(f"email is '{address}', which is taken.", hint="Choose another.", field="email")
        user.email = address
    user.password_hash = _hash(checked_password(password))
    session.execute(delete(SignInLink).where(SignInLink.user_id == user.id))
    session.flush()


def checked_email(email: str) -> str:
    """The address as it is stored: trimmed, lower case. Raises InvalidRequest if it is malformed."""
    email = _normal(email)
    if len(email) > EMAIL_LENGTH or not _EMAIL.fullmatch(email):
        raise InvalidRequest("email is not an e-mail address.", hint="Give one such as you@example.com.", field="email")
    return email


def checked_password(password: str) -> str:
    """The password itself. Raises InvalidRequest unless its length is within ``PASSWORD_LENGTHS``."""
    low, high = PASSWORD_LENGTHS
    if not low <= len(password) <= high:
        raise InvalidRequest(
            f"password has {len(password)} characters.",
            hint=f"Choose one of {low} to {high} characters; a few unrelated words make a good one.",
            field="password",
        )
    return password


# --- sign-in links --------------------------------------------------------------------------------------------------


def link(session: Session, user: User) -> str:
    """A token that signs this user in once, within ``LINK_LIFE``. Only its digest is stored."""
    token = secrets.token_urlsafe(32)
    session.execute(delete(SignInLink).where(SignInLink.expires_at < func.now()))
    session.add(SignInLink(digest=_digest(token), user_id=user.id, expires_at=datetime.now(UTC) + LINK_LIFE))
    session.flush()
    return token


def redeem(session: Session, token: str) -> str | None:
    """Spend the token and return its user's id; None if it is unknown or already spent."""
    return session.scalar(
        delete(SignInLink)
        .where(SignInLink.digest == _digest(token), SignInLink.expires_at > func.now())
        .returning(SignInLink.user_id)
    )


# --- throttling -----------------------------------------------------------------------------------------------------

_COUNT = """
INSERT INTO sign_in_tries AS t (bucket, tries, ends_at) VALUES (:bucket, 1, now() + :window)
ON CONFLICT (bucket) DO UPDATE SET
    tries = CASE WHEN t.ends_at <= now() THEN 1 ELSE t.tries + 1 END,
    ends_at = CASE WHEN t.ends_at <= now() THEN excluded.ends_at ELSE t.ends_at END
RETURNING tries, extract(epoch FROM ends_at - now())::float
"""


def count_try(engine: Engine, email: str, address: str) -> None:
    """Count an attempt to sign in or up before judging it, in its own transaction, so that it counts in any case.

    address : the client's network address; an IPv6 one counts by its /64

    Raises RateLimited if this e-mail address, known or not, or this network address has used up its attempts;
    DatabaseUnavailable.
    """
    wait = 0.0
    with transaction(engine) as session:
        session.execute(text("DELETE FROM sign_in_tries WHERE ends_at <= now()"))
        for bucket, limit in _buckets(email, address).items():
            tries, rest = session.execute(text(_COUNT), {"bucket": bucket, "window": WINDOW}).one()
            if tries > limit:
                wait = max(wait, rest)
    if wait:
        minutes = math.ceil(wait / 60)
        raise RateLimited(
            "Too many sign-in attempts.",
            retry_after=wait,
            hint=f"Try again in {minutes} minute{'s' if minutes > 1 else ''}.",
        )


def forget_tries(session: Session, email: str) -> None:
    """Reset the count of the e-mail address: its owner has signed in."""
    bucket = next(iter(_buckets(email, "")))
    session.execute(text("DELETE FROM sign_in_tries WHERE bucket = :bucket"), {"bucket": bucket})


def _buckets(email: str, address: str) -> dict[bytes, int]:
    network = addresses.network(address)
    return {_digest(f"email {_normal(email)}"): TRIES_AN_EMAIL, _digest(f"address {network}"): TRIES_AN_ADDRESS}


# --- helpers --------------------------------------------------------------------------------------------------------


def _normal(email: str) -> str:
    return unicodedata.normalize("NFKC", email).replace("\0", "").strip().lower()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _hash(password: str) -> str:
    with _hashing:
        return _hasher.hash(unicodedata.normalize("NFKC", password))


def _verify(hashed: str, password: str) -> bool:
    # longer than any password: hash a short one instead, so that the time is the same
    password = unicodedata.normalize("NFKC", password[: PASSWORD_LENGTHS[1] + 1])
    try:
        with _hashing:
            return _hasher.verify(hashed, password)
    except (VerifyMismatchError, InvalidHashError):
        return False
