"""Sessions: a user signed in on a browser, by a random token of which only the digest is stored."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from spherelinks.database import Account, User, UserSession

LIFE = timedelta(days=30)
"""A session ends this long after its sign-in."""

IDLE = timedelta(days=7)
"""A session ends this long after its last use."""

_TOUCH = timedelta(minutes=10)


@dataclass(frozen=True)
class SignedIn:
    """Who is signed in: the user, the account, and the session.

    by_link : signed in with a link rather than a password, and so may set a password without knowing the old one
    """

    digest: bytes
    user_id: str
    account_id: str
    plan: str
    email: str | None
    has_password: bool
    by_link: bool

    @property
    def is_owner(self) -> bool:
        """Whether this is the owner of the installation."""
        return self.plan == "owner"


def create(session: Session, user_id: str, browser: str, *, by_link: bool = False) -> str:
    """Sign the user in and return the session's token, 256 random bits. ``browser``: its User-Agent, for display."""
    now = datetime.now(UTC)
    session.execute(delete(UserSession).where((UserSession.expires_at <= now) | (UserSession.seen_at <= now - IDLE)))
    token = secrets.token_urlsafe(32)
    session.add(
        UserSession(
            digest=digest(token), user_id=user_id, browser=browser[:300], by_link=by_link, expires_at=now + LIFE
        )
    )
    session.flush()
    return token


def read(session: Session, token: str) -> SignedIn | None:
    """Who is signed in with that token; None if it is unknown or has ended. Records the use."""
    now = datetime.now(UTC)
    row = session.execute(
        select(UserSession, User, Account.plan)
        .join(User, User.id == UserSession.user_id)
        .join(Account, Account.id == User.account_id)
        .where(UserSession.digest == digest(token), UserSession.expires_at > now, UserSession.seen_at > now - IDLE)
    ).one_or_none()
    if row is None:
        return None
    found, user, plan = row
    if found.seen_at < now - _TOUCH:
        session.execute(update(UserSession).where(UserSession.digest == found.digest).values(seen_at=func.now()))
    return SignedIn(
        digest=found.digest,
        user_id=user.id,
        account_id=user.account_id,
        plan=plan,
        email=user.email,
        has_password=user.password_hash is not None,
        by_link=found.by_link,
    )


def end(session: Session, token: str) -> None:
    """Sign out; harmless for a token that is unknown or has ended."""
    session.execute(delete(UserSession).where(UserSession.digest == digest(token)))


def end_others(session: Session, user_id: str, kept: bytes | None = None) -> None:
    """Sign the user out everywhere except in the session with the digest ``kept``."""
    session.execute(delete(UserSession).where(UserSession.user_id == user_id, UserSession.digest != (kept or b"")))


def list_sessions(session: Session, user_id: str) -> Sequence[UserSession]:
    """The user's sessions, most recently used first."""
    return session.scalars(
        select(UserSession).where(UserSession.user_id == user_id).order_by(UserSession.seen_at.desc())
    ).all()


def digest(token: str) -> bytes:
    """The SHA-256 of a token: with that much entropy a slow hash is unnecessary."""
    return hashlib.sha256(token.encode()).digest()
