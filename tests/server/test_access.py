"""The key as X-API-Key or as a bearer token: the same key, the same answers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .conftest import Caller, base64_of, encoded


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER "])
def test_a_bearer_token_is_the_key(caller: Caller, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {caller.secret}"}
    told = caller.http.get("/v1/account", headers=headers)
    assert (told.status_code, told.json) == (200, caller.get("/v1/account").json)
    picture = {"imageBase64": base64_of(encoded("PNG"))}
    for path in ("/v1/generate", "/generate"):
        assert caller.http.post(path, json=picture, headers=headers).status_code == 202
    assert caller.http.get("/v1/account", headers=headers | caller.headers).status_code == 200  # twice the same


def test_of_two_different_keys_none_counts(caller: Caller, make_caller: Callable[..., Caller]) -> None:
    other = make_caller()
    response = caller.http.get("/v1/account", headers=caller.headers | {"Authorization": f"Bearer {other.secret}"})
    assert response.json is not None
    error = response.json["error"]
    assert (response.status_code, error["code"]) == (401, "invalid_api_key")
    assert "X-API-Key and Authorization" in error["message"]
    assert caller.secret not in response.text
    assert other.secret not in response.text


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ", "Bearer sesame", "Basic dXNlcjpwYXNz", "{key}"])
def test_what_is_no_key_is_refused_with_both_ways(caller: Caller, authorization: str) -> None:
    sent = authorization.replace("{key}", caller.secret)
    response = caller.http.get("/v1/account", headers={"Authorization": sent} if sent else {})
    assert response.json is not None
    assert (response.status_code, response.json["error"]["code"]) == (401, "invalid_api_key")
    assert caller.secret not in response.text
    assert response.headers["WWW-Authenticate"].startswith("Bearer ")
    if authorization != "Bearer sesame":
        assert "Authorization: Bearer KEY" in response.json["error"]["hint"]


def test_a_proxys_own_sign_in_is_no_key(caller: Caller) -> None:
    headers = caller.headers | {"Authorization": "Basic dXNlcjpwYXNz"}
    assert caller.http.get("/v1/account", headers=headers).status_code == 200
