"""Buying credits: the requests to Stripe, and which of its events are trusted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine
from stripe_stand_in import paid, tell

from spherelinks.accounts import ledger, payments
from spherelinks.config import Settings
from spherelinks.database import transaction
from spherelinks.errors import ConfigurationError

from .conftest import Caller


def test_a_pack_is_paid_for_on_stripes_page(shop: Flask, caller: Caller, stripe_asked: tuple[str, list[Any]]) -> None:
    response = shop.test_client().post("/v1/credits/checkout", json={"credits": 100}, headers=caller.headers)
    assert (response.status_code, response.json) == (200, {"url": f"{stripe_asked[0]}/pay"})
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
        assert tell(shop, paid(caller.account_id)).status_code == 204
    late = paid(caller.account_id, "cs_2", payment_status="unpaid")
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
    response = tell(shop, paid(caller.account_id), **how)
    assert response.json is not None
    assert (response.status_code, response.json["error"]["code"]) == (400, "invalid_request")
    assert caller.rows()["balance"].available == 10


def test_where_nothing_is_sold(caller: Caller, app: Flask) -> None:
    checkout = caller.http.post("/v1/credits/checkout", json={"credits": 100}, headers=caller.headers)
    for response in (checkout, tell(app, paid(caller.account_id))):
        assert response.json is not None
        assert (response.status_code, response.json["error"]["code"]) == (404, "payments_not_offered")


def test_half_a_configuration_is_refused(settings: Settings) -> None:
    assert payments.configured(settings) is None
    with pytest.raises(ConfigurationError, match="not all set"):
        payments.configured(replace(settings, stripe_key="sk"))
