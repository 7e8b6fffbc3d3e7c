"""The same request again: by its Idempotency-Key, from the cache, and in the sandbox. Nothing is paid twice."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from spherelinks.accounts import keys, ledger
from spherelinks.database import transaction
from spherelinks.jobs import submission
from spherelinks.storage import Storage

from .conftest import Caller, base64_of, encoded


def post(caller: Caller, body: dict[str, Any], key: str | None = None, app: Flask | None = None) -> TestResponse:
    headers = caller.headers | ({} if key is None else {"Idempotency-Key": key})
    client = caller.http if app is None else app.test_client()
    return client.post("/v1/generate", json=body, headers=headers)


@pytest.fixture
def body(png: bytes) -> dict[str, Any]:
    return {"imageBase64": base64_of(png), "options": {"seed": 3}}


# --- Idempotency-Key ------------------------------------------------------------------------------------------------


def test_a_repetition_gets_the_first_answer_and_costs_nothing(caller: Caller, body: dict[str, Any]) -> None:
    first = post(caller, body, "order-1")
    before = caller.rows()
    again = post(caller, {name: body[name] for name in reversed(body)}, "order-1")  # however it is written
    assert (again.status_code, again.json) == (first.status_code, first.json)
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert caller.rows() == before
    assert post(caller, body, "order-2").json != first.json


def test_a_repetition_does_not_even_fetch_the_picture(caller: Caller, png: bytes) -> None:
    reachable = {"imageUrl": f"data:image/png;base64,{base64_of(png)}"}
    assert post(caller, reachable, "k").status_code == 202
    assert post(caller, {"imageUrl": "http://127.0.0.1/"}, "k").status_code == 422  # another body


def test_another_request_with_the_same_key_is_refused(caller: Caller, body: dict[str, Any]) -> None:
    post(caller, body, "order-1")
    before = caller.rows()
    response = post(caller, body | {"options": {"seed": 4}}, "order-1")
    assert response.json is not None
    assert (response.status_code, response.json["error"]["code"]) == (422, "idempotency_mismatch")
    assert caller.rows() == before


def test_the_same_key_of_another_account_is_another_key(
    caller: Caller, make_caller: Callable[..., Caller], body: dict[str, Any]
) -> None:
    first, other = post(caller, body, "order-1"), post(make_caller(), body, "order-1")
    assert other.status_code == 202
    assert first.json is not None
    assert other.json is not None
    assert first.json["jobId"] != other.json["jobId"]


@pytest.mark.parametrize("key", ["", "x" * 256, "two words", "naïve"])
def test_a_key_of_another_form_is_refused(caller: Caller, body: dict[str, Any], key: str) -> None:
    response = post(caller, body, key)
    assert response.json is not None
    assert (response.status_code, response.json["error"]["code"]) == (400, "invalid_request")
    assert "Idempotency-Key" in response.json["error"]["message"]


def test_a_refused_request_does_not_use_its_key_up(caller: Caller, body: dict[str, Any]) -> None:
    assert post(caller, {"imageBase64": "AAAA"}, "k").status_code == 422
    assert post(caller, body, "k").status_code == 202


def test_50_at_once_with_one_key_are_one_job_and_one_hold(
    app: Flask, caller: Caller, engine: Engine, body: dict[str, Any]
) -> None:
    before = caller.rows()
    with ThreadPoolExecutor(50) as pool:
        answers = [*pool.map(lambda _: post(caller, body, "all-the-same", app), range(50))]
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses.keys() <= {202, 409}
    assert statuses[202] >= 1
    for answer in answers:
        assert answer.json is not None
        if answer.status_code == 409:
            assert answer.json["error"]["code"] == "request_in_flight"
            assert int(answer.headers["Retry-After"]) > 0
    assert len({answer.get_json()["jobId"] for answer in answers if answer.status_code == 202}) == 1
    after = caller.rows()
    assert after["jobs"] == before["jobs"] + 1
    assert after["balance"].held == before["balance"].held + 1
    assert post(caller, body, "all-the-same").status_code == 202


def test_keys_are_forgotten_after_a_week(caller: Caller, engine: Engine, body: dict[str, Any]) -> None:
    post(caller, body, "old")
    post(caller, body, "young")
    with transaction(engine) as session:
        session.execute(
            text(
                "UPDATE idempotency_keys SET created_at = now() - interval '8 days' "
                "WHERE account_id = :a AND key = 'old'"
            ),
            {"a": caller.account_id},
        )
        submission.sweep_idempotency(session)
    assert post(caller, body | {"options": {}}, "old").status_code == 202
    assert post(caller, body | {"options": {}}, "young").status_code == 422


def test_320_submits_at_once_on_100_credits_are_100_jobs(
    app: Flask, make_caller: Callable[..., Caller], engine: Engine, body: dict[str, Any]
) -> None:
    caller = make_caller(credits=100)
    with ThreadPoolExecutor(16) as pool:
        statuses = Counter(
            pool.map(lambda i: post(caller, body | {"options": {"seed": i}}, app=app).status_code, range(320))
        )
    assert statuses == {202: 100, 402: 220}
    with transaction(engine) as session:
        assert ledger.balance(session, caller.account_id) == ledger.Balance(0, 100)
        assert ledger.audit(session) == []


# --- the cache ------------------------------------------------------------------------------------------------------


def made(caller: Caller, storage: Storage, body: dict[str, Any], glb: bytes = b"glTF of the first") -> str:
    response = post(caller, body)
    assert response.json is not None
    assert response.json["cache"] == "miss"
    job: str = response.json["jobId"]
    caller.finish(job, glb, storage)
    return job


def test_the_same_request_has_the_same_bytes_at_once_and_for_nothing(
    caller: Caller, engine: Engine, storage: Storage, body: dict[str, Any]
) -> None:
    first = made(caller, storage, body)
    before = caller.rows()["balance"]
    written_out = {**body, "options": {"seed": 3, "textureSize": 1024}}  # a default, spelt out
    response = post(caller, written_out)
    again = response.json
    assert again is not None
    assert response.status_code == 202
    assert (again["status"], again["cache"], again["creditsCharged"]) == ("COMPLETED", "hit", 0)
    assert again["jobId"] != first
    status = caller.get(f"/v1/status/{again['jobId']}").json
    assert status is not None
    assert (status["status"], status["progress"], status["cache"], status["creditsCharged"]) == (
        *("COMPLETED", 100, "hit", 0),
    )
    assert caller.get(f"/v1/download/{again['jobId']}").data == caller.get(f"/v1/download/{first}").data
    assert caller.rows()["balance"] == before
    with transaction(engine) as session:
        assert ledger.audit(session) == []


@pytest.mark.parametrize("change", [{"options": {"seed": 4}}, {"imageBase64": base64_of(encoded("JPEG"))}])
def test_another_request_is_made_anew(
    caller: Caller, storage: Storage, body: dict[str, Any], change: dict[str, Any]
) -> None:
    made(caller, storage, body)
    assert post(caller, body | change).get_json()["cache"] == "miss"


def test_the_same_request_while_the_first_is_at_work_joins_it(
    caller: Caller, make_caller: Callable[..., Caller], engine: Engine, storage: Storage, body: dict[str, Any]
) -> None:
    first = post(caller, body).get_json()
    before = caller.rows()["balance"]
    response = post(caller, body, "second")
    second = response.get_json()
    assert (response.status_code, int(response.headers["Retry-After"]) > 0) == (202, True)
    assert (first["cache"], second["status"], second["cache"]) == ("miss", "PROCESSING", "joined")
    assert second["jobId"] != first["jobId"]
    assert second["message"] != first["message"]
    assert post(caller, body, "second").get_json() == second
    assert post(make_caller(), body).get_json()["cache"] == "miss"
    attempt = caller.begin(first["jobId"])
    caller.beat(attempt, "generator", 0.4)
    shown = caller.get(f"/v1/status/{second['jobId']}").get_json()
    assert (shown["progress"], shown["stage"], shown["cache"], shown["creditsCharged"]) == (
        40,
        "generator",
        "joined",
        0,
    )
    assert caller.complete(attempt, b"glTF of the first", storage)
    shown = caller.get(f"/v1/status/{second['jobId']}").get_json()
    assert (shown["status"], shown["cache"], shown["creditsCharged"]) == ("COMPLETED", "hit", 0)
    assert caller.get(f"/v1/download/{second['jobId']}").data == b"glTF of the first"
    assert caller.rows()["balance"] == ledger.Balance(before.available, 0)


def test_the_cache_can_be_passed_by(caller: Caller, storage: Storage, body: dict[str, Any]) -> None:
    made(caller, storage, body)
    before = caller.rows()["balance"].held
    response = post(caller, body | {"cache": "bypass"})
    assert response.get_json()["status"] == "PROCESSING"
    assert caller.rows()["balance"].held == before + 1


def test_another_account_learns_nothing(
    caller: Caller, make_caller: Callable[..., Caller], storage: Storage, body: dict[str, Any]
) -> None:
    made(caller, storage, body)
    assert post(make_caller(), body).get_json()["status"] == "PROCESSING"


def test_a_hit_outlives_the_job_it_came_from(
    caller: Caller, engine: Engine, storage: Storage, body: dict[str, Any]
) -> None:
    first = made(caller, storage, body)
    second = post(caller, body).get_json()["jobId"]
    assert caller.delete(first).get_json()["outcome"] == "deleted"
    assert caller.get(f"/v1/download/{second}").data == b"glTF of the first"
    assert post(caller, body).get_json()["cache"] == "hit"
    assert caller.delete(second).status_code == 200


def test_what_was_deleted_or_expires_soon_is_no_hit(
    caller: Caller, engine: Engine, storage: Storage, body: dict[str, Any]
) -> None:
    caller.delete(made(caller, storage, body))
    job = made(caller, storage, body)
    with transaction(engine) as session:
        session.execute(text("UPDATE jobs SET expires_at = now() + interval '5 min' WHERE id = :id"), {"id": job})
    assert post(caller, body).get_json()["cache"] == "miss"


# --- the sandbox ----------------------------------------------------------------------------------------------------


@pytest.fixture
def sandbox(caller: Caller, engine: Engine) -> Caller:
    """The same account, with a sandbox key."""
    with transaction(engine) as session:
        key, secret = keys.create(session, caller.account_id, "sandbox", sandbox=True)
    assert secret.startswith("sk_sph_test_")
    return Caller(caller.http, engine, caller.account_id, key.id, secret)


def test_a_sandbox_key_gets_a_sample_at_once_for_nothing(
    sandbox: Caller, engine: Engine, storage: Storage, body: dict[str, Any]
) -> None:
    before = sandbox.rows()
    response = post(sandbox, body, "k")
    accepted = response.get_json()
    assert (response.status_code, accepted["status"], accepted["creditsCharged"]) == (202, "COMPLETED", 0)
    job = accepted["jobId"]
    status = sandbox.get(f"/v1/status/{job}").get_json()
    assert (status["status"], status["sandbox"], status["creditsCharged"]) == ("COMPLETED", True, 0)
    assert status["report"]["faces"] > 0
    glb = sandbox.get(f"/v1/download/{job}")
    assert glb.data[:4] == b"glTF"
    assert glb.headers["ETag"] == f'"{hashlib.sha256(glb.data).hexdigest()}"'
    assert sandbox.get(f"/v1/jobs/{job}/files/png").data[:4] == b"\x89PNG"
    assert post(sandbox, body, "k").get_json()["jobId"] == job
    assert sandbox.rows()["balance"] == before["balance"]
    assert sandbox.delete(job).get_json()["outcome"] == "deleted"
    assert post(sandbox, body).status_code == 202  # the sample is still there
    with transaction(engine) as session:
        assert ledger.audit(session) == []


def test_a_sandbox_key_is_refused_what_any_key_is(sandbox: Caller) -> None:
    assert post(sandbox, {"imageBase64": "AAAA"}).status_code == 422
    assert post(sandbox, {"imageUrl": "x", "options": {"seed": -1}}).status_code == 400


def test_sandbox_and_live_do_not_see_each_other(caller: Caller, sandbox: Caller, body: dict[str, Any]) -> None:
    live, sample = post(caller, body).get_json()["jobId"], post(sandbox, body).get_json()["jobId"]
    for who, job in ((caller, sample), (sandbox, live)):
        assert who.get(f"/v1/status/{job}").status_code == 404
        assert who.get(f"/v1/jobs/{job}").status_code == 404
        assert who.delete(job).status_code == 404
    assert [job["jobId"] for job in caller.get("/v1/jobs").get_json()["jobs"]] == [live]
    assert [job["jobId"] for job in sandbox.get("/v1/jobs").get_json()["jobs"]] == [sample]
    assert post(caller, body).get_json()["status"] == "PROCESSING"  # a sample is no asset of this picture


def test_the_sample_is_in_the_storage_once(sandbox: Caller, storage: Storage, body: dict[str, Any]) -> None:
    for _ in range(3):
        post(sandbox, body)
    assert len([head for head in storage.list("samples") if head.path.endswith(".glb")]) == 1
