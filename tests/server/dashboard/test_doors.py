"""Sign up, sign in, by link, sign out; and what each reveals to a stranger."""

from __future__ import annotations

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from argon2.exceptions import VerifyMismatchError
from flask import Flask
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from spherelinks.accounts import passwords, users
from spherelinks.config import Settings
from spherelinks.database import transaction
from spherelinks.storage import Storage
from spherelinks_server import create_app

from .conftest import PASSWORD, Person

PRIVATE = ["/app/models", "/app/playground", "/app/keys", "/app/credits", "/app/account", "/app/api", "/app/webhooks"]


def without_tokens(page: str) -> str:
    return re.sub(r"[0-9a-f]{64}", "", page)


@pytest.mark.parametrize("path", PRIVATE)
def test_strangers_are_led_to_the_sign_in_and_back(stranger: Person, path: str) -> None:
    answer = stranger.get(path)
    assert answer.status_code == 302
    stranger.enter()
    assert stranger.get(path).status_code == 200
    target = stranger.get(answer.headers["Location"])
    assert (target.status_code, target.headers["Location"]) == (302, path)


@pytest.mark.parametrize("wanted", ["//evil.example", "https://evil.example", "/app/\\evil", "/app/\n", "javascript:x"])
def test_nobody_is_led_elsewhere(stranger: Person, wanted: str) -> None:
    stranger.sign_up()
    stranger.http.delete_cookie("spherelinks_session")
    answer = stranger.send("/sign-in", email=stranger.email, password=PASSWORD, next=wanted)
    assert answer.headers["Location"] == "/app/models"


def test_a_sign_up_tells_nobody_who_has_an_account(stranger: Person, member: Person) -> None:
    """Known and unknown addresses get the same answer; a taken one opens nothing to whoever lacks its password."""

    def told(answer: TestResponse) -> object:
        cookies = [re.sub(r"=[\w-]{43};", "=TOKEN;", cookie) for cookie in answer.headers.getlist("Set-Cookie")]
        same = {k: v for k, v in answer.headers.items() if k not in ("Set-Cookie", "X-Request-Id")}
        return answer.status_code, answer.text, [re.sub("Expires=[^;]+", "", each) for each in cookies], same

    new = stranger.send("/sign-up", email=stranger.email, password=PASSWORD)
    assert stranger.get("/signed-up").headers["Location"] == "/app/playground"
    stranger.http.delete_cookie("spherelinks_session")
    taken = stranger.send("/sign-up", email=member.email, password="not the password")
    assert told(new) == told(taken)
    assert new.status_code == 303
    assert stranger.get("/app/models").status_code == 302
    page = stranger.get("/signed-up")
    assert (page.status_code, "another password" in page.text, member.email in page.text) == (200, True, False)
    stranger.send("/sign-up", email=member.email, password=PASSWORD)  # the member, who forgot having signed up
    assert stranger.get("/app/models").status_code == 200


def test_a_sign_in_tells_nobody_either(stranger: Person, member: Person) -> None:
    wrong = stranger.send("/sign-in", email=member.email, password="not the password")
    unknown = stranger.send("/sign-in", email=stranger.email, password="not the password")
    assert wrong.status_code == unknown.status_code == 401
    assert without_tokens(wrong.text).replace(member.email, "") == without_tokens(unknown.text).replace(
        stranger.email, ""
    )


def test_the_cookie_is_for_our_pages_alone(app: Flask, member: Person) -> None:
    answer = member.send("/sign-in", "/app/account", email=member.email, password=PASSWORD)
    cookie = next(line for line in answer.headers.getlist("Set-Cookie") if "spherelinks_session=" in line)
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie  # or plain http, as at home, would not work
    answer = app.test_client().get("/sign-in", base_url="https://127.0.0.1")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-spherelinks_visitor=")
    assert "Secure" in cookie
    assert "Strict-Transport-Security" in answer.headers


def test_a_sign_in_begins_a_new_session_and_ends_the_old(member: Person) -> None:
    def token() -> str:
        cookie = member.http.get_cookie("spherelinks_session")
        assert cookie is not None
        return cookie.value

    before = token()
    member.send("/sign-in", "/app/account", email=member.email, password=PASSWORD)
    after = token()
    assert after != before
    member.http.set_cookie("spherelinks_session", before)
    assert member.get("/app/models").status_code == 302


def test_signing_out_ends_the_session_on_the_server(member: Person) -> None:
    cookie = member.http.get_cookie("spherelinks_session")
    assert cookie is not None
    assert member.send("/sign-out", "/app/account").status_code == 303
    member.http.set_cookie("spherelinks_session", cookie.value)
    assert member.get("/app/models").status_code == 302


def test_tries_run_out(member: Person, stranger: Person) -> None:
    for _ in range(users.TRIES_AN_EMAIL):
        users.count_try(member.engine, member.email, "192.0.2.1")
    answer = stranger.send("/sign-in", email=member.email, password="not the password")
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert "minutes" in answer.text
    assert stranger.send("/sign-up", email=member.email, password=PASSWORD).status_code == 429
    answer = stranger.send("/sign-in", email=member.email, password=PASSWORD)
    assert answer.status_code == 303, "others' wrong passwords keep nobody out who has the right one"


