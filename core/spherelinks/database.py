"""The database: its tables, its connections, its migrations. PostgreSQL everywhere, one dialect.

The revisions in ``spherelinks/migrations`` create the tables, including what the models leave out (triggers, partial
indexes, checks).
"""

from __future__ import annotations

import re
import select
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import sqlalchemy.exc
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import BigInteger, Connection, DateTime, Engine, ForeignKey, Text, create_engine, event, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from typeid import TypeID

from spherelinks.config import Settings
from spherelinks.errors import ConfigurationError, DatabaseUnavailable
from spherelinks.migrations import queue
from spherelinks.postgres import EmbeddedPostgres

PATIENCE_S = 5.0
"""Seconds a caller waits for a database that is down before the error: longer than an embedded one takes to restart."""

POOL_SIZE = 20
CONNECT_TIMEOUT_S = 5
LOCK_S, STATEMENT_S, IDLE_S = 10, 60, 20
"""Time limits, seconds: waiting for a lock, running a statement, an idle transaction. A process that hangs while
holding a lock, or a machine that is gone, blocks the others no longer than that."""
CONNECTION: dict[str, Any] = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "client_encoding": "UTF8",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
_MIGRATION_LOCK = 5_347_001  # an arbitrary number of our own, for pg_advisory_lock


class Base(DeclarativeBase):
    type_annotation_map = {  # noqa: RUF012
        str: Text,
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB(none_as_null=True),
        list[str]: ARRAY(Text),
    }


def new_id(prefix: str) -> str:
    """A TypeID: ``prefix_`` and 26 characters that sort by time of creation."""
    return str(TypeID(prefix=prefix))


class Plan(Base):
    """What an account gets, see :mod:`spherelinks.accounts.plans`.

    monthly_credits : added at the start of each month (UTC), expire at its end
    requests_per_minute : by all keys of an account; None is the server's default
    concurrent_jobs : jobs of an account queued or running at a time, others wait in line behind them; None is no limit
    head_start_s : jobs are queued as if submitted this many seconds earlier
    retention_days : how long results are kept; None is for ever
    storage_mb : how many megabytes (10^6 bytes) an account's files may take; None is no limit
    """

    __tablename__ = "plans"

    name: Mapped[str] = mapped_column(primary_key=True)
    monthly_credits: Mapped[int]
    requests_per_minute: Mapped[int | None]
    concurrent_jobs: Mapped[int | None]
    head_start_s: Mapped[int] = mapped_column(server_default="0")
    retention_days: Mapped[int | None]
    storage_mb: Mapped[int | None]


class Account(Base):
    """The owner of keys, jobs and credits. ``plan`` names a :class:`Plan`; a closed account has no working keys."""

    __tablename__ = "accounts"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    plan: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closed_at: Mapped[datetime | None]


