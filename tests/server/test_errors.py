"""Every error has the contract's form, its documented code and the table's status."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, abort
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from spherelinks import errors
from spherelinks.config import Settings
from spherelinks.database import connect
from spherelinks.storage import Storage
from spherelinks_server import create_app
from spherelinks_server.errors import HTTP_CODES, MEANINGS, status_of

from .conftest import Caller

DOCUMENT = Path(__file__).parents[2] / "docs" / "errors.md"


def classes(root: type[errors.SphereLinksError] = errors.SphereLinksError) -> Iterator[type[errors.SphereLinksError]]:
    yield root
    for child in root.__subclasses__():
        yield from classes(child)


def check_shape(response: TestResponse, status: int, code: str) -> None:
    assert response.status_code == status
    assert response.mimetype == "application/json"
    body = response.json
    assert body is not None
    assert body.keys() == {"error"}
    error = body["error"]
    assert error.keys() == {"code", "message", "hint", "requestId"}
    assert all(isinstance(value, str) and value for value in error.values()), error
    assert error["code"] == code
    assert error["requestId"] == response.headers["X-Request-Id"]


Request = Callable[[Caller], TestResponse]
WAYS: dict[str, tuple[Request, int, str]] = {
    "no such path": (lambda c: c.get("/v1/nothing"), 404, "not_found"),
    "a trailing slash": (lambda c: c.get("/v1/nothing/"), 404, "not_found"),
    "a job of no name": (lambda c: c.get("/v1/status/"), 404, "not_found"),
    "a path out of the tree": (lambda c: c.get("/v1/docs/assets/../../../etc/passwd"), 404, "not_found"),
    "a wrong method": (lambda c: c.http.delete("/v1/generate", headers=c.headers), 405, "method_not_allowed"),
    "a method of nobody": (lambda c: c.http.open("/", method="BREW"), 405, "method_not_allowed"),
    "no key": (lambda c: c.http.post("/v1/generate"), 401, "invalid_api_key"),
    "no key, without v1": (lambda c: c.http.get("/status/none"), 401, "invalid_api_key"),
    "no such job": (lambda c: c.get("/v1/download/none"), 404, "unknown_job"),
    "not JSON": (lambda c: c.http.post("/v1/generate", data="{", headers=c.headers), 400, "invalid_request"),
    "a wrong type": (lambda c: c.generate(imageUrl=7), 400, "invalid_request"),
    "a wrong option": (lambda c: c.generate(imageUrl="x", options={"seed": -1}), 400, "invalid_option"),
    "a picture unreachable": (lambda c: c.generate(imageUrl="http://10.0.0.1/"), 422, "picture_unreachable"),
    "a picture unreadable": (lambda c: c.generate(imageBase64="AAAA"), 422, "picture_unreadable"),
    "a body too large": (
        lambda c: c.http.post(
            "/v1/generate", data=bytes(16_000_000), content_type="application/json", headers=c.headers
        ),
        413,
        "request_too_large",
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_shape(caller: Caller, way: str) -> None:
    ask, status, code = WAYS[way]
    check_shape(ask(caller), status, code)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"options": {"textureSize": None}}, "options.textureSize is null: "),
        ({"options": {"normalMap": 7, "seed": True}}, "options.seed is true: "),
        ({"options": {"name": "this is None: a\x00"}}, "options.name is 'this is None: a"),
        ({"output": {"putUrl": None}}, "output.putUrl is null: "),
        ({"cache": True}, "cache is true: "),
        ({"Output": 1}, "Output is not a known field."),
        ({"output": {"putUrl": "https://a.example/", "Output": 1}}, "output.Output is not a known field."),
    ],
)
def test_what_was_sent_is_named_as_json_has_it(caller: Caller, body: dict[str, Any], said: str) -> None:
    response = caller.generate(imageUrl="data:,x", **body)
    assert response.json is not None
    assert (response.status_code, response.json["error"]["message"][: len(said)]) == (400, said)


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        ({"image": "AAAA"}, "Fields here are imageUrl, imageBase64, images, "),
        ({"textureSize": 512}, "Did you mean options.textureSize?"),
        ({"output": {"putUrl": "https://a.example/", "url": 1}}, "Fields here are putUrl, headers."),
        ({"images": [{"view": "front", "mask": "x"}]}, "Fields here are view, imageUrl, imageBase64."),
    ],
)
def test_who_gives_an_unknown_field_learns_the_known_ones(caller: Caller, body: dict[str, Any], hint: str) -> None:
    response = caller.generate(imageUrl="data:,x", **body)
    assert response.json is not None
    assert response.status_code == 400
    assert response.json["error"]["message"].endswith(" is not a known field.")
    assert response.json["error"]["hint"].startswith(hint)


def test_a_wrong_method_learns_the_right_ones(caller: Caller) -> None:
    assert "POST" in caller.http.get("/v1/generate").headers["Allow"]


@pytest.fixture
def broken(settings: Settings, engine: Engine, storage: Storage) -> Flask:
    """The application with pages that fail in ways of their own."""
    app = create_app(settings, engine, storage)

    def fail(way: str) -> str:
        if way.isdigit():
            abort(int(way))
        raise ZeroDivisionError("the password is swordfish")

    app.add_url_rule("/broken/<way>", view_func=fail)
    return app


def test_a_bug_is_500_and_says_nothing_of_itself(broken: Flask, caplog: pytest.LogCaptureFixture) -> None:
    response = broken.test_client().get("/broken/bug")
    check_shape(response, 500, "internal_error")
    assert "swordfish" not in response.text
    assert "swordfish" in caplog.text


@pytest.mark.parametrize(
    ("status", "code"), [(415, "invalid_request"), (418, "invalid_request"), (503, "internal_error")]
)
def test_whatever_else_http_knows(broken: Flask, status: int, code: str) -> None:
    check_shape(broken.test_client().get(f"/broken/{status}"), status, code)


def test_a_lost_database(settings: Settings, storage: Storage, caller: Caller) -> None:
    nowhere = connect("postgresql://nobody@127.0.0.1:1/none?connect_timeout=1")
    client = create_app(settings, nowhere, storage).test_client()
    response = client.get("/v1/status/none", headers=caller.headers)
    check_shape(response, 503, "database_unavailable")
    assert int(response.headers["Retry-After"]) > 0


# --- code and documentation -----------------------------------------------------------------------------------------


def documented() -> dict[str, tuple[str, str]]:
    """Status and meaning by code, from the tables of docs/errors.md."""
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (.+?) \|", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    assert len(rows) == len({code for code, _, _ in rows}), "a code is documented twice"
    return {code: (status, meaning) for code, status, meaning in rows}


def test_every_code_is_documented_with_its_status_and_meaning() -> None:
    found = documented()
    for kind in classes():
        if kind.code in MEANINGS:
            assert found[kind.code] == (str(int(status_of(kind))), MEANINGS[kind.code]), kind
    for status, (code, _) in HTTP_CODES.items():
        assert found[code] == (str(int(status)), MEANINGS[code])


def test_nothing_else_is_documented() -> None:
    assert documented().keys() == MEANINGS.keys()


def test_every_error_a_client_may_see_has_a_meaning() -> None:
    """All leaves of the tree, bar those that stand for another code or never reach a client."""
    unseen = {
        errors.JobFailed: "answers with the code of the job's own error",
        errors.ConfigurationError: "at start",
        errors.MeshUnreadable: "of files that the API does not take",
    }
    leaves = {kind for kind in classes() if not kind.__subclasses__()} - unseen.keys()
    assert {kind.code for kind in leaves} <= MEANINGS.keys()


def test_the_statuses_are_the_contracts() -> None:
    contract: dict[int, list[Any]] = {
        400: [errors.InvalidRequest, errors.InvalidOption],
        401: [errors.InvalidKey],
        402: [errors.InsufficientCredits],
        404: [errors.UnknownJob],
        409: [errors.JobNotFinished],
        413: [errors.PictureTooLarge],
        422: [errors.PictureUnreachable, errors.PictureUnreadable],
        429: [errors.RateLimited],
        502: [errors.JobFailed, errors.NoObject, errors.GeneratorFailed],
    }
    for status, kinds in contract.items():
        assert {int(status_of(kind)) for kind in kinds} == {status}
