"""How soon jobs start, how fast they are processed, how soon a killed worker's job resumes, what idling costs, and
how soon messages arrive beside a host that hangs.

Real workers in their own processes on a real PostgreSQL (the embedded one) and a folder; the generator only sleeps, so
that everything but generating is measured::

    python bench/jobs.py [--jobs 1000] [--workers 1 2 4] [--work 0.5 0.05]

With PYTHONPATH set to another commit's ``core`` the same is measured of that.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import NamedTuple

import arguments
import psycopg
from sqlalchemy import Engine, text

from spherelinks import database
from spherelinks.accounts import accounts, keys, ledger
from spherelinks.accounts.keys import Principal
from spherelinks.accounts.worlds import World
from spherelinks.config import Settings
from spherelinks.jobs import attempts, submission, webhooks
from spherelinks.options import Options
from spherelinks.picture.fetch import Guard
from spherelinks.postgres import EmbeddedPostgres
from spherelinks.storage import Storage, open_storage

WORK_S = 0.05
MESSAGES = 200
LIMIT_S = 600.0


class Asset(NamedTuple):
    glb: bytes
    thumbnail: bytes
    report: dict[str, object]


def sleep(picture: bytes, options: Options, progress: Callable[[str, float], None]) -> Asset:
    """The generator: takes as long as the picture says, or 50 ms."""
    time.sleep(float(picture.split()[0]) if picture[:1].isdigit() else WORK_S)
    return Asset(b"glTF" * 1000, b"PNG", {})


class Desk:
    """An installation of our own, with an account that has credits."""

    def __init__(self, home: Path, url: str) -> None:
        self.settings = Settings(home=home, database_url=url)
        self.engine: Engine = database.connect(url)
        self.storage: Storage = open_storage(self.settings)
        with database.transaction(self.engine) as session:
            account = accounts.local_owner(session)  # whose plan has no limit of jobs at a time
            key, _ = keys.create(session, account.id, "bench")
            self.principal = Principal(account.id, key.id)

    def submit(self, picture: bytes) -> str:
        submitted = submission.submit(self.engine, self.storage, self.principal, picture, Options(), bypass_cache=True)
        return submitted.job_id

    def count(self, state: str) -> int:
        with database.transaction(self.engine) as session:
            return int(session.execute(text("SELECT count(*) FROM jobs WHERE state = :s"), {"s": state}).scalar_one())

    def wait(self, state: str, count: int, look_s: float = 0.01) -> None:
        deadline = time.monotonic() + LIMIT_S
        while self.count(state) < count:
            if time.monotonic() > deadline:
                sys.exit(f"{self.count(state)} jobs {state} after {LIMIT_S:.0f} s, not {count}")
            time.sleep(look_s)

    @contextmanager
    def worker(self, **more: str) -> Iterator[subprocess.Popen[bytes]]:
        """A worker; ``more`` of the environment's variables."""
        environment = os.environ | {
            "DATABASE_URL": self.settings.database_url or "",
            "SPHERELINKS_HOME": str(self.settings.home),
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]),
            **more,
        }
        process = subprocess.Popen([sys.executable, __file__, "work"], env=environment, stderr=subprocess.DEVNULL)
        try:
            yield process
        finally:
            process.terminate()
            process.wait()


def main() -> None:
    parser = arguments.parser(__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument(
        "--work", type=float, nargs="+", default=[0.5, 0.05], help="seconds a job; default: %(default)s"
    )
    a = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="spherelinks-bench-"))
    try:
        with EmbeddedPostgres(home) as url:
            database.migrate(url)
            desk = Desk(home, url)
            print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
            pickup(desk)
            recovery(desk)
            for work_s in a.work:
                drain(desk, a.jobs, a.workers, work_s)
            deliveries(desk)
            desk.engine.dispose()
    finally:
        shutil.rmtree(home)


def pickup(desk: Desk, tries: int = 30) -> None:
    """From the submission's commit to the attempt's start, by the database's clock; and what an idle worker takes."""
    done = desk.count("completed")
    with desk.worker() as process:
        for index in range(tries + 3):
            desk.submit(b"picture %d" % index)
            desk.wait("completed", done + index + 1)
            time.sleep(0.1)
        with psycopg.connect(str(desk.settings.database_url)) as connection:
            rows = connection.execute(
                "SELECT extract(epoch FROM started_at - created_at) * 1000 FROM jobs ORDER BY id DESC LIMIT %s",
                (tries,),
            ).fetchall()
        waits = sorted(float(row[0]) for row in rows)
        print(f"pickup, idle: p50 {statistics.median(waits):.1f} ms, p95 {waits[int(0.95 * len(waits))]:.1f} ms")
        print(f"an idle worker, with its child: {memory(process.pid):.0f} MB (the pipeline adds its own when warm)")


def recovery(desk: Desk, tries: int = 3) -> None:
    """From the kill -9 of a worker and its child to the start of the next attempt by another worker."""
    times = []
    for _ in range(tries):
        done = desk.count("completed")
        with desk.worker() as first:
            job = desk.submit(b"3 seconds")
            desk.wait("running", 1)
            time.sleep(1)
            first.send_signal(signal.SIGKILL)
            killed = time.monotonic()
            with desk.worker():
                while attempt_of(desk, job) < 2:
                    time.sleep(0.02)
                times.append(time.monotonic() - killed)
                desk.wait("completed", done + 1)
    shown = ", ".join(f"{seconds:.1f}" for seconds in times)
    print(f"a killed worker's job starts again after {shown} s (stale after {attempts.STALE_S:.0f} s without a beat)")


def attempt_of(desk: Desk, job: str) -> int:
    with database.transaction(desk.engine) as session:
        return int(session.execute(text("SELECT attempt FROM jobs WHERE id = :id"), {"id": job}).scalar_one())


def drain(desk: Desk, jobs: int, workers: list[int], work_s: float) -> None:
    """From the first start of an attempt to the last end, by the database's clock."""
    for count in workers:
        done = desk.count("completed")
        with ExitStack() as stack:
            begun = time.perf_counter()
            ids = [desk.submit(b"%f picture %d" % (work_s, index)) for index in range(jobs)]
            rate = jobs / (time.perf_counter() - begun)
            for _ in range(count):
                stack.enter_context(desk.worker())
            desk.wait("completed", done + jobs, look_s=0.5)  # to count is work too, on the cores that are measured
        with psycopg.connect(str(desk.settings.database_url)) as connection:
            # the first tenth, while workers still start, is left out
            row = connection.execute(
                "SELECT extract(epoch FROM max(finished_at) - min(finished_at)), count(*) FROM "
                "(SELECT finished_at FROM jobs WHERE id >= %s ORDER BY finished_at OFFSET %s) s",
                (ids[0], jobs // 10),
            ).fetchone()
            assert row is not None
        seconds, counted = float(row[0]), int(row[1])
        share = counted * work_s / count / seconds
        print(
            f"{jobs} jobs of {1000 * work_s:.0f} ms, {count} workers: {counted / seconds:.1f}/s, {share:.0%} of ideal "
            f"(submitted at {rate:.0f}/s)"
        )


class Receiver(ThreadingHTTPServer):
    """Notes when a message about each job arrives first."""

    def __init__(self) -> None:
        arrived: dict[str, float] = {}

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                job = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["data"]["jobId"]
                arrived.setdefault(job, time.monotonic())
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.arrived = arrived
        threading.Thread(target=self.serve_forever, daemon=True).start()


def deliveries(desk: Desk) -> None:
    """From a job's end to the arrival of the message, while as many wait for another account's host, which hangs."""
    receiver, hanging = Receiver(), socket.create_server(("127.0.0.1", 0), backlog=1000)
    ports = receiver.server_port, hanging.getsockname()[1]
    guard = Guard(ports=frozenset(ports), trusted=(ip_network("127.0.0.1/32"),))
    with database.transaction(desk.engine) as session:
        other = accounts.create(session, "hanging")
        ledger.grant(session, other.id, 2 * MESSAGES, "bench")
        key, _ = keys.create(session, other.id, "bench")
        for account_id, port in zip((desk.principal.account_id, other.id), ports, strict=True):
            webhooks.create(session, World(account_id), f"http://127.0.0.1:{port}/", guard=guard)
    more = {"SPHERELINKS_WEBHOOK_NETWORKS": "127.0.0.1/32", "SPHERELINKS_WEBHOOK_PORTS": ",".join(map(str, ports))}
    ended: dict[str, float] = {}

    def end(principal: Principal) -> None:
        job = submission.submit(desk.engine, desk.storage, principal, b"picture", Options(), bypass_cache=True)
        attempts.cancel(desk.engine, principal.account_id, job.job_id)
        if principal is desk.principal:
            ended[job.job_id] = time.monotonic()

    def arrive() -> None:
        deadline = time.monotonic() + LIMIT_S
        while len(receiver.arrived) < len(ended) and time.monotonic() < deadline:
            time.sleep(0.05)

    with desk.worker(**more, SPHERELINKS_GENERATORS="inflate"):  # the jobs are of another: they are cancelled
        end(desk.principal)
        arrive()  # the worker has started
        ended.clear()
        receiver.arrived.clear()
        for principal in [Principal(other.id, key.id), desk.principal] * MESSAGES:
            end(principal)
        arrive()
    took = sorted(receiver.arrived[job] - moment for job, moment in ended.items())
    p50, p99 = took[len(took) // 2], took[int(0.99 * len(took))]
    print(f"{MESSAGES} messages beside a host that hangs: p50 {p50:.2f} s, p99 {p99:.2f} s")


def memory(pid: int) -> float:
    """Memory of a process and its descendants that nothing else shares, MB."""
    total = 0.0
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            total += int(line.split()[1]) / 1024
    return total + sum(memory(int(child)) for child in children)


def work() -> None:
    from spherelinks.jobs.worker import run_worker

    settings = Settings.from_env()
    run_worker(settings, str(settings.database_url), runner="jobs:sleep")


if __name__ == "__main__":
    if sys.argv[1:] == ["work"]:
        work()
    else:
        main()
