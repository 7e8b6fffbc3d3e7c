"""A person at a browser, simulated: cookies are kept, forms are sent with their page's token."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from spherelinks.accounts import sessions, users
from spherelinks.database import transaction

PASSWORD = "three blue otters"
_numbers = itertools.count()


@dataclass
class Person:
    """Somebody with a browser, and perhaps an account."""

    http: FlaskClient
    engine: Engine
    email: str = field(default_factory=lambda: f"person{next(_numbers)}@example.com")

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.http.get(path, headers={"Accept": "text/html"}, **options)

    def send(self, path: str, form: str = "", *, accept: str = "text/html", **values: Any) -> TestResponse:
        """Post a form, as it stands on the page ``form`` (the path itself where that is empty)."""
        token = self.token(form or path)
        return self.http.post(path, data={"csrf": token, **values}, headers={"Accept": accept})

    def token(self, path: str) -> str:
        found = re.search(r'(?:name="csrf" value|name="csrf-token" content)="([0-9a-f]{64})"', self.get(path).text)
        assert found, f"no form at {path}"
        return found[1]

    def sign_up(self) -> Person:
        answer = self.send("/sign-up", email=self.email, password=PASSWORD)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/signed-up")
        assert self.get("/signed-up").headers["Location"] == "/app/playground"
        return self

    def enter(self) -> Person:
        """Sign in by the shortest way: no password is ever hashed."""
        with transaction(self.engine) as session:
            token = sessions.create(session, users.create(session, self.email).id, "Test")
        self.http.set_cookie("spherelinks_session", token)
        return self

    def sign_in(self) -> Person:
        answer = self.send("/sign-in", email=self.email, password=PASSWORD)
        assert answer.status_code == 303, answer.text
        return self

    @property
    def account_id(self) -> str:
        with transaction(self.engine) as session:
            return users.by_email(session, self.email).account_id


@pytest.fixture(autouse=True)
def _fresh_tries(engine: Engine) -> None:
    """All tests come from one address."""
    with transaction(engine) as session:
        session.execute(text("DELETE FROM sign_in_tries"))


@pytest.fixture
def stranger(app: Flask, engine: Engine) -> Person:
    """Somebody without an account."""
    return Person(app.test_client(), engine)


@pytest.fixture
def make_person(app: Flask, engine: Engine) -> Callable[[], Person]:
    return lambda: Person(app.test_client(), engine).enter()


@pytest.fixture
def person(make_person: Callable[[], Person]) -> Person:
    """Somebody who is signed in, and has no password."""
    return make_person()


@pytest.fixture
def member(app: Flask, engine: Engine) -> Person:
    """Somebody who has signed up, and in, with a password."""
    return Person(app.test_client(), engine).sign_up()