class ApiKey(Base):
    """A key, stored only as SHA-256 digest; ``prefix`` and ``last4`` help its owner to recognise it.

    scopes : what it may do, see :mod:`spherelinks.accounts.keys`
    monthly_cap : credits that its jobs may cost in a calendar month (UTC); None is no cap
    sandbox : jobs cost nothing and return a sample at once
    """

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    name: Mapped[str]
    digest: Mapped[bytes] = mapped_column(unique=True)
    prefix: Mapped[str]
    last4: Mapped[str]
    scopes: Mapped[list[str]]
    monthly_cap: Mapped[int | None]
    sandbox: Mapped[bool] = mapped_column(server_default="false")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_used_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    @property
    def state(self) -> str:
        """``active``, ``expiring`` (works until ``expires_at``), ``expired`` or ``revoked``."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None:
            return "expired" if self.expires_at <= datetime.now(UTC) else "expiring"
        return "active"


class CreditEntry(Base):
    """One movement of credits; never changed, never deleted. ``available`` and ``held`` are signed differences.

    monthly : the part of ``available`` that belongs to the credits of ``month``, which expire at its end
    period : of a plan's grant: the month it is for
    """

    __tablename__ = "credit_entries"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    kind: Mapped[str]
    available: Mapped[int]
    held: Mapped[int]
    monthly: Mapped[int] = mapped_column(server_default="0")
    month: Mapped[str | None]
    job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id"))
    period: Mapped[str | None]
    reason: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class CreditBalance(Base):
    """The sums of an account's entries, stored so that one row's lock orders all holds of an account.

    monthly : the part of ``available`` that belongs to ``month`` and expires at its end
    """

    __tablename__ = "credit_balances"

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    available: Mapped[int] = mapped_column(BigInteger)
    held: Mapped[int] = mapped_column(BigInteger)
    monthly: Mapped[int] = mapped_column(BigInteger, server_default="0")
    month: Mapped[str | None]


class Job(Base):
    """One accepted request.

    state : queued, running, completed or failed
    queue_id : the queue row that triggers, or triggered, the current attempt; 0 for a job that waits in its account's
        line, see :mod:`spherelinks.jobs.line`
    priority : of its queue rows, see :func:`spherelinks.jobs.queue.priority`
    sandbox : submitted with a sandbox key, and visible only to such keys
    content_key : equal for requests that make the same asset, see :mod:`spherelinks.jobs.cache`
    cache_hit : its asset is that of another job
    joined : the job of the same request that it waits for, or waited for when it ended, see
        :mod:`spherelinks.jobs.joining`
    thumbnail : whether a thumbnail is stored beside the asset
    picture_size, mask_size, beside_size : bytes of its pictures, of the front's mask (0 without one), and of the files
        beside the asset
    output : where the asset is delivered, if anywhere
    expires_at : when its files are deleted; None is never
    deleted_at : when its owner deleted it; it is no longer shown anywhere
    attempt : how often it was started; fences off superseded attempts
    crashes : how many attempts died without reporting a result
    beat_at : the last heartbeat of its attempt
    """

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    key_id: Mapped[str | None] = mapped_column(ForeignKey("api_keys.id"))
    state: Mapped[str] = mapped_column(server_default="queued")
    queue_id: Mapped[int] = mapped_column(BigInteger)
    attempt: Mapped[int] = mapped_column(server_default="0")
    crashes: Mapped[int] = mapped_column(server_default="0")
    beat_at: Mapped[datetime] = mapped_column(server_default=func.now())
    options: Mapped[dict[str, Any]]
    stage: Mapped[str | None]
    progress: Mapped[int] = mapped_column(server_default="0")
    error_code: Mapped[str | None]
    error_message: Mapped[str | None]
    error_hint: Mapped[str | None]
    asset_path: Mapped[str | None]
    asset_sha256: Mapped[str | None]
    asset_size: Mapped[int | None] = mapped_column(BigInteger)
    report: Mapped[dict[str, Any] | None]
    credits: Mapped[int] = mapped_column(server_default="1")
    priority: Mapped[int] = mapped_column(server_default="0")
    sandbox: Mapped[bool] = mapped_column(server_default="false")
    cache_hit: Mapped[bool] = mapped_column(server_default="false")
    content_key: Mapped[str | None]
    joined: Mapped[str | None] = mapped_column(ForeignKey("jobs.id"))
    thumbnail: Mapped[bool] = mapped_column(server_default="false")
    picture_size: Mapped[int] = mapped_column(BigInteger, server_default="0")
    mask_size: Mapped[int] = mapped_column(BigInteger, server_default="0")
    sides: Mapped[list[str]] = mapped_column(JSONB, server_default="[]")
    beside_size: Mapped[int] = mapped_column(BigInteger, server_default="0")
    output: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]


class IdempotencyKey(Base):
    """The request that an Idempotency-Key came with, and the job it became; live and sandbox keys have names apart."""

    __tablename__ = "idempotency_keys"

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    sandbox: Mapped[bool] = mapped_column(primary_key=True, server_default="false")
    key: Mapped[str] = mapped_column(primary_key=True)
    request_sha256: Mapped[bytes]
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Payment(Base):
    """A purchase; ``id`` is the payment service's own."""

    __tablename__ = "payments"

    id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    credits: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Webhook(Base):
    """An address that an account's events are sent to. ``previous_secret`` signs too until ``previous_until``.

    sandbox : made with a sandbox key: such keys alone see it, and it is told of their jobs alone
    """

    __tablename__ = "webhooks"

    id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    sandbox: Mapped[bool] = mapped_column(server_default="false")
    url: Mapped[str]
    events: Mapped[list[str]]
    secret: Mapped[str]
    previous_secret: Mapped[str | None]
    previous_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Delivery(Base):
    """A message to a webhook or, without one, a job's asset for ``output.putUrl``.

    job_id : None of a test message
    account_id, host : whose it is and where it goes, by which deliveries are shared out; None from older versions
    answer : HTTP status of the last attempt
    problem : what went wrong in the last attempt, in words
    """

    __tablename__ = "deliveries"

    id: Mapped[str] = mapped_column(primary_key=True)
    webhook_id: Mapped[str | None] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id"))
    account_id: Mapped[str | None]
    host: Mapped[str | None]
    event: Mapped[str]
    payload: Mapped[str | None]
    state: Mapped[str] = mapped_column(server_default="pending")
    attempts: Mapped[int] = mapped_column(server_default="0")
    next_at: Mapped[datetime] = mapped_column(server_default=func.now())
    answer: Mapped[int | None]
    problem: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]


