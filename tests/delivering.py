"""Deliveries made as a worker makes them: by Procrastinate's, beside us or until none is due."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from unittest import mock

import beside
import loops
from procrastinate import PsycopgConnector
from psycopg.conninfo import make_conninfo
from sqlalchemy import Engine

from spherelinks.database import driver, fetch_one, transaction
from spherelinks.jobs import courier, engine, outbox, queue
from spherelinks.picture.fetch import Guard
from spherelinks.storage import Storage


def deliver_due(database: Engine, storage: Storage, guard: Guard) -> int:
    """Call for the deliveries that are due, as housekeeping does, and make them; how many tries it took."""

    async def work() -> None:
        connector = PsycopgConnector(conninfo=dsn(database), min_size=1)
        app = courier.application(connector, database, storage, guard)
        async with app.open_async():
            while await asyncio.to_thread(fetch_one, database, CALLS, ()):
                await app.run_worker_async(
                    queues=[queue.DELIVERIES], wait=False, concurrency=8, delete_jobs="always", listen_notify=False,
                    install_signal_handlers=False,
                )  # fmt: skip

    with transaction(database) as session:
        outbox.recall(session)
    with mock.patch.object(courier, "_try", wraps=courier._try) as tries:
        loops.run(work())
        return tries.call_count


CALLS = "SELECT 1 FROM procrastinate_jobs WHERE status = 'todo' AND queue_name = 'deliveries'"


@contextlib.contextmanager
def delivering(database: Engine, storage: Storage, guard: Guard) -> Iterator[None]:
    """The part of a worker that makes deliveries, beside us."""
    stop = threading.Event()
    connector = engine.Connector(stop)
    app = courier.application(connector, database, storage, guard)
    workers = [engine.worker(app, [queue.DELIVERIES], courier.PLACES)]
    with beside.running(stop, engine.run, dsn(database), connector, workers, stop):
        yield


def dsn(database: Engine) -> str:
    """How to connect to an engine's database."""
    with database.connect() as connection:
        info = driver(connection).info
        return make_conninfo(info.dsn, password=info.password)
