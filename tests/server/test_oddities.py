"""Characters and numbers that the database cannot store are refused on every route, like any other bad value."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from spherelinks.accounts import addresses, keys, users
from spherelinks.database import transaction
from spherelinks.errors import InvalidRequest
from spherelinks.jobs import sandbox
from spherelinks_server import serve

from .conftest import Caller, base64_of
from .dashboard.conftest import Person

NUL, HUGE = "a%00b", "9" * 40
HOOK = "https://93.184.216.34/hook"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/v1/webhooks/{NUL}/deliveries"),
        ("GET", f"/v1/webhooks/wh_x/deliveries?cursor={NUL}"),
        ("GET", f"/v1/webhooks/{{hook}}/deliveries?cursor={NUL}"),
        ("DELETE", f"/v1/webhooks/{NUL}"),
        ("POST", f"/v1/webhooks/{NUL}/rotate"),
        ("POST", f"/v1/webhooks/{{hook}}/deliveries/{NUL}/redeliver"),
        ("GET", f"/v1/jobs/{NUL}"),
        ("GET", f"/v1/jobs?cursor={NUL}"),
        ("GET", f"/v1/status/{NUL}"),
        ("GET", f"/v1/credits/ledger?cursor={HUGE}"),
        ("GET", f"/v1/credits/ledger?limit={HUGE}"),
    ],
)
def test_in_addresses_of_the_api(caller: Caller, method: str, path: str) -> None:
    hook = caller.http.post("/v1/webhooks", json={"url": HOOK}, headers=caller.headers).get_json()["id"]
    answer = caller.http.open(path.format(hook=hook), method=method, headers=caller.headers)
    assert answer.status_code in (400, 404), answer.text
    assert answer.json is not None
    assert answer.json["error"]["requestId"]


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "x" * 9000])
def test_in_bodies_of_the_api(caller: Caller, png: bytes, text: str) -> None:
    before = caller.rows()
    for path, body in (
        ("/v1/generate", {"imageBase64": base64_of(png), "options": {"name": text}}),
        ("/v1/generate", {"imageUrl": f"http://93.184.216.34/{text}"}),
        ("/v1/generate", {"imageBase64": base64_of(png), "output": {"putUrl": f"{HOOK}/{text}"}}),
        ("/v1/generate", {"imageBase64": base64_of(png), "options": {"seed": 10**40}}),
        ("/v1/webhooks", {"url": f"{HOOK}/{text}"}),
        ("/v1/credits/checkout", {"credits": 10**40}),
    ):
        answer = caller.http.post(path, json=body, headers=caller.headers)
        assert 400 <= answer.status_code < 500, (path, body, answer.text)
    assert caller.rows() == before


@pytest.mark.parametrize(
    "path",
    [
        f"/app/models/{NUL}",
        f"/app/models?before={NUL}",
        f"/app/models/status?ids={NUL},x",
        f"/app/credits?before={HUGE}",
        f"/app/credits?before={'9' * 5000}",
        f"/app/webhooks/{NUL}",
        f"/app/playground?from={NUL}",
        f"/welcome/{NUL}",
        f"/sign-in?next={NUL}",
    ],
)
def test_in_addresses_of_the_pages(app: Flask, engine: Engine, path: str) -> None:
    answer = Person(app.test_client(), engine).enter().get(path)
    assert answer.status_code < 500, answer.text


@pytest.mark.parametrize("value", ["a\0b", HUGE, "9" * 5000])
def test_in_forms_of_the_pages(app: Flask, engine: Engine, value: str) -> None:
    person = Person(app.test_client(), engine).enter()
    for path, page, form in (
        ("/app/keys", "/app/keys", {"name": value, "scopes": "read"}),
        ("/app/keys", "/app/keys", {"name": "x", "scopes": "read", "monthly_cap": value}),
        (f"/app/keys/{NUL}/rotate", "/app/keys", {"grace": "0"}),
        (f"/app/keys/{NUL}/revoke", "/app/keys", {}),
        ("/app/webhooks", "/app/webhooks", {"url": f"{HOOK}/{value}", "events": "job.failed"}),
        ("/app/credits/buy", "/app/keys", {"credits": value}),
        ("/app/account/password", "/app/account", {"old": value, "new": value}),
        ("/app/playground", "/app/playground", {"address": f"http://x/{value}", "seed": value, "from": value}),
        ("/sign-in", "/app/account", {"email": value, "password": value}),
        ("/sign-up", "/app/account", {"email": f"{value}@example.com", "password": value}),
    ):
        answer = person.send(path, page, **form)
        assert answer.status_code < 500, (path, answer.text)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7:4711", "192.0.2.7/32"),
        ("[2001:db8::7]:4711", "2001:db8::/64"),
        ("[2001:db8::7]", "2001:db8::/64"),
        ("2001:db8::7", "2001:db8::/64"),
        ("192.0.2.7", "192.0.2.7/32"),
        ("unix:", ""),
        ("", ""),
    ],
)
def test_a_port_behind_an_address_makes_no_two_clients_one(address: str, network: str) -> None:
    assert addresses.network(address) == network


def test_keys_that_work_are_not_unlimited(caller: Caller, engine: Engine) -> None:
    with transaction(engine) as session:
        made = [keys.create(session, caller.account_id, "x")[0] for _ in range(keys.LIMIT - 1)]
        with pytest.raises(InvalidRequest, match="50 keys that work"):
            keys.create(session, caller.account_id, "one more")
        keys.revoke(session, made[0].id)
        keys.create(session, caller.account_id, "instead")


def test_several_keys_at_once_are_not_too_many_either(caller: Caller, engine: Engine) -> None:
    def create(_: int) -> bool:
        try:
            with transaction(engine) as session:
                keys.create(session, caller.account_id, "x")
        except InvalidRequest:
            return False
        return True

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(create, range(keys.LIMIT + 10))) == keys.LIMIT - 1


def test_what_is_free_and_leaves_a_row_is_not_unlimited(
    caller: Caller, make_caller: Callable[..., Caller], engine: Engine, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction(engine) as session:
        secrets = [keys.create(session, caller.account_id, "x", sandbox=True)[1] for _ in range(2)]
    monkeypatch.setattr(sandbox, "A_DAY", 3)

    def submit(secret: str) -> int:
        return replace(caller, secret=secret).generate(imageBase64=base64_of(png)).status_code

    assert [submit(secret) for secret in (*secrets, *secrets)] == [202, 202, 202, 429]
    assert submit(caller.secret) == 202
    with transaction(engine) as session:
        session.execute(
            text("UPDATE jobs SET created_at = now() - interval '25 hours' WHERE account_id = :id"),
            {"id": caller.account_id},
        )
    assert submit(secrets[0]) == 202

    monkeypatch.setattr(keys, "A_DAY", 5)
    with transaction(engine) as session:
        for _ in range(2):
            keys.revoke(session, keys.create(session, caller.account_id, "x")[0].id)
        with pytest.raises(InvalidRequest, match="created 5 keys in 24 hours"):
            keys.create(session, caller.account_id, "one more")
        keys.create(session, make_caller().account_id, "another's")


def test_the_owners_link_is_one_at_a_time_and_none_once_there_is_a_password(
    new_database: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from spherelinks.database import connect, migrate

    url = new_database("owners_link")
    migrate(url)
    first, second = serve._owners_token(url), serve._owners_token(url)
    assert first
    assert second
    engine = connect(url)
    with transaction(engine) as session:
        assert users.redeem(session, first) is None
        assert users.redeem(session, second) is not None
        owner: Any = users.local_owner(session)
        users.set_password(session, owner, "$argon2id$", "me@home.example")
    assert serve._owners_token(url) is None
    engine.dispose()
