"""A job against every fault and in every scenario of the contract ends as it says, and the key goes nowhere else."""

import json

import pytest
from player import Player, play

from blender_addon.client import http
from blender_addon.client import runner as runners
from contract import coverage

KEY = "sk_secret"


@pytest.mark.parametrize("name", [*coverage.files("faults"), *coverage.files("scenarios")])
def test_a_job_ends_as_the_contract_says(contract, stand_in, tmp_path, monkeypatch, name):
    told, folder = contract.json(name), name.partition("/")[2].removesuffix(".json")
    outcome = told["outcome"]
    monkeypatch.setattr(runners, "_backoff", lambda attempt, failure: 0.0)
    monkeypatch.setattr(runners, "PAUSE_S", 0.05)
    if told.get("tls"):
        monkeypatch.setenv("SSL_CERT_FILE", str(contract.path("files/certificate.pem")))
    limits = {"ANSWER_S": "limitSeconds", "FILE_S": "limitSeconds", "SILENCE_S": "silenceSeconds"}
    for limit in limits:
        monkeypatch.setattr(http, limit, told.get(limits[limit], getattr(http, limit)))
    before = len(stand_in.seen)

    def asked(operation):
        return sum(each.folder == folder and each.asks(operation) for each in stand_in.seen[before:])

    picture = bytes(told.get("pictureBytes", 7))
    player = Player(tmp_path, stand_in.address(folder), KEY, picture)
    acts = told.get("acts") or [{"client": "submit", "until": {"state": outcome["state"]}}]
    play(acts, player, lambda number: stand_in.turn(folder, number), asked)
    job = player.until({"state": outcome["state"]})
    if outcome["state"] == "ready":
        assert player.jobs.asset(job["id"]).read_bytes() == contract.path("files/asset.glb").read_bytes()
    if outcome["state"] == "failed":
        assert job["problem"]["code"] == outcome["code"]
        assert outcome["says"] in job["problem"]["message"]
        assert not outcome["hint"] or job["problem"]["hint"]
    for field in {"states", "progress"} & outcome.keys():
        assert getattr(player.jobs, field) == outcome[field]
    player.close()

    seen = stand_in.seen[before:]
    here = [each for each in seen if each.folder == folder]
    assert {operation: asked(operation) for operation in outcome["requests"]} == outcome["requests"]
    keys = {each.headers["Idempotency-Key"] for each in here if each.method == "POST"}
    assert len(keys) == outcome.get("keys", 1)
    assert {each.headers["X-Api-Key"] for each in here} == {KEY}
    # whatever happens in between, it is the same request, all its pictures included
    posted = {each.body for each in here if each.method == "POST"}
    assert len(posted) == 1
    if body := posted.pop():  # the longest are not remembered
        assert [each["view"] for each in json.loads(body)["images"]] == ["front", "back", "left"]
    elsewhere = [each.headers for each in seen if each.folder == "elsewhere"]
    assert len(elsewhere) == outcome.get("elsewhere", 0)
    assert KEY not in str(elsewhere)
