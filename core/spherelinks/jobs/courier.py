"""Makes deliveries that are due: messages to webhooks, assets to ``output.putUrl``; retried until they succeed.

A delivery is claimed by moving its next attempt ahead by a lease, so any number of couriers share the work, and the
deliveries of a killed one are retried. Receivers may therefore get something twice, with the same id.

They are no jobs of Procrastinate's: it starts none while an earlier one with the same lock waits, though that is for a
retry in hours, and it looks through all that wait at every start. So a lock by host would hold up an account's later
messages, and a thousand for a host that hangs would hold up everybody's jobs.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Row, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from spherelinks.database import Delivery, HostPause, Job, Webhook, transaction
from spherelinks.errors import DatabaseUnavailable, StorageUnavailable
from spherelinks.jobs import outbound, webhooks
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
"""Deliveries that a courier has under way at a time."""
OF_ACCOUNT, OF_HOST = 8, 4
"""Of these, those of one account, and of one account to one host; once half of all are taken, an account gets no second
one."""
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


class Courier:
    """Delivers in threads of its own. Whoever is slow holds places of its own account and host, and nobody else's."""

    def __init__(self, engine: Engine, storage: Storage, guard: Guard) -> None:
        self._engine = engine
        self._storage = storage
        self._guard = guard
        self._room = _Room()
        self._threads = ThreadPoolExecutor(PLACES, "courier")
        self._ended = threading.Event()

    def begin_due(self) -> int:
        """Begin to try deliveries whose time has come, as many as there are places for; how many.

        Raises DatabaseUnavailable.
        """
        begun = _claim(self._engine, self._room)
        for delivery in begun:
            self._threads.submit(self._deliver, delivery)
        return len(begun)

    def await_place(self, limit_s: float) -> None:
        """Wait until one of those under way has ended, so long at most."""
        self._ended.wait(limit_s)
        self._ended.clear()

    def close(self) -> None:
        """Wait for what is under way, each for its deadline at most."""
        self._threads.shutdown()

    def _deliver(self, delivery: Delivery) -> None:
        try:
            _try(self._engine, self._storage, self._guard, delivery)
        except DatabaseUnavailable as error:
            logger.warning("%s will be delivered again: %s", delivery.id, error)
        except Exception:
            logger.exception("%s could not be recorded", delivery.id)
        finally:
            self._room.leave(delivery.account_id, delivery.host)
            self._ended.set()


def deliver_due(engine: Engine, storage: Storage, guard: Guard) -> int:
    """Try the deliveries whose time has come, once, as many as there are places for; how many.

    Raises DatabaseUnavailable.
    """
    courier = Courier(engine, storage, guard)
    try:
        return courier.begin_due()
    finally:
        courier.close()


class _Room:
    """The places of a courier."""

    def __init__(self) -> None:
        self._accounts: Counter[str | None] = Counter()
        self._hosts: Counter[tuple[str | None, str | None]] = Counter()
        self._lock = threading.Lock()

    def enter(self, account_id: str | None, host: str | None) -> bool:
        """Take a place; False if there is none for this account and host."""
        with self._lock:
            taken = self._accounts.total()
            share = OF_ACCOUNT if taken < PLACES // 2 else 1
            free = taken < PLACES and self._accounts[account_id] < share and self._hosts[account_id, host] < OF_HOST
            if free:
                self._accounts[account_id] += 1
                self._hosts[account_id, host] += 1
            return free

    def leave(self, account_id: str | None, host: str | None) -> None:
        with self._lock:
            self._accounts[account_id] -= 1
            self._hosts[account_id, host] -= 1
            self._accounts += Counter()  # forgets those that have none
            self._hosts += Counter()


# What is due, every account's first before any second; of one account to one host no more than may be under way.
_DUE = f"""
SELECT id, account_id, host FROM (
    SELECT *, row_number() OVER (PARTITION BY account_id ORDER BY next_at) AS turn FROM (
        SELECT d.id, d.account_id, d.host, d.next_at,
               row_number() OVER (PARTITION BY d.account_id, d.host ORDER BY d.next_at) AS of_host
        FROM deliveries d
        LEFT JOIN host_pauses p ON (p.account_id, p.host) = (d.account_id, d.host) AND p.until > now()
        WHERE d.state = 'pending' AND d.next_at <= now() AND p.host IS NULL
    ) each
    WHERE of_host <= {OF_HOST}
) due
ORDER BY turn, next_at
LIMIT {8 * PLACES}
"""


def _claim(engine: Engine, room: _Room | None = None) -> list[Delivery]:
    room = room or _Room()
    claimed: Sequence[Delivery] = ()
    entered: list[Row[Any]] = []
    try:
        with transaction(engine) as session:
            entered = [row for row in session.execute(text(_DUE)) if room.enter(row.account_id, row.host)]
            if entered:
                claimed = _hopeful(session, _taken(session, [row.id for row in entered]))
    finally:
        mine = {delivery.id for delivery in claimed}
        for row in entered:
            if row.id not in mine:  # another courier was faster
                room.leave(row.account_id, row.host)
    return [*claimed]


def _taken(session: Session, ids: Sequence[str]) -> Sequence[Delivery]:
    """Those of these deliveries that nobody else is just taking, with a lease on each."""
    free = (
        select(Delivery.id)
        .where(Delivery.id.in_(ids), Delivery.state == "pending", Delivery.next_at <= func.now())
        .with_for_update(skip_locked=True)
    )
    return session.scalars(
        update(Delivery)
        .where(Delivery.id.in_(free.scalar_subquery()))
        .values(attempts=Delivery.attempts + 1, next_at=func.now() + _LEASE)
        .returning(Delivery)
    ).all()


def _hopeful(session: Session, claimed: Sequence[Delivery]) -> Sequence[Delivery]:
    """Give those up that were tried as often as any may be, without an end: each try has taken its courier with it."""
    hopeless = [delivery.id for delivery in claimed if delivery.attempts > len(BACK_OFF) + 1]
    if hopeless:
        logger.error("given up after %s attempts that did not end: %s", len(BACK_OFF) + 1, ", ".join(hopeless))
        values = {"state": "failed", "ended_at": func.now(), "problem": "No attempt to send it has come to an end."}
        session.execute(update(Delivery).where(Delivery.id.in_(hopeless)).values(values))
    return [delivery for delivery in claimed if delivery.id not in hopeless]


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
