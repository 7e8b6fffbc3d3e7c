"""Each exchange of the contract: the client in Godot asks as it says, and makes of the answer what it means."""

import base64
import json
from pathlib import Path

import pytest
from editors import Godot, make_project

from contract import coverage, record

EXCHANGES = {
    Path(name).stem: json.loads((coverage.HERE / name).read_text("utf-8")) for name in coverage.files("exchanges")
}
FILES = coverage.HERE / "files"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def understood(program, bad, tmp_path_factory):
    """What the client made of each answer, and what it had asked."""
    before = len(bad.seen)
    asked = []
    for name, exchange in EXCHANGES.items():
        request = exchange["request"]
        headers = dict(request["headers"])
        asked.append(
            {
                "name": name,
                "address": bad.address(name),
                "key": headers.pop("X-API-Key", ""),
                "method": request["method"],
                "path": request["path"],
                "headers": headers,
                "body": request.get("body"),
                "ours": is_ours(request),
            }
        )
    project = make_project(tmp_path_factory.mktemp("exchanges") / "project")
    godot = Godot(program, tmp_path_factory.mktemp("home"))
    told = godot.facts(project, "client.gd", what="exchanges", asked=asked, picture=str(FILES / "picture.png"))
    return told, {each.folder: each for each in bad.seen[before:]}


@pytest.mark.parametrize("name", EXCHANGES)
def test_the_client_asks_and_understands(understood, name):
    told, sent = understood[0][name], understood[1][name]
    request, response = EXCHANGES[name]["request"], EXCHANGES[name]["response"]
    if response["status"] >= 400:
        error = response["body"]["error"]
        assert (told["code"], told["message"], told["hint"]) == (error["code"], error["message"], error["hint"])
        assert told["transient"] == (response["status"] in (409, 429) or response["status"] >= 500)
        assert told["wait"] == float(response["headers"].get("Retry-After", 0))
    elif "file" in response:
        assert base64.b64decode(told["file"]) == (FILES / response["file"]).read_bytes()
    elif is_ours(request):
        assert told["answer"] == response["body"]["jobId"]
    else:
        assert told["answer"] == response["body"]
    assert (sent.method, "/" + sent.path) == (request["method"], request["path"])
    headers = {key.lower(): value for key, value in sent.headers.items()}
    assert {key: headers.get(key.lower()) for key in request["headers"]} == request["headers"]
    assert ("x-api-key" in headers) == ("X-API-Key" in request["headers"])
    if is_ours(request):
        assert json.loads(sent.body) == json.loads(record.encoded(request["body"]))


def is_ours(request):
    """Whether the client makes a request for a job like that."""
    return (
        request["method"] == "POST"
        and "Idempotency-Key" in request["headers"]
        and ("{picture}" in request["body"].values() or "images" in request["body"])
    )
