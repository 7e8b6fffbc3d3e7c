"""The contract's scenarios, played by a client against the real application, end and cost what they say.

Instead of a worker, the test changes the jobs as an act says, with the functions that a worker calls.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from player import Player, play
from sqlalchemy import text
from werkzeug.serving import make_server

from contract import coverage, record
from spherelinks.accounts import accounts, keys, ledger
from spherelinks.config import Settings
from spherelinks.database import connect, transaction
from spherelinks.jobs import attempts
from spherelinks.storage import open_storage
from spherelinks_server import create_app

LIMIT_S = 60
TOLD = {Path(name).stem: json.loads((coverage.HERE / name).read_text("utf-8")) for name in coverage.files("scenarios")}
PLAYED = {name: told for name, told in TOLD.items() if "spent" in told["outcome"]}


class World:
    """A server, and all that may happen to an account on it."""

    def __init__(self, settings: Settings) -> None:
        self.engine, self.storage = connect(settings.database_url), open_storage(settings)
        self.work = record.Work(self.engine, self.storage)
        self.app = create_app(settings, self.engine, self.storage, rate_limit=0, address_limit=0)
        self.server = make_server("127.0.0.1", 0, self.app, threaded=True)
        Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.engine.dispose()

    def account(self) -> None:
        """Another account, with a key."""
        with transaction(self.engine) as session:
            self.account_id = accounts.create(session, "Contract").id
        self.fill: list[str] = []
        self.given = self.available()
        self.key = self.new_key()

    def new_key(self) -> str:
        with transaction(self.engine) as session:
            kept, secret = keys.create(session, self.account_id, "editor")
        self.key_id = kept.id
        return secret

    def available(self) -> int:
        with transaction(self.engine) as session:
            return ledger.balance(session, self.account_id).available

    def jobs(self, *, unfinished: bool) -> list[str]:
        """The client's, newest first."""
        with transaction(self.engine) as session:
            query = text("SELECT id, finished_at FROM jobs WHERE account_id = :a ORDER BY created_at DESC")
            rows = session.execute(query, {"a": self.account_id}).all()
        return [job for job, end in rows if job not in self.fill and not (unfinished and end)]

    def bring(self, state: str) -> None:
        """Make this of the client's newest job, as soon as it is there."""
        deadline = time.monotonic() + LIMIT_S
        while not (jobs := self.jobs(unfinished=True)):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        self.work.bring(self.account_id, jobs[0], state)

    def use_up_credits(self) -> None:
        """Hold all credits by other jobs."""
        headers = {"X-API-Key": self.key, "Content-Type": "application/json"}
        for seed in range(self.available()):
            body = record.encoded({"imageBase64": "{picture}", "options": {"seed": seed + 1}})
            posted = self.app.test_client().post("/v1/generate", headers=headers, data=body)
            self.fill.append(posted.get_json()["jobId"])

    def release_credits(self) -> None:
        """Cancel those jobs."""
        for job in self.fill:
            attempts.cancel(self.engine, self.account_id, job)


@pytest.fixture(scope="module")
def world(migrated: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    url = migrated("scenarios")
    made = World(Settings(home=tmp_path_factory.mktemp("scenarios"), database_url=url))
    yield made
    made.close()


@pytest.mark.parametrize("name", PLAYED)
def test_it_ends_and_costs_what_the_scenario_says(world: World, tmp_path: Path, name: str) -> None:
    acts, outcome = PLAYED[name]["acts"], PLAYED[name]["outcome"]
    world.account()
    picture = (coverage.HERE / "files" / "picture.png").read_bytes()
    player = Player(tmp_path / "jobs", world.address, world.key, picture)

    def turn(number: int) -> None:
        act = acts[number]
        if act.get("key") == "revoked":
            with transaction(world.engine) as session:
                keys.revoke(session, world.key_id)
        if act.get("key") == "new":
            player.key = world.new_key()
        if "credits" in act:
            world.release_credits() if act["credits"] else world.use_up_credits()

    def begun(number: int) -> None:
        if "job" in acts[number]:
            world.bring(acts[number]["job"])

    play(acts, player, turn, lambda operation: 0, begun)
    job: dict[str, Any] = player.until({"state": outcome["state"]})
    if outcome["state"] == "ready":
        assert player.jobs.asset(job["id"]).read_bytes() == (coverage.HERE / "files" / "asset.glb").read_bytes()
    if outcome["state"] == "failed":
        assert job["problem"]["code"] == outcome["code"]
        assert outcome["says"] in job["problem"]["message"]
    player.close()
    assert world.given - world.available() == outcome["spent"]
    assert len(world.jobs(unfinished=False)) == outcome["keys"]
