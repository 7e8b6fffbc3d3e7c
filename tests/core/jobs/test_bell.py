"""The bell: rings for the database's notifications, survives lost connections, and holds none when nobody waits."""

import threading
import time
import uuid

import psycopg
import pytest
from conftest import begin
from sqlalchemy import text

from spherelinks.jobs import attempts, bell
from spherelinks.jobs.bell import Bell

PATIENCE_S = 120


@pytest.fixture
def quick(monkeypatch):
    """A bell that looks often, and gives its connection up at once when nobody waits."""
    monkeypatch.setattr(bell, "_LOOK_S", 0.05)
    monkeypatch.setattr(bell, "_LINGER_S", 0.0)


def announce(engine, channel, payload):
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_notify(:channel, :payload)"), {"channel": channel, "payload": payload})


def listeners(engine):
    with engine.connect() as connection:
        return connection.scalar(
            text(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
                " AND pid <> pg_backend_pid()"
            )
        )


def until(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def heard_all(calls):
    """Wait until the connection stands, and what rang at its start or has been announced until now has rung."""
    told, sent = [], []
    calls.tell(told.append)
    while not set(told) & set(sent):
        sent.append(f"token {uuid.uuid4()}")
        announce(calls._engine, calls._channel, sent[-1])
        time.sleep(0.05)
    until(lambda: sent[-1] in told)


def settle(calls, *rings):
    """Wait until nothing more is to come, and let the rings be silent."""
    heard_all(calls)
    for ring in rings:
        ring.clear()


def test_each_hears_what_is_meant_for_it_on_one_connection(engine):
    calls = Bell(engine, "test")
    with calls.heard("a") as a, calls.heard("b") as b, calls.heard(None) as all_:
        settle(calls, a, b, all_)
        announce(engine, "test", "a")
        assert a.wait(PATIENCE_S)
        assert all_.wait(PATIENCE_S)
        assert not b.is_set()
        all_.clear()
        announce(engine, "test", "b")
        assert b.wait(PATIENCE_S)
        assert listeners(engine) == 1


def test_it_rings_first_for_what_may_have_been_missed(engine):
    calls = Bell(engine, "test")
    with calls.heard("a") as first:
        assert first.is_set()
        settle(calls, first)
        with calls.heard("a") as second:
            assert second.is_set()
            assert not first.is_set()


def test_a_lost_connection_is_made_anew_and_rings(engine, database_url):
    calls = Bell(engine, "test")
    with calls.heard("a") as ring:
        settle(calls, ring)
        with psycopg.connect(database_url, autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
        assert ring.wait(PATIENCE_S), "something may have been missed"
        settle(calls, ring)
        announce(engine, "test", "a")
        assert ring.wait(PATIENCE_S)


def test_it_lets_go_of_its_connection_and_listens_again(engine, quick):
    calls = Bell(engine, "test")
    for _ in range(2):
        with calls.heard("a") as ring:
            until(lambda: listeners(engine) == 1)
            settle(calls, ring)
            announce(engine, "test", "a")
            assert ring.wait(PATIENCE_S)
        until(lambda: listeners(engine) == 0)


def test_many_come_and_go_at_once_and_none_is_forgotten(engine, quick):
    calls = Bell(engine, "test")
    heard = []

    def wait(name):
        with calls.heard(name) as ring:
            settle(calls, ring)
            heard.append(ring.wait(PATIENCE_S))

    threads = [threading.Thread(target=wait, args=(str(number % 5),)) for number in range(20)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        for name in range(5):
            announce(engine, "test", str(name))
        time.sleep(0.1)
    assert heard == [True] * 20
    until(lambda: listeners(engine) == 0)


def test_a_job_is_announced_when_a_client_can_see_a_change_and_only_then(desk, engine):
    job, other = desk.submit("succeed"), desk.submit("succeed")
    changes, calls = Bell(engine, attempts.CHANNEL), Bell(engine, "procrastinate_any_queue_v1")
    with changes.heard(job) as ring, changes.heard(other) as silent, calls.heard(None) as queued:
        settle(changes, ring, silent)
        settle(calls, queued)

        def rings(what):
            ring.clear()
            assert what()
            return ring.wait(PATIENCE_S)

        attempt = begin(engine, job)
        assert ring.wait(PATIENCE_S)
        assert rings(lambda: attempts.beat(engine, attempt, "generator", 0.5))
        ring.clear()
        called = []
        calls.tell(called.append)
        assert attempts.beat(engine, attempt, "generator", 0.5)
        heard_all(changes)
        assert not ring.is_set(), "a beat alone changes nothing"
        settle(calls, queued)
        assert all(each.startswith("token") for each in called), "nor calls for anything"
        assert rings(lambda: attempts.requeue(engine, attempt))
        assert queued.wait(PATIENCE_S)
        again = begin(engine, job)
        assert rings(lambda: attempts.complete(engine, again, "results/x/2.glb", "00", 1, {}))
        assert not silent.is_set()
