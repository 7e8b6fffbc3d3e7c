"""A stand-in for Stripe: its signatures are computed like Stripe's, its page is paid by a click."""

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

from spherelinks.config import Settings
from spherelinks.storage import Storage
from spherelinks_server import create_app
from spherelinks_server.services import EXTENSION

SECRET = "whsec_test"


@pytest.fixture
def stripe_asked() -> Iterator[tuple[str, list[Any]]]:
    """Stripe's address, and what it was asked."""
    asked: list[Any] = []

    class Stripe(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            asked.append((self.path, self.headers["Authorization"], {name: values[0] for name, values in form.items()}))
            body = json.dumps({"id": "cs_1", "url": f"http://{self.headers['Host']}/pay"})
            self._answer(200 if "price_100" in str(form) else 402, body)

        def do_GET(self) -> None:
            back = asked[-1][2]["success_url"] if asked else ""
            self._answer(200, f"<title>Pay</title><h1>Stripe's page</h1><a href='{back}'>Pay</a>")

        def _answer(self, status: int, body: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if self.command == "GET" else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

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
    """Send the event as Stripe does."""
    body = json.dumps(event).encode()
    moment = str(int(time.time() - age))
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    header = f"t={moment},v1={'0' * 64},v1={digest},v0=x" if signature is None else signature
    return shop.test_client().post("/stripe/webhook", data=body, headers={"Stripe-Signature": header})


def paid(account_id: str, session: str = "cs_1", **changes: Any) -> dict[str, Any]:
    """The event that Stripe sends when the account has paid for 100 credits."""
    bought = {
        "id": f"{session}_{account_id}",
        "client_reference_id": account_id,
        "metadata": {"credits": "100"},
        "payment_status": "paid",
    }
    return {"type": "checkout.session.completed", "data": {"object": bought | changes}}
