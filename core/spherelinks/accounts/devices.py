"""Browsers that a user has signed in with before: nobody else's wrong passwords lock their owner out of them."""

from __future__ import annotations

import secrets
from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from spherelinks.accounts.sessions import digest
from spherelinks.database import KnownDevice, User

LIFE = timedelta(days=180)
"""How long a browser is known after its last sign-in."""
LIMIT = 20
"""Browsers known per user."""


def remember(session: Session, user_id: str, token: str) -> str:
    """Know the browser from now on; its token, which is the given one if the browser is known already."""
    session.execute(delete(KnownDevice).where(KnownDevice.seen_at < func.now() - LIFE))
    known = session.get(KnownDevice, digest(token))
    if known is None or known.user_id != user_id:
        token = secrets.token_urlsafe(32)
        known = KnownDevice(digest=digest(token), user_id=user_id)
        session.add(known)
    known.seen_at = func.now()
    session.flush()
    newest = select(KnownDevice.digest).where(KnownDevice.user_id == user_id)
    newest = newest.order_by(KnownDevice.seen_at.desc(), KnownDevice.digest == digest(token)).limit(LIMIT)
    session.execute(delete(KnownDevice).where(KnownDevice.user_id == user_id, KnownDevice.digest.not_in(newest)))
    return token


def knows(session: Session, token: str, email: str) -> bool:
    """Whether the user with that address, as it is stored, has signed in with this browser before."""
    found = (
        select(KnownDevice.digest)
        .join(User, User.id == KnownDevice.user_id)
        .where(KnownDevice.digest == digest(token), User.email == email, KnownDevice.seen_at > func.now() - LIFE)
    )
    return session.scalar(found) is not None


def forget_others(session: Session, user_id: str, token: str) -> None:
    """Know only this browser of the user's."""
    session.execute(delete(KnownDevice).where(KnownDevice.user_id == user_id, KnownDevice.digest != digest(token)))
