"""Users: people who sign in to an account's pages with an e-mail address and a password, or with a link.

Nothing here reveals whether an address has a user: known and unknown addresses get the same answers after the same
work. No e-mail is sent; a user who has lost the password gets a sign-in link from the operator.
"""

from __future__ import annotations

import hashlib
import math
import re
import secrets
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from spherelinks.accounts import accounts, addresses, devices, passwords
from spherelinks.database import Account, SignInLink, User, new_id, transaction
from spherelinks.errors import InvalidRequest, RateLimited

EMAIL_LENGTH = 254
LINK_LIFE = timedelta(hours=24)

WINDOW = timedelta(minutes=15)
TRIES_A_PAIR = 20
TRIES_AN_ADDRESS = 100
"""Sign-in and sign-up attempts per window from one network address: for one e-mail address, and for all."""
TRIES_AN_EMAIL = 20
"""Attempts per window for one e-mail address from anywhere; beyond, the right password still signs in."""
TRIES_A_DEVICE = 20
"""Attempts per window from a browser that its user has signed in with before: they count for themselves."""

_EMAIL = re.compile(r"[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+")


def sign_up(engine: Engine, email: str, password: str, address: str = "", a_day: int = 0) -> bool:
    """Create an account on the free plan with this user; returns whether it is new, which clients must not learn.

    address : the client's network address
    a_day : how many may sign up a day from one network address, each with the plan's credits; 0 is no limit

    Raises InvalidRequest for a malformed address or a password of the wrong length, RateLimited, DatabaseUnavailable.
    """
    email = checked_email(email)
    network = addresses.network(address)
    passwords.checked(password)
    if a_day and (wait := _count(engine, {f"sign-ups {network}": a_day}, timedelta(days=1))):
        raise RateLimited(
            f"At most {a_day} accounts may be created from a network address in a day.",
            retry_after=wait,
            hint="Try again tomorrow, or ask the operator for an account.",
        )
    hashed = passwords.hashed(password, network)
    with transaction(engine) as session:
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


Aside = Callable[[], AbstractContextManager[None]]


def sign_in(engine: Engine, email: str, password: str, address: str = "", aside: Aside = nullcontext) -> User | None:
    """The user with this address and password, or None; both take the same work.

    address : the client's network address
    aside : entered while the password is hashed

    Raises RateLimited, DatabaseUnavailable.
    """
    source = addresses.network(address)
    with transaction(engine) as session:
        user = session.scalars(select(User).where(User.email == _normal(email))).one_or_none()
    with aside():
        fits = passwords.fits(user.password_hash if user else None, password, source)
    if not fits or user is None:
        return None
    known = user.password_hash or ""
    if passwords.is_outdated(known):
        renewed = passwords.hashed(password, source)
        with transaction(engine) as session:
            same = (User.id == user.id, User.password_hash == known)
            session.execute(update(User).where(*same).values(password_hash=renewed))
    return user


def try_sign_in(
    engine: Engine, email: str, password: str, address: str, device: str = "", aside: Aside = nullcontext
) -> User | None:
    """The same, where tries are counted.

    address : the client's network address; an IPv6 one counts by its /64
    device : what the browser keeps of an earlier sign-in (:mod:`spherelinks.accounts.devices`)

    Raises RateLimited if this network address has used up its attempts, or those for this e-mail address; or if all
    have used up those for this e-mail address, and the password is wrong. A browser that the user has signed in with
    before has attempts of its own. Raises DatabaseUnavailable.
    """
    with transaction(engine) as session:
        known = bool(device) and devices.knows(session, device, _normal(email))
    if known:
        _refuse_after(_count(engine, {f"device {device}": TRIES_A_DEVICE}))
        return sign_in(engine, email, password, address, aside)
    _refuse_after(_count(engine, _strict(email, address)))
    late = _count(engine, _lenient(email))
    user = sign_in(engine, email, password, address, aside)
    if user is None:
        _refuse_after(late)
    return user


def knows(engine: Engine, user_id: str, password: str, address: str = "") -> bool:
    """Whether this is the password of the user, who is signed in; tries are counted. Raises RateLimited."""
    _refuse_after(_count(engine, {f"user {user_id}": TRIES_A_DEVICE}))
    with transaction(engine) as session:
        known = get(session, user_id).password_hash
    return passwords.fits(known, password, addresses.network(address))


