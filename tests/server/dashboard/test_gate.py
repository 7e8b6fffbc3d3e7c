"""Protection against other sites, other host names and other people."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import Engine

from spherelinks.config import Settings
from spherelinks.storage import Storage
from spherelinks_server import create_app

from ..conftest import Caller
from .conftest import PASSWORD, Person

FORMS = [
    "/sign-in",
    "/sign-up",
    "/sign-out",
    "/welcome/link_x",
    "/app/keys",
    "/app/keys/key_x/rotate",
    "/app/keys/key_x/revoke",
    "/app/webhooks",
    "/app/webhooks/wh_x/rotate",
    "/app/webhooks/wh_x/delete",
    "/app/webhooks/wh_x/test",
    "/app/webhooks/wh_x/deliveries/msg_x",
    "/app/credits/buy",
    "/app/playground",
    "/app/playground/cutout",
    "/app/models/zip",
    "/app/models/delete",
    "/app/models/job_x/delete",
    "/app/models/job_x/name",
    "/app/account/password",
    "/app/account/sign-out-others",
    "/app/account/delete",
]


def test_no_form_is_left_out(app: Flask) -> None:
    pages = {"doors", "keys", "playground", "models", "account", "credits", "reference", "webhooks"}
    rules = {
        rule.rule
        for rule in app.url_map.iter_rules()
        if "POST" in (rule.methods or ()) and rule.endpoint.partition(".")[0] in pages
    }
    names = {
        "key_x": "<key_id>",
        "job_x": "<job_id>",
        "wh_x": "<webhook_id>",
        "msg_x": "<delivery_id>",
        "link_x": "<token>",
    }
    assert rules == {re.sub("|".join(names), lambda found: names[found[0]], form) for form in FORMS}


@pytest.mark.parametrize("path", FORMS)
def test_no_form_works_without_its_token(person: Person, make_person: Callable[[], Person], path: str) -> None:
    page = {"Accept": "text/html"}
    values = {"name": "x", "scopes": "read", "sure": "yes", "password": PASSWORD}
    assert person.http.post(path, data=values, headers=page).status_code == 403
    assert person.http.post(path, data={**values, "csrf": "0" * 64}, headers=page).status_code == 403
    others = make_person().token("/app/account")
    assert person.http.post(path, data={**values, "csrf": others}, headers=page).status_code == 403
    assert person.get("/app/account").status_code == 200


def test_no_form_works_from_another_site(person: Person) -> None:
    token = person.token("/app/keys")
    headers = {"Accept": "text/html", "Origin": "https://evil.example"}
    answer = person.http.post("/app/keys", data={"csrf": token, "name": "x", "scopes": "read"}, headers=headers)
    assert answer.status_code == 403
    assert "another site" in answer.text


def test_a_name_that_another_site_points_here_gets_nothing(person: Person) -> None:
    """DNS rebinding: the page of evil.example, whose name has come to mean our address."""
    for path in ("/app/models", "/app/keys"):
        answer = person.get(path, base_url="http://evil.example")
        assert answer.status_code == 421
        assert "SPHERELINKS_PUBLIC_URL" in answer.text
    evil = {"base_url": "http://evil.example", "headers": {"Accept": "text/html"}}
    assert person.http.post("/sign-up", data={"email": "a@b.c", "password": PASSWORD}, **evil).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000", "192.168.1.7"])
def test_names_that_nobody_can_point_here_work(stranger: Person, host: str) -> None:
    assert stranger.get("/app/models", base_url=f"http://{host}").status_code == 302


def test_the_public_address_works(settings: Settings, engine: Engine, storage: Storage) -> None:
    """Behind a proxy that speaks TLS: the name is ours, and cookies are for TLS alone."""
    app = create_app(replace(settings, public_url="https://assets.example"), engine, storage)
    answer = app.test_client().get("/sign-in", base_url="http://assets.example")
    assert answer.status_code == 200
    assert "Secure" in answer.headers["Set-Cookie"]
    assert app.test_client().get("/app/models", base_url="http://evil.example").status_code == 421
    assert (
        "curl https://assets.example/v1/generate" in app.test_client().get("/", base_url="http://assets.example").text
    )


def test_pages_allow_nothing_inline_and_nothing_from_elsewhere(person: Person) -> None:
    for path in ("/", "/sign-in", "/app/models", "/app/playground", "/app/keys", "/nowhere"):
        answer = person.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe-inline" not in policy
        assert "'unsafe-eval'" not in policy
        assert "default-src 'none'" in policy
        assert len(answer.headers.getlist("Content-Security-Policy")) == 1
        assert " style=" not in answer.text
        assert " on" + "click" not in answer.text
        assert "<style" not in answer.text
    assert person.get("/app/keys").headers["Cache-Control"] == "no-store"


def test_other_peoples_things_do_not_exist(person: Person, make_person: Callable[[], Person], png: bytes) -> None:
    other = make_person()
    answer = other.send("/app/playground", accept="application/json", picture=(io.BytesIO(png), "x.png"))
    assert answer.status_code == 202
    assert answer.json is not None
    job = answer.json["jobId"]
    assert other.get(f"/app/models/{job}").status_code == 200
    for path in (f"/app/models/{job}", f"/app/models/{job}/files/picture", f"/app/models/{job}/panel"):
        assert person.get(path).status_code == 404
    told = person.get(f"/app/models/status?ids={job}").json
    assert told is not None
    assert told["models"] == []
    assert person.get(f"/app/playground?from={job}").status_code == 404
    assert person.send(f"/app/models/{job}/delete", "/app/account").status_code == 404
    assert person.send("/app/playground", **{"from": job}).status_code == 404
    assert other.get(f"/app/models/{job}").status_code == 200


def test_other_peoples_keys_do_not_exist(person: Person, caller: Caller) -> None:
    for action in ("rotate", "revoke"):
        answer = person.send(f"/app/keys/{caller.key_id}/{action}", "/app/keys", grace="0")
        assert answer.status_code == 404
    assert caller.get("/v1/status/none").status_code == 404  # and not 401: the key still works


def test_an_upload_is_never_a_page(person: Person, png: bytes) -> None:
    """Even one that a browser would take for HTML: it is refused at the door, and a picture stays a picture."""
    html = b"<!doctype html><script>alert(1)</script>"
    answer = person.send(
        "/app/playground", accept="application/json", picture=(io.BytesIO(html), "x.html", "text/html")
    )
    assert answer.status_code == 422
    polyglot = png + html
    answer = person.send(
        "/app/playground", accept="application/json", picture=(io.BytesIO(polyglot), "x.html", "text/html")
    )
    assert answer.json is not None
    shown = person.get(f"/app/models/{answer.json['jobId']}/files/picture")
    assert shown.data == polyglot
    assert shown.mimetype == "image/png"
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in shown.headers["Content-Security-Policy"]
