"""Accepting a job: the picture stored, then job, credit hold and queue row in one transaction."""

from __future__ import annotations

import types
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, LiteralString

from sqlalchemy import Engine, exists, func, select, text, update
from sqlalchemy.orm import Session

from spherelinks.accounts import ledger, plans
from spherelinks.accounts.keys import Principal
from spherelinks.database import Account, ApiKey, IdempotencyKey, Job, fetch_one, new_id, transaction
from spherelinks.errors import (
    DatabaseUnavailable,
    IdempotencyMismatch,
    InvalidKey,
    RequestInFlight,
    SphereLinksError,
    StorageUnavailable,
)
from spherelinks.generation import registry
from spherelinks.generation.card import Card
from spherelinks.jobs import cache, joining, line, paths, price, queue, sandbox, usage, webhooks
from spherelinks.jobs.sandbox import Sample
from spherelinks.options import Options
from spherelinks.storage import Storage


@dataclass(frozen=True)
class Accepted:
    """The answer to a submission.

    hit : the asset is that of an earlier job, or the sandbox's sample: the job is complete and free
    joined : the same is being made already: the job waits for its asset, free (:mod:`spherelinks.jobs.joining`)
    replayed : the job was accepted before, with the same Idempotency-Key
    """

    job_id: str
    hit: bool = False
    joined: bool = False
    replayed: bool = False


@dataclass(frozen=True)
class Idempotency:
    """A client's name for one request, 1 to 255 characters, and the SHA-256 of its body, 32 bytes."""

    key: str
    request_sha256: bytes


def submit(
    engine: Engine,
    storage: Storage,
    principal: Principal,
    picture: bytes,
    options: Options,
    *,
    mask: bytes | None = None,
    sides: Mapping[str, bytes] = types.MappingProxyType({}),
    bypass_cache: bool = False,
    idempotency: Idempotency | None = None,
    output: dict[str, Any] | None = None,
    card: Card | None = None,
) -> Accepted:
    """Accept a job; its id is ``job_`` and 26 characters. Once this returns, the job will complete or fail.

    The picture is durable before the transaction begins, and so are its mask and the sides, so that no accepted job
    lacks them. They are deleted if one cannot be stored or the job is refused; what a crash leaves behind is swept
    later (:mod:`spherelinks.jobs.paths`).

    mask : a second picture that says where the object is, see :mod:`spherelinks.picture.mask`
    sides : pictures of the object's other sides, by the names in :data:`spherelinks.shape.SIDES`
    bypass_cache : make the asset anew, though an earlier job of the account has made the same, or is making it
    idempotency : where a request of that name was accepted before, its job is the answer, and nothing else happens
    output : where else the asset is sent, ``{"putUrl": …}``
    card : of the generator, whose price is held; that of the installed one if None

    Raises InvalidOption for a generator that is not installed, InsufficientCredits, KeyCapReached, StorageQuotaReached,
    StorageFull, RateLimited for too many sandbox jobs, IdempotencyMismatch, RequestInFlight, InvalidKey for an account
    that was closed meanwhile, StorageUnavailable, DatabaseUnavailable; nothing is accepted, spent or kept then.
    """
    card = card or registry.card(options.generator)
    storage.check_space(len(picture) + len(mask or b"") + sum(map(len, sides.values())))
    job_id = new_id("job")
    sample = sandbox.sample(storage) if principal.sandbox else None
    sent = {paths.picture(job_id): picture} | {paths.side(job_id, view): side for view, side in sides.items()}
    if mask is not None:
        sent[paths.mask(job_id)] = mask
    try:
        if sample is None:  # a sandbox job's picture is never used
            storage.put_all(sent)
        accepted = _accept(
            engine, principal, job_id, picture, options, card, sample, mask=mask, sides=sides,
            bypass_cache=bypass_cache, idempotency=idempotency, output=output,
        )  # fmt: skip
    except DatabaseUnavailable:
        raise  # it may still have been accepted; if not, the sweep deletes the picture
    except SphereLinksError:
        _drop_pictures(storage, job_id)
        raise
    if accepted.job_id != job_id:
        _drop_pictures(storage, job_id)
    return accepted


def check_credit(engine: Engine, principal: Principal, name: str | None = None) -> None:
    """Refuse whoever can pay for no job, and has none whose asset could be the answer, before anything is read of a
    large request; :func:`check_means` looks closer.

    name : the request's Idempotency-Key

    Raises InsufficientCredits, DatabaseUnavailable.
    """
    if principal.sandbox or _can_pay(engine, principal, 1):
        return
    with transaction(engine) as session:
        named = (IdempotencyKey.account_id == principal.account_id, IdempotencyKey.key == name)
        if name is not None and session.scalar(select(exists().where(*named))):
            return
        if not cache.holds_any(session, principal.account_id):
            ledger.require(session, principal.account_id, 1)


def check_means(
    engine: Engine,
    principal: Principal,
    picture: bytes,
    options: Options,
    card: Card,
    *,
    mask: bytes | None = None,
    sides: Mapping[str, bytes] = types.MappingProxyType({}),
    bypass_cache: bool = False,
    idempotency: Idempotency | None = None,
) -> None:
    """Refuse a job that cannot be paid for before anything expensive is done for it; :func:`submit` decides.

    Raises InsufficientCredits, DatabaseUnavailable.
    """
    if principal.sandbox or _can_pay(engine, principal, card.price):
        return
    with transaction(engine) as session:
        if idempotency is not None and _known(session, principal, idempotency) is not None:
            return  # accepted meanwhile, for the last credit
        key = cache.content_key(picture, options, card, mask, sides)
        if bypass_cache or cache.find(session, principal.account_id, key) is None:
            ledger.require(session, principal.account_id, card.price)


