"""Settings → Webhooks: adding, notifying, listing, redelivering, deleting."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_network
from threading import Thread

from delivering import deliver_due
from sqlalchemy import Engine, text

from spherelinks.config import Settings
from spherelinks.database import transaction
from spherelinks.jobs import outbound
from spherelinks.storage import Storage
from spherelinks_server import create_app

from .conftest import Person

HOOK = "https://93.184.215.14/hook"


def added(person: Person) -> str:
    answer = person.send("/app/webhooks", url=HOOK, events=["job.completed", "job.failed"])
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def test_a_webhook_from_its_first_to_its_last_page(person: Person, png: bytes) -> None:
    page = added(person)
    secret = re.search("whsec_[^<]+", person.get(page).text)
    assert secret
    answer = person.send("/app/playground", accept="application/json", picture=(io.BytesIO(png), "x.png"))
    assert answer.json is not None
    job = answer.json["jobId"]
    person.send(f"/app/models/{job}/delete", f"/app/models/{job}")  # ends it
    shown = person.get(page).text
    assert "job.failed" in shown
    message = re.search(rf"{page}/deliveries/msg_\w+", shown)
    assert message
    assert person.send(message[0], page).status_code == 303
    person.send(f"{page}/rotate", page)
    assert secret[0] not in person.get(page).text
    assert person.send(f"{page}/delete", page).status_code == 303
    assert person.get(page).status_code == 404


def test_a_test_message_reaches_a_program_at_home(
    settings: Settings, engine: Engine, storage: Storage, make_person: Callable[[], Person]
) -> None:
    """Where the operator allows it: signed, shown with its answer, one at a time."""
    got: list[tuple[dict[str, str], bytes]] = []

    class Home(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Home)
    Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_port
    opened = replace(settings, webhook_networks=(ip_network("127.0.0.0/8"),), webhook_ports=(port,))
    person = make_person()
    cookie = person.http.get_cookie("spherelinks_session")
    assert cookie is not None
    person.http = create_app(opened, engine, storage, rate_limit=0).test_client()
    person.http.set_cookie("spherelinks_session", cookie.value)
    assert f"127.0.0.0/8, on port 80, 443, {port}." in person.get("/app/webhooks").text
    made = person.send("/app/webhooks", url=f"http://127.0.0.1:{port}/hook", events=["job.failed"])
    page = made.headers["Location"]
    for _ in range(2):
        assert person.send(f"{page}/test", page).status_code == 303
    waiting = person.get(f"{page}/messages").text
    assert ("data-pending" in waiting, waiting.count("webhook.test")) == (True, 1)
    with transaction(engine) as session:  # what other tests left would go to other machines
        others = "UPDATE deliveries SET state = 'failed' WHERE state = 'pending' AND account_id <> :me"
        session.execute(text(others), {"me": person.account_id})
    deliver_due(engine, storage, outbound.allowed(settings))
    refused = person.get(f"{page}/messages").text
    assert "is not allowed" in refused, "a worker that was not told so still refuses"
    assert not got
    message = re.search(rf"{page}/deliveries/msg_\w+", refused)
    assert message
    person.send(message[0], page)
    deliver_due(engine, storage, outbound.allowed(opened))
    shown = person.get(f"{page}/messages").text
    assert ("data-pending" in shown, "HTTP 204" in shown) == (False, True)
    ((headers, body),) = got
    secret = re.search("whsec_([^<]+)", person.get(page).text)
    assert secret
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac.digest(base64.b64decode(secret[1]), signed, hashlib.sha256)
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert json.loads(body)["type"] == "webhook.test"
    server.shutdown()


def test_private_addresses_are_refused(person: Person) -> None:
    answer = person.send("/app/webhooks", url="http://127.0.0.1:9/", events=["job.failed"])
    assert (answer.status_code, 'role="alert"' in answer.text) == (400, True)
    assert person.send("/app/webhooks", url=HOOK).status_code == 400


def test_other_peoples_webhooks_do_not_exist(person: Person, make_person: Callable[[], Person]) -> None:
    page = added(person)
    other = make_person()
    assert other.get(page).status_code == 404
    for action in ("rotate", "delete", "deliveries/msg_x"):
        assert other.send(f"{page}/{action}", "/app/webhooks").status_code == 404
    assert person.get(page).status_code == 200
