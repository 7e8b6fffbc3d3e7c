"""Rate limits: generous, per account, and honest about when to come back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from spherelinks.accounts import keys, ledger
from spherelinks.config import Settings
from spherelinks.database import transaction
from spherelinks.errors import ConfigurationError
from spherelinks.storage import Storage
from spherelinks_server import create_app
from spherelinks_server.limits import DEFAULT_OF_ADDRESS, DEFAULT_PER_MINUTE, RateLimit, of_address, per_minute

from .conftest import Caller


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_minutes_worth_at_once_then_a_steady_trickle() -> None:
    clock = Clock()
    limit = RateLimit(60, clock=clock)
    assert [limit.take(b"key") for _ in range(60)] == [0.0] * 60
    assert limit.take(b"key") == pytest.approx(1.0)
    clock.now = 0.4
    assert limit.take(b"key") == pytest.approx(0.6)
    clock.now = 1.0
    assert limit.take(b"key") == 0.0
    assert limit.take(b"key") > 0


def test_whoever_waits_as_told_is_served() -> None:
    clock = Clock()
    limit = RateLimit(7, clock=clock)
    for _ in range(50):
        wait = limit.take(b"key")
        clock.now += wait + 1e-9
        if wait:
            assert limit.take(b"key") == 0.0


def test_rest_refills_to_the_burst_and_no_further() -> None:
    clock = Clock()
    limit = RateLimit(10, clock=clock)
    clock.now = 1e6
    assert sum(limit.take(b"key") == 0.0 for _ in range(20)) == 10


def test_keys_do_not_share() -> None:
    limit = RateLimit(1, clock=Clock())
    assert limit.take(b"one") == 0.0
    assert limit.take(b"two") == 0.0
    assert limit.take(b"one") > 0


def test_made_up_keys_do_not_fill_the_memory() -> None:
    limit = RateLimit(1, clock=Clock())
    limit.take(b"first")
    assert limit.take(b"first") > 0
    for number in range(20_000):
        limit.take(number.to_bytes(4, "big"))
    assert limit.take(b"first") == 0.0  # forgotten


def test_no_limit() -> None:
    limit = RateLimit(0)
    assert all(limit.take(b"key") == 0.0 for _ in range(10_000))


def test_the_setting() -> None:
    assert per_minute({}) == per_minute({"SPHERELINKS_RATE_LIMIT": " "}) == DEFAULT_PER_MINUTE
    assert per_minute({"SPHERELINKS_RATE_LIMIT": "30"}) == 30
    with pytest.raises(ConfigurationError, match="SPHERELINKS_RATE_LIMIT is 'many'"):
        per_minute({"SPHERELINKS_RATE_LIMIT": "many"})
    assert of_address({}) == DEFAULT_OF_ADDRESS
    assert of_address({"SPHERELINKS_ADDRESS_RATE_LIMIT": "0"}) == 0
    with pytest.raises(ConfigurationError, match="SPHERELINKS_ADDRESS_RATE_LIMIT is '-1'"):
        of_address({"SPHERELINKS_ADDRESS_RATE_LIMIT": "-1"})


def test_over_http(make_caller: Callable[..., Caller], settings: Settings, engine: Engine, storage: Storage) -> None:
    client = create_app(settings, engine, storage, rate_limit=3).test_client()
    busy, other = make_caller(), make_caller()
    for _ in range(3):
        assert client.get("/v1/status/none", headers=busy.headers).status_code == 404
    for ask in (client.get, client.post):
        refused = ask("/v1/status/none" if ask == client.get else "/v1/generate", headers=busy.headers)
        assert refused.json is not None
        assert (refused.status_code, refused.json["error"]["code"]) == (429, "rate_limited")
        assert 1 <= int(refused.headers["Retry-After"]) <= 20
    assert client.get("/v1/status/none", headers=other.headers).status_code == 404
    assert client.get("/healthz").status_code == 200


def test_an_address_may_ask_so_often_whatever_its_key(
    make_caller: Callable[..., Caller], settings: Settings, engine: Engine, storage: Storage
) -> None:
    client = create_app(settings, engine, storage, address_limit=4).test_client()
    one, two = make_caller(), make_caller()
    wrong = {"X-API-Key": "sk_sph_live_" + "0" * 38}

    def ask(headers: dict[str, str], address: str) -> int:
        response = client.get("/v1/credits", headers=headers, environ_overrides={"REMOTE_ADDR": address})
        if response.status_code == 429:
            assert response.json is not None
            assert response.json["error"]["code"] == "rate_limited"
            assert 1 <= int(response.headers["Retry-After"]) <= 15
        return response.status_code

    here = "198.51.100.7"
    assert [ask(headers, here) for headers in (one.headers, two.headers, wrong, {})] == [200, 200, 401, 401]
    assert [ask(headers, here) for headers in (one.headers, two.headers, wrong, {})] == [429] * 4
    assert ask(one.headers, "198.51.100.8") == 200, "another address is not held up"
    assert [ask(one.headers, f"2001:db8::{number}") for number in range(4)] == [200] * 4
    assert ask(one.headers, "2001:db8::ffff:1") == 429, "an IPv6 network has one owner"
    assert ask(one.headers, "2001:db8:0:1::1") == 200
    assert client.get("/healthz", environ_overrides={"REMOTE_ADDR": here}).status_code == 200


def test_the_keys_of_an_account_share_its_limit(
    make_caller: Callable[..., Caller], settings: Settings, engine: Engine, storage: Storage
) -> None:
    client = create_app(settings, engine, storage, rate_limit=6).test_client()
    caller, stranger = make_caller(), make_caller()
    with transaction(engine) as session:
        secrets = [keys.create(session, caller.account_id, "more", sandbox=bool(n))[1] for n in range(2)]

    def ask(secret: str) -> int:
        return client.get("/v1/credits", headers={"X-API-Key": secret}).status_code

    answers = [ask(secret) for _ in range(4) for secret in (caller.secret, *secrets)]
    assert answers == [200] * 6 + [429] * 6
    with transaction(engine) as session:
        _, another = keys.create(session, caller.account_id, "to begin anew")
    assert ask(another) == 429
    assert ask(stranger.secret) == 200
    unknown = caller.secret[:12] + "0" * 32
    assert ask(unknown + keys._checksum(unknown)) == 401, "a key that does not exist is nobody's"


@pytest.mark.parametrize(
    ("proxies", "told", "counted"),
    [
        (0, "203.0.113.1", False),  # nobody may say where it comes from
        (1, "203.0.113.1", True),
        (1, "203.0.113.1, 203.0.113.9", False),  # what stands before the proxy's own word, anyone can write
        (2, "203.0.113.1, 203.0.113.9", True),
        (2, "203.0.113.1", False),  # it has not come through both
    ],
)
def test_an_address_is_believed_of_trusted_proxies_alone(
    settings: Settings, engine: Engine, storage: Storage, proxies: int, told: str, counted: bool
) -> None:
    app = create_app(replace(settings, trusted_proxies=proxies), engine, storage, address_limit=1)

    def ask(forwarded: str) -> int:
        return app.test_client().get("/v1/credits", headers={"X-Forwarded-For": forwarded}).status_code

    assert ask(told) == 401
    assert ask(told) == 429
    other = told.replace("203.0.113.1", "203.0.113.2", 1)
    assert ask(other) == (401 if counted else 429)


def test_a_plan_may_allow_less_or_more(
    settings: Settings, engine: Engine, storage: Storage, make_caller: Callable[..., Caller], tmp_path: Path
) -> None:
    file = tmp_path / "plans.toml"
    file.write_text("[slow]\nrequests_per_minute = 2\n[fast]\nrequests_per_minute = 50\n")
    app = create_app(replace(settings, plans=file), engine, storage, rate_limit=3)

    def allowed(plan: str | None) -> int:
        caller = make_caller()
        if plan is not None:
            with transaction(engine) as session:
                ledger.change_plan(session, caller.account_id, plan)
        client = app.test_client()
        statuses = [client.get("/v1/credits", headers=caller.headers).status_code for _ in range(20)]
        return statuses.count(200)

    assert 2 <= allowed("slow") < 20
    assert 3 <= allowed(None) < 20
    assert allowed("fast") == 20
