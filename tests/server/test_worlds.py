"""A sandbox key and a live key of one account: on every route, neither reaches what the other has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, select

from spherelinks.accounts import keys
from spherelinks.database import Delivery, IdempotencyKey, Webhook, transaction
from spherelinks.jobs.attempts import Failure

from .conftest import Caller, base64_of

URL = "https://93.184.216.34/hook"


@dataclass(frozen=True)
class Key:
    """One of the account's keys, and what was made with it."""

    caller: Caller
    job: str
    hook: str
    delivery: str

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        headers = self.caller.headers | {"Idempotency-Key": "one-name"}
        return self.caller.http.open(path, method=method, json=body, headers=headers)


Pair = dict[str, Key]


@pytest.fixture
def pair(caller: Caller, engine: Engine, png: bytes) -> Pair:
    """By world: a key with a webhook, a job that has ended, and its message."""
    with transaction(engine) as session:
        key, secret = keys.create(session, caller.account_id, "sandbox", sandbox=True)
    sandbox = Caller(caller.http, engine, caller.account_id, key.id, secret)
    made = {}
    for world, who in (("live", caller), ("sandbox", sandbox)):
        hook = who.http.post("/v1/webhooks", json={"url": URL}, headers=who.headers).get_json()["id"]
        job = who.submit(png)
        if world == "live":
            who.fail(job, Failure("no_object", "Nothing."))
        with transaction(engine) as session:
            delivery = session.scalars(select(Delivery.id).where(Delivery.webhook_id == hook)).one()
        made[world] = Key(who, job, hook, delivery)
    return made


BY_NAME = {
    "status": "/v1/status/{job}",
    "download": "/v1/download/{job}",
    "job": "/v1/jobs/{job}",
    "delete_job": "/v1/jobs/{job}",
    "file": "/v1/jobs/{job}/files/picture",
    "events": "/v1/jobs/{job}/events",
    "delete_webhook": "/v1/webhooks/{hook}",
    "rotate_webhook": "/v1/webhooks/{hook}/rotate",
    "deliveries": "/v1/webhooks/{hook}/deliveries",
    "redeliver": "/v1/webhooks/{hook}/deliveries/{delivery}/redeliver",
}
"""Operations that name something, with a path that does."""
LISTS = {"jobs": "/v1/jobs", "webhooks": "/v1/webhooks", "ledger": "/v1/credits/ledger"}
APART = {"generate", "create_webhook", "checkout", "credits"}
"""Operations that a test below is for."""
NEITHERS = {"generators", "account"}
"""Operations whose answer is of neither world: the server's generators; the account, its plan, and the key itself."""


def operations(app: Flask) -> dict[str, str]:
    """The method of every operation, by its id."""
    paths: dict[str, Any] = app.api_doc["paths"]  # type: ignore[attr-defined]
    return {
        operation["operationId"]: method.upper()
        for path, methods in paths.items()
        if path.startswith("/v1/")
        for method, operation in methods.items()
        if "operationId" in operation
    }


def test_every_operation_is_looked_at_here(app: Flask) -> None:
    assert operations(app).keys() == BY_NAME.keys() | LISTS.keys() | APART | NEITHERS


@pytest.mark.parametrize("mine", ["live", "sandbox"])
@pytest.mark.parametrize("operation", BY_NAME)
def test_what_the_other_world_has_does_not_exist(app: Flask, pair: Pair, mine: str, operation: str) -> None:
    own, other = pair[mine], pair["sandbox" if mine == "live" else "live"]
    names = {"job": other.job, "hook": other.hook, "delivery": other.delivery}
    answer = own.ask(operations(app)[operation], BY_NAME[operation].format(**names))
    assert (answer.status_code, answer.json["error"]["code"][:8]) == (404, "unknown_")


@pytest.mark.parametrize("operation", LISTS)
def test_lists_hold_what_is_of_their_world(pair: Pair, operation: str) -> None:
    live, sandbox = (pair[world].ask("GET", LISTS[operation]) for world in ("live", "sandbox"))
    assert (live.status_code, sandbox.status_code) == (200, 200)
    for name in ("job", "hook"):
        assert getattr(pair["live"], name) not in sandbox.text
        assert getattr(pair["sandbox"], name) not in live.text


def test_a_webhook_is_told_of_its_worlds_jobs_alone(pair: Pair) -> None:
    for key in pair.values():
        sent = key.ask("GET", f"/v1/webhooks/{key.hook}/deliveries").get_json()["deliveries"]
        assert [delivery["jobId"] for delivery in sent] == [key.job]


def test_the_sandbox_spends_nothing_and_shows_nothing_of_what_was_spent(pair: Pair, png: bytes) -> None:
    pair["live"].caller.submit(png)
    shown = pair["sandbox"].ask("GET", "/v1/credits").get_json()
    assert (shown["available"], shown["held"], shown["monthly"], shown["lasting"]) == (10, 0, 10, 0)
    assert pair["sandbox"].ask("GET", "/v1/account").get_json()["credits"] == shown
    assert pair["live"].ask("GET", "/v1/credits").get_json()["held"] == 1
    assert pair["sandbox"].ask("GET", "/v1/credits/ledger").get_json() == {"entries": [], "nextCursor": None}


def test_names_of_requests_are_of_one_world(pair: Pair, engine: Engine, png: bytes) -> None:
    bodies = {world: {"imageBase64": base64_of(png), "options": {"seed": n}} for n, world in enumerate(pair)}
    jobs = {world: key.ask("POST", "/v1/generate", bodies[world]).get_json()["jobId"] for world, key in pair.items()}
    for world, key in pair.items():
        again = key.ask("POST", "/v1/generate", bodies[world])
        assert (again.get_json()["jobId"], again.headers["Idempotent-Replayed"]) == (jobs[world], "true")
    with transaction(engine) as session:
        rows = session.scalars(select(IdempotencyKey).where(IdempotencyKey.job_id.in_(jobs.values()))).all()
        assert sorted(row.sandbox for row in rows) == [False, True]


def test_each_world_has_its_own_number_of_webhooks(pair: Pair, engine: Engine) -> None:
    while pair["sandbox"].ask("POST", "/v1/webhooks", {"url": URL}).status_code == 201:
        pass
    assert pair["live"].ask("POST", "/v1/webhooks", {"url": URL}).status_code == 201
    with transaction(engine) as session:
        ours = select(Webhook.sandbox).where(Webhook.account_id == pair["live"].caller.account_id)
        assert sorted(session.scalars(ours)) == [False, False] + [True] * 10


def test_a_sandbox_key_buys_nothing(shop: Flask, pair: Pair) -> None:
    http = shop.test_client()
    for world, status in (("sandbox", 404), ("live", 200)):
        answer = http.post("/v1/credits/checkout", json={"credits": 100}, headers=pair[world].caller.headers)
        assert answer.status_code == status
