"""Makes deliveries that are due: messages to webhooks, assets to ``output.putUrl``; retried until they succeed.

A delivery is claimed by moving its next attempt ahead by a lease, so any number of couriers share the work, and the
deliveries of a killed one are retried. Receivers may therefore get something twice, with the same id.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, func, select, update

from spherelinks.database import Delivery, Job, Webhook, transaction
from spherelinks.errors import StorageUnavailable
from spherelinks.jobs import outbound, webhooks
from spherelinks.jobs.outbound import Undelivered
from spherelinks.picture.fetch import Guard
from spherelinks.storage import Storage

BACK_OFF = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1800, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
)
"""Delays before the second attempt, the third, and so on: three days in all."""

_LEASE = timedelta(seconds=3 * outbound.DEADLINE_S)
_AT_A_TIME = 32


@dataclass(frozen=True)
class Outcome:
    """The outcome of an attempt. answer : HTTP status or None; problem : None if delivered; final : do not retry"""

    answer: int | None
    problem: str | None
    final: bool = False


def deliver_due(engine: Engine, storage: Storage, guard: Guard) -> int:
    """Attempt each delivery that is due, several in parallel; returns their number. Raises DatabaseUnavailable."""
    claimed = _claim(engine)
    if claimed:
        with ThreadPoolExecutor(len(claimed)) as pool:
            for _ in pool.map(lambda delivery: _try(engine, storage, guard, delivery), claimed):
                pass
    return len(claimed)


def _claim(engine: Engine) -> list[Delivery]:
    with transaction(engine) as session:
        due = (
            select(Delivery.id)
            .where(Delivery.state == "pending", Delivery.next_at <= func.now())
            .order_by(Delivery.next_at)
            .limit(_AT_A_TIME)
            .with_for_update(skip_locked=True)
        )
        claimed = session.scalars(
            update(Delivery)
            .where(Delivery.id.in_(due.scalar_subquery()))
            .values(attempts=Delivery.attempts + 1, next_at=func.now() + _LEASE)
            .returning(Delivery)
        )
        return [*claimed.all()]


def _try(engine: Engine, storage: Storage, guard: Guard, delivery: Delivery) -> None:
    outcome = _message(engine, guard, delivery) if delivery.webhook_id else _asset(engine, storage, guard, delivery)
    with transaction(engine) as session:
        values: dict[str, object] = {"answer": outcome.answer, "problem": outcome.problem}
        if outcome.problem is None:
            values |= {"state": "delivered", "ended_at": func.now()}
        elif outcome.final or delivery.attempts > len(BACK_OFF):
            values |= {"state": "failed", "ended_at": func.now()}
        else:
            values |= {"next_at": func.now() + BACK_OFF[delivery.attempts - 1]}
        # any other number of attempts means that another delivery was requested meanwhile
        session.execute(
            update(Delivery)
            .where(Delivery.id == delivery.id, Delivery.attempts == delivery.attempts, Delivery.state == "pending")
            .values(values)
        )


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
    headers = {"Content-Type": "model/gltf-binary"}
    return _sent("PUT", job.output["putUrl"], headers, glb, guard, final={400, 401, 403, 404, 405, 410, 411, 412, 413})


def _sent(method: str, url: str, headers: dict[str, str], body: bytes, guard: Guard, final: set[int]) -> Outcome:
    try:
        answer = outbound.send(method, url, headers, body, guard)
    except Undelivered as error:
        return Outcome(None, str(error))
    if 200 <= answer < 300:
        return Outcome(answer, None)
    return Outcome(answer, f"The answer was HTTP {answer}.", final=answer in final)
