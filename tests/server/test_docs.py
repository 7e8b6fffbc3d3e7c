"""The OpenAPI document and the pages: valid, complete, and usable offline."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator

from spherelinks.generation import registry
from spherelinks.options import Options
from spherelinks_server.errors import MEANINGS, status_of
from spherelinks_server.v1.models import GenerateRequest

from .test_errors import classes


@pytest.fixture(scope="module")
def document(app: Flask) -> Any:
    response = app.test_client().get("/v1/openapi.json")
    assert response.mimetype == "application/json"
    return response.json


def test_the_table_of_options_is_that_of_the_code() -> None:
    """Names, ranges and defaults of docs/api.md, each against the options' own schema."""
    page = (Path(__file__).parent.parent.parent / "docs/api.md").read_text()
    rows = re.search(r"^\| option \| range \| default .*\n\|[-|]+\n((?:\|.*\n)+)", page, re.M)
    assert rows is not None
    table = {}
    for row in rows[1].splitlines():
        name, allowed, default, _ = (cell.strip() for cell in row.strip("|").split("|", 3))
        table[name.strip("`")] = (allowed, default)
    schema = dict(Options.model_json_schema()["properties"])
    for card in registry.look().cards.values():
        schema |= card.own
    assert table.keys() == schema.keys()
    for name, option in schema.items():
        allowed, default = table[name]
        kinds = option.get("anyOf", [option])
        for kind in kinds:
            if "minimum" in kind:
                assert allowed == f"{kind['minimum']:g} to {kind['maximum']}", name
            if "enum" in kind:
                assert allowed == ", ".join(f"`{value}`" for value in kind["enum"]), name
            if kind.get("type") == "boolean":
                assert allowed == "`true`, `false`", name
        if option.get("default") is not None:
            assert default.strip("`") == str(option["default"]).lower(), name


def operations(document: Any) -> dict[str, Any]:
    return {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }


