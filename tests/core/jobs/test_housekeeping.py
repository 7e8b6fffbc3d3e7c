"""Housekeeping: each turn once however many workers run, and after an outage, too."""

import contextlib
import time
from collections import Counter

import psycopg
from sqlalchemy import text

from spherelinks.accounts import ledger
from spherelinks.database import transaction
from spherelinks.jobs import housekeeping


def until(condition):
    deadline = time.monotonic() + 120.0
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)


def test_each_turn_is_taken_once_however_many_workers_run(desk, monkeypatch):
    taken = Counter()
    run = housekeeping._run

    def note(name, action, timestamp):
        taken[name, timestamp] += 1
        run(name, action, timestamp)

    monkeypatch.setattr(housekeeping, "_run", note)
    with contextlib.ExitStack() as crowd:
        for _ in range(3):
            crowd.enter_context(desk.working())
        until(lambda: len([name for name, _ in taken if name == "recover"]) >= 4)
    assert {name for name, _ in taken} == {"recover", "sweep", "audit"}, "the hour's turns are made good at the start"
    assert set(taken.values()) == {1}


def test_a_lost_job_is_recovered_after_the_loss_of_all_connections(desk, engine, postgres):
    with desk.working(generators=("inflate",)):
        with psycopg.connect(postgres, autocommit=True) as admin:
            name = engine.connect().scalar(text("SELECT current_database()"))
            for _ in range(5):
                admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
                time.sleep(0.3)
        job = desk.submit("succeed")
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM procrastinate_jobs WHERE queue_name = 'generate:lift'"))
            connection.execute(text("UPDATE jobs SET beat_at = beat_at - interval '1 hour'"))
        calls = text("SELECT count(*) FROM procrastinate_jobs WHERE args ->> 'job_id' = :job AND status = 'todo'")
        with engine.connect() as connection:
            until(lambda: connection.scalar(calls, {"job": job}) == 1)


def test_an_audit_is_kept_and_told(desk, engine, caplog):
    job = desk.submit("succeed")
    housekeeping.audit(engine)
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT problems FROM ledger_audits")) == []
        connection.execute(text("UPDATE jobs SET credits = 7 WHERE id = :id"), {"id": job})
    housekeeping.audit(engine)
    with transaction(engine) as session:
        found = ledger.audit(session)
        assert session.scalars(text("SELECT problems FROM ledger_audits")).all() == [found]
    assert len(found) == 1
    assert job in caplog.text
