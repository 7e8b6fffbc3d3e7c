"""Kill -9 of a whole ``spherelinks serve``, part by part: what was promised holds, and every credit is found."""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import json
import os
import random
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from serving import Running, stop, wait_for
from sqlalchemy import text

from spherelinks import postgres
from spherelinks.accounts import ledger
from spherelinks.database import connect, transaction

SECONDS = 30
DRAIN_S = 240

pytestmark = pytest.mark.skipif(os.name != "posix", reason="looks at processes with ps, ends them by signal")


def png(*, blank: bool) -> str:
    """A disc on transparent ground in base64, or a picture with nothing in it, which must fail."""
    y, x = np.mgrid[-1:1:96j, -1:1:96j]
    rgba = np.full((96, 96, 4), 200, np.uint8)
    rgba[..., 3] = 255 if blank else 255 * (np.hypot(x, y) < 0.8)
    file = io.BytesIO()
    Image.fromarray(rgba).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


class Client(threading.Thread):
    """Submits until told to stop; keeps the jobs that were acknowledged, and whether each must fail."""

    def __init__(self, server: Running, key: str, ended: threading.Event) -> None:
        super().__init__(daemon=True)
        self.server, self.key, self.ended = server, key, ended
        self.jobs: dict[str, bool] = {}
        self.random = random.Random()

    def run(self) -> None:
        pictures = {blank: png(blank=blank) for blank in (False, True)}
        while not self.ended.wait(self.random.uniform(0.3, 1.5)):
            blank = self.random.random() < 0.2
            body = {"imageBase64": pictures[blank], "options": {"textureSize": 512}}
            try:
                status, _, answer = self.server.ask("POST", "/v1/generate", self.key, body)
            except (OSError, http.client.HTTPException):
                continue  # the server is down, or died over it
            if status == 202:
                self.jobs[json.loads(answer)["jobId"]] = blank
            else:
                assert status == 503, answer


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


@pytest.mark.timeout(SECONDS + DRAIN_S + 120)
def test_after_half_a_minute_of_kills_nothing_that_was_promised_is_lost(running: Running) -> None:
    home = Path(running.environment["SPHERELINKS_HOME"])
    key = running.command("keys", "create")["key"]
    ended = threading.Event()
    clients = [Client(running, key, ended) for _ in range(2)]
    for client in clients:
        client.start()
    kills = []
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        time.sleep(random.uniform(1.5, 3.5))
        kills.append(kill_one(running, home))
    ended.set()
    for client in clients:
        client.join(60)
    promised = clients[0].jobs | clients[1].jobs

    wait_for(running.is_ready, "ready", running)
    url = postgres.running(home)
    assert url is not None
    engine = connect(url)

    def drained() -> bool:
        with transaction(engine) as session:
            return not session.scalar(text("SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')"))

    deadline = time.monotonic() + DRAIN_S
    while not drained():
        assert time.monotonic() < deadline, f"jobs neither finish nor fail\n{running.said()[-3000:]}"
        time.sleep(0.5)

    outcomes = {"COMPLETED": 0, "FAILED": 0}
    for job, blank in promised.items():
        status = json.loads(running.ask("GET", f"/v1/status/{job}", key)[2])
        outcomes[status["status"]] += 1
        if status["status"] == "COMPLETED":
            assert not blank
            code, headers, glb = running.ask("GET", f"/v1/download/{job}", key)
            etag = {name.lower(): value for name, value in headers.items()}["etag"]
            assert (code, glb[:4], etag) == (200, b"glTF", f'"{hashlib.sha256(glb).hexdigest()}"')
        elif blank:
            assert status["error"]["code"] == "no_object"
        else:
            assert "tried 3 times" in status["error"]["message"]

    with transaction(engine) as session:
        assert ledger.audit(session) == []
        moved = dict(session.execute(text("SELECT kind, sum(abs(held)) FROM credit_entries GROUP BY kind")).all())
        states = dict(session.execute(text("SELECT state, count(*) FROM jobs GROUP BY state")).all())
    engine.dispose()
    print(f"kills: {kills}; {len(promised)} promised: {outcomes}; {moved}; {states}")  # noqa: T201
    assert len(kills) - kills.count("nobody") > 5, "chaos that does nothing proves nothing"
    assert len(promised) > 5
    assert moved["hold"] == sum(states.values()) == moved.get("capture", 0) + moved.get("release", 0)
    assert moved.get("capture", 0) == states.get("completed", 0) >= outcomes["COMPLETED"]
    stop(running)
