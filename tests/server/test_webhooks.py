"""/v1/webhooks: creating, rotating, listing; tests/core/jobs tests the messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from spherelinks.jobs.attempts import Failure

from .conftest import Caller, base64_of

URL = "https://93.184.216.34/hook"


def post(caller: Caller, path: str, body: Any = None) -> Any:
    return caller.http.post(f"/v1/webhooks{path}", json=body, headers=caller.headers)


def made(caller: Caller, **body: Any) -> Any:
    response = post(caller, "", {"url": URL, **body})
    assert response.status_code == 201, response.text
    return response.json


def test_a_webhooks_life(caller: Caller, png: bytes) -> None:
    hook = made(caller)
    assert (hook["url"], hook["events"]) == (URL, ["job.completed", "job.failed"])
    assert hook["secret"].startswith("whsec_")
    listed = caller.get("/v1/webhooks")
    assert listed.get_json()["webhooks"] == [{name: hook[name] for name in hook if name != "secret"}]
    assert "whsec_" not in listed.text

    rotated = post(caller, f"/{hook['id']}/rotate")
    assert rotated.status_code == 200
    assert rotated.json["secret"] != hook["secret"]
    assert rotated.json["previousSecretUntil"] is not None

    jobs = [caller.submit(png) for _ in range(3)]
    for job in jobs:
        caller.fail(job, Failure("no_object", "Nothing."))
    deliveries = f"/v1/webhooks/{hook['id']}/deliveries"
    first = caller.get(f"{deliveries}?limit=2").get_json()
    second = caller.get(f"{deliveries}?limit=2&cursor={first['nextCursor']}").get_json()
    sent = first["deliveries"] + second["deliveries"]
    assert [delivery["jobId"] for delivery in sent] == jobs[::-1]
    assert second["nextCursor"] is None
    assert {(delivery["event"], delivery["state"], delivery["attempts"]) for delivery in sent} == {
        ("job.failed", "pending", 0)
    }
    again = post(caller, f"/{hook['id']}/deliveries/{sent[0]['id']}/redeliver")
    assert (again.status_code, again.json["id"]) == (202, sent[0]["id"])

    assert caller.http.delete(f"/v1/webhooks/{hook['id']}", headers=caller.headers).status_code == 204
    assert caller.get("/v1/webhooks").get_json() == {"webhooks": []}
    for response in (caller.get(deliveries), post(caller, f"/{hook['id']}/rotate")):
        assert (response.status_code, response.get_json()["error"]["code"]) == (404, "unknown_webhook")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": ""},
        {"url": "http://127.0.0.1/"},
        {"url": "http://[::ffff:10.0.0.1]/"},
        {"url": "https://example.com:22/"},
        {"url": "javascript:alert(1)"},
        {"url": URL, "events": []},
        {"url": URL, "events": ["job.started"]},
        {"url": URL, "secret": "mine"},
    ],
)
def test_a_webhook_that_cannot_be(caller: Caller, body: Any) -> None:
    response = post(caller, "", body)
    assert (response.status_code, response.json["error"]["code"]) == (400, "invalid_request")
    assert caller.get("/v1/webhooks").get_json() == {"webhooks": []}


def test_another_accounts_webhook_does_not_exist(caller: Caller, make_caller: Callable[..., Caller]) -> None:
    hook, stranger = made(caller), make_caller()
    assert stranger.get(f"/v1/webhooks/{hook['id']}/deliveries").status_code == 404
    assert post(stranger, f"/{hook['id']}/rotate").status_code == 404
    assert stranger.http.delete(f"/v1/webhooks/{hook['id']}", headers=stranger.headers).status_code == 404
    assert len(caller.get("/v1/webhooks").get_json()["webhooks"]) == 1


@pytest.mark.parametrize("url", ["http://10.0.0.1/x", "file:///etc/passwd", "x", "https://example.com:8080/"])
def test_an_output_that_cannot_be_costs_nothing(caller: Caller, png: bytes, url: str) -> None:
    before = caller.rows()
    response = caller.generate(imageBase64=base64_of(png), output={"putUrl": url})
    assert response.json is not None
    assert (response.status_code, response.json["error"]["code"]) == (400, "invalid_request")
    assert "output.putUrl" in response.json["error"]["message"]
    assert caller.rows() == before


def test_an_output_is_shown_without_its_address(caller: Caller, png: bytes) -> None:
    secret = "https://93.184.216.34/mug.glb?signature=secret"
    job = caller.generate(imageBase64=base64_of(png), output={"putUrl": secret}).get_json()["jobId"]
    for path in (f"/v1/status/{job}", f"/v1/jobs/{job}", "/v1/jobs"):
        assert "signature" not in caller.get(path).text
    assert caller.get(f"/v1/status/{job}").get_json()["output"] == {"state": "pending"}
