"""The queue: Procrastinate's tables in our database, reached only from here.

A queue row is a wake-up call, never the truth. It names a job; the job's own row says whether it still wants to run
(:mod:`spherelinks.jobs.attempts`). Each try of a job has its own queue row, made in the same transaction that makes
the job wait, so neither exists without the other; the transaction that begins the try takes it off again. Procrastinate
writes the rows and announces them; its own worker is not used, because it takes the call, begins the job and ends the
call in transactions of their own, where one does.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, LiteralString

import psycopg
from procrastinate import App, SyncPsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.schema import SchemaManager, migrations_path
from psycopg import sql
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

TASK = "spherelinks.generate"
CHANNEL = "procrastinate_any_queue_v1"
"""Where PostgreSQL announces every new row."""
TAKE: LiteralString = f"""
DELETE FROM procrastinate_jobs
WHERE id = (
    SELECT id FROM procrastinate_jobs
    WHERE status = 'todo' AND task_name = '{TASK}'
    ORDER BY priority DESC, id
    LIMIT 1
    FOR UPDATE SKIP LOCKED)
RETURNING id, args ->> 'job_id' AS job_id
"""
"""Takes the next call off the queue: the oldest of the highest priority that nobody else is just taking."""
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


def push(session: Session, job_id: str, priority: int) -> int:
    """Queue a wake-up call for the job inside the session's transaction, and return its id."""
    try:
        task = _app.configure_task(TASK, connection=_driver(session.connection()), priority=priority)
        return task.defer(job_id=job_id)
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


# --- schema ---------------------------------------------------------------------------------------------------------


def install(connection: Connection) -> None:
    """Make the tables of the installed Procrastinate. The table's comment keeps their version."""
    _run(connection, SchemaManager.get_schema().encode())
    _mark(connection, _migrations()[-1])


def upgrade(connection: Connection) -> None:
    """Apply the migrations that the installed Procrastinate has and the database lacks, in order."""
    for name in _missing(connection):
        _run(connection, (migrations_path / name).read_bytes())
        _mark(connection, name)


def is_current(connection: Connection) -> bool:
    """Whether the queue's tables are those of the installed Procrastinate."""
    return not _missing(connection)


def _migrations() -> list[str]:
    return sorted(path.name for path in migrations_path.glob("*.sql"))


def _missing(connection: Connection) -> list[str]:
    applied = connection.exec_driver_sql("SELECT obj_description('procrastinate_jobs'::regclass)").scalar_one()
    return [name for name in _migrations() if name > applied]


def _mark(connection: Connection, name: str) -> None:
    _run(connection, sql.SQL("COMMENT ON TABLE procrastinate_jobs IS {}").format(name).as_bytes())


def _run(connection: Connection, script: bytes) -> None:
    """Run several statements, without parameters, on the driver's own connection."""
    _driver(connection).execute(script)


def _driver(connection: Connection) -> psycopg.Connection[Any]:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver
