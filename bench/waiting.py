"""How soon waiting clients learn that their jobs have ended, and the cost of their waiting.

    python bench/waiting.py [--clients 200] [--seconds 5]

The clients wait in ``GET /v1/status/{jobId}?wait=60``, four to a job, with two keys. The jobs are ended by a worker's
own transactions, one after the other; a client's delay is from the commit of its job's end to the arrival of its
answer. What waiting costs is the transactions of the database meanwhile, and the time of another client's status.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import statistics
import time

import arguments
import psycopg
from api import installation, request, serving, submit
from samples import MUG
from sqlalchemy import Engine, text

from spherelinks import database
from spherelinks.accounts import accounts, keys
from spherelinks.jobs import attempts

CLIENTS_A_JOB = 4
SETTLE_S = 5.0  # until the last client waits
PROBES = 50


def main() -> None:
    parser = arguments.parser(__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long to watch the waiting")
    a = parser.parse_args()
    with installation() as (home, url):
        engine = database.connect(url)
        with database.transaction(engine) as session:
            owner = accounts.local_owner(session)  # whose plan does not limit jobs in progress
            secrets = [keys.create(session, owner.id, name)[1] for name in ("one", "other")]
        environment = os.environ | {
            "DATABASE_URL": url,
            "SPHERELINKS_HOME": str(home),
            "SPHERELINKS_RATE_LIMIT": "0",
            "SPHERELINKS_ADDRESS_RATE_LIMIT": "0",
        }
        web = ["-m", "spherelinks.cli", "web", "--host", "127.0.0.1", "--port"]
        with serving(web, environment, "/readyz") as port:
            asyncio.run(measure(port, engine, url, secrets, a.clients, a.seconds))
        engine.dispose()


async def measure(port: int, engine: Engine, url: str, secrets: list[str], clients: int, seconds: float) -> None:
    body = json.dumps({"imageBase64": base64.b64encode(MUG.read_bytes()).decode(), "cache": "bypass"}).encode()
    jobs = [await asyncio.to_thread(submit, port, secrets[0], body) for _ in range(clients // CLIENTS_A_JOB)]
    waiting = [
        (job, asyncio.create_task(ask(port, f"/v1/status/{job}?wait=60", secrets[number % 2])))
        for number in range(CLIENTS_A_JOB)
        for job in jobs
    ]
    await asyncio.sleep(SETTLE_S)
    before = transactions(url)
    await asyncio.sleep(seconds)
    rate = (transactions(url) - before) / seconds
    probes = []
    for _ in range(PROBES):
        began = time.perf_counter()
        await ask(port, f"/v1/status/{jobs[0]}", secrets[0])
        probes.append(time.perf_counter() - began)
    assert not any(task.done() for _, task in waiting), "not all of them wait"
    committed = await asyncio.to_thread(end_jobs, engine, len(jobs))
    delays = sorted([(await task)[0] - committed[job] for job, task in waiting])
    assert all(b'"COMPLETED"' in task.result()[1] for _, task in waiting)
    print(f"{len(waiting)} clients wait, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"the database: {rate:.0f} transactions/s; another's status: p50 {1000 * statistics.median(probes):.1f} ms")
    p50, p99 = statistics.median(delays), delays[int(0.99 * len(delays))]
    print(f"told after p50 {1000 * p50:.1f} ms, p99 {1000 * p99:.1f} ms")


async def ask(port: int, path: str, key: str) -> tuple[float, bytes]:
    """When the answer came, and the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request("GET", path, key))
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    answer = await reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0]))
    arrived = time.perf_counter()
    writer.close()
    return arrived, answer


def end_jobs(engine: Engine, count: int) -> dict[str, float]:
    """End the jobs that wait, as a worker does; when each was committed."""
    committed = {}
    with engine.connect() as connection:
        calls = connection.execute(text("SELECT id, queue_id FROM jobs WHERE state = 'queued' ORDER BY id")).all()
    for job_id, queue_id in calls[:count]:
        attempt = attempts.begin(engine, job_id, queue_id)
        assert attempt is not None
        attempts.complete(engine, attempt, f"results/{attempt.job_id}/1.glb", "00", 1, {})
        committed[attempt.job_id] = time.perf_counter()
    return committed


def transactions(url: str) -> int:
    with psycopg.connect(url) as connection:
        query = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
        row = connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])


if __name__ == "__main__":
    main()
