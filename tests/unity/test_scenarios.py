"""The contract's scenarios: an editor's user does what they say, kills included, on both runtimes."""

import json
import time
from pathlib import Path

import pytest

from contract import coverage

KEY = "sk_secret"
LIMIT_S = 60


class Editors:
    """A driver in which editors are open."""

    def __init__(self, runtime):
        self.process = runtime.start({"command": "editors"})

    def ask(self, name, step, **more):
        """What the editor of this name answers: its job, the states it went through, and what it shows."""
        self.process.stdin.write(json.dumps({"name": name, "do": step, **more}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        return json.loads(line)["answer"]

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture(scope="module")
def shared(runtime):
    editors = Editors(runtime)
    yield editors
    editors.kill()


def until(folder, wanted, asked):
    """The job as it is on disk, once it shows this."""
    deadline = time.monotonic() + LIMIT_S
    wanted = dict(wanted)
    operation = wanted.pop("asked", None)
    while True:
        jobs = [json.loads(path.read_text()) for path in folder.glob("*.json")]
        for job in jobs:
            if wanted == {name: job[name] if name in job else (job["problem"] or {}).get(name) for name in wanted} and (
                operation is None or asked(operation)
            ):
                return job
        assert time.monotonic() < deadline, f"{jobs} and not {wanted}"
        time.sleep(0.02)


@pytest.mark.parametrize("name", coverage.files("scenarios"))
def test_a_job_ends_as_the_contract_says(contract, runtime, shared, stand_in, tmp_path, name):
    told, path = contract.json(name), Path(name).stem
    folder = f"{path}~{runtime.program.name}"
    acts, outcome, before = told["acts"], told["outcome"], len(stand_in.seen)
    killed = any(act.get("client") == "resume" for act in acts)
    editors = Editors(runtime) if killed else shared
    picture = tmp_path / "picture"
    picture.write_bytes(b"picture")
    jobs = tmp_path / "jobs"
    opened = {"folder": str(jobs), "address": stand_in.address(folder), "key": KEY, "picture": str(picture)}

    def asked(operation):
        return sum(each.folder == folder and each.asks(operation) for each in stand_in.seen[before:])

    editors.ask(name, "open", **opened)
    for number, act in enumerate(acts):
        client = act.get("client")
        if client == "cancel":
            editors.ask(name, "cancel")
        if client == "resume":
            editors.kill()
        stand_in.turn(folder, number)
        if client == "resume":
            editors = shared
            editors.ask(name, "open", **opened)
        if client in ("submit", "again"):
            editors.ask(name, client)
        until(jobs, act["until"], asked)
    ended = editors.ask(name, "rest")
    editors.ask(name, "close")

    job = ended["shown"]
    assert job["state"] == outcome["state"], job["problem"]
    if outcome["state"] == "ready":
        assert (jobs / f"{job['id']}.glb").read_bytes() == contract.path("files/asset.glb").read_bytes()
    if outcome["state"] == "failed":
        assert job["problem"]["code"] == outcome["code"]
        assert outcome["says"] in job["problem"]["message"]
        assert not outcome["hint"] or job["problem"]["hint"]
    if "states" in outcome:
        assert ended["states"] == outcome["states"]
    assert {operation: asked(operation) for operation in outcome["requests"]} == outcome["requests"]
    here = [each for each in stand_in.seen[before:] if each.folder == folder]
    assert len({each.headers["Idempotency-Key"] for each in here if each.method == "POST"}) == outcome.get("keys", 1)
    assert {each.headers["X-API-Key"] for each in here} == {KEY}
    # whatever happens in between, it is the same request, all its pictures included
    [posted] = {each.body for each in here if each.method == "POST"}
    assert [each["view"] for each in json.loads(posted)["images"]] == ["front", "back", "left"]
