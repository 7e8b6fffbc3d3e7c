"""The queue: Procrastinate's tables in our database, reached only from here.

A queue row is a wake-up call, never the truth. It names a job; the job's own row says whether it still wants to run
(:mod:`spherelinks.jobs.attempts`). Each try of a job has its own queue row, made in the same transaction that makes
the job wait, so neither exists without the other; the transaction that begins the try takes it off again. Procrastinate
writes the rows and announces them; its own worker is not used, because it takes the call, begins the job and ends the
call in transactions of their own, where one does.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import LiteralString

from procrastinate import App, SyncPsycopgConnector
from procrastinate.exceptions import ConnectorException
from sqlalchemy import text
from sqlalchemy.orm import Session

from spherelinks import database
from spherelinks.options import DEFAULT_GENERATOR

TASK = "spherelinks.generate"
CHANNEL = "procrastinate_any_queue_v1"
"""Where PostgreSQL announces every new row."""


def _take(which: LiteralString = "") -> LiteralString:
    return f"""
DELETE FROM procrastinate_jobs
WHERE id = (
    SELECT id FROM procrastinate_jobs
    WHERE status = 'todo' AND task_name = '{TASK}'{which}
    ORDER BY priority DESC, id
    LIMIT 1
    FOR UPDATE SKIP LOCKED)
RETURNING id, args ->> 'job_id' AS job_id
"""


TAKE = _take()
"""Takes the next call off the queue: the oldest of the highest priority that nobody else is just taking."""
TAKE_OF = _take(f" AND coalesce(args ->> 'generator', '{DEFAULT_GENERATOR}') = ANY(%s)")
"""The same of the calls for a parameter's generators. A server of an earlier version names none: the default one's."""
_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)  # priorities are 32 bits wide: good until 2094

# Opened by nobody: every row is written on the caller's own connection.
_app = App(connector=SyncPsycopgConnector())


def priority(submitted: datetime, head_start_s: int) -> int:
    """The priority of a job's calls; of those that wait, the highest is fetched first.

    It falls by one a second, whoever submits: that is all the ageing it takes, and no row is ever changed. A plan's
    head start lifts its jobs over those that were submitted up to so many seconds before them, and no others. So a job
    waits for what was there before it and for what comes within the longest head start after it; nothing that comes
    later passes it, however much it is.
    """
    return head_start_s - int((submitted - _BEGINNING).total_seconds())


def push(session: Session, job_id: str, priority: int, generator: str = DEFAULT_GENERATOR) -> int:
    """Queue a wake-up call for a job of that generator inside the session's transaction, and return its id."""
    try:
        task = _app.configure_task(TASK, connection=database.driver(session.connection()), priority=priority)
        return task.defer(job_id=job_id, generator=generator)
    except ConnectorException as error:
        raise (error.__cause__ or error) from None  # the driver's own, which everybody here understands


def drop(session: Session, queue_id: int) -> None:
    """Remove a queue row, whatever its state, inside the session's transaction; harmless where there is none."""
    session.execute(text("DELETE FROM procrastinate_jobs WHERE id = :id"), {"id": queue_id})


def withdraw(session: Session, queue_id: int) -> None:
    """Remove a queue row that no worker has taken; one that does is told by the job's row that it is not wanted."""
    # passed over where it is just taken: to wait for that, with the job's row locked, would be a deadlock
    session.execute(
        text(
            "DELETE FROM procrastinate_jobs WHERE id = "
            "(SELECT id FROM procrastinate_jobs WHERE id = :id AND status = 'todo' FOR UPDATE SKIP LOCKED)"
        ),
        {"id": queue_id},
    )


def sweep(session: Session) -> int:
    """Remove the rows that a worker of the version before fetched and left, for an hour; how many."""
    swept = session.execute(
        text(
            "DELETE FROM procrastinate_jobs q USING jobs j "
            "WHERE j.id = q.args ->> 'job_id' AND q.status <> 'todo' AND j.beat_at < now() - interval '1 hour' "
            "AND (q.id <> j.queue_id OR j.state IN ('completed', 'failed')) RETURNING q.id"
        )
    )
    return len(swept.all())
