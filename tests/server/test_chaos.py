"""Kill -9 of a whole ``spherelinks serve``, part by part: what was promised holds, and every credit is found."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

import pytest
from chaos import LONGEST_S, havoc, reckon
from serving import Running, stop, wait_for

from spherelinks import postgres
from spherelinks.database import connect

pytestmark = pytest.mark.skipif(os.name != "posix", reason="looks at processes with ps, ends them by signal")


def kill_process(running: Running, words: str) -> bool:
    """Kill a process of the server's whose command line has these words."""
    try:
        os.kill(next(pid for pid, args in running.descendants().items() if words in args), signal.SIGKILL)
    except (ProcessLookupError, StopIteration):
        return False
    return True


def kill_database(home: Path) -> bool:
    try:
        os.kill(int((home / "postgres/data/postmaster.pid").read_text().split("\n")[0]), signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return False
    return True


@pytest.mark.timeout(LONGEST_S)
def test_after_many_kills_nothing_that_was_promised_is_lost(running: Running) -> None:
    home = Path(running.environment["SPHERELINKS_HOME"])
    key = running.command("keys", "create")["key"]
    parts = {
        "web": (3, partial(kill_process, running, "child server")),
        "worker": (3, partial(kill_process, running, "child worker")),
        "child": (2, partial(kill_process, running, "jobs.child")),
        "database": (2, partial(kill_database, home)),
    }
    struck, jobs = havoc(running.ask, key, 2, parts)
    wait_for(running.is_ready, "ready", running)
    url = postgres.running(home)
    assert url is not None
    engine = connect(url)
    reckon(engine, running.ask, key, struck, jobs, lambda: running.said()[-3000:])
    engine.dispose()
    stop(running)
