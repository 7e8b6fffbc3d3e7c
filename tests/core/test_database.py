"""The database: migrations, and connections that outlive the server's restarts."""

import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.engine import make_url

from spherelinks import database
from spherelinks.config import Settings
from spherelinks.database import Account, connect, fetch_one, is_current, migrate, new_id, opened, transaction
from spherelinks.errors import ConfigurationError, DatabaseUnavailable
from spherelinks.migrations import queue


@pytest.fixture
def empty_url(postgres, request):
    """A database without tables."""
    name = "empty_" + new_id("db")[-8:]
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    yield make_url(postgres).set(database=name).render_as_string(hide_password=False)
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_migrating_makes_the_tables_the_models_describe(engine):
    assert is_current(engine)
    with engine.connect() as connection:
        ours = {"include_name": lambda name, kind, _: kind != "table" or not name.startswith("procrastinate")}
        differences = compare_metadata(
            MigrationContext.configure(connection, opts={"compare_type": True, **ours}), database.Base.metadata
        )
    # indexes, checks, and tables that only SQL touches, are written in the revisions only
    assert [d for d in differences if d[0] not in ("remove_index", "remove_constraint", "remove_table")] == []


def test_a_server_of_the_version_before_stays_ready_on_newer_tables(empty_url):
    engine = connect(empty_url)
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert is_current(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    assert not is_current(engine)
    engine.dispose()


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_cannot_hold_every_character_is_refused(postgres, encoding):
    name = f"in_{encoding.lower()}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        made = f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
        connection.execute(made)
        try:
            with pytest.raises(ConfigurationError, match=f"{name}.* {encoding}, not UTF8"):
                migrate(make_url(postgres).set(database=name).render_as_string(hide_password=False))
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_an_empty_database_is_not_current_until_migrated(empty_url):
    engine = connect(empty_url)
    assert not is_current(engine)
    migrate(engine)
    assert is_current(engine)
    migrate(engine)
    assert is_current(engine)
    engine.dispose()


def test_many_may_migrate_at_once(empty_url):
    errors = []

    def run():
        try:
            migrate(empty_url)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    engine = connect(empty_url)
    assert is_current(engine)
    engine.dispose()


def test_migrations_the_queue_lacks_are_applied(engine):
    """As after an upgrade of Procrastinate: the last migration undone by hand comes back."""
    last = queue._migrations()[-1]
    before = queue._migrations()[-2]
    assert last == "03.04.00_50_post_add_retry_failed_job_procedure.sql", "undo the new last migration here instead"
    with engine.begin() as connection:
        queue._mark(database.driver(connection), before)
    assert not is_current(engine)
    migrate(engine)
    assert is_current(engine)


def test_a_transaction_commits_or_leaves_nothing(engine):
    with transaction(engine) as session:
        session.add(Account(id="acc_kept", name="n", plan="free"))
    with suppress(ZeroDivisionError), transaction(engine) as session:
        session.add(Account(id="acc_lost", name="n", plan="free"))
        session.flush()
        1 / 0  # noqa: B018
    with transaction(engine) as session:
        assert session.get(Account, "acc_kept")
        assert session.get(Account, "acc_lost") is None


def test_a_connection_the_server_dropped_is_replaced_unnoticed(engine, postgres):
    with transaction(engine) as session:
        session.execute(text("SELECT 1"))
    with psycopg.connect(postgres) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [_name(engine)]
        )
    with transaction(engine) as session:
        assert session.scalar(text("SELECT 2")) == 2
    assert fetch_one(engine, "SELECT %s::int", (3,)) == (3,)


def test_a_read_leaves_no_transaction_open_and_the_connection_fit_for_one(engine):
    for value in range(10):
        assert fetch_one(engine, "SELECT %s::int", (value,)) == (value,)
    assert fetch_one(engine, "SELECT 1 WHERE false", ()) is None
    with transaction(engine) as session:
        session.add(Account(id="acc_x", name="n", plan="free"))
        session.flush()
        session.rollback()
    with transaction(engine) as session:
        assert session.get(Account, "acc_x") is None


@pytest.mark.parametrize("use", [lambda e: fetch_one(e, "SELECT 1", ()), is_current, migrate])
def test_a_lasting_outage_is_told_after_the_patience_ran_out(use, monkeypatch):
    monkeypatch.setattr(database, "PATIENCE_S", 0.3)
    engine = connect("postgresql://u:p@127.0.0.1:1/x")
    with pytest.raises(DatabaseUnavailable) as caught:
        use(engine)
    assert caught.value.hint
    engine.dispose()


