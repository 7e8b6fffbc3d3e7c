"""The queue: Procrastinate's tables in our database, reached only from here.

A queue row is a wake-up call, never the truth. It names a job; the job's own row says whether it still wants to run
(:mod:`spherelinks.jobs.attempts`). Each attempt at a job has its own queue row, inserted in the transaction that makes
the job wait, so neither exists without the other. Procrastinate's worker takes it, and deletes it when the generator
is done; whatever becomes of it on the way costs the job a few seconds, and no more.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import text
from sqlalchemy.orm import Session

from spherelinks import database, postgres
from spherelinks.config import Settings
from spherelinks.errors import ConfigurationError
from spherelinks.options import DEFAULT_GENERATOR

TASK = "spherelinks.generate"
DELIVER, DELIVERIES = "spherelinks.deliver", "deliveries"
"""The task that makes a delivery, and its queue."""
_LAST = -2_000_000_000  # below every job's: who looks for the next job, or counts those before one, never meets them
_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)  # priorities are 32 bits wide: good until 2094


def _pool(**options: Any) -> AsyncConnectionPool:
    settings = Settings.from_env()
    url = settings.database_url or postgres.running(settings.home)
    if url is None:
        raise ConfigurationError(
            f"DATABASE_URL is unset, and nothing serves the database in SPHERELINKS_HOME, '{settings.home}'.",
            hint="Set DATABASE_URL, or start 'spherelinks serve' first.",
        )
    return AsyncConnectionPool(url, **options)


app = App(connector=PsycopgConnector(pool_factory=_pool))
"""For Procrastinate's own commands: ``procrastinate --app spherelinks.jobs.queue.app healthchecks``.

They open it, on the database of the environment's settings; here it only puts rows together, and every row is written
on the caller's own connection.
"""


def of(generator: str) -> str:
    """The queue of a generator's jobs.

    Procrastinate announces a row on a channel named after its queue, and PostgreSQL allows such a name 63 bytes, which
    leaves 40 for the queue's; a longer name keeps its beginning.
    """
    if len(generator) > 31:
        digest = hashlib.md5(generator.encode(), usedforsecurity=False).hexdigest()
        generator = f"{generator[:22]}-{digest[:8]}"
    return f"generate:{generator}"


def priority(submitted: datetime, head_start_s: int) -> int:
    """The priority of a job's calls; the highest is fetched first.

    It falls by one per second of submission time, which ages all jobs without ever changing a row. A plan's head start
    lifts its jobs above those submitted up to that many seconds earlier, and no others. So a job waits only for those
    before it and those submitted within the longest head start after it; no later job overtakes it.
    """
    return head_start_s - int((submitted - _BEGINNING).total_seconds())


def push(session: Session, job_id: str, priority: int, generator: str = DEFAULT_GENERATOR) -> int:
    """Queue a wake-up call for a job of that generator inside the session's transaction, and return its id."""
    args = {"job_id": job_id, "generator": generator}
    return _push(session, args, TASK, queue=of(generator), priority=priority)


def push_delivery(session: Session, delivery_id: str, turn: int) -> int:
    """Queue a call for a delivery inside the session's transaction, and return its id.

    Calls for the same delivery are answered one after another, those of a lower turn before any of a higher one.
    """
    args = {"delivery_id": delivery_id}
    return _push(session, args, DELIVER, queue=DELIVERIES, priority=_LAST - turn, lock=delivery_id)


def _push(session: Session, args: dict[str, str], task: str, **options: Any) -> int:
    try:
        return app.configure_task(task, connection=database.driver(session.connection()), **options).defer(**args)
    except ConnectorException as error:
        raise (error.__cause__ or error) from None  # the driver's own exceptions, which all callers handle


def withdraw(session: Session, queue_id: int) -> None:
    """Remove a queue row; if its worker has taken it already, tell that to end what it does."""
    # skipped while being taken (its worker learns from the job's row): waiting for that here would be a deadlock
    session.execute(text(_WITHDRAW), {"id": queue_id})


_WITHDRAW = """
WITH call AS (SELECT id, status FROM procrastinate_jobs WHERE id = :id FOR UPDATE SKIP LOCKED),
told AS (
    UPDATE procrastinate_jobs q SET abort_requested = true FROM call WHERE q.id = call.id AND call.status = 'doing')
DELETE FROM procrastinate_jobs q USING call WHERE q.id = call.id AND call.status = 'todo'
"""


def sweep(session: Session) -> int:
    """Remove calls that a worker took and then was killed, or lost sight of the database, an hour ago; how many."""
    swept = session.execute(
        text(
            "DELETE FROM procrastinate_jobs q USING jobs j "
            "WHERE j.id = q.args ->> 'job_id' AND q.status <> 'todo' AND j.beat_at < now() - interval '1 hour' "
            "AND (q.id <> j.queue_id OR j.state IN ('completed', 'failed')) RETURNING q.id"
        )
    ).all()
    others = session.execute(
        text(
            "DELETE FROM procrastinate_jobs q WHERE q.status <> 'todo' AND q.task_name <> :task AND NOT EXISTS ("
            "SELECT FROM procrastinate_workers w "
            "WHERE w.id = q.worker_id AND w.last_heartbeat > now() - interval '1 hour') RETURNING q.id"
        ),
        {"task": TASK},
    ).all()
    return len(swept) + len(others)