def test_it_is_openapi_3_1(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


OPERATIONS = {
    "POST /v1/generate": {200, 202, 400, 401, 402, 403, 409, 413, 422, 429, 502, 503, 507},
    "GET /v1/status/{jobId}": {200, 400, 401, 403, 404, 429, 503},
    "GET /v1/download/{jobId}": {200, 206, 304, 401, 403, 404, 409, 410, 416, 429, 502, 503},
    "GET /v1/jobs": {200, 400, 401, 403, 429, 503},
    "GET /v1/jobs/{jobId}": {200, 401, 403, 404, 429, 503},
    "DELETE /v1/jobs/{jobId}": {200, 401, 403, 404, 429, 503},
    "GET /v1/jobs/{jobId}/files/{kind}": {200, 206, 304, 401, 403, 404, 409, 410, 416, 429, 502, 503, 507},
    "GET /v1/jobs/{jobId}/events": {200, 401, 403, 404, 429, 503},
    "GET /v1/credits": {200, 401, 403, 429, 503},
    "GET /v1/credits/ledger": {200, 400, 401, 403, 429, 503},
    "POST /v1/credits/checkout": {200, 400, 401, 403, 404, 429, 503},
    "GET /v1/account": {200, 401, 429, 503},
    "GET /v1/generators": {200, 401, 403, 429, 503},
    "POST /v1/webhooks": {201, 400, 401, 403, 409, 429, 503},
    "GET /v1/webhooks": {200, 401, 403, 429, 503},
    "DELETE /v1/webhooks/{webhookId}": {204, 401, 403, 404, 429, 503},
    "POST /v1/webhooks/{webhookId}/rotate": {200, 401, 403, 404, 429, 503},
    "GET /v1/webhooks/{webhookId}/deliveries": {200, 400, 401, 403, 404, 429, 503},
    "POST /v1/webhooks/{webhookId}/deliveries/{deliveryId}/redeliver": {202, 401, 403, 404, 429, 503},
}


def test_each_operation_stands_in_it_once_with_its_statuses(document: Any) -> None:
    found = {
        name: {int(status) for status in operation["responses"]} for name, operation in operations(document).items()
    }
    assert found == OPERATIONS


def test_every_operation_is_in_the_short_version(document: Any) -> None:
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
    for name in operations(document):
        assert f"## {name}" in page, name


def test_every_code_stands_under_its_status(document: Any) -> None:
    statuses = {kind.code: str(int(status_of(kind))) for kind in classes()} | {
        "request_too_large": "413",
        "range_not_satisfiable": "416",
    }
    for operation in operations(document).values():
        for status, answer in operation["responses"].items():
            for code in re.findall(r"^`(\w+)`:", answer["description"], re.MULTILINE):
                assert statuses[code] == status
                assert MEANINGS[code] in answer["description"]


def test_every_error_has_the_one_schema(document: Any) -> None:
    for operation in operations(document).values():
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert answer["content"] == {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}


def test_a_key_is_asked_for_everywhere(document: Any) -> None:
    scheme = document["components"]["securitySchemes"]["apiKey"]
    assert scheme == {"type": "apiKey", "in": "header", "name": "X-API-Key"}
    assert document["components"]["securitySchemes"]["bearer"].items() >= {"type": "http", "scheme": "bearer"}.items()
    either = [{"apiKey": []}, {"bearer": []}]
    assert all(operation["security"] == either for operation in operations(document).values())


def test_the_options_are_the_librarys(document: Any) -> None:
    described = document["components"]["schemas"]["Options"]
    assert described["additionalProperties"] is False
    own = {name for card in registry.look().cards.values() for name in card.own}
    assert described["properties"].keys() == {field.alias for field in Options.model_fields.values()} | own
    size = described["properties"]["textureSize"]
    assert (size["minimum"], size["maximum"], size["default"]) == (512, 2048, 1024)


def test_the_example_is_a_good_request(app: Flask, document: Any) -> None:
    example = document["paths"]["/v1/generate"]["post"]["requestBody"]["content"]["application/json"]["example"]
    with app.app_context():  # options are checked by the rules of the generator that they name
        request = GenerateRequest.model_validate(example)
    assert request.image_url
    assert not request.image_base64


def test_a_form_takes_what_json_takes(document: Any) -> None:
    content = document["paths"]["/v1/generate"]["post"]["requestBody"]["content"]
    assert content["multipart/form-data"]["schema"] == {"$ref": "#/components/schemas/GenerateForm"}
    schemas = document["components"]["schemas"]
    form, body = schemas["GenerateForm"]["properties"], schemas["GenerateRequest"]["properties"]
    pictures = {"imageUrl", "imageBase64", "images", "maskUrl", "maskBase64"}
    files = {"image", "mask", "back", "left", "right"}
    assert form.keys() - files == body.keys() - pictures
    assert {(form[name]["type"], form[name]["format"]) for name in files} == {("string", "binary")}
    options = {"$ref": "#/components/schemas/Options"}
    assert form["options"] == form["options"] | options
    assert body["options"]["anyOf"] == [options, {"type": "null"}]


class Loads(HTMLParser):
    """What a page makes a browser load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = ("src", "srcset", "data-url", "data") + (("href",) if tag in ("link", "base", "use") else ())
        self.found += [value for name, value in attrs if name in names and value]


@pytest.mark.parametrize("page", ["/", "/v1/docs", "/docs"])
def test_pages_load_only_from_this_server(http: FlaskClient, page: str) -> None:
    response = http.get(page)
    assert (response.status_code, response.mimetype) == (200, "text/html")
    loads = Loads()
    loads.feed(response.text)
    assert loads.found
    for url in loads.found:
        assert url.startswith("/")
        assert not url.startswith("//")
        answer = http.get(url)
        assert answer.status_code == 200
        if answer.mimetype == "text/css":
            assert not re.search(r"""url\(\s*["']?(\w+:)?//""", answer.text)
            assert "@import" not in answer.text
    # and whatever the scripts should wish for later, the browser is told to load from here alone
    directives = dict(d.strip().split(" ", 1) for d in response.headers["Content-Security-Policy"].split(";"))
    for directive in ("default-src", "script-src", "style-src", "img-src", "font-src", "connect-src"):
        allowed = {"'none'", "'self'", "'unsafe-inline'", "'wasm-unsafe-eval'", "data:", "blob:"}
        assert {source for source in directives[directive].split() if "sha256-" not in source} <= allowed
    assert "'unsafe-inline'" not in directives["script-src"]


def test_the_landing_page_shows_this_servers_address(http: FlaskClient) -> None:
    page = http.get("/", base_url="https://assets.example:8443").text
    assert "curl https://assets.example:8443/v1/generate" in page
