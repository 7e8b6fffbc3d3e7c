"""Kills, freezes and fills at random while clients submit, who remember what they were promised; checked afterwards."""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import Engine, text

from spherelinks.accounts import ledger
from spherelinks.database import transaction

SECONDS = float(os.environ.get("SPHERELINKS_CHAOS_S", "20"))
"""How long parts are killed."""
FEW, FEW_JOBS = 3, 5
"""Strikes and promises that would prove nothing."""
STUCK_S = 90.0
"""Within so long, while jobs are left, one must end."""
LONGEST_S = 20 * SECONDS + 300
"""Of the whole test, on a busy machine."""

FROZEN_S = 20.0
"""How long a part is stopped."""
FULL_S = 6.0
"""How long a disk is full."""

Ask = Callable[..., tuple[int, dict[str, str], bytes]]
"""ask(method, path, key, body) -> status, headers, body; raises OSError or HTTPException where nobody answers."""
Strike = Callable[[], bool]
"""Kills or cuts off a part; False if it is just coming back from the last time."""


def fill_disk(home: Path) -> bool:
    """Take all that is free on the home's own small disk for ``FULL_S``."""
    stuff = home / "stuff"
    if stuff.exists():
        return False
    with suppress(OSError), stuff.open("wb", buffering=0) as file:
        while file.write(bytes(1 << 16)):
            pass
    threading.Timer(FULL_S, lambda: stuff.unlink(missing_ok=True)).start()
    return True