def _can_pay(engine: Engine, principal: Principal, price: int) -> bool:
    """Whether the account surely has the credits; it may have them otherwise, too, such as those of a new month."""
    balance = fetch_one(engine, _AVAILABLE, (principal.account_id,))
    return balance is not None and balance[0] >= price


_AVAILABLE: LiteralString = "SELECT available FROM credit_balances WHERE account_id = %s"


def _drop_pictures(storage: Storage, job_id: str) -> None:
    with suppress(StorageUnavailable):  # then the sweep deletes them
        for path in paths.sent(job_id):
            storage.delete(path)


def _accept(
    engine: Engine,
    principal: Principal,
    job_id: str,
    picture: bytes,
    options: Options,
    card: Card,
    sample: Sample | None,
    *,
    mask: bytes | None,
    sides: Mapping[str, bytes],
    bypass_cache: bool,
    idempotency: Idempotency | None,
    output: dict[str, Any] | None,
) -> Accepted:
    """The transaction of a submission."""
    with transaction(engine) as session:
        _check_open(session, principal.account_id)
        if idempotency is not None:
            known = _claimed(session, principal, idempotency)
            if known is not None:
                return known
        plan = plans.of(session, principal.account_id)
        job = Job(
            id=job_id,
            account_id=principal.account_id,
            key_id=principal.key_id,
            queue_id=line.NOT_QUEUED,
            priority=queue.priority(datetime.now(UTC), plan.head_start_s),
            options=options.model_dump(by_alias=True, mode="json"),
            credits=card.price,
            sandbox=principal.sandbox,
            picture_size=0 if sample else len(picture) + sum(map(len, sides.values())),
            sides=[] if sample else [*sides],
            mask_size=0 if sample else len(mask or b""),
            output=output,
        )
        if sample is not None:
            sandbox.check(session, principal.account_id)
            sample.complete(job)
        else:
            job.content_key = cache.content_key(picture, options, card, mask, sides)
            earlier = None if bypass_cache else cache.find(session, principal.account_id, job.content_key)
            if earlier is not None and earlier.state == "completed":
                joining.copy(earlier, job)
            elif earlier is not None:
                job.joined, job.credits, job.progress = earlier.id, 0, earlier.progress
        session.add(job)
        session.flush()
        usage.check(session, principal.account_id, plan)
        if job.state == "completed":
            webhooks.announce(session, job_id)
        elif job.joined is None:
            price.hold(session, job)
            line.advance(session, principal.account_id)
        if idempotency is not None:
            session.add(
                IdempotencyKey(
                    account_id=principal.account_id,
                    sandbox=principal.sandbox,
                    key=idempotency.key,
                    request_sha256=idempotency.request_sha256,
                    job_id=job_id,
                )
            )
        session.execute(update(ApiKey).where(ApiKey.id == principal.key_id).values(last_used_at=func.now()))
        return Accepted(job_id, hit=job.state == "completed", joined=job.joined is not None)


def replay(engine: Engine, principal: Principal, idempotency: Idempotency) -> Accepted | None:
    """The earlier answer to the same request, if any. Raises IdempotencyMismatch, DatabaseUnavailable."""
    with transaction(engine) as session:
        return _known(session, principal, idempotency)


def sweep_idempotency(session: Session) -> None:
    """Forget requests of more than a week ago."""
    session.execute(text("DELETE FROM idempotency_keys WHERE created_at < now() - interval '7 days'"))


def _claimed(session: Session, principal: Principal, idempotency: Idempotency) -> Accepted | None:
    """Reserve the name for this transaction; returns the earlier answer if it was used. Raises RequestInFlight."""
    name = f"{principal.account_id} {principal.sandbox} {idempotency.key}"
    taken = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))")
    if not session.scalar(taken, {"name": name}):
        raise RequestInFlight(
            f"A request with the Idempotency-Key '{idempotency.key}' is being accepted right now.",
            hint="Retry after the time in Retry-After: the answer will be the first request's.",
        )
    return _known(session, principal, idempotency)


def _known(session: Session, principal: Principal, idempotency: Idempotency) -> Accepted | None:
    row = session.execute(
        select(IdempotencyKey.request_sha256, Job.id, Job.cache_hit, Job.sandbox, Job.joined, Job.state)
        .join(Job, Job.id == IdempotencyKey.job_id)
        .where(
            IdempotencyKey.account_id == principal.account_id,
            IdempotencyKey.sandbox == principal.sandbox,
            IdempotencyKey.key == idempotency.key,
        )
    ).one_or_none()
    if row is None:
        return None
    if row.request_sha256 != idempotency.request_sha256:
        raise IdempotencyMismatch(
            f"The Idempotency-Key '{idempotency.key}' was already used for a different request.",
            hint="Use a new key for a new request; to repeat one, send exactly the same body.",
            field="Idempotency-Key",
        )
    joined = row.joined is not None and row.state == "queued"
    return Accepted(row.id, hit=row.cache_hit or row.sandbox, joined=joined, replayed=True)


def _check_open(session: Session, account_id: str) -> None:
    """Raises InvalidKey for a closed account; one that is open stays so until the transaction ends.

    An account's submissions pass one at a time, so that each is counted by the next.
    """
    closed = select(Account.closed_at).where(Account.id == account_id).with_for_update(key_share=True)
    if session.scalars(closed).one() is not None:
        raise InvalidKey("The account of this key is closed.", hint="Use a key of another account.")
