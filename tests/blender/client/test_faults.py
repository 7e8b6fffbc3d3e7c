"""One job against every fault of contract/: it ends as the contract says, and the key goes nowhere else."""

import json
from pathlib import Path

import pytest

from blender_addon.client import runner as runners
from blender_addon.client.errors import Failure
from blender_addon.client.http import Connection
from blender_addon.client.jobs import Jobs
from blender_addon.client.runner import Runner
from contract.stand_in import stand_in

CONTRACT = Path(__file__).resolve().parents[3] / "contract"
FAULTS = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted((CONTRACT / "faults").glob("*.json"))}
KEY = "sk_secret"


@pytest.fixture(scope="module")
def server():
    with stand_in() as running:
        yield running


@pytest.mark.parametrize("name", FAULTS)
def test_a_job_ends_as_the_contract_says(server, tmp_path, monkeypatch, name):
    monkeypatch.setattr(runners, "_backoff", lambda attempt, failure: 0.0)
    outcome, before = FAULTS[name]["outcome"], len(server.seen)
    jobs = Jobs(tmp_path)
    job = jobs.new(server.address(name), "mug", b"picture")
    connection = Connection(job.server, KEY, False)
    if outcome["state"] == "failed":
        with pytest.raises(Failure) as caught:
            Runner(jobs).run(job, connection)
        assert caught.value.code == outcome["code"]
        assert outcome["says"] in caught.value.message
        assert not outcome["hint"] or caught.value.hint
    else:
        Runner(jobs).run(job, connection)
        assert jobs.asset(job.id).read_bytes() == (CONTRACT / "files" / "asset.glb").read_bytes()
    assert jobs.get(job.id).state == outcome["state"]
    jobs.close()
    seen = server.seen[before:]
    for operation, times in outcome["requests"].items():
        method, path = operation.split(" /")
        asked = [headers for folder, *asked, headers in seen if folder == name and asked[0] == method]
        assert sum(f[0] == name and f[1] == method and f[2].startswith(path) for f in seen) == times, operation
        assert method != "POST" or {headers["Idempotency-Key"] for headers in asked} == {job.id}
    elsewhere = [headers for folder, _, _, headers in seen if folder == "elsewhere"]
    assert len(elsewhere) == outcome.get("elsewhere", 0)
    assert KEY not in str(elsewhere)
