"""Procrastinate's workers: they take calls off the queue and run the tasks that these name, in threads.

Two things are added that they lack: an outage of the database, which ends them, is waited out; and one that ends by
itself is replaced. A call is never the truth (:mod:`spherelinks.jobs.queue`): no commit of theirs waits for the disk.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, LiteralString, TypeVar

import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.connector import Notify
from procrastinate.exceptions import ConnectorException
from procrastinate.worker import Worker
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from spherelinks import database

logger = logging.getLogger(__name__)

POLL_S = 1.0
"""How often the queue is looked at without a notification: Procrastinate 3.10 loses one that comes during a look."""
_LOOK_S = 0.1
_AGAIN_S = 0.5
_FORGOTTEN_S = 3600.0  # a worker that stood still for less finds itself known still: it cannot take calls otherwise

T = TypeVar("T")


class Connector(PsycopgConnector):
    """Procrastinate's queries; one that finds no database is repeated until it does, or until ``ended`` is set."""

    def __init__(self, ended: threading.Event) -> None:
        super().__init__()
        self._ended = ended

    async def execute_query_async(self, query: LiteralString, **arguments: Any) -> None:
        await self._outlasting(partial(super().execute_query_async, query, **arguments))

    async def execute_query_one_async(self, query: LiteralString, **arguments: Any) -> dict[str, Any]:
        return await self._outlasting(partial(super().execute_query_one_async, query, **arguments))

    async def execute_query_all_async(self, query: LiteralString, **arguments: Any) -> list[dict[str, Any]]:
        return await self._outlasting(partial(super().execute_query_all_async, query, **arguments))

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        await self._outlasting(partial(super().listen_notify, on_notification, [*channels]))

    async def _outlasting(self, ask: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                return await ask()
            except ConnectorException as error:
                if not isinstance(error.__cause__, psycopg.OperationalError) or self._ended.is_set():
                    raise
                logger.warning("the database is unreachable, retrying: %s", error.__cause__)
                await asyncio.sleep(_AGAIN_S)


def worker(app: App, queues: Sequence[str], concurrency: int, grace_s: float | None = None) -> Callable[[], Worker]:
    """Makes a worker of these queues that runs so many calls at a time.

    grace_s : when it stops, seconds until the calls under way are told to end; None is as long as they take
    """
    return partial(
        Worker,
        app,
        queues=queues,
        concurrency=concurrency,
        shutdown_graceful_timeout=grace_s,
        fetch_job_polling_interval=POLL_S,
        abort_job_polling_interval=POLL_S,
        stalled_worker_timeout=_FORGOTTEN_S,
        delete_jobs="always",
        install_signal_handlers=False,
    )


def run(url: str, connector: Connector, workers: Sequence[Callable[[], Worker]], stop: threading.Event) -> None:
    """Run these workers, whose applications have this connector, until told to stop and they have ended."""
    # psycopg cannot wait on Windows' default event loop
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(_serve(url, connector, workers, stop))


async def _serve(
    url: str, connector: Connector, workers: Sequence[Callable[[], Worker]], stop: threading.Event
) -> None:
    pool = AsyncConnectionPool(
        url,
        kwargs=database.CONNECTION,
        configure=_configure,
        min_size=1,
        max_size=4,
        timeout=database.PATIENCE_S,
        reconnect_timeout=1.0,  # or it would try ever more rarely
        open=False,
    )
    async with pool:
        await connector.open_async(pool)
        made = [make() for make in workers]
        threads = ThreadPoolExecutor(sum(worker.concurrency for worker in made), "task")
        asyncio.get_running_loop().set_default_executor(threads)
        await asyncio.gather(*(_keep(make, stop) for make in workers))


async def _keep(make: Callable[[], Worker], stop: threading.Event) -> None:
    while not stop.is_set():
        worker = make()
        running = asyncio.create_task(worker.run())  # type: ignore[no-untyped-call]
        while not running.done():
            await asyncio.wait({running}, timeout=_LOOK_S)
            if stop.is_set():
                # it takes no more calls, and waits for those under way
                worker.stop()  # type: ignore[no-untyped-call]
        if error := running.exception():
            logger.warning("a worker ended: %s", error.__cause__ or error)
        if not stop.is_set():
            await asyncio.sleep(_AGAIN_S)


async def _configure(connection: AsyncConnection[Any]) -> None:
    await connection.set_autocommit(True)  # each query is whole by itself
    await connection.execute(*database.limits())
    await connection.execute("SELECT set_config('synchronous_commit', 'off', false)")
