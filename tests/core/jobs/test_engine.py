"""Procrastinate's worker under ours: what it lacks, what it is told, and a worker of the version before beside it."""

import asyncio
import contextlib
import sys
import threading
import time
from pathlib import Path

import loops
import psycopg
import pytest
from procrastinate import App, PsycopgConnector
from procrastinate.worker import Worker
from sqlalchemy import text
from sqlalchemy.engine import make_url

from spherelinks import database
from spherelinks.accounts.ledger import Balance
from spherelinks.database import fetch_one
from spherelinks.jobs import attempts

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")


PATIENCE_S = 120.0


def eventually(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.03)


def test_a_cancelled_job_is_told_at_once(desk, engine, tmp_path):
    """Its heartbeat would tell it in a minute at the earliest."""
    noted = tmp_path / "pid"
    with desk.working(stale_after_s=240):
        job = desk.submit(f"hang {noted}")
        eventually(lambda: noted.exists() and noted.read_text())
        child = Path(f"/proc/{noted.read_text()}")
        assert attempts.cancel(engine, desk.client.account_id, job)
        eventually(lambda: not child.exists())
        assert desk.ended(desk.submit("succeed")).status == "COMPLETED"
    assert desk.balance() == Balance(9, 0)


def beside(database_url, act, patience_s, **options):
    """Run Procrastinate's worker as it is, with one task that runs until told to end; what ``act`` finds meanwhile.

    patience_s : how long it waits for a connection
    """

    async def run():
        # its lost tasks end with errors that nobody asks for; told of them while modules are compiled, Python 3.11's
        # own traceback breaks that
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
        begun, end = threading.Event(), threading.Event()
        app = App(connector=PsycopgConnector(conninfo=database_url, min_size=1, max_size=2, timeout=patience_s))
        task = app.task(name="test.wait", queue="test")(lambda: begun.set() or end.wait(PATIENCE_S))
        try:
            async with app.open_async():
                await task.defer_async()
                worker = Worker(app, queues=["test"], install_signal_handlers=False, **options)
                running = asyncio.create_task(worker.run())
                while not begun.is_set():
                    await asyncio.sleep(0.02)
                try:
                    return await act(worker, running, end)
                finally:
                    end.set()
                    worker.stop()
                    await asyncio.gather(running, return_exceptions=True)
        finally:
            end.set()

    return loops.run(run())


def test_procrastinates_own_heartbeat_ends_before_the_jobs_that_it_waits_for(database_url, engine):
    """So a job of a worker that is stopping would count as lost: we beat for each attempt ourselves."""

    async def beat():
        return await asyncio.to_thread(fetch_one, engine, "SELECT last_heartbeat FROM procrastinate_workers", ())

    async def stop(worker, running, end):
        for _ in range(10):
            last = await beat()
            while await beat() == last:
                assert not running.done()
        worker.stop()
        await asyncio.sleep(1)  # one may be under way
        last = await beat()
        await asyncio.sleep(2)
        assert not running.done(), "its job runs on"
        return last, await beat()

    last, later = beside(database_url, stop, PATIENCE_S, update_heartbeat_interval=0.1)
    assert last == later


def test_procrastinate_starts_no_job_while_an_earlier_one_with_its_lock_waits_for_hours(engine):
    """So a message that one host refused would hold up all later ones to that host: only what is due is queued."""
    put = (
        "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, scheduled_at) VALUES "
        "('test', 'retried', 'host', now() + interval '5 hours'), ('test', 'later', 'host', NULL) RETURNING id"
    )
    fetch = "SELECT task_name FROM procrastinate_fetch_job_v2(ARRAY['test'], :worker)"
    with engine.begin() as connection:
        worker = connection.scalar(text("SELECT worker_id FROM procrastinate_register_worker_v1()"))
        connection.execute(text(put))
        assert connection.scalar(text(fetch), {"worker": worker}) is None
        connection.execute(text("UPDATE procrastinate_jobs SET scheduled_at = now() WHERE task_name = 'retried'"))
        assert connection.scalar(text(fetch), {"worker": worker}) == "retried"


@contextlib.contextmanager
def outage(postgres, database_url):
    """The database takes no connection, and has lost those that it had."""
    name = make_url(database_url).database
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        try:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            yield
        finally:
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def test_procrastinates_own_worker_ends_with_the_database(database_url, postgres):
    """So our connector repeats what found none."""

    async def lose(worker, running, end):
        with outage(postgres, database_url):
            end.set()
            await asyncio.wait({running}, timeout=PATIENCE_S)
        return running.done()

    assert beside(database_url, lose, 2.0, fetch_job_polling_interval=0.2)


def test_a_worker_waits_an_outage_out_and_its_job_goes_on(desk, engine, postgres, database_url):
    with desk.working(concurrency=2):
        job, other = desk.submit("work 8", seed=1), desk.submit("work 1", seed=2)
        desk.until(job, lambda now: now.progress > 0)
        desk.until(other, lambda now: now.progress > 0)
        with outage(postgres, database_url):
            time.sleep(database.PATIENCE_S + 2)  # one ends meanwhile, and is settled later
        assert desk.ended(other).status == desk.ended(job).status == "COMPLETED"
        assert desk.ended(desk.submit("succeed")).status == "COMPLETED"
    with engine.connect() as connection:
        assert connection.scalars(text("SELECT DISTINCT attempt FROM jobs")).all() == [1]
    assert desk.balance() == Balance(7, 0)


BEFORE = """
WITH call AS (
    DELETE FROM procrastinate_jobs
    WHERE id = (
        SELECT id FROM procrastinate_jobs
        WHERE status = 'todo' AND task_name = 'spherelinks.generate'
          AND coalesce(args ->> 'generator', 'lift') = ANY(%s)
        ORDER BY priority DESC, id LIMIT 1
        FOR UPDATE SKIP LOCKED)
    RETURNING id, args ->> 'job_id' AS job_id
), begun AS (
    UPDATE jobs j
    SET state = 'running', attempt = attempt + 1, beat_at = now(), started_at = coalesce(started_at, now())
    FROM call
    WHERE j.id = call.job_id AND j.queue_id = call.id AND j.state = 'queued'
    RETURNING j.id, j.account_id, j.attempt, j.options, j.mask_size > 0)
SELECT begun.*, call.id FROM call LEFT JOIN begun ON true
"""
"""How a worker of the version before takes a job, in one statement."""


def test_a_worker_of_the_version_before_works_beside_a_new_one(desk, engine):
    jobs = [desk.submit("work 0.3", seed=seed) for seed in range(10)]
    taken = []
    with desk.working():
        desk.until(jobs[0], lambda now: now.stage != "queued")
        deadline = time.monotonic() + 60
        while any(desk.read(job).status == "PROCESSING" for job in jobs):
            assert time.monotonic() < deadline
            row = fetch_one(engine, BEFORE, (["lift"],))
            if row is not None and row[0] is not None:
                attempt = attempts.Attempt(*row[:5])
                taken.append(attempt.job_id)
                assert attempts.complete(engine, attempt, f"results/{attempt.job_id}/1.glb", "00", 1, {})
            time.sleep(0.3)
    assert 0 < len(taken) == len(set(taken)) < len(jobs), "both have worked"
    assert desk.balance() == Balance(0, 0)
    with engine.connect() as connection:
        assert connection.scalars(text("SELECT DISTINCT attempt FROM jobs")).all() == [1]
        calls = "SELECT count(*) FROM procrastinate_jobs WHERE queue_name <> 'housekeeping'"
        assert connection.scalar(text(calls)) == 0
