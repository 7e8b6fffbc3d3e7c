"""GET /v1/status: a job's state, for its owner and nobody else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from spherelinks.accounts import keys
from spherelinks.database import new_id, transaction
from spherelinks.jobs.attempts import Failure
from spherelinks.storage import Storage

from .conftest import Caller

FIELDS = {
    *("jobId", "status", "progress", "description"),
    *("stage", "queuePosition", "etaSeconds", "error", "report", "creditsCharged", "expiresAt"),
    *("cache", "sandbox", "output"),
}


def status(caller: Caller, job: str) -> Any:
    response = caller.get(f"/v1/status/{job}")
    assert response.status_code == 200
    assert response.json is not None
    assert response.json.keys() == FIELDS
    assert response.json["jobId"] == job
    assert response.headers["Cache-Control"] == "no-store"
    return response.json


def test_a_queued_job(caller: Caller, png: bytes) -> None:
    first, second = caller.submit(png), caller.submit(png)
    shown = [status(caller, job) for job in (first, second)]
    assert [(s["status"], s["stage"], s["progress"]) for s in shown] == [("PROCESSING", "queued", 0)] * 2
    assert shown[1]["queuePosition"] == shown[0]["queuePosition"] + 1
    assert all(s["error"] is s["report"] is s["etaSeconds"] is None for s in shown)


def test_a_job_at_work(caller: Caller, png: bytes) -> None:
    job = caller.submit(png)
    caller.work(job, "generator", 0.42)
    shown = status(caller, job)
    assert (shown["status"], shown["stage"], shown["progress"]) == ("PROCESSING", "generator", 42)
    assert shown["queuePosition"] is None
    assert shown["etaSeconds"] >= 0
    assert shown["description"]


def test_a_completed_job(caller: Caller, storage: Storage, png: bytes) -> None:
    job = caller.submit(png)
    caller.finish(job, b"glTF and so on", storage)
    shown = status(caller, job)
    assert (shown["status"], shown["progress"], shown["creditsCharged"]) == ("COMPLETED", 100, 1)
    assert shown["report"]["faces"] == 12
    assert shown["error"] is shown["etaSeconds"] is None
    assert shown["cache"] == "miss"
    kept = datetime.fromisoformat(shown["expiresAt"]) - datetime.now(UTC)
    assert timedelta(days=29) < kept <= timedelta(days=30)  # as long as the free plan keeps it


def test_a_failed_job_says_why_and_costs_nothing(caller: Caller, png: bytes) -> None:
    before = caller.rows()["balance"]
    job = caller.submit(png)
    caller.fail(job, Failure("no_object", "There is nothing in it.", "Send another."))
    shown = status(caller, job)
    assert shown["status"] == "FAILED"
    assert shown["error"] == {"code": "no_object", "message": "There is nothing in it.", "hint": "Send another."}
    assert shown["creditsCharged"] == 0
    assert caller.rows()["balance"] == before


def test_the_path_without_v1(caller: Caller, png: bytes) -> None:
    job = caller.submit(png)
    assert caller.get(f"/status/{job}").json == caller.get(f"/v1/status/{job}").json


@pytest.mark.parametrize("way", ["status", "download"])
@pytest.mark.parametrize(
    "job", ["job_01j9xkb", "job_01j9xkb" + "0" * 19, "job_" + "9" * 26, "JOB_" + "0" * 26, "'; --", "%00", "é" * 400]
)
def test_an_unknown_job(caller: Caller, way: str, job: str) -> None:
    response = caller.get(f"/v1/{way}/{job}")
    assert response.json is not None
    assert (response.status_code, response.json["error"]["code"]) == (404, "unknown_job")


@pytest.mark.parametrize("way", ["status", "download"])
def test_another_accounts_job_does_not_exist(
    caller: Caller, make_caller: Callable[..., Caller], storage: Storage, png: bytes, way: str
) -> None:
    job = caller.submit(png)
    caller.finish(job, b"glTF", storage)
    stranger = make_caller()

    response, nowhere = stranger.get(f"/v1/{way}/{job}"), stranger.get(f"/v1/{way}/{new_id('job')}")

    assert response.json is not None
    assert nowhere.json is not None
    assert (response.status_code, response.json["error"]["code"]) == (404, "unknown_job")
    assert response.json["error"]["hint"] == nowhere.json["error"]["hint"]


@pytest.mark.parametrize("way", ["status", "download"])
def test_a_revoked_key_sees_nothing(caller: Caller, engine: Engine, png: bytes, way: str) -> None:
    job = caller.submit(png)
    with transaction(engine) as session:
        keys.revoke(session, caller.key_id)
    for path in (f"/v1/{way}/{job}", f"/v1/{way}/nothing"):
        response = caller.get(path)
        assert response.json is not None
        assert (response.status_code, response.json["error"]["code"]) == (401, "invalid_api_key")


def test_every_key_of_an_account_sees_its_jobs(caller: Caller, engine: Engine, png: bytes) -> None:
    job = caller.submit(png)
    with transaction(engine) as session:
        _, secret = keys.create(session, caller.account_id, "another")
    assert caller.http.get(f"/v1/status/{job}", headers={"X-API-Key": secret}).status_code == 200