@pytest.fixture
def small_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Homes made meanwhile lie on a disk of their own, if we may mount one; a server keeps little of it free."""
    if sys.platform != "linux" or os.geteuid() != 0:
        yield
        return
    mounted: list[str] = []
    make = tempfile.mkdtemp

    def make_disk(*arguments: Any, **named: Any) -> str:
        folder = make(*arguments, **named)
        if str(named.get("prefix", "")).startswith("spherelinks-test-") and not mounted:
            options = "size=800m,mode=755"
            if not subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=False).returncode:
                mounted.append(folder)
        return folder

    monkeypatch.setattr(tempfile, "mkdtemp", make_disk)
    monkeypatch.setenv("SPHERELINKS_MIN_FREE_MB", "256")
    yield
    for folder in mounted:
        subprocess.run(["umount", "-l", folder], check=False)


def png(shade: int, *, blank: bool) -> str:
    """A disc on transparent background in base64, or a picture with nothing in it, which must fail."""
    y, x = np.mgrid[-1:1:96j, -1:1:96j]
    rgba = np.full((96, 96, 4), 200, np.uint8)
    rgba[..., 0] = shade % 256
    rgba[..., 1] = shade // 256 % 256
    rgba[..., 3] = 255 if blank else 255 * (np.hypot(x, y) < 0.8)
    file = io.BytesIO()
    Image.fromarray(rgba).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


class Client(threading.Thread):
    """Submits until told to stop; keeps the jobs that were acknowledged, and whether each must fail.

    One in five pictures shows nothing. No two are alike, so that every job has to be worked off; but one in five is
    sent again at once, and joins the first.
    """

    def __init__(self, ask: Ask, key: str, ended: threading.Event) -> None:
        super().__init__(daemon=True)
        self._ask, self._key, self._ended = ask, key, ended
        self._random = random.Random()
        self.jobs: dict[str, bool] = {}
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            while not self._ended.wait(self._random.uniform(0.3, 1.5)):
                self._submit()
        except BaseException as error:
            self.error = error

    def _submit(self) -> None:
        blank = self._random.random() < 0.2
        picture = png(self._random.randrange(65536), blank=blank)
        body = {"imageBase64": picture, "options": {"textureSize": 512}}
        for _ in range(self._random.choice([1, 1, 1, 1, 2])):
            self._send(body, blank)

    def _send(self, body: dict[str, Any], blank: bool) -> None:
        try:
            status, _, answer = self._ask("POST", "/v1/generate", self._key, body)
        except (OSError, http.client.HTTPException):
            return  # the server is down, or died over it
        if status == 202:
            self.jobs[json.loads(answer)["jobId"]] = blank
        else:
            decoders_are_replaced = status == 429 and b"being decoded" in answer
            assert status in (503, 507) or decoders_are_replaced, answer  # down, or its disk full


def havoc(ask: Ask, key: str, clients: int, parts: dict[str, tuple[int, Strike]]) -> tuple[list[str], dict[str, bool]]:
    """For ``SECONDS`` strike a part every few seconds while clients submit; what was struck, and the promised jobs.

    parts : by name, how often it is chosen, and the strike
    """
    ended = threading.Event()
    crowd = [Client(ask, key, ended) for _ in range(clients)]
    for client in crowd:
        client.start()
    struck: list[str] = []
    end = time.monotonic() + SECONDS
    # on a busy machine parts come back slowly, and little is promised meanwhile: it goes on until there is enough
    while time.monotonic() < end or len(struck) <= FEW or sum(len(client.jobs) for client in crowd) <= FEW_JOBS:
        time.sleep(random.uniform(1.5, 3.5))
        (name,) = random.choices([*parts], [weight for weight, _ in parts.values()])
        if parts[name][1]():
            struck.append(name)
    ended.set()
    for client in crowd:
        client.join(120)
        assert client.error is None, client.error
    return struck, {job: blank for client in crowd for job, blank in client.jobs.items()}


def reckon(
    engine: Engine, ask: Ask, key: str, struck: list[str], jobs: dict[str, bool], said: Callable[[], str]
) -> None:
    """Wait for what is left of the promised jobs, check them and every credit, and print the figures."""
    wait_until_drained(engine, said)
    figures = check(engine, ask, key, jobs)
    print(f"struck: {dict(Counter(struck))}; {figures}")  # noqa: T201
    assert len(struck) > FEW, "chaos that does nothing proves nothing"
    assert len(jobs) > FEW_JOBS


def wait_until_drained(engine: Engine, said: Callable[[], str]) -> None:
    """Wait until no job waits or runs any more; on a busy machine that takes as long as it goes on."""
    fewest: int | None = None
    deadline = 0.0
    while fewest != 0:
        with transaction(engine) as session:
            left = session.scalar(text("SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')"))
        assert left is not None
        if fewest is None or left < fewest:
            fewest, deadline = left, time.monotonic() + STUCK_S
        assert time.monotonic() < deadline, f"{left} jobs neither finish nor fail\n{said()}"
        time.sleep(0.5)


def check(engine: Engine, ask: Ask, key: str, jobs: dict[str, bool]) -> dict[str, Any]:
    """Every promised job has ended as it must, and every credit is where it must be; the figures."""
    outcomes = {"COMPLETED": 0, "FAILED": 0}
    for job, blank in jobs.items():
        status = json.loads(ask("GET", f"/v1/status/{job}", key)[2])
        outcomes[status["status"]] += 1
        if status["status"] == "COMPLETED":
            assert not blank
            code, headers, glb = ask("GET", f"/v1/download/{job}", key)
            etag = {name.lower(): value for name, value in headers.items()}["etag"]
            assert (code, glb[:4], etag) == (200, b"glTF", f'"{hashlib.sha256(glb).hexdigest()}"')
        elif not (blank and status["error"]["code"] == "no_object"):  # so many kills may have hit any job
            assert "tried 3 times" in status["error"]["message"], (blank, status)

    with transaction(engine) as session:
        assert ledger.audit(session) == []
        moved = dict(session.execute(text("SELECT kind, sum(abs(held)) FROM credit_entries GROUP BY kind")).all())
        states = dict(session.execute(text("SELECT state, count(*) FROM jobs GROUP BY state")).all())
        free = session.scalar(text("SELECT count(*) FROM jobs WHERE credits = 0"))
    assert moved["hold"] == sum(states.values()) - free == moved.get("capture", 0) + moved.get("release", 0)
    assert moved.get("capture", 0) == states.get("completed", 0) - free
    assert states.get("completed", 0) >= outcomes["COMPLETED"]
    return {"promised": len(jobs), **outcomes, **moved, **states}