@pytest.mark.usefixtures("cheap_hashes")
def test_a_browser_that_was_signed_in_before_is_not_locked_out(member: Person, stranger: Person) -> None:
    member.send("/sign-out", "/app/account")
    for _ in range(users.TRIES_A_PAIR):
        stranger.send("/sign-in", email=member.email, password="not the password")
    assert stranger.send("/sign-in", email=member.email, password=PASSWORD).status_code == 429
    member.sign_in()


@pytest.mark.usefixtures("cheap_hashes")
def test_a_new_password_makes_the_other_browsers_strangers(app: Flask, member: Person) -> None:
    other = Person(app.test_client(), member.engine, member.email).sign_in()
    member.send("/app/account/password", "/app/account", old=PASSWORD, new="another password")
    for _ in range(users.TRIES_A_PAIR):
        other.send("/sign-in", email=member.email, password="not the password")
    assert other.send("/sign-in", email=member.email, password="another password").status_code == 429
    member.http.delete_cookie("spherelinks_session")
    assert member.send("/sign-in", email=member.email, password="another password").status_code == 303


def test_a_crowd_at_the_door_takes_neither_places_nor_connections(
    app: Flask, member: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = threading.Event()

    class Slow:
        def verify(self, known: str, password: str) -> bool:
            assert opened.wait(60)
            raise VerifyMismatchError

    passwords._nobodys()
    monkeypatch.setattr(passwords, "_hasher", Slow())
    monkeypatch.setattr(passwords, "WAITING_OF_SOURCE", 40)
    monkeypatch.setattr(users, "TRIES_AN_ADDRESS", 1000)
    crowd = [Person(app.test_client(), member.engine) for _ in range(40)]
    forms = [(person, person.token("/sign-in")) for person in crowd]
    with ThreadPoolExecutor(40) as pool:
        tries = [
            pool.submit(person.http.post, "/sign-in", data={"csrf": token, "email": person.email, "password": "x"})
            for person, token in forms
        ]
        deadline = time.monotonic() + 60
        while passwords._waiting.total() < 40:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert member.get("/app/models").status_code == 200
        assert member.http.get("/v1/account").status_code == 401
        opened.set()
        assert {each.result().status_code for each in tries} == {401}


def redeem(person: Person, token: str, form: str = "") -> TestResponse:
    """Press the button of the link's page, or send what it sends from another page."""
    return person.send(f"/welcome/{token}", form)


def test_looking_at_a_link_does_not_spend_it(stranger: Person, engine: Engine) -> None:
    """As mail scanners and previews do."""
    with transaction(engine) as session:
        token = users.link(session, users.local_owner(session))
    assert stranger.http.head(f"/welcome/{token}").status_code == 200
    assert stranger.get(f"/welcome/{token}").status_code == 200
    assert stranger.get("/app/models").status_code == 302
    assert redeem(stranger, token).status_code == 303
    assert stranger.get("/app/models").status_code == 200


def test_the_owner_comes_in_by_a_link_once(stranger: Person, engine: Engine) -> None:
    with transaction(engine) as session:
        token = users.link(session, users.local_owner(session))
    assert redeem(stranger, token).status_code == 303
    page = stranger.get("/app/account")
    assert "Owner of this server" in page.text
    assert "Delete the account" not in page.text
    assert stranger.send("/app/account/delete", "/app/account", sure="yes").status_code == 404
    assert stranger.get(f"/welcome/{token}").headers["Location"] == "/app/models"
    assert redeem(stranger, token, "/app/account").headers["Location"] == "/app/models"
    stranger.http.delete_cookie("spherelinks_session")
    assert redeem(stranger, token).status_code == 401


def test_who_came_by_a_link_may_set_a_password(stranger: Person, engine: Engine) -> None:
    with transaction(engine) as session:
        token = users.link(session, users.create(session, stranger.email))
    redeem(stranger, token)
    assert stranger.send("/app/account/password", "/app/account", new="short").status_code == 400
    assert stranger.send("/app/account/password", "/app/account", new=PASSWORD).status_code == 303
    # from now on it takes the password
    assert stranger.send("/app/account/password", "/app/account", new="another password").status_code == 400
    stranger.http.delete_cookie("spherelinks_session")
    stranger.sign_in()


def test_sign_up_can_be_closed(settings: Settings, engine: Engine, storage: Storage, stranger: Person) -> None:
    closed = create_app(replace(settings, signup="closed"), engine, storage).test_client()
    visitor = Person(closed, engine)
    assert "Sign-up is closed" in visitor.get("/sign-up").text
    assert "/sign-up" not in visitor.get("/").text + visitor.get("/sign-in").text
    answer = visitor.send("/sign-up", "/sign-in", email=visitor.email, password=PASSWORD)
    assert answer.status_code == 403
    assert visitor.send("/sign-in", email=visitor.email, password=PASSWORD).status_code == 401
