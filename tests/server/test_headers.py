"""Headers on every answer: request ids, CORS, security."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from spherelinks import logs
from spherelinks.config import Settings
from spherelinks.storage import Storage
from spherelinks_server import create_app

PATHS = ["/", "/healthz", "/readyz", "/v1/docs", "/v1/openapi.json", "/v1/status/none", "/nowhere"]
SHOP, STRANGER = "https://shop.example", "https://stranger.example"


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_has_an_id_of_its_own(http: FlaskClient, path: str) -> None:
    first, second = http.get(path), http.get(path)
    assert first.headers["X-Request-Id"] != second.headers["X-Request-Id"]


def test_the_clients_own_id_comes_back(http: FlaskClient) -> None:
    response = http.get("/nowhere", headers={"X-Request-Id": "trace-7.a_b"})
    assert response.headers["X-Request-Id"] == "trace-7.a_b"
    assert response.json is not None
    assert response.json["error"]["requestId"] == "trace-7.a_b"


@pytest.mark.parametrize("sent", ["", "two words", "x" * 129, "<script>", "naïve", '"'])
def test_an_id_that_is_not_sane_is_replaced(http: FlaskClient, sent: str) -> None:
    response = http.get("/healthz", headers={"X-Request-Id": sent})
    assert response.headers["X-Request-Id"].startswith("req_")


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_is_careful(http: FlaskClient, path: str) -> None:
    headers = http.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "http" not in headers["Content-Security-Policy"]


@pytest.fixture
def shared(settings: Settings, engine: Engine, storage: Storage) -> FlaskClient:
    return create_app(replace(settings, cors_origins=(SHOP,)), engine, storage).test_client()


def preflight(client: FlaskClient, origin: str) -> dict[str, str]:
    response = client.options(
        "/v1/generate",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,x-api-key",
        },
    )
    assert response.status_code in (200, 204)
    return dict(response.headers)


def test_sharing_is_off_by_default(http: FlaskClient) -> None:
    assert not any(name.startswith("Access-Control") for name in preflight(http, SHOP))
    assert "Access-Control-Allow-Origin" not in http.get("/healthz", headers={"Origin": SHOP}).headers


def test_a_preflight_needs_no_key(shared: FlaskClient) -> None:
    headers = preflight(shared, SHOP)
    assert headers["Access-Control-Allow-Origin"] == SHOP
    assert "POST" in headers["Access-Control-Allow-Methods"]
    allowed = headers["Access-Control-Allow-Headers"].lower()
    assert all(name in allowed for name in ("authorization", "content-type", "x-api-key", "range", "if-none-match"))
    assert int(headers["Access-Control-Max-Age"]) > 0
    assert "Origin" in headers["Vary"]


def test_an_answer_may_be_read(shared: FlaskClient) -> None:
    # errors too: a page must be able to tell its user what is wrong
    headers = shared.get("/v1/status/none", headers={"Origin": SHOP}).headers
    assert headers["Access-Control-Allow-Origin"] == SHOP
    exposed = headers["Access-Control-Expose-Headers"]
    assert all(name in exposed for name in ("Location", "Retry-After", "ETag", "X-Request-Id", "Content-Range"))
    assert "Access-Control-Allow-Credentials" not in headers


def test_other_pages_are_left_out(shared: FlaskClient) -> None:
    assert "Access-Control-Allow-Origin" not in preflight(shared, STRANGER)
    response = shared.get("/healthz", headers={"Origin": STRANGER})
    assert "Access-Control-Allow-Origin" not in response.headers
    assert "Origin" in response.headers["Vary"]  # or a cache would hand one page's answer to another


def test_sharing_with_everyone(settings: Settings, engine: Engine, storage: Storage) -> None:
    client = create_app(replace(settings, cors_origins=("*",)), engine, storage).test_client()
    assert preflight(client, STRANGER)["Access-Control-Allow-Origin"] == "*"
    assert client.get("/healthz", headers={"Origin": STRANGER}).headers["Access-Control-Allow-Origin"] == "*"


def test_what_a_request_logs_names_it(
    engine: Engine, storage: Storage, settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    app = create_app(settings, engine, storage)
    app.add_url_rule("/fault", view_func=lambda: 1 / 0)
    root = logging.getLogger()
    kept = root.handlers[:], root.level
    logs.configure()
    try:
        answer = app.test_client().get("/fault", headers={"X-Request-Id": "trace-8"})
    finally:
        root.handlers[:], root.level = kept
    assert answer.status_code == 500
    assert "request_id=trace-8" in capfd.readouterr().err
