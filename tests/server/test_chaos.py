"""Kill -9 of a whole ``spherelinks serve``, part by part: what was promised holds, and every credit is found."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest
from chaos import LONGEST_S, SECONDS, Client, check, promised, wait_until_drained
from serving import Running, stop, wait_for

from spherelinks import postgres
from spherelinks.database import connect

pytestmark = pytest.mark.skipif(os.name != "posix", reason="looks at processes with ps, ends them by signal")


def kill_one(server: Running, home: Path) -> str:
    """Kill one part of the server, chosen at random, and say which."""
    victim = random.choices(["child server", "child worker", "jobs.child", "database"], [3, 3, 2, 2])[0]
    try:
        if victim == "database":
            os.kill(int((home / "postgres/data/postmaster.pid").read_text().split("\n")[0]), signal.SIGKILL)
        else:
            os.kill(next(pid for pid, args in server.descendants().items() if victim in args), signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError, StopIteration):
        return "nobody"  # it is just coming back from the last time
    return victim


@pytest.mark.timeout(LONGEST_S)
def test_after_many_kills_nothing_that_was_promised_is_lost(running: Running) -> None:
    home = Path(running.environment["SPHERELINKS_HOME"])
    key = running.command("keys", "create")["key"]
    ended = threading.Event()
    clients = [Client(running.ask, key, ended) for _ in range(2)]
    for client in clients:
        client.start()
    kills = []
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        time.sleep(random.uniform(1.5, 3.5))
        kills.append(kill_one(running, home))
    ended.set()
    jobs = promised(clients)

    wait_for(running.is_ready, "ready", running)
    url = postgres.running(home)
    assert url is not None
    engine = connect(url)
    wait_until_drained(engine, lambda: running.said()[-3000:])
    figures = check(engine, running.ask, key, jobs)
    engine.dispose()
    print(f"kills: {kills}; {figures}")  # noqa: T201
    assert len(kills) - kills.count("nobody") > 3, "chaos that does nothing proves nothing"
    assert len(jobs) > 5
    stop(running)
