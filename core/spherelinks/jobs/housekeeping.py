"""What is done for the whole installation from time to time: periodic tasks, each run once however many workers run.

Every worker's deferrer asks for each at its time, and the database lets one of them through. What one may miss, for no
worker runs or it is killed at it, the next turn makes good: none depends on having run before.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from procrastinate import App
from procrastinate.connector import BaseConnector
from sqlalchemy import Engine, text

from spherelinks.accounts import ledger
from spherelinks.config import Settings
from spherelinks.database import transaction
from spherelinks.errors import DatabaseUnavailable, StorageUnavailable
from spherelinks.jobs import attempts, offers, outbox, paths, queue, submission, webhooks
from spherelinks.storage import Storage

logger = logging.getLogger(__name__)

QUEUE = "housekeeping"
_HOUR_S = 3600.0


def application(connector: BaseConnector, engine: Engine, storage: Storage, settings: Settings) -> App:
    """The periodic tasks: every other second lost jobs are recovered and deliveries that have become due are called
    for; every hour storage and tables are swept and the ledger is audited. The first worker that starts makes this
    hour's turn good if nobody has."""
    app = App(connector=connector, periodic_defaults={"max_delay": _HOUR_S})
    for name, cron, action in (
        ("recover", f"* * * * * */{attempts.RECOVER_S}", partial(recover, engine, settings)),
        ("sweep", "0 * * * *", partial(sweep, engine, storage)),
        ("audit", "30 * * * *", partial(audit, engine)),
    ):
        task = f"spherelinks.{name}"
        # where nobody has time, one call waits, and not one of each turn
        app.periodic(cron=cron)(app.task(name=task, queue=QUEUE, queueing_lock=task)(partial(_run, name, action)))
    return app


def _run(name: str, action: Callable[[], object], timestamp: int) -> None:
    try:
        action()
    except (DatabaseUnavailable, StorageUnavailable) as error:
        logger.warning("%s failed: %s", name, error)


def recover(engine: Engine, settings: Settings) -> None:
    """See :func:`spherelinks.jobs.attempts.recover` and :func:`spherelinks.jobs.outbox.recall`."""
    attempts.recover(engine, settings.job_max_attempts, settings.stale_after_s)
    with transaction(engine) as session:
        outbox.recall(session)


def sweep(engine: Engine, storage: Storage) -> None:
    """Delete files that no job needs, those whose time is over among them, and rows that are of no use any more."""
    paths.sweep(engine, storage)
    with transaction(engine) as session:
        queue.sweep(session)
        submission.sweep_idempotency(session)
        offers.sweep(session)
        webhooks.sweep(session)


def audit(engine: Engine) -> None:
    """Check the ledger entry by entry, report each contradiction, and keep what was found for ``/metrics``."""
    with transaction(engine) as session:
        problems = ledger.audit(session)
        for problem in problems:
            logger.error("the ledger contradicts itself: %s", problem)
        session.execute(text("DELETE FROM ledger_audits"))
        session.execute(text("INSERT INTO ledger_audits (problems) VALUES (:problems)"), {"problems": problems})
