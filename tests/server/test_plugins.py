"""A generator plug-in with its own options and price, seen from the API and the dashboard."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import plugins
import pytest
from flask import Flask
from jsonschema import Draft202012Validator
from sqlalchemy import Engine, select, text

from spherelinks.accounts import keys, ledger
from spherelinks.config import Settings
from spherelinks.database import Job, transaction
from spherelinks.generation.card import Card
from spherelinks.generation.cards import LIFT
from spherelinks.generation.registry import Installed
from spherelinks.jobs import offers
from spherelinks.jobs.attempts import Failure
from spherelinks.storage import Storage
from spherelinks_server import create_app
from spherelinks_server.dashboard import fields
from spherelinks_server.services import EXTENSION, Services

from .conftest import Caller, base64_of


@pytest.fixture
def app(settings: Settings, engine: Engine, storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Flask:
    plugins.tuned(tmp_path, monkeypatch)
    return create_app(settings, engine, storage, rate_limit=0)


def asked(caller: Caller, png: bytes, **options: Any) -> Any:
    return caller.generate(imageBase64=base64_of(png), options={"generator": "tuned", **options})


def test_its_own_options_are_shown_and_accepted(caller: Caller, engine: Engine, png: bytes) -> None:
    shown = {each["name"]: each for each in caller.get("/v1/generators").json["generators"]}  # type: ignore[index]
    tuned = shown["tuned"]
    assert (tuned["version"], tuned["licence"], tuned["price"], tuned["fallback"]) == ("3", "MIT", 5, "inflate")
    assert tuned["needs"] == {"memoryMb": 0, "gpuMemoryMb": 0}
    assert "ballSize" not in shown["lift"]["options"]["properties"]
    size = tuned["options"]["properties"]["ballSize"]
    assert (size["minimum"], size["maximum"], size["default"]) == (0.1, 0.9, 0.5)
    validator = Draft202012Validator(tuned["options"])
    assert validator.is_valid({"generator": "tuned", "ballSize": 0.3, "finish": "glossy"})
    assert not validator.is_valid({"ballSize": 3})
    job = asked(caller, png, ballSize=0.3, finish="glossy").json["jobId"]
    with transaction(engine) as session:
        kept = session.get_one(Job, job).options
    assert (kept["ballSize"], kept["finish"], kept["strict"]) == (0.3, "glossy", False)


@pytest.mark.parametrize(
    ("options", "said"),
    [({"ballSize": 3}, "0.1 to 0.9"), ({"ballsize": 0.3}, "'ballSize'"), ({"finish": "wet"}, "matt, glossy")],
)
def test_a_wrong_value_is_named_with_its_range(caller: Caller, png: bytes, options: dict[str, Any], said: str) -> None:
    refused = asked(caller, png, **options)
    assert (refused.status_code, refused.json["error"]["code"]) == (400, "invalid_option")
    assert said in refused.json["error"]["hint"]


def test_a_broken_plug_in_is_named_with_the_reason_and_hides_no_other(
    caller: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, png: bytes
) -> None:
    plugins.install(tmp_path / "bad", monkeypatch, "bad_plugin", "import no_such_library", {"bad": "bad_plugin:CARD"})

    def shown() -> dict[str, Any]:
        return {each["name"]: each for each in caller.get("/v1/generators").json["generators"]}  # type: ignore[index]

    until(lambda: "bad" in shown())
    found = shown()
    assert (found["bad"]["ready"], found["bad"]["version"]) == (False, None)
    assert "no_such_library" in found["bad"]["problem"]
    assert all(found[name]["ready"] for name in ("inflate", "lift", "lift-flow", "tuned"))
    refused = caller.generate(imageBase64=base64_of(png), options={"generator": "bad"})
    assert refused.json is not None
    assert (refused.status_code, refused.json["error"]["code"]) == (400, "invalid_option")
    assert "no_such_library" in refused.json["error"]["message"]


def test_another_generator_does_not_take_them(caller: Caller, png: bytes) -> None:
    refused = caller.generate(imageBase64=base64_of(png), options={"ballSize": 0.3})
    assert refused.json is not None
    assert (refused.status_code, refused.json["error"]["code"]) == (400, "invalid_option")


def test_its_price_is_held_and_captured_or_given_back(
    caller: Caller, engine: Engine, storage: Storage, png: bytes
) -> None:
    done = asked(caller, png).json["jobId"]
    assert ledgered(caller, engine) == (5, 5)
    caller.finish(done, b"glTF", storage)
    assert ledgered(caller, engine) == (5, 0)
    status = caller.get(f"/v1/status/{done}").json
    assert status is not None
    assert status["creditsCharged"] == 5
    failed = asked(caller, png, ballSize=0.2).json["jobId"]
    refused = asked(caller, png, ballSize=0.3)
    assert (refused.status_code, refused.json["error"]["code"]) == (402, "insufficient_credits")
    assert "costs 5 credits" in refused.json["error"]["message"]
    caller.fail(failed, Failure("generator_failed", "No."))
    assert ledgered(caller, engine) == (5, 0)
    assert asked(caller, png).json["cache"] == "hit", "the same again costs nothing"
    assert ledgered(caller, engine) == (5, 0)


def ledgered(caller: Caller, engine: Engine) -> tuple[int, int]:
    with transaction(engine) as session:
        assert ledger.audit(session) == []
        balance = ledger.balance(session, caller.account_id)
    return balance.available, balance.held


def test_a_keys_cap_counts_credits_and_not_jobs(caller: Caller, engine: Engine, png: bytes) -> None:
    with transaction(engine) as session:
        key, secret = keys.create(session, caller.account_id, "capped", monthly_cap=6)
    capped = replace(caller, key_id=key.id, secret=secret)
    assert asked(capped, png).status_code == 202
    refused = asked(capped, png, ballSize=0.2)
    assert (refused.status_code, refused.json["error"]["code"]) == (402, "key_cap_reached")
    assert "5 of the 6" in refused.json["error"]["message"]
    assert capped.generate(imageBase64=base64_of(png)).status_code == 202  # 1 credit fits
    with transaction(engine) as session:
        counted = session.scalars(select(Job.credits).where(Job.key_id == key.id).order_by(Job.id)).all()
    assert [*counted] == [5, 1]


def test_a_new_version_of_the_generator_makes_the_asset_anew(
    make_caller: Callable[..., Caller], app: Flask, storage: Storage, png: bytes
) -> None:
    caller = make_caller(20)
    caller.finish(asked(caller, png).json["jobId"], b"glTF", storage)
    assert asked(caller, png).json["cache"] == "hit"
    services = app.extensions[EXTENSION]
    newer = replace(services.generators.card("tuned"), version="4")
    with offered(services, Installed({"tuned": newer})):
        assert asked(caller, png).json["cache"] == "miss"


@contextmanager
def offered(services: Services, installed: Installed) -> Iterator[None]:
    """A worker that offers just this, and is forgotten in the end."""
    with transaction(services.engine) as session:
        offers.announce(session, "worker_test", installed)
    try:
        until(lambda: set(services.generators.cards) == set(installed.cards))
        yield
    finally:
        with transaction(services.engine) as session:
            session.execute(text("DELETE FROM offers"))
        until(lambda: "lift-flow" in services.generators.cards)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_workers_offer_decides_and_not_what_the_server_has(caller: Caller, app: Flask, png: bytes) -> None:
    services = app.extensions[EXTENSION]
    elsewhere = Card.of(services.generators.card("tuned").announced() | {"name": "elsewhere", "price": 2})
    with offered(services, Installed({"elsewhere": elsewhere, "lift": LIFT}, {"lift": "It needs more memory."})):
        shown = {each["name"]: each for each in caller.get("/v1/generators").json["generators"]}  # type: ignore[index]
        assert {name: each["ready"] for name, each in shown.items()} == {"elsewhere": True, "lift": False}
        assert shown["lift"]["problem"] == "It needs more memory."
        assert shown["elsewhere"]["options"]["properties"]["ballSize"]["maximum"] == 0.9
        document = caller.get("/v1/openapi.json").json
        assert document is not None
        assert "elsewhere" in document["components"]["schemas"]["Options"]["properties"]["generator"]["enum"]

        def ask(**options: Any) -> Any:
            return caller.generate(imageBase64=base64_of(png), options=options)

        assert ask(generator="elsewhere", ballSize=0.3).status_code == 202
        assert ledgered(caller, services.engine) == (8, 2)
        for options, said in (
            ({"generator": "elsewhere", "ballSize": 3}, "ballSize is 3"),
            ({"generator": "inflate"}, "no worker offers it"),
            ({}, "It needs more memory."),
        ):
            refused = ask(**options)
            assert (refused.status_code, refused.json["error"]["code"]) == (400, "invalid_option")
            assert said in refused.json["error"]["message"]
        assert "Offered: elsewhere." in ask(generator="inflate").json["error"]["hint"]
    assert ask(generator="inflate").status_code == 202


def test_the_document_and_the_dashboards_form_have_them(caller: Caller, app: Flask) -> None:
    document = caller.get("/v1/openapi.json").json
    assert document is not None
    declared = document["components"]["schemas"]["Options"]["properties"]
    assert declared["ballSize"]["description"].startswith("Only for tuned")
    cards = app.extensions[EXTENSION].generators.cards
    controls = {
        field.name: field for field in fields.fields([*cards.values()], {"generator": "tuned", "ballSize": 0.3})
    }
    ball = controls["tuned.ballSize"]
    assert (ball.kind, ball.value, ball.low, ball.high, ball.heeded_by) == ("slider", 0.3, 0.1, 0.9, ("tuned",))
    assert controls["tuned.finish"].choices == ("matt", "glossy")
    assert "tuned 5" in controls["generator"].help
    form = {"generator": "tuned", "tuned.ballSize": "0.4", "tuned.finish": "matt", "tuned.strict": "on"}
    assert fields.read(form, cards["tuned"]).model_dump(exclude_defaults=True) == {
        "generator": "tuned",
        "ball_size": 0.4,
        "strict": True,
    }
    other = form | {"generator": "lift"}
    assert fields.read(other, cards["lift"]).model_dump(exclude_defaults=True) == {}
