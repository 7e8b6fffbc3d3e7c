"""Fixtures for all tests: a real PostgreSQL, a fresh database each, a storage folder, an account with a key.

postgres      (session) the URL of a PostgreSQL server started through our own ``EmbeddedPostgres``
migrated      (session) makes databases with current tables on it
database_url  a database of the test's own with current tables and no rows
engine        an engine on it
settings      ``Settings`` that point there, with a home in the test's own folder
storage       the storage of these settings
client        an account on the free plan (10 credits), with a key: ``client.secret``, ``client.principal``
other_client  another one
chromium      (session) a browser that reaches nothing outside this machine
"""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import browsing
import hypothesis
import psycopg
import pytest
from argon2 import PasswordHasher
from long import searched
from psycopg import sql
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url

from spherelinks import database
from spherelinks.accounts import accounts, keys, passwords
from spherelinks.accounts.keys import Principal
from spherelinks.config import Settings
from spherelinks.jobs import attempts, queue
from spherelinks.jobs.attempts import Attempt
from spherelinks.postgres import EmbeddedPostgres
from spherelinks.storage import Storage, open_storage


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every property test gets the examples of this run; a profile would not reach those that set their number."""
    tests = {getattr(item, "function", None) for item in items}
    for test in filter(hypothesis.is_hypothesis_test, tests):
        test._hypothesis_internal_use_settings = searched(test._hypothesis_internal_use_settings)


@dataclass(frozen=True)
class Client:
    """An account with a key."""

    principal: Principal
    secret: str

    @property
    def account_id(self) -> str:
        return self.principal.account_id

    @property
    def digest(self) -> bytes:
        return keys.digest(self.secret)


@pytest.fixture
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Passwords hashed in no time, for tests that try many."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    passwords._nobodys.cache_clear()
    yield
    passwords._nobodys.cache_clear()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    # not below pytest's own folder: for root the server runs as another user, who may not enter that
    home = Path(tempfile.mkdtemp(prefix="spherelinks-test-"))
    try:
        with EmbeddedPostgres(home) as url:
            with psycopg.connect(url, autocommit=True) as admin:
                # what survives a power cut is of no interest here; what survives a kill -9 still does
                admin.execute("ALTER SYSTEM SET fsync = off")
                admin.execute("SELECT pg_reload_conf()")
            yield url
    finally:
        shutil.rmtree(home)


@pytest.fixture(scope="session")
def migrated(postgres: str) -> Callable[[str], str]:
    """Makes a database of that name with current tables and no rows and returns its URL: a copy of one."""
    first = _created(postgres, "migrated")
    database.migrate(first)
    return lambda name: _created(postgres, name, like="migrated")


@pytest.fixture(scope="session")
def _emptied() -> list[str]:
    """URLs of databases that earlier tests have left empty: emptying one takes a fraction of making one."""
    return []


@pytest.fixture
def database_url(migrated: Callable[[str], str], _emptied: list[str]) -> Iterator[str]:
    url = _emptied.pop() if _emptied else migrated(f"test_{uuid.uuid4().hex}")
    yield url
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        tables = admin.execute(
            "SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables "
            "WHERE schemaname = 'public' AND tablename NOT IN ('alembic_version', 'plans')"
        ).fetchone()
        assert tables is not None
        admin.execute("SET session_replication_role = replica")  # the ledger's trigger would refuse
        admin.execute(f"TRUNCATE {tables[0]}")
    _emptied.append(url)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = database.connect(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def settings(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    # apart from the test's own folder: what leads to the home is closed to those who generate
    return Settings(home=tmp_path_factory.mktemp("home"), database_url=database_url)


@pytest.fixture
def storage(settings: Settings) -> Storage:
    return open_storage(settings)


@pytest.fixture
def client(engine: Engine) -> Client:
    return make_client(engine)


@pytest.fixture
def other_client(engine: Engine) -> Client:
    return make_client(engine, "Other")


def make_client(engine: Engine, name: str = "Test") -> Client:
    """A new account on the free plan, with a key."""
    with database.transaction(engine) as session:
        account = accounts.create(session, name)
        key, secret = keys.create(session, account.id, "test")
        return Client(Principal(account.id, key.id), secret)


def begin(engine: Engine, job_id: str) -> Attempt:
    """Do as a worker does that takes this job off the queue, which is made the next one for it."""
    with engine.begin() as connection:
        moved = "UPDATE procrastinate_jobs SET priority = 2147483647 WHERE status = 'todo' AND args ->> 'job_id' = :id"
        assert connection.execute(text(moved), {"id": job_id}).rowcount == 1
    attempt = take(engine)
    assert attempt is not None
    assert attempt.job_id == job_id
    return attempt


def silence(engine: Engine) -> None:
    """Make every beat of a job an old one, though the database has been at hand all the time."""
    watched = (
        "INSERT INTO recovery (since) VALUES (now() - interval '1 hour') "
        "ON CONFLICT ((true)) DO UPDATE SET looked_at = now(), since = excluded.since"
    )
    with engine.begin() as connection:
        connection.execute(text("UPDATE jobs SET beat_at = beat_at - interval '1 hour'"))
        connection.execute(text(watched))


def take(engine: Engine, generators: Iterable[str] | None = None) -> Attempt | None:
    """Do as a worker does that has these generators, or all: begin the job that is next; None if none waits."""
    with engine.connect() as connection:
        every = "SELECT DISTINCT queue_name FROM procrastinate_jobs WHERE queue_name LIKE 'generate:%'"
        names = connection.scalars(text(every)).all() if generators is None else [*map(queue.of, generators)]
    while True:
        with engine.begin() as connection:
            worker = connection.scalar(text("SELECT worker_id FROM procrastinate_register_worker_v1()"))
            fetch = "SELECT id, args ->> 'job_id' AS job_id FROM procrastinate_fetch_job_v2(:names, :worker)"
            call = connection.execute(text(fetch), {"names": [*names], "worker": worker}).one()
        if call.id is None:
            return None
        attempt = attempts.begin(engine, call.job_id, call.id)
        with engine.begin() as connection:
            connection.execute(text("SELECT procrastinate_finish_job_v1(:id, 'succeeded', true)"), {"id": call.id})
        if attempt is not None:
            return attempt


def _created(server: str, name: str, like: str = "template1") -> str:
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(like)))
    return make_url(server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A browser that reaches nothing outside this machine."""
    try:
        with browsing.chromium() as browser:
            yield browser
    except browsing.Absent as error:
        pytest.skip(str(error))
