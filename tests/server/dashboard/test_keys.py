"""Settings → API keys: changes on the page take effect in the API."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from spherelinks.database import transaction

from .conftest import Person

SECRET = re.compile(r"sk_sph_(?:live|test)_[0-9A-Za-z]{38}")


def made(answer: TestResponse) -> str:
    assert answer.status_code == 201, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    found = SECRET.search(answer.text)
    assert found
    return found[0]


def ask(http: FlaskClient, key: str) -> int:
    return http.get("/v1/status/none", headers={"X-API-Key": key}).status_code


def test_a_key_is_shown_once_and_works(person: Person, http: FlaskClient) -> None:
    secret = made(person.send("/app/keys", name="Blender <home>", scopes=["generate", "read"]))
    assert ask(http, secret) == 404  # known, and asks for a job that is not there
    page = person.get("/app/keys").text
    assert secret not in page
    assert f"{secret[:16]}…{secret[-4:]}" in page
    assert html.escape("Blender <home>") in page
    assert "Scopes: generate, read<" in page
    assert f"{secret[:16]}…{secret[-4:]}" in person.get("/app/api").text


def test_a_form_sent_again_makes_no_second_key(person: Person, http: FlaskClient) -> None:
    def forms() -> list[str]:
        return re.findall(r'name="key" value="(key_\w+)"', person.get("/app/keys").text)

    (named,) = forms()
    secret = made(person.send("/app/keys", name="ci", scopes=["read"], key=named))
    again = person.send("/app/keys", name="ci", scopes=["read"], key=named)  # as a reload does
    assert (again.status_code, again.headers["Location"]) == (303, "/app/keys?done=key-known")
    assert "has been created already" in person.get(again.headers["Location"]).text
    _, for_rotation = forms()
    assert for_rotation != named
    path = re.findall(r"/app/keys/key_\w+/rotate", person.get("/app/keys").text)[0]
    made(person.send(path, "/app/keys", grace="24", key=for_rotation))
    assert person.send(path, "/app/keys", grace="0", key=for_rotation).status_code == 303
    assert len(re.findall(r'data-key="', person.get("/app/keys").text)) == 2
    assert ask(http, secret) == 404  # the second form has not ended it at once, either


def test_rotation_keeps_the_old_key_for_its_grace(person: Person, http: FlaskClient) -> None:
    old = made(person.send("/app/keys", name="ci", scopes=["read"]))
    key_id = re.findall(r"/app/keys/(key_\w+)/rotate", person.get("/app/keys").text)[0]
    new = made(person.send(f"/app/keys/{key_id}/rotate", "/app/keys", grace="1"))
    assert (ask(http, old), ask(http, new)) == (404, 404)
    with transaction(person.engine) as session:
        session.execute(
            text("UPDATE api_keys SET expires_at = expires_at - interval '61 minutes' WHERE id = :id"), {"id": key_id}
        )
    assert (ask(http, old), ask(http, new)) == (401, 404)
    assert person.send(f"/app/keys/{key_id}/rotate", "/app/keys", grace="1").status_code == 400


def test_revoking_ends_a_key_at_once(person: Person, http: FlaskClient) -> None:
    secret = made(person.send("/app/keys", name="ci", scopes=["read"]))
    key_id = re.findall(r"/app/keys/(key_\w+)/revoke", person.get("/app/keys").text)[0]
    answer = person.send(f"/app/keys/{key_id}/revoke", "/app/keys")
    assert ask(http, secret) == 401
    assert "The key is revoked" in person.get(answer.headers["Location"]).text


def test_what_cannot_be_is_refused_in_words(person: Person) -> None:
    for values, words in [
        ({"name": " ", "scopes": "read"}, "1 to 200 characters"),
        ({"name": "x"}, "generate, read, manage"),
        ({"name": "x", "scopes": "read", "monthly_cap": "lots"}, "a whole number"),
        ({"name": "x", "scopes": "read", "monthly_cap": "0"}, "from 1 to 1000000"),
    ]:
        answer = person.send("/app/keys", **values)
        assert answer.status_code == 400
        assert words in answer.text


def test_a_sandbox_key_has_its_own_prefix(make_person: Callable[[], Person]) -> None:
    secret = made(make_person().send("/app/keys", name="ci", scopes=["generate"], sandbox="on"))
    assert secret.startswith("sk_sph_test_")