@pytest.mark.parametrize("wrong", [{"password": "wrong"}, {"username": "nobody"}, {"database": "nowhere"}])
def test_a_refused_connection_is_not_waited_out(postgres, monkeypatch, wrong):
    """It is tried once, where a database that does not answer is tried again and again."""
    tried = []
    dial = psycopg.connect
    monkeypatch.setattr(psycopg, "connect", lambda *given, **named: tried.append(1) or dial(*given, **named))
    engine = connect(make_url(postgres).set(**wrong).render_as_string(hide_password=False))
    with pytest.raises(DatabaseUnavailable, match="refuses"), transaction(engine) as session:
        session.execute(text("SELECT 1"))
    engine.dispose()
    assert len(tried) == 1


def test_a_role_with_no_connection_left_is_waited_for(postgres, empty_url, monkeypatch):
    """The server counts connections after it has taken the password: that is no wrong password."""
    monkeypatch.setattr(database, "PATIENCE_S", 20)
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute("CREATE ROLE narrow LOGIN PASSWORD 'narrow' CONNECTION LIMIT 0")
        engine = connect(make_url(empty_url).set(username="narrow", password="narrow").render_as_string(False))
        try:
            threading.Timer(1, admin.execute, ["ALTER ROLE narrow CONNECTION LIMIT 5"]).start()
            with transaction(engine) as session:
                assert session.scalar(text("SELECT 1")) == 1
        finally:
            engine.dispose()
            admin.execute("DROP ROLE narrow")


def test_a_database_of_ones_own_is_used_as_it_is(tmp_path, database_url):
    with opened(Settings(home=tmp_path, database_url=database_url)) as url:
        assert url == database_url
    assert list(tmp_path.iterdir()) == []


def test_ids_are_unique_and_sort_by_time():
    ids = [new_id("job") for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert all(len(id_) == len("job_") + 26 for id_ in ids)
    assert [id_[:14] for id_ in ids] == sorted(id_[:14] for id_ in ids)


def _name(engine):
    with engine.connect() as connection:
        return connection.scalar(text("SELECT current_database()"))


HOLDER = """
import sys, time
from sqlalchemy import text
from spherelinks import database
database.IDLE_S = 3
with database.transaction(database.connect(sys.argv[1])) as session:
    session.execute(text("SELECT 1 FROM accounts WHERE id = 'acc_held' FOR UPDATE"))
    print("held", flush=True)
    time.sleep(120)
"""


def test_a_frozen_process_gives_its_locks_up(engine, database_url, monkeypatch):
    """Another caller is told within its own limit, and served once the frozen one's transaction has been ended."""
    with transaction(engine) as session:
        session.add(Account(id="acc_held", name="n", plan="free"))
    monkeypatch.setattr(database, "LOCK_S", 1)
    impatient = connect(database_url)
    with transaction(impatient) as session:  # connected: what it is refused below is the lock alone
        session.execute(text("SELECT 1"))
    rename = text("UPDATE accounts SET name = 'renamed' WHERE id = 'acc_held'")
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, database_url], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        holder.send_signal(signal.SIGSTOP)
        with pytest.raises(DatabaseUnavailable), transaction(impatient) as session:
            session.execute(rename)
        deadline = time.monotonic() + 120
        while True:
            with suppress(DatabaseUnavailable), transaction(impatient) as session:
                session.execute(rename)
                break
            assert time.monotonic() < deadline, "the lock was never given up"
    finally:
        holder.kill()
        holder.wait()
        impatient.dispose()


def test_every_connection_has_its_limits(engine):
    """The frozen process above was on this machine; of one that is gone with its network, TCP must tell."""
    with transaction(engine) as session:
        told = database.driver(session.connection()).info.get_parameters()
        shown = {
            name: session.scalar(text(f"SHOW {name}"))
            for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
        }
    assert int(told["keepalives_idle"]) + int(told["keepalives_interval"]) * int(told["keepalives_count"]) <= 30
    assert told.get("keepalives", "1") == "1"
    assert int(told["tcp_user_timeout"]) <= 30_000
    assert [*shown.values()] == [f"{database.LOCK_S}s", "1min", f"{database.IDLE_S}s"]


def test_a_transaction_that_stood_still_too_long_is_an_outage(database_url, monkeypatch):
    monkeypatch.setattr(database, "IDLE_S", 1)
    engine = connect(database_url)

    def stand_still():
        with transaction(engine) as session:
            session.execute(text("SELECT 1"))
            time.sleep(1.5)
            session.execute(text("SELECT 1"))

    with pytest.raises(DatabaseUnavailable):
        stand_still()
    with transaction(engine) as session:
        assert session.scalar(text("SELECT 1")) == 1
    engine.dispose()