class HostPause(Base):
    """A host that left an account's deliveries unanswered ``hangs`` times in a row; nothing is sent until ``until``."""

    __tablename__ = "host_pauses"

    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    host: Mapped[str] = mapped_column(primary_key=True)
    hangs: Mapped[int]
    until: Mapped[datetime]


class User(Base):
    """A person who signs in to an account's pages. The local owner has no e-mail or password until they are set."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"))
    email: Mapped[str | None] = mapped_column(unique=True)
    password_hash: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class UserSession(Base):
    """A browser in which a user is signed in; only the SHA-256 digest of its token is stored."""

    __tablename__ = "user_sessions"

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    browser: Mapped[str]
    by_link: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]


class KnownDevice(Base):
    """A browser that a user has signed in with; only the SHA-256 digest of its token is stored."""

    __tablename__ = "known_devices"

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SignInLink(Base):
    """A token that signs a user in once; only its SHA-256 digest is stored."""

    __tablename__ = "sign_in_links"

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    expires_at: Mapped[datetime]


class Offer(Base):
    """A generator that a worker has, see :mod:`spherelinks.jobs.offers`.

    card : as it is announced; None of a plug-in that is broken
    problem : why it is not ready; None if it is
    """

    __tablename__ = "offers"

    worker: Mapped[str] = mapped_column(primary_key=True)
    generator: Mapped[str] = mapped_column(primary_key=True)
    card: Mapped[dict[str, Any] | None]
    problem: Mapped[str | None]
    beat_at: Mapped[datetime] = mapped_column(server_default=func.now())


# --- connections ----------------------------------------------------------------------------------------------------


@contextmanager
def opened(settings: Settings) -> Iterator[str]:
    """The URL of a running database: the operator's own, else the embedded one, started if necessary.

    An embedded database started by this call stops on exit; one run by another process is left alone.
    The schema may be missing or old: see :func:`migrate`.
    """
    if settings.database_url:
        yield settings.database_url
    else:
        with EmbeddedPostgres(settings.home) as url:
            yield url


def connect(url: str) -> Engine:
    """An engine with a pool of at most ``POOL_SIZE`` connections to ``postgresql://…``; connects on first use.

    A connection that the server dropped is replaced on checkout, and a refused one is retried for ``PATIENCE_S``, so a
    restart of the database goes unnoticed.
    """

    def dial() -> psycopg.Connection[Any]:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return _limited(psycopg.connect(url, **CONNECTION))
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline or not _is_passing(error):
                    raise
                time.sleep(0.1)

    engine = create_engine(
        "postgresql+psycopg://", creator=dial, pool_size=POOL_SIZE, max_overflow=0, pool_timeout=30, pool_use_lifo=True
    )
    event.listen(engine, "checkout", _check_alive)
    return engine


def _limited(connection: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """Set time limits on a connection: for lock waits, statements and idle transactions.

    By a statement, since connection poolers reject such settings at connect time.
    """
    connection.execute(*limits())
    connection.commit()
    return connection


def limits() -> tuple[LiteralString, list[str]]:
    """The statement, with its parameters, that sets a new connection's time limits."""
    return (
        "SELECT set_config('lock_timeout', %s, false), set_config('statement_timeout', %s, false), "
        "set_config('idle_in_transaction_session_timeout', %s, false)",
        [f"{seconds}s" for seconds in (LOCK_S, STATEMENT_S, IDLE_S)],
    )


def unlimited(connection: Connection) -> None:
    """Lift the limits until the transaction ends, for work that may take long, such as a migration or a backup."""
    for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"):
        connection.execute(text(f"SET LOCAL {name} = 0"))


def _is_passing(error: psycopg.OperationalError) -> bool:
    """Whether a failed connection attempt may succeed soon: no answer, starting up or shutting down; not a wrong
    password.

    The driver has no SQLSTATE for a failed connection, but it knows whether the server asked for the password: one that
    is starting up or shutting down never does.
    """
    return not _is_refused(error)


def _is_refused(error: psycopg.OperationalError) -> bool:
    """Whether the server has rejected user, password or database name.

    Its connection limits are also checked only then; these are temporary, and recognisable only by their English
    message. So a refusal in another language is reported at once.
    """
    if error.sqlstate is not None or error.pgconn is None or not error.pgconn.used_password:
        return False
    return re.search(rb"too many connections|connection slots|too many clients", error.pgconn.error_message) is None


