"""Credits, ledger, account, generators."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from sqlalchemy import Engine

from spherelinks.accounts import accounts, keys, ledger
from spherelinks.database import transaction
from spherelinks.generation import registry
from spherelinks.jobs import closing
from spherelinks.jobs.attempts import Failure
from spherelinks.options import Options
from spherelinks.storage import Storage

from .conftest import Caller, base64_of


def read(caller: Caller, path: str) -> Any:
    response = caller.get(path)
    assert response.status_code == 200, response.text
    return response.json


def test_credits_by_what_becomes_of_them(caller: Caller, engine: Engine, png: bytes) -> None:
    with transaction(engine) as session:
        ledger.grant(session, caller.account_id, 5, "bought")
    caller.submit(png)
    shown = read(caller, "/v1/credits")
    until = datetime.fromisoformat(shown.pop("monthlyUntil"))
    assert shown == {"available": 14, "held": 1, "monthly": 9, "lasting": 5, "nextMonthly": 10, "unlimited": False}
    assert until > datetime.now(UTC)
    assert until.day == 1


def test_the_ledger_tells_every_movement_and_sums_to_the_balance(
    caller: Caller, engine: Engine, storage: Storage, png: bytes
) -> None:
    with transaction(engine) as session:
        ledger.grant(session, caller.account_id, 5, "a gift")
    done, failed = caller.submit(png), caller.submit(png)
    caller.finish(done, b"glTF", storage)
    caller.fail(failed, Failure("no_object", "Nothing."))

    entries, cursor = [], ""
    while True:
        page = read(caller, f"/v1/credits/ledger?limit=2{cursor}")
        entries += page["entries"]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"
    assert [(entry["kind"], entry["jobId"]) for entry in entries] == [
        ("release", failed),
        ("capture", done),
        ("hold", failed),
        ("hold", done),
        ("grant", None),
        ("grant", None),
    ]
    assert entries[4]["reason"] == "a gift"
    balance = read(caller, "/v1/credits")
    for field in ("available", "held", "monthly"):
        assert sum(entry[field] for entry in entries) == balance[field]


@pytest.mark.parametrize("query", ["?limit=0", "?limit=201", "?cursor=0", "?cursor=last"])
def test_a_page_of_the_ledger_that_cannot_be(caller: Caller, query: str) -> None:
    response = caller.get(f"/v1/credits/ledger{query}")
    assert response.json is not None
    assert (response.status_code, response.json["error"]["code"]) == (400, "invalid_request")


def test_the_account_behind_a_key(caller: Caller, engine: Engine) -> None:
    with transaction(engine) as session:
        _, secret = keys.create(
            session, caller.account_id, "for the shop", scopes=["generate"], monthly_cap=3, sandbox=True
        )
    response = caller.http.get("/v1/account", headers={"X-API-Key": secret})
    shown = response.json
    assert shown is not None
    assert (shown["accountId"], shown["name"]) == (caller.account_id, "test")
    assert shown["plan"]["name"] == "free"
    assert shown["plan"]["monthlyCredits"] == shown["credits"]["available"] == 10
    key = shown["key"]
    assert (key["name"], key["scopes"], key["monthlyCap"], key["sandbox"]) == ("for the shop", ["generate"], 3, True)
    assert secret not in response.text


def test_the_owners_account_is_unlimited(http: FlaskClient, engine: Engine) -> None:
    with transaction(engine) as session:
        _, secret = keys.create(session, accounts.local_owner(session).id, "mine")
    shown = http.get("/v1/credits", headers={"X-API-Key": secret}).json
    assert shown is not None
    assert shown["unlimited"] is True


def test_generators_describe_their_options_well_enough_to_build_a_form(caller: Caller) -> None:
    shown = {found["name"]: found for found in read(caller, "/v1/generators")["generators"]}
    assert shown.keys() == set(registry.available())
    assert [name for name, found in shown.items() if found["default"]] == ["lift"]
    inflate = shown["inflate"]
    assert (inflate["version"], inflate["ready"], inflate["problem"]) == ("1", True, None)
    assert {name: found["ignores"] for name, found in shown.items()} == {
        "inflate": ["diffusionSteps", "seed"],
        "lift": ["diffusionSteps", "seed"],
        "lift-flow": [],
    }
    schema = inflate["options"]
    assert schema["properties"].keys() == {field.alias for field in Options.model_fields.values()}
    for name, field in schema["properties"].items():
        assert field["description"], name
    size = schema["properties"]["textureSize"]
    assert (size["minimum"], size["maximum"], size["default"]) == (512, 2048, 1024)
    validator = Draft202012Validator(schema)
    assert validator.is_valid({"generator": "inflate", "seed": 7, "dimensions": {"height": 31, "unit": "cm"}})
    assert not validator.is_valid({"seed": -1})


def test_a_key_reaches_no_more_than_its_monthly_cap(
    make_caller: Callable[..., Caller], engine: Engine, png: bytes
) -> None:
    caller = make_caller()
    with transaction(engine) as session:
        _, secret = keys.create(session, caller.account_id, "capped", monthly_cap=2)
    headers = {"X-API-Key": secret}

    def submit() -> Any:
        return caller.http.post(
            "/v1/generate", json={"imageBase64": base64_of(png), "cache": "bypass"}, headers=headers
        )

    first = submit()
    assert first.status_code == submit().status_code == 202
    before = caller.rows()
    refused = submit()
    assert (refused.status_code, refused.json["error"]["code"]) == (402, "key_cap_reached")
    assert caller.rows() == before
    caller.fail(first.json["jobId"], Failure("no_object", "Nothing."))  # costs nothing, and does not count
    assert submit().status_code == 202
    assert caller.generate(imageBase64=base64_of(png)).status_code == 202  # other keys go on


def test_a_closed_account_has_no_keys_that_work(
    make_caller: Callable[..., Caller], engine: Engine, storage: Storage, png: bytes
) -> None:
    caller = make_caller()
    waits, done = caller.submit(png), caller.submit(png)
    caller.finish(done, b"glTF", storage)
    closing.close(engine, storage, caller.account_id)
    closing.close(engine, storage, caller.account_id)
    assert caller.get("/v1/jobs").status_code == 401
    assert [*storage.list(f"results/{done}")] == []
    with transaction(engine) as session:
        assert accounts.get(session, caller.account_id).closed_at is not None
        assert ledger.audit(session) == []
        assert ledger.balance(session, caller.account_id).held == 0
    assert not any(head.path.endswith((waits, done)) for head in storage.list("pictures"))
