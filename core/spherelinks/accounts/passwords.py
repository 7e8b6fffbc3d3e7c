"""Passwords: argon2id hashes, made and compared by one thread that gives way to all others.

Hashing is meant to be expensive (RFC 9106, second recommended option: 64 MiB, three passes), so few may wait for it at
a time, and of one network fewer: a crowd at the door stops neither other visitors nor the rest of the service. Nobody
holds a database connection meanwhile.
"""

from __future__ import annotations

import os
import secrets
import sys
import threading
import unicodedata
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from spherelinks.errors import InvalidRequest, RateLimited

LENGTHS = (10, 200)
WAITING = 64
WAITING_OF_SOURCE = 4
"""Hashes that may be under way or waited for, in all and for one source."""
_NICENESS = 19

_hasher = PasswordHasher()


def checked(password: str) -> str:
    """The password itself. Raises InvalidRequest unless its length is within ``LENGTHS``."""
    low, high = LENGTHS
    if not low <= len(password) <= high:
        raise InvalidRequest(
            f"password has {len(password)} characters.",
            hint=f"Choose one of {low} to {high} characters; a few unrelated words make a good one.",
            field="password",
        )
    return password


def hashed(password: str, source: str = "") -> str:
    """The hash of a new password. ``source`` : the network that asks.

    Raises InvalidRequest for a wrong length, RateLimited if too many hashes are waited for.
    """
    normal = unicodedata.normalize("NFKC", checked(password))
    with _place(source):
        return _thread().submit(lambda: _hasher.hash(normal)).result()


def fits(known: str | None, password: str, source: str = "") -> bool:
    """Whether the hash is the password's; False after the same work if there is no hash. Raises RateLimited."""
    # longer than any password: hash a short one instead, so that the time is the same
    normal = unicodedata.normalize("NFKC", password[: LENGTHS[1] + 1])

    def verify() -> bool:
        try:
            return _hasher.verify(known or _nobodys(), normal)
        except (VerifyMismatchError, InvalidHashError):
            return False

    with _place(source):
        return _thread().submit(verify).result() and known is not None


def is_outdated(known: str) -> bool:
    """Whether a hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(known)


@cache
def _nobodys() -> str:
    """A hash that matches no password."""
    return _hasher.hash(secrets.token_hex())


_waiting: Counter[str] = Counter()
_lock = threading.Lock()


@contextmanager
def _place(source: str) -> Iterator[None]:
    with _lock:
        if _waiting.total() >= WAITING or _waiting[source] >= WAITING_OF_SOURCE:
            raise RateLimited(
                "Too many people are signing in at the moment.", retry_after=5, hint="Try again in a few seconds."
            )
        _waiting[source] += 1
    try:
        yield
    finally:
        with _lock:
            _waiting[source] -= 1
            if not _waiting[source]:
                del _waiting[source]


@cache
def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "passwords", initializer=_give_way)


def _give_way() -> None:
    """Lower the priority of this thread, and of the threads that argon2 starts from it."""
    if sys.platform == "linux":  # elsewhere priorities are those of processes
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