def set_password(session: Session, user: User, hashed: str, email: str | None = None) -> None:
    """Set the user's password, and the address if there is none; voids earlier sign-in links.

    hashed : by :func:`spherelinks.accounts.passwords.hashed`

    Raises InvalidRequest for an address that is malformed or taken.
    """
    if user.email is None:
        address = checked_email(email or "")
        if session.scalar(select(User.id).where(User.email == address)) is not None:
            raise InvalidRequest(f"email is '{address}', which is taken.", hint="Choose another.", field="email")
        user.email = address
    user.password_hash = hashed
    session.execute(delete(SignInLink).where(SignInLink.user_id == user.id))
    session.flush()


def checked_email(email: str) -> str:
    """The address as it is stored: trimmed, lower case. Raises InvalidRequest if it is malformed."""
    email = _normal(email)
    if len(email) > EMAIL_LENGTH or not _EMAIL.fullmatch(email):
        raise InvalidRequest("email is not an e-mail address.", hint="Give one such as you@example.com.", field="email")
    return email


# --- sign-in links --------------------------------------------------------------------------------------------------


def link(session: Session, user: User, life: timedelta = LINK_LIFE) -> str:
    """A token that signs this user in once, within ``life``. Only its digest is stored."""
    token = secrets.token_urlsafe(32)
    session.execute(delete(SignInLink).where(SignInLink.expires_at < func.now()))
    session.add(SignInLink(digest=_digest(token), user_id=user.id, expires_at=datetime.now(UTC) + life))
    session.flush()
    return token


def void_links(session: Session, user: User) -> None:
    """End the user's sign-in links that were not used."""
    session.execute(delete(SignInLink).where(SignInLink.user_id == user.id))


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
_SWEEP = """
DELETE FROM sign_in_tries
WHERE bucket IN (SELECT bucket FROM sign_in_tries WHERE ends_at <= now() FOR UPDATE SKIP LOCKED)
"""


def count_try(engine: Engine, email: str, address: str) -> None:
    """Count an attempt to sign up before judging it, so that it counts in any case.

    address : the client's network address; an IPv6 one counts by its /64

    Raises RateLimited if this e-mail address, known or not, or this network address has used up its attempts;
    DatabaseUnavailable.
    """
    _refuse_after(_count(engine, _strict(email, address) | _lenient(email)))


def forget_tries(session: Session, email: str, address: str = "") -> None:
    """Reset the count of the e-mail address: its owner has signed in, from this network address."""
    buckets = [_digest(name) for name in (*_lenient(email), next(iter(_strict(email, address))))]
    # locked in the order in which attempts are counted, or the two would wait for each other
    which = "SELECT bucket FROM sign_in_tries WHERE bucket = ANY(:buckets) ORDER BY bucket FOR UPDATE"
    session.execute(text(which), {"buckets": buckets})
    session.execute(text("DELETE FROM sign_in_tries WHERE bucket = ANY(:buckets)"), {"buckets": buckets})


def _count(engine: Engine, buckets: Mapping[str, int], window: timedelta = WINDOW) -> float:
    """Count an attempt in each bucket, in its own transaction: the seconds until all have room again, or 0."""
    wait = 0.0
    with transaction(engine) as session:
        # always in one order, and the sweep waits for nobody: or two at once would wait for each other
        for bucket, limit in sorted((_digest(name), limit) for name, limit in buckets.items()):
            tries, rest = session.execute(text(_COUNT), {"bucket": bucket, "window": window}).one()
            if tries > limit:
                wait = max(wait, rest)
        session.execute(text(_SWEEP))
    return wait


def _refuse_after(wait: float) -> None:
    """Raises RateLimited if there is something to wait for."""
    if wait:
        minutes = math.ceil(wait / 60)
        raise RateLimited(
            "Too many sign-in attempts.",
            retry_after=wait,
            hint=f"Try again in {minutes} minute{'s' if minutes > 1 else ''}.",
        )


def _strict(email: str, address: str) -> dict[str, int]:
    network = addresses.network(address)
    return {f"email {_normal(email)} address {network}": TRIES_A_PAIR, f"address {network}": TRIES_AN_ADDRESS}


def _lenient(email: str) -> dict[str, int]:
    return {f"email {_normal(email)}": TRIES_AN_EMAIL}


# --- helpers --------------------------------------------------------------------------------------------------------


def _normal(email: str) -> str:
    return unicodedata.normalize("NFKC", email).replace("\0", "").strip().lower()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
