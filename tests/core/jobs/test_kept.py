"""What is kept: until it is announced, as long as it lasts, and never unheard."""

import threading
import time
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import text

from spherelinks.accounts import keys
from spherelinks.database import transaction
from spherelinks.jobs import kept, status
from spherelinks.jobs.bell import Bell
from spherelinks.jobs.kept import Kept, Reading

PATIENCE_S = 60
FOREVER = float("inf")


def announce(engine, payload):
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_notify('test', :payload)"), {"payload": payload})


def keep(store, key, value, names, lasts_s=FOREVER):
    """Read it until it is kept."""
    deadline = time.monotonic() + PATIENCE_S
    while store.get(key) is None:
        assert time.monotonic() < deadline
        assert store.read(key, lambda: Reading(value, names, lasts_s)) == value
    assert store.get(key) == value


def until_forgotten(store, key):
    deadline = time.monotonic() + PATIENCE_S
    while store.get(key) is not None or not store._bell.has_heard_all():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def store(engine):
    return Kept(Bell(engine, "test"))


def test_each_is_kept_until_one_of_its_names_is_announced(store, engine):
    keep(store, 1, "one", ["a", "key"])
    keep(store, 2, "two", ["b", "key"])
    keep(store, 3, "any", ["c", None])
    announce(engine, "a")
    until_forgotten(store, 1)
    assert store.read(3, lambda: Reading("again", ["c"], FOREVER)) == "again", "it was forgotten, too"
    keep(store, 2, "two", ["b", "key"])
    announce(engine, "key")
    until_forgotten(store, 2)
    assert store._keys.keys() <= {"c"}, "no name is left behind"
    store.forget()
    assert store.get(3) is None


def test_nothing_is_kept_longer_than_it_lasts(store):
    keep(store, 1, "long", [])
    assert store.read(2, lambda: Reading("short", [], 0.0)) == "short"
    assert store.get(1) == "long"
    assert store.get(2) is None


def test_what_changes_while_it_is_read_is_not_kept(store, engine):
    keep(store, 1, "old", ["a"])

    def change():
        announce(engine, "a")
        until_forgotten(store, 1)
        return Reading("old, read before the change", ["a"], FOREVER)

    assert store.read(1, change) == "old, read before the change"
    assert store.get(1) is None
    assert store.read(1, lambda: (store.forget(), Reading("old", [], FOREVER))[1]) == "old"
    assert store.get(1) is None


def test_no_more_is_kept_than_there_is_room_for(store, monkeypatch):
    monkeypatch.setattr(kept, "MOST", 10)
    for number in range(25):
        keep(store, number, number, ["a"])
        assert len(store._values) <= 10


def test_nothing_is_kept_for_nobody_nor_listened_for(engine):
    bell = Bell(engine, "test")
    store = Kept(bell)
    for _ in range(3):
        assert store.read(1, lambda: Reading("x", [], FOREVER)) == "x"
    assert not bell._listening


def test_behind_a_pooler_nothing_is_kept(engine, monkeypatch):
    """There another process answers than the one that was connected to."""
    bell = Bell(engine, "test")
    monkeypatch.setattr(psycopg.ConnectionInfo, "backend_pid", property(lambda self: 1))
    with bell.heard("a") as ring:
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            assert not bell.has_heard_all()
            time.sleep(0.05)
        ring.clear()
        announce(engine, "a")
        assert ring.wait(PATIENCE_S), "it rings all the same"


def test_silence_counts_for_a_second_only(engine, monkeypatch):
    """A server that cannot be reached announces nothing."""
    bell = Bell(engine, "test")
    store = Kept(bell)
    keep(store, 1, "one", ["a"])
    stuck = threading.Event()
    monkeypatch.setattr(Bell, "_prove", lambda self, connection: stuck.wait(PATIENCE_S))
    deadline = time.monotonic() + PATIENCE_S
    while store.get(1) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not bell.has_heard_all()
    stuck.set()


def test_how_long_a_key_lasts_is_seen_with_the_job(desk, engine):
    job = desk.submit("succeed")
    assert status.see(engine, desk.client.digest, job).key_lasts_s is None
    with transaction(engine) as session:
        key = session.execute(text("SELECT id FROM api_keys WHERE digest = :d"), {"d": desk.client.digest}).scalar_one()
        keys.rotate(session, key, timedelta(seconds=600))
    seen = status.see(engine, desk.client.digest, job)
    assert seen.key_id == key
    assert 300 < seen.key_lasts_s <= 600
