"""Kill -9 of everything at random: no acknowledged job is lost, no credit either."""

import hashlib
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import pytest
from long import long_only
from sqlalchemy import text

from spherelinks import database
from spherelinks.accounts import accounts, keys, ledger
from spherelinks.config import Settings
from spherelinks.database import transaction
from spherelinks.errors import DatabaseUnavailable
from spherelinks.postgres import EmbeddedPostgres
from spherelinks.storage import open_storage

SECONDS = 30
DRAIN_S = 180


class Crew:
    """Processes of one kind, of which any that was killed is replaced."""

    def __init__(self, context, size, target, *arguments):
        self.context, self.target, self.arguments = context, target, arguments
        self.members = [self.hire() for _ in range(size)]

    def hire(self):
        member = self.context.Process(target=self.target, args=self.arguments)
        member.start()
        return member

    def kill_one(self):
        index = random.randrange(len(self.members))
        self.kill(self.members[index])
        self.members[index] = self.hire()

    def dismiss(self):
        for member in self.members:
            self.kill(member)
        self.members = []

    @staticmethod
    def kill(member):
        assert member.is_alive(), "it must not end by itself"
        member.kill()
        member.join()


@pytest.fixture
def home():
    folder = Path(tempfile.mkdtemp(prefix="spherelinks-test-"))
    yield folder
    shutil.rmtree(folder)


@long_only  # CI has the same done to a whole server by tests/server/test_chaos.py
@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.timeout(SECONDS + DRAIN_S + 120)
def test_after_half_a_minute_of_kills_every_job_and_every_credit_is_accounted_for(home, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    import crew

    with EmbeddedPostgres(home) as url:
        settings = Settings(home=tmp_path, database_url=url)
        database.migrate(url)
        engine = database.connect(url)
        with transaction(engine) as session:
            account = accounts.create(session, "Chaos").id
            ledger.grant(session, account, 100_000, "plenty")
            secret = keys.create(session, account, "chaos")[1]

        notes = tmp_path / "acknowledged"
        # forked from a process that has everything imported: half a minute is short
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["crew"])
        producers = Crew(context, 2, crew.produce, settings, secret, notes)
        workers = Crew(context, 2, crew.work, settings)
        kills = {"producer": 0, "worker": 0, "database": 0}
        try:
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                time.sleep(random.uniform(0.5, 3.0))
                victim = random.choices(["producer", "worker", "database"], [3, 3, 2])[0]
                kills[victim] += 1
                match victim:
                    case "producer":
                        producers.kill_one()
                    case "worker":
                        workers.kill_one()
                    case "database":
                        kill_database(home)
            producers.dismiss()
            wait_until_drained(engine)
        finally:
            producers.dismiss()
            workers.dismiss()

        acknowledged = dict(line.split(" ", 1) for line in notes.read_text().splitlines())
        with engine.connect() as connection:
            jobs = {row.id: row for row in connection.execute(text("SELECT * FROM jobs"))}
            entries = dict(
                connection.execute(text("SELECT kind, sum(abs(held)) FROM credit_entries GROUP BY kind")).all()
            )
            calls = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo' AND queue_name <> 'housekeeping'"
            queued = connection.scalar(text(calls))
        with transaction(engine) as session:
            findings = ledger.audit(session)
            balance = ledger.balance(session, account)
        engine.dispose()

    print(f"{kills} kills; {len(acknowledged)} acknowledged, {len(jobs)} accepted; {entries}")  # noqa: T201
    assert len(acknowledged) > 20, "chaos that does nothing proves nothing"
    assert sum(kills.values()) > 5
    assert set(acknowledged) <= set(jobs)
    assert findings == []
    assert entries["hold"] == len(jobs) == entries["capture"] + entries["release"]
    assert balance == ledger.Balance(100_010 - entries["capture"], 0)
    assert queued == 0
    storage = open_storage(settings)
    for job, picture in acknowledged.items():
        if jobs[job].state == "completed":
            assert hashlib.sha256(storage.get(jobs[job].asset_path)).hexdigest() == jobs[job].asset_sha256
            assert picture.startswith("work"), "what must fail has not succeeded"
        elif picture == "refuse":
            assert jobs[job].error_code in ("no_object", "generator_failed")
        else:
            assert jobs[job].crashes == settings.job_max_attempts, "a good job fails only when it was killed thrice"


def kill_database(home):
    try:
        postmaster = int((home / "postgres/data/postmaster.pid").read_text().split("\n")[0])
        os.kill(postmaster, signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError):
        pass  # it is just coming back from the last time


def wait_until_drained(engine):
    deadline = time.monotonic() + DRAIN_S
    alive = None
    while alive != 0:
        assert time.monotonic() < deadline, f"{alive} jobs neither finish nor fail"
        try:
            with transaction(engine) as session:
                alive = session.scalar(text("SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')"))
        except DatabaseUnavailable:
            pass  # killed last, it may take longer to come back than a caller is made to wait
        time.sleep(0.2)
