"""Buying credits: Stripe is a server of the test's own, its signatures are made as Stripe makes them."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import pytest
from flask import Flask
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from spherelinks.accounts import ledger, payments
from spherelinks.config import Settings
from spherelinks.database import transaction
from spherelinks.errors import ConfigurationError
from spherelinks.storage import Storage
from spherelinks_server import create_app
from spherelinks_server.services import EXTENSION

from .conftest import Caller

SECRET = "whsec_test"


@pytest.fixture
def stripe_asked() -> Iterator[tuple[str, list[Any]]]:
    """Stripe's address, and what it was asked."""
    asked: list[Any] = []

    class Stripe(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            asked.append((self.path, self.headers["Authorization"], {name: values[0] for name, values in form.items()}))
            body = b'{"id": "cs_1", "url": "https://checkout.example/pay"}'
            self.send_response(200 if "price_100" in str(form) else 402)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Stripe)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()


@pytest.fixture
def shop(settings: Settings, engine: Engine, storage: Storage, stripe_asked: tuple[str, list[Any]]) -> Flask:
    """The application where credits are sold."""
    selling = replace(
        settings,
        stripe_key="sk_test_1",
        stripe_webhook_secret=SECRET,
        credit_packs=((100, "price_100"), (500, "price_gone")),
        public_url="https://assets.example",
    )
    app = create_app(selling, engine, storage, rate_limit=0)
    services = app.extensions[EXTENSION]
    app.extensions[EXTENSION] = replace(services, stripe=replace(services.stripe, api=stripe_asked[0]))
    return app


def tell(
    shop: Flask, event: Any, *, secret: str = SECRET, age: float = 0, signature: str | None = None
) -> TestResponse:
    body = json.dumps(event).encode()
    moment = str(int(time.time() - age))
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    header = f"t={moment},v1={'0' * 64},v1={digest},v0=x" if signature is None else signature
    return shop.test_client().post("/stripe/webhook", data=body, headers={"Stripe-Signature": header})


def paid(caller: Caller, session: str = "cs_1", **changes: Any) -> dict[str, Any]:
    bought = {
        "id": f"{session}_{caller.account_id}",
        "client_reference_id": caller.account_id,
        "metadata": {"credits": "100"},
        "payment_status": "paid",
    }
    return {"type": "checkout.session.completed", "data": {"object": bought | changes}}


def test_a_pack_is_paid_for_on_stripes_page(shop: Flask, caller: Caller, stripe_asked: tuple[str, list[Any]]) -> None:
    response = shop.test_client().post("/v1/credits/checkout", json={"credits": 100}, headers=caller.headers)
    assert (response.status_code, response.json) == (200, {"url": "https://checkout.example/pay"})
    ((path, authorization, form),) = stripe_asked[1]
    assert (path, authorization) == ("/v1/checkout/sessions", "Bearer sk_test_1")
    assert form["line_items[0][price]"] == "price_100"
    assert (form["client_reference_id"], form["metadata[credits]"]) == (caller.account_id, "100")
    assert form["success_url"] == "https://assets.example/app/credits"
    assert caller.rows()["balance"].available == 10, "nothing is granted before it is paid"


@pytest.mark.parametrize(("credits", "status", "code"), [(7, 400, "invalid_request"), (500, 503, "service_error")])
def test_what_is_not_sold(shop: Flask, caller: Caller, credits: int, status: int, code: str) -> None:
    response = shop.test_client().post("/v1/credits/checkout", json={"credits": credits}, headers=caller.headers)
    assert response.json is not None
    assert (response.status_code, response.json["error"]["code"]) == (status, code)


def test_what_is_paid_is_granted_once_and_lasts(shop: Flask, caller: Caller, engine: Engine) -> None:
    for _ in range(3):
        assert tell(shop, paid(caller)).status_code == 204
    late = paid(caller, "cs_2", payment_status="unpaid")
    assert tell(shop, late).status_code == 204  # a bank transfer that has not come
    late["type"], late["data"]["object"]["payment_status"] = "checkout.session.async_payment_succeeded", "paid"
    assert tell(shop, late).status_code == 204
    assert tell(shop, {"type": "customer.created", "data": {"object": {}}}).status_code == 204
    with transaction(engine) as session:
        found = ledger.buckets(session, caller.account_id)
        assert (found.monthly, found.lasting) == (10, 200)
        assert ledger.audit(session) == []


@pytest.mark.parametrize(
    "how",
    [
        {"secret": "whsec_other"},
        {"age": 400},
        {"age": -400},
        {"signature": ""},
        {"signature": "t=1,v1=" + "0" * 64},
        {"signature": "v1=é"},
    ],
)
def test_what_stripe_did_not_sign_is_not_believed(shop: Flask, caller: Caller, how: dict[str, Any]) -> None:
    response = tell(shop, paid(caller), **how)
    assert response.json is not None
    assert (response.status_code, response.json["error"]["code"]) == (400, "invalid_request")
    assert caller.rows()["balance"].available == 10


def test_where_nothing_is_sold(caller: Caller, app: Flask) -> None:
    checkout = caller.http.post("/v1/credits/checkout", json={"credits": 100}, headers=caller.headers)
    for response in (checkout, tell(app, paid(caller))):
        assert response.json is not None
        assert (response.status_code, response.json["error"]["code"]) == (404, "payments_not_offered")


def test_half_a_configuration_is_refused(settings: Settings) -> None:
    assert payments.configured(settings) is None
    with pytest.raises(ConfigurationError, match="not all set"):
        payments.configured(replace(settings, stripe_key="sk"))
