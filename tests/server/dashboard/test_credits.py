"""Credits are bought where they are sold: a button, Stripe's page, and the row in the ledger."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine
from stripe_stand_in import paid, tell
from werkzeug.serving import make_server

from spherelinks.accounts import users
from spherelinks.database import transaction

from .conftest import Person

Asked = tuple[str, list[Any]]


@pytest.fixture
def buyer(shop: Flask, engine: Engine) -> Person:
    return Person(shop.test_client(), engine).enter()


@pytest.fixture
def shop_address(shop: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, shop, threaded=True)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_the_owner_sees_no_number(app: Flask, engine: Engine) -> None:
    with transaction(engine) as session:
        token = users.link(session, users.local_owner(session))
    owner = Person(app.test_client(), engine)
    assert owner.send(f"/welcome/{token}").status_code == 303
    page = owner.get("/app/credits").text
    assert "<h1>Usage</h1>" in page
    assert not re.search(r"1.000.000|1000000|999.?999", page)
    # nor anything of credits, on any page
    for path in ("/app/credits", "/app/models", "/app/playground", "/app/models?done=cancelled"):
        words = re.sub(r"<[^>]+>", " ", owner.get(path).text)
        assert "credit" not in words.lower(), path


def test_where_nothing_is_sold_there_is_no_button_and_no_way(person: Person) -> None:
    assert "Buy credits" not in person.get("/app/credits").text
    assert person.send("/app/credits/buy", form="/app/credits", credits="100").status_code == 404


def test_a_pack_is_bought_for_ones_own_account(buyer: Person, stripe_asked: Asked) -> None:
    answer = buyer.send("/app/credits/buy", form="/app/credits", credits="100")
    assert answer.status_code == 200
    assert f'href="{stripe_asked[0]}/pay"' in answer.text
    ((_, _, form),) = stripe_asked[1]
    assert (form["client_reference_id"], form["metadata[credits]"]) == (buyer.account_id, "100")


@pytest.mark.parametrize(("credits", "status"), [("7", 400), ("", 400), ("many", 400), ("500", 503)])
def test_what_is_not_sold_or_not_answered(buyer: Person, credits: str, status: int) -> None:
    assert buyer.send("/app/credits/buy", form="/app/credits", credits=credits).status_code == status


def test_nobody_can_buy_by_a_form_of_another_site(buyer: Person, stripe_asked: Asked) -> None:
    answer = buyer.http.post("/app/credits/buy", data={"credits": "100"}, headers={"Accept": "text/html"})
    assert answer.status_code == 403
    assert not stripe_asked[1]


def test_a_person_buys_credits(
    chromium: Any,
    shop: Flask,
    shop_address: str,
    engine: Engine,
    stripe_asked: Asked,
    make_person: Callable[[], Person],
) -> None:
    someone = make_person()
    cookie = someone.http.get_cookie("spherelinks_session")
    assert cookie is not None
    context = chromium.new_context(base_url=shop_address)
    context.add_cookies([{"name": "spherelinks_session", "value": cookie.value, "url": shop_address}])
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.goto("/app/credits")
    assert "10 credits" in page.inner_text("[data-balance]")
    page.click("button:has-text('100 credits')")
    page.wait_for_url(f"{stripe_asked[0]}/pay")
    assert page.inner_text("h1") == "Stripe's page"
    assert tell(shop, paid(someone.account_id)).status_code == 204
    page.goto(f"{shop_address}/app/credits")
    assert "110 credits" in page.inner_text("[data-balance]")
    assert "Bought" in page.inner_text("tr[data-kind=grant]:has-text('100')")
    assert not wrong
    context.close()
