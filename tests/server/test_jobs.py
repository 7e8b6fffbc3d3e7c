"""/v1/jobs: list, details, events, cancelling, deleting; their files."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from typing import Any

import pytest
from sqlalchemy import Engine, text

from spherelinks.accounts import keys, ledger
from spherelinks.database import new_id, transaction
from spherelinks.formats import writing
from spherelinks.jobs import paths
from spherelinks.jobs.attempts import Failure
from spherelinks.storage import Storage
from spherelinks_server import waiting

from .conftest import Caller, base64_of, encoded

NAMES = ("", "/events", "/files/glb")


def listed(caller: Caller, query: str = "") -> Any:
    response = caller.get(f"/v1/jobs{query}")
    assert response.status_code == 200, response.text
    return response.json


def ids(page: Any) -> list[str]:
    return [job["jobId"] for job in page["jobs"]]


def test_pages_hold_every_job_once_newest_first(caller: Caller, make_caller: Callable[..., Caller], png: bytes) -> None:
    make_caller().submit(png)  # somebody else's
    made = [caller.submit(png) for _ in range(5)]
    assert ids(listed(caller)) == made[::-1]
    assert listed(caller)["nextCursor"] is None

    first = listed(caller, "?limit=2")
    newer = caller.submit(png)  # does not shift what comes next
    second = listed(caller, f"?limit=2&cursor={first['nextCursor']}")
    third = listed(caller, f"?limit=2&cursor={second['nextCursor']}")
    assert ids(first) + ids(second) + ids(third) == made[::-1]
    assert third["nextCursor"] is None
    assert ids(listed(caller, "?limit=1")) == [newer]


def test_a_page_of_one_status(caller: Caller, storage: Storage, png: bytes) -> None:
    done, failed, waits = (caller.submit(encoded("PNG", (96, 64 + i))) for i in range(3))
    caller.finish(done, b"glTF", storage)
    caller.fail(failed, Failure("no_object", "Nothing."))
    assert ids(listed(caller, "?status=COMPLETED")) == [done]
    assert ids(listed(caller, "?status=FAILED")) == [failed]
    assert ids(listed(caller, "?status=PROCESSING")) == [waits]


@pytest.mark.parametrize("query", ["?limit=0", "?limit=101", "?limit=x", "?cursor=1", "?status=DONE"])
def test_a_page_that_cannot_be(caller: Caller, query: str) -> None:
    response = caller.get(f"/v1/jobs{query}")
    assert response.json is not None
    assert (response.status_code, response.json["error"]["code"]) == (400, "invalid_request")
    assert query[1:].split("=")[0] in response.json["error"]["message"]


def test_a_job_shows_all_that_is_known(caller: Caller, storage: Storage, png: bytes) -> None:
    response = caller.generate(imageBase64=base64_of(png), options={"seed": 7})
    assert response.json is not None
    job = response.json["jobId"]
    shown = caller.get(f"/v1/jobs/{job}").json
    assert shown is not None
    assert shown["options"]["seed"] == 7
    assert shown["options"]["textureSize"] == 1024
    assert shown["files"].keys() == {"picture"}
    assert shown["startedAt"] is shown["finishedAt"] is None

    caller.finish(job, b"glTF", storage)
    shown = caller.get(f"/v1/jobs/{job}").json
    assert shown is not None
    status = caller.get(f"/v1/status/{job}").json
    assert status is not None
    assert status.items() <= shown.items()
    assert shown["files"].keys() == {"glb", "picture", *writing.KINDS}
    assert shown["createdAt"] <= shown["startedAt"] <= shown["finishedAt"] < shown["expiresAt"]


# --- DELETE ---------------------------------------------------------------------------------------------------------


def remove(caller: Caller, job: str) -> Any:
    response = caller.http.delete(f"/v1/jobs/{job}", headers=caller.headers)
    assert response.status_code == 200, response.text
    assert response.json is not None
    assert response.json["jobId"] == job
    return response.json["outcome"]


@pytest.mark.parametrize("at_work", [False, True], ids=["queued", "running"])
def test_a_cancelled_job_has_failed_and_its_credit_is_back(
    caller: Caller, engine: Engine, storage: Storage, png: bytes, at_work: bool
) -> None:
    before = caller.rows()["balance"]
    job = caller.submit(png)
    attempt = caller.begin(job) if at_work else None
    assert remove(caller, job) == "cancelled"

    status = caller.get(f"/v1/status/{job}").json
    assert status is not None
    assert (status["status"], status["error"]["code"], status["creditsCharged"]) == ("FAILED", "cancelled", 0)
    response = caller.get(f"/v1/download/{job}")
    assert response.json is not None
    assert (response.status_code, response.json["error"]["code"]) == (502, "cancelled")
    if attempt is not None:
        assert not caller.complete(attempt, b"glTF", storage), "what comes too late does not count"
    assert caller.rows()["balance"] == before
    with transaction(engine) as session:
        assert ledger.audit(session) == []
        waiting_calls = session.scalar(
            text("SELECT count(*) FROM procrastinate_jobs WHERE args ->> 'job_id' = :id"), {"id": job}
        )
    assert waiting_calls == 0


def test_many_cancellations_at_once_give_one_credit_back(caller: Caller, engine: Engine, png: bytes) -> None:
    before = caller.rows()["balance"]
    job = caller.submit(png)
    outcomes: list[str] = []
    threads = [
        threading.Thread(target=lambda: outcomes.append(caller.delete(job).get_json().get("outcome", "unknown")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("cancelled") == 1
    assert caller.rows()["balance"] == before
    with transaction(engine) as session:
        assert ledger.audit(session) == []


def test_a_deleted_job_is_gone_with_its_files_and_stays_paid(caller: Caller, storage: Storage, png: bytes) -> None:
    job = caller.submit(png)
    caller.finish(job, b"glTF", storage)
    storage.put(paths.beside(paths.result(job, 1, hashlib.sha256(b"glTF").hexdigest()), "stl"), b"solid")
    paid = caller.rows()["balance"]
    assert remove(caller, job) == "deleted"

    assert job not in ids(listed(caller))
    for way in ("status", "download", "jobs"):
        response = caller.get(f"/v1/{way}/{job}")
        assert response.json is not None
        assert (response.status_code, response.json["error"]["code"]) == (404, "unknown_job")
    assert caller.delete(job).status_code == 404
    assert [*storage.list(f"results/{job}")] == []
    assert not any(head.path.endswith(job) for head in storage.list("pictures"))
    assert caller.rows()["balance"] == paid


def test_a_failed_job_can_be_deleted(caller: Caller, png: bytes) -> None:
    job = caller.submit(png)
    caller.fail(job, Failure("no_object", "Nothing."))
    assert remove(caller, job) == "deleted"


@pytest.mark.parametrize("path", NAMES)
def test_another_accounts_job_does_not_exist(
    caller: Caller, make_caller: Callable[..., Caller], png: bytes, path: str
) -> None:
    job = caller.submit(png)
    stranger = make_caller()
    for unknown in (job, new_id("job"), "x"):
        assert stranger.get(f"/v1/jobs/{unknown}{path}").status_code == 404
        assert stranger.delete(unknown).status_code == 404
    assert caller.get(f"/v1/status/{job}").status_code == 200


# --- files ----------------------------------------------------------------------------------------------------------


def test_every_kind_of_file(caller: Caller, storage: Storage, png: bytes) -> None:
    glb = _asset()
    job = caller.submit(png)
    caller.finish(job, glb, storage)
    shown = caller.get(f"/v1/jobs/{job}").json
    assert shown is not None
    for kind, path in shown["files"].items():
        response = caller.get(path)
        assert response.status_code == 200, response.text
        expected = {"glb": glb, "picture": png}.get(kind)
        if expected is not None:
            assert response.data == expected
        else:
            assert response.mimetype == writing.KINDS[kind].media_type
            notes: list[str] = []
            assert response.data == writing.convert(glb, kind, notes.append)
            told = [] if kind in ("png", "webp") else notes
            for again in (response, caller.get(path), caller.get(path, Range="bytes=1-3")):
                assert json.loads(again.headers.get("X-Warnings", "[]")) == told
        assert caller.get(path, If_None_Match=response.headers["ETag"]).status_code == 304
        assert caller.get(path, Range="bytes=1-3").data == response.data[1:4]
        assert 'attachment; filename="job_' in response.headers["Content-Disposition"]
    assert caller.get(shown["files"]["picture"]).mimetype == "image/png"
    assert caller.get(shown["files"]["stl"]).headers["X-Warnings"]
    assert "X-Warnings" not in caller.get(shown["files"]["glb"]).headers
    [notes] = [head.path for head in storage.list(paths.RESULTS) if job in head.path and head.path.endswith("stl.json")]
    storage.delete(notes)  # a file of a version that kept none
    assert caller.get(shown["files"]["stl"]).headers["X-Warnings"]


def test_what_a_client_sent_is_never_a_page(caller: Caller, storage: Storage, png: bytes) -> None:
    job = caller.submit(png)
    storage.put(paths.picture(job), b"<html><script>alert(1)</script>")
    response = caller.get(f"/v1/jobs/{job}/files/picture")
    assert response.mimetype == "application/octet-stream"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("kind", ["exe", "GLB", "..", "a" * 200])
def test_a_file_of_no_kind(caller: Caller, png: bytes, kind: str) -> None:
    response = caller.get(f"/v1/jobs/{caller.submit(png)}/files/{kind}")
    assert response.json is not None
    assert (response.status_code, response.json["error"]["code"]) == (404, "unknown_file")


def test_files_of_a_job_that_has_none_yet_and_of_one_that_never_will(caller: Caller, png: bytes) -> None:
    waits, failed = caller.submit(png), caller.submit(png)
    caller.fail(failed, Failure("no_object", "Nothing."))
    for kind in ("glb", "png", "stl"):
        assert caller.get(f"/v1/jobs/{waits}/files/{kind}").status_code == 409
        assert caller.get(f"/v1/jobs/{failed}/files/{kind}").status_code == 502


def test_files_that_have_expired_are_gone(caller: Caller, engine: Engine, storage: Storage, png: bytes) -> None:
    job = caller.submit(png)
    caller.finish(job, b"glTF", storage)
    with transaction(engine) as session:
        session.execute(text("UPDATE jobs SET expires_at = now() - interval '1 s' WHERE id = :id"), {"id": job})
    for path in (f"/v1/download/{job}", f"/v1/jobs/{job}/files/glb", f"/v1/jobs/{job}/files/picture"):
        response = caller.get(path)
        assert response.json is not None
        assert (response.status_code, response.json["error"]["code"]) == (410, "asset_expired")
    shown = caller.get(f"/v1/jobs/{job}").json
    assert shown is not None
    assert (shown["status"], shown["files"]) == ("COMPLETED", {})


# --- following ------------------------------------------------------------------------------------------------------


def test_a_long_poll_answers_when_the_job_has_ended(caller: Caller, storage: Storage, png: bytes) -> None:
    job = caller.submit(png)
    answers: list[Any] = []
    waiter = threading.Thread(target=lambda: answers.append(caller.get(f"/v1/status/{job}?wait=60").json))
    waiter.start()
    caller.finish(job, b"glTF", storage)
    waiter.join(60)
    assert answers[0]["status"] == "COMPLETED"


def test_a_long_poll_does_not_wait_longer_than_asked(caller: Caller, png: bytes) -> None:
    response = caller.get(f"/v1/status/{caller.submit(png)}?wait=1")
    assert response.json is not None
    assert (response.status_code, response.json["status"]) == (200, "PROCESSING")


@pytest.mark.parametrize("wait", ["-1", "61", "soon"])
def test_a_wait_out_of_range(caller: Caller, png: bytes, wait: str) -> None:
    response = caller.get(f"/v1/status/{caller.submit(png)}?wait={wait}")
    assert response.json is not None
    assert (response.status_code, response.json["error"]["code"]) == (400, "invalid_request")


def test_events_tell_every_change_until_the_end(caller: Caller, storage: Storage, png: bytes) -> None:
    job = caller.submit(png)
    response = caller.get(f"/v1/jobs/{job}/events")
    assert (response.status_code, response.mimetype) == (200, "text/event-stream")
    told: list[dict[str, Any]] = []
    attempt = caller.begin(job)
    for piece in response.response:
        for line in (piece if isinstance(piece, str) else piece.decode()).splitlines():
            if line.startswith("data: "):
                told.append(json.loads(line[6:]))
        if told and told[-1]["progress"] == 0:
            caller.beat(attempt, "generator", 0.42)
        if told and told[-1]["progress"] == 42:
            assert caller.complete(attempt, b"glTF", storage)
    assert told[-1]["status"] == "COMPLETED"
    assert any((event["stage"], event["progress"]) == ("generator", 42) for event in told)
    assert len({json.dumps(event) for event in told}) == len(told)


def test_places_for_those_who_wait_are_few_shared_by_account_and_given_back(
    caller: Caller, make_caller: Callable[..., Caller], png: bytes, engine: Engine
) -> None:
    job = caller.submit(png)
    with transaction(engine) as session:
        second = replace(caller, secret=keys.create(session, caller.account_id, "second")[1])
    open_streams = [who.get(f"/v1/jobs/{job}/events") for _ in range(waiting.WAITERS // 4) for who in (caller, second)]
    refused = caller.get(f"/v1/jobs/{job}/events")
    assert refused.json is not None
    assert (refused.status_code, refused.json["error"]["code"]) == (429, "rate_limited")
    at_once = caller.get(f"/v1/status/{job}?wait=60")  # answers now instead
    assert at_once.json is not None
    assert at_once.json["status"] == "PROCESSING"
    other = make_caller()
    theirs = f"/v1/jobs/{other.submit(png)}/events"
    taken = [other.get(theirs) for _ in range(waiting.FEW + 1)]  # neither one account nor two can take them all
    assert [each.status_code for each in taken] == [200] * waiting.FEW + [429]
    open_streams += taken[:-1]
    for response in open_streams:
        response.close()
    del open_streams, taken, response
    assert caller.get(f"/v1/jobs/{job}/events").status_code == 200


# --- Prefer: wait ---------------------------------------------------------------------------------------------------


def test_a_preference_to_wait_is_answered_with_the_glb(
    make_caller: Callable[..., Caller], storage: Storage, engine: Engine
) -> None:
    caller = make_caller()
    answers: list[Any] = []

    def ask() -> None:
        body = {"imageBase64": base64_of(encoded("PNG", (90, 60)))}
        answers.append(caller.http.post("/v1/generate", json=body, headers=caller.headers | {"Prefer": "wait=60"}))

    waiter = threading.Thread(target=ask)
    waiter.start()
    caller.finish(caller.first_job(), b"glTF made in time", storage)
    waiter.join(60)
    response = answers[0]
    assert (response.status_code, response.mimetype, response.data) == (200, "model/gltf-binary", b"glTF made in time")
    assert response.headers["Preference-Applied"] == "wait=60"
    assert caller.get(f"/v1/status/{response.headers['X-Job-Id']}").status_code == 200


def test_a_preference_to_wait_for_too_short_a_time_gets_the_job(caller: Caller, png: bytes) -> None:
    response = caller.http.post(
        "/v1/generate",
        json={"imageBase64": base64_of(png)},
        headers=caller.headers | {"Prefer": "respond-async, wait=1"},
    )
    assert response.json is not None
    assert (response.status_code, response.json["status"]) == (202, "PROCESSING")


# --- scopes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("generate", {"submit", "cancel"}),
        ("read", {"status", "list", "job", "credits", "ledger", "generators"}),
        ("manage", {"delete"}),
    ],
)
def test_a_key_may_do_what_its_scopes_say_and_no_more(
    caller: Caller, engine: Engine, storage: Storage, png: bytes, scope: str, allowed: set[str]
) -> None:
    with transaction(engine) as session:
        _, secret = keys.create(session, caller.account_id, "scoped", scopes=[scope])
    headers = {"X-API-Key": secret}
    waits, done = caller.submit(png), caller.submit(png)
    caller.finish(done, b"glTF", storage)
    http = caller.http
    ways = {
        "submit": lambda: http.post("/v1/generate", json={"imageBase64": base64_of(png)}, headers=headers),
        "status": lambda: http.get(f"/v1/status/{waits}", headers=headers),
        "list": lambda: http.get("/v1/jobs", headers=headers),
        "job": lambda: http.get(f"/v1/jobs/{waits}", headers=headers),
        "credits": lambda: http.get("/v1/credits", headers=headers),
        "ledger": lambda: http.get("/v1/credits/ledger", headers=headers),
        "generators": lambda: http.get("/v1/generators", headers=headers),
        "cancel": lambda: http.delete(f"/v1/jobs/{waits}", headers=headers),
        "delete": lambda: http.delete(f"/v1/jobs/{done}", headers=headers),
    }
    for name, ask in ways.items():
        response = ask()
        if name in allowed:
            assert response.status_code in (200, 202), (name, response.text)
        else:
            assert response.json is not None
            assert (response.status_code, response.json["error"]["code"]) == (403, "missing_scope"), name
    assert http.get("/v1/account", headers=headers).status_code == 200


def _asset() -> bytes:
    return (resources.files("spherelinks.jobs") / "sample" / "asset.glb").read_bytes()
