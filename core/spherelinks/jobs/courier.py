"""Makes deliveries: messages to webhooks, assets to ``output.putUrl``; retried until they succeed.

Procrastinate's worker calls for each when it is due (:mod:`spherelinks.jobs.outbox`). A try begins by moving the next
one ahead by a lease, so the deliveries of a killed worker are retried. Receivers may therefore get something twice,
with the same id.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from procrastinate import App
from procrastinate.connector import BaseConnector
from sqlalchemy import Engine, delete, exists, func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from spherelinks.database import Delivery, HostPause, Job, Webhook, transaction
from spherelinks.errors import DatabaseUnavailable, StorageUnavailable
from spherelinks.jobs import outbound, outbox, queue, webhooks
from spherelinks.jobs.outbound import Undelivered
from spherelinks.picture.fetch import Guard
from spherelinks.storage import Storage

logger = logging.getLogger(__name__)

BACK_OFF = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1800, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
)
"""Delays before the second attempt, the third, and so on: three days in all."""

PLACES = 32
"""Deliveries that a worker has under way at a time."""
HANGS = 3
"""So many times in a row without an answer, and the account's deliveries to that host are paused."""
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 60))
"""How long, at first and each time that it hangs again."""

_LEASE = timedelta(seconds=3 * outbound.DEADLINE_S)


@dataclass(frozen=True)
class Outcome:
    """The outcome of an attempt. answer : HTTP status or None; problem : None if delivered; final : do not retry;
    hung : nothing came within the deadline"""

    answer: int | None
    problem: str | None
    final: bool = False
    hung: bool = False


def application(connector: BaseConnector, engine: Engine, storage: Storage, guard: Guard) -> App:
    """Procrastinate's task that makes a delivery."""
    app = App(connector=connector)
    app.task(name=queue.DELIVER)(partial(_deliver, engine, storage, guard))
    return app


def _deliver(engine: Engine, storage: Storage, guard: Guard, delivery_id: str) -> None:
    try:
        delivery = begin(engine, delivery_id)
        if delivery is not None:
            _try(engine, storage, guard, delivery)
    except DatabaseUnavailable as error:
        logger.warning("%s will be delivered again: %s", delivery_id, error)


def begin(engine: Engine, delivery_id: str) -> Delivery | None:
    """Begin to try a delivery, with a lease; None if it is not due, or its host is paused.

    Gives it up if it was tried as often as any may be, without an end: each try has taken its worker with it. Raises
    DatabaseUnavailable.
    """
    paused = exists().where(
        HostPause.account_id == Delivery.account_id, HostPause.host == Delivery.host, HostPause.until > func.now()
    )
    with transaction(engine) as session:
        delivery = session.scalars(
            update(Delivery)
            .where(Delivery.id == delivery_id, Delivery.state == "pending", Delivery.next_at <= func.now(), ~paused)
            .values(attempts=Delivery.attempts + 1, next_at=func.now() + _LEASE)
            .returning(Delivery)
        ).one_or_none()
        if delivery is None or delivery.attempts <= len(BACK_OFF) + 1:
            return delivery
        logger.error("given up after %s attempts that did not end: %s", len(BACK_OFF) + 1, delivery_id)
        values = {"state": "failed", "ended_at": func.now(), "problem": "No attempt to send it has come to an end."}
        session.execute(update(Delivery).where(Delivery.id == delivery_id).values(values))
        return None


def _try(engine: Engine, storage: Storage, guard: Guard, delivery: Delivery) -> None:
    try:
        outcome = _message(engine, guard, delivery) if delivery.webhook_id else _asset(engine, storage, guard, delivery)
    except DatabaseUnavailable:
        raise
    except Exception as error:  # or it would be tried again for ever
        logger.exception("%s could not be sent", delivery.id)
        outcome = Outcome(None, f"it could not be sent ({type(error).__name__}).")
    with transaction(engine) as session:
        _note_hang(session, delivery, outcome)
        values: dict[str, object] = {"answer": outcome.answer, "problem": _storable(outcome.problem)}
        if outcome.problem is None:
            values |= {"state": "delivered", "ended_at": func.now()}
        elif outcome.final or delivery.attempts > len(BACK_OFF):
            values |= {"state": "failed", "ended_at": func.now()}
        else:
            values |= {"next_at": func.now() + BACK_OFF[delivery.attempts - 1]}
        # any other lease means that it was asked for again meanwhile: what comes of that counts
        session.execute(
            update(Delivery)
            .where(Delivery.id == delivery.id, Delivery.next_at == delivery.next_at, Delivery.state == "pending")
            .values(values)
        )
        outbox.call(session, delivery.account_id, ended=delivery.id)


def _storable(problem: str | None) -> str | None:
    """The words, which may quote the receiver's, without what no database holds."""
    return (
        None
        if problem is None
        else problem.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    )


def _note_hang(session: Session, delivery: Delivery, outcome: Outcome) -> None:
    """Pause a host that hangs again and again, for this account; whatever it answers ends that."""
    if delivery.account_id is None or delivery.host is None:
        return
    key = {"account_id": delivery.account_id, "host": delivery.host}
    if outcome.answer is not None:
        session.execute(delete(HostPause).filter_by(**key))
    elif outcome.hung:
        note = insert(HostPause).values(**key, hangs=1, until=func.now())
        again = {"hangs": HostPause.hangs + 1}
        hangs = session.scalars(
            note.on_conflict_do_update(index_elements=[*key], set_=again).returning(HostPause.hangs)
        ).one()
        if hangs >= HANGS:
            pause = PAUSES[min(hangs - HANGS, len(PAUSES) - 1)]
            session.execute(update(HostPause).filter_by(**key).values(until=func.now() + pause))


def _message(engine: Engine, guard: Guard, delivery: Delivery) -> Outcome:
    with transaction(engine) as session:
        webhook = session.get(Webhook, delivery.webhook_id)
    if webhook is None:
        return Outcome(None, "The webhook was deleted.", final=True)
    body = (delivery.payload or "").encode()
    headers = webhooks.headers(webhook, delivery.id, body, datetime.now(UTC))
    return _sent("POST", webhook.url, headers, body, guard, final={410})


def _asset(engine: Engine, storage: Storage, guard: Guard, delivery: Delivery) -> Outcome:
    with transaction(engine) as session:
        job = session.get_one(Job, delivery.job_id)
    if job.deleted_at is not None or job.output is None or job.asset_path is None:
        return Outcome(None, "The job was deleted.", final=True)
    try:
        glb = storage.get(job.asset_path)
    except StorageUnavailable as error:
        return Outcome(None, error.message)
    # a presigned URL that refuses once will refuse for good
    headers = {"Content-Type": "model/gltf-binary"} | (job.output.get("headers") or {})
    return _sent("PUT", job.output["putUrl"], headers, glb, guard, final={400, 401, 403, 404, 405, 410, 411, 412, 413})


def _sent(method: str, url: str, headers: dict[str, str], body: bytes, guard: Guard, final: set[int]) -> Outcome:
    began = time.monotonic()
    try:
        answer = outbound.send(method, url, headers, body, guard)
    except Undelivered as error:
        return Outcome(None, str(error), hung=time.monotonic() - began > 0.9 * outbound.DEADLINE_S)
    if 200 <= answer < 300:
        return Outcome(answer, None)
    return Outcome(answer, f"The answer was HTTP {answer}.", final=answer in final)