def _check_alive(connection: psycopg.Connection[Any], record: object, proxy: object) -> None:
    """On checkout: if something arrived on an idle connection, the server has closed it.

    Costs one poll of the socket; asking the server (SQLAlchemy's pre-ping) costs a round trip.
    """
    if connection.closed or readable(connection.fileno()):
        raise sqlalchemy.exc.DisconnectionError("the server has closed the connection")


if hasattr(select, "poll"):

    def readable(descriptor: int, timeout_s: float = 0.0) -> bool:
        """Whether something has arrived on a socket, or arrives within that time."""
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(1000 * timeout_s))

else:  # Windows

    def readable(descriptor: int, timeout_s: float = 0.0) -> bool:
        """Whether something has arrived on a socket, or arrives within that time."""
        return bool(select.select([descriptor], [], [], timeout_s)[0])


_CURSOR = "cursor"
_STOOD_STILL = psycopg.errors.IdleInTransactionSessionTimeout


@contextmanager
def outage() -> Iterator[None]:
    """Raise DatabaseUnavailable for a database that does not answer; other database errors pass."""
    try:
        yield
    except (
        sqlalchemy.exc.OperationalError,
        sqlalchemy.exc.InterfaceError,
        sqlalchemy.exc.TimeoutError,
        sqlalchemy.exc.InternalError,
        psycopg.OperationalError,
        psycopg.InternalError,
    ) as error:
        cause = getattr(error, "orig", error)
        if isinstance(cause, psycopg.InternalError) and not isinstance(cause, _STOOD_STILL):
            raise
        if isinstance(cause, psycopg.OperationalError) and _is_refused(cause):
            raise DatabaseUnavailable(
                "The database refuses the connection.",
                hint="Check the user, password and database name in DATABASE_URL; the database's log says which.",
            ) from error
        raise DatabaseUnavailable(
            "The database does not answer.", hint="Try again; if it persists, check the database's log."
        ) from error


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """A session in one transaction: committed on leaving, rolled back on an error. Raises DatabaseUnavailable."""
    with outage(), Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


def fetch_one(engine: Engine, query: LiteralString, parameters: Sequence[object]) -> tuple[Any, ...] | None:
    """The first row of one statement, the fastest way: prepared, in autocommit, one round trip.

    Raises DatabaseUnavailable.
    """
    rows = fetch_all(engine, query, parameters)
    return rows[0] if rows else None


def fetch_all(engine: Engine, query: LiteralString, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
    """All rows of one statement, the same way. Raises DatabaseUnavailable."""
    with outage():
        pooled = engine.raw_connection()
        connection = pooled.driver_connection
        assert isinstance(connection, psycopg.Connection)
        try:
            connection.autocommit = True
            cursor = pooled.info.get(_CURSOR)
            if cursor is None:  # kept as long as the connection: it knows how to read each type
                cursor = pooled.info[_CURSOR] = connection.cursor()
            return cursor.execute(query, parameters, prepare=True).fetchall()
        except psycopg.OperationalError:
            pooled.invalidate()
            raise
        finally:
            if not connection.closed:
                connection.autocommit = False
            pooled.close()


def driver(connection: Connection) -> psycopg.Connection[Any]:
    """The psycopg connection underneath, inside the same transaction."""
    found = connection.connection.driver_connection
    assert isinstance(found, psycopg.Connection)
    return found


# --- migrations -----------------------------------------------------------------------------------------------------


def migrate(database: Engine | str) -> None:
    """Migrate the database's tables, ours and the queue's, to the installed version. Safe to call at every start.

    ``database`` is an engine or a URL. Concurrent callers wait for each other. Raises DatabaseUnavailable, and
    ConfigurationError unless the database is encoded in UTF8.
    """
    if isinstance(database, str):
        engine = connect(database)
        try:
            migrate(engine)
        finally:
            engine.dispose()
        return
    with outage(), database.begin() as connection:
        name, encoding = connection.execute(text("SELECT current_database(), current_setting('server_encoding')")).one()
        if encoding != "UTF8":
            raise ConfigurationError(
                f"The database '{name}' has the encoding {encoding}, not UTF8.",
                hint=f"Recreate it: createdb --encoding=UTF8 --template=template0 {name}",
            )
        unlimited(connection)
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
        config = _alembic()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        queue.upgrade(driver(connection))


def is_current(engine: Engine) -> bool:
    """Whether the tables are those of the installed version or of a later one, which only adds to them.

    Raises DatabaseUnavailable.
    """
    with outage(), engine.connect() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
        known = [script.revision for script in ScriptDirectory.from_config(_alembic()).walk_revisions()]
        return (revision == known[0] or (revision is not None and revision not in known)) and queue.is_current(
            driver(connection)
        )


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config
