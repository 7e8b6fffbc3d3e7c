"""Jobs submitted for real, and workers that run them in real child processes."""

import contextlib
import threading
import time
from dataclasses import replace
from pathlib import Path

import beside
import pytest

from spherelinks.accounts import ledger
from spherelinks.database import transaction
from spherelinks.jobs import attempts, status, submission
from spherelinks.jobs.worker import run_worker
from spherelinks.options import Options

PATIENCE_S = 120.0
"""On a busy machine all takes as long as it takes."""
_RUNNER = ("runner", "runners:obey")


@pytest.fixture(autouse=True)
def _runners_can_be_imported(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


@pytest.fixture
def settings(settings):
    """Workers that miss each other in half the usual time."""
    return replace(settings, stale_after_s=attempts.STALE_S / 2)


class Desk:
    """A client's counter: jobs go in, statuses and balances come out."""

    def __init__(self, engine, storage, settings, client):
        self.engine, self.storage, self.settings, self.client = engine, storage, settings, client

    def submit(self, picture, mask=None, sides=None, again=False, **options):
        """The id of a job of its own; with ``again`` it may be answered with another job's asset."""
        data = picture if isinstance(picture, bytes) else picture.encode()
        beside = {"mask": mask, "sides": sides or {}, "bypass_cache": not again}
        return submission.submit(
            self.engine, self.storage, self.client.principal, data, Options(**options), **beside
        ).job_id

    def read(self, job):
        return status.read(self.engine, self.client.digest, job)

    def ended(self, job):
        """The status of the job once it has ended."""
        return self.until(job, lambda s: s.status != "PROCESSING")

    def until(self, job, condition):
        deadline = time.monotonic() + PATIENCE_S
        while not condition(now := self.read(job)):
            assert time.monotonic() < deadline, f"still {now}"
            time.sleep(0.03)
        return now

    def balance(self):
        with transaction(self.engine) as session:
            assert ledger.audit(session) == []
            return ledger.balance(session, self.client.account_id)

    @contextlib.contextmanager
    def working(self, **changes):
        """A worker beside us, with these settings changed."""
        stop = threading.Event()
        concurrency, guard, runner = (changes.pop(*each) for each in (("concurrency", 1), ("guard", None), _RUNNER))
        settings = replace(self.settings, **changes)
        arguments = (settings, settings.database_url, concurrency, stop, runner, guard)
        with beside.running(stop, run_worker, *arguments):
            yield


@pytest.fixture
def desk(engine, storage, settings, client):
    return Desk(engine, storage, settings, client)
