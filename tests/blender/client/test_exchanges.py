"""Each exchange of the contract: the client asks as it says, and makes of the answer what it means."""

import json

import pytest

from blender_addon.client import server
from blender_addon.client.errors import REMEDIES, Failure
from blender_addon.client.http import Connection
from contract import coverage, record


@pytest.mark.parametrize("name", coverage.files("exchanges"))
def test_the_client_asks_and_understands(contract, stand_in, tmp_path, name):
    exchange, folder = contract.json(name), name.partition("/")[2].removesuffix(".json")
    request, response = exchange["request"], exchange["response"]
    before = len(stand_in.seen)
    connection = Connection(stand_in.address(folder), request["headers"].get("X-API-Key", ""), False)
    ask = asking(contract, connection, request, tmp_path / "file")
    if response["status"] < 400:
        assert ask() == answered(contract, request, response)
    else:
        with pytest.raises(Failure) as caught:
            ask()
        told = response["body"]["error"]
        assert (caught.value.code, caught.value.message) == (told["code"], told["message"])
        assert caught.value.hint == (told["hint"] or REMEDIES.get(told["code"], ""))
        assert caught.value.transient == (response["status"] in (409, 429) or response["status"] >= 500)
        assert caught.value.retry_after == float(response["headers"].get("Retry-After", 0))
    [sent] = stand_in.seen[before:]
    assert (sent.method, "/" + sent.path) == (request["method"], request["path"])
    headers = {key.lower(): value for key, value in sent.headers.items()}
    assert {key: headers.get(key.lower()) for key in request["headers"]} == request["headers"]
    assert ("x-api-key" in headers) == ("X-API-Key" in request["headers"])
    if request["method"] == "POST" and is_ours(request):
        assert json.loads(sent.body) == json.loads(record.encoded(request["body"]))


def asking(contract, connection, request, target):
    """What asks for this, of the client's own functions where there is one."""
    method, path, body = request["method"], request["path"], request.get("body")
    parts = path.partition("?")[0].split("/")[2:]
    job = parts[1] if len(parts) > 1 else ""

    def fetched(fetch):
        fetch(connection, job, target)
        return target.read_bytes()

    match method, parts:
        case "POST", ["generate"] if is_ours(request):
            picture = contract.path("files/picture.png").read_bytes()
            key = request["headers"].get("Idempotency-Key", "0")
            sides = dict.fromkeys((each["view"] for each in body.get("images", ())[1:]), picture)
            return lambda: server.generate(connection, picture, body["options"], key, sides)
        case "GET", ["status", _]:
            return lambda: server.status(connection, job)
        case "GET", ["download", _]:
            return lambda: fetched(server.download)
        case "GET", ["jobs", _, "files", "picture"]:
            return lambda: fetched(server.picture)
        case "DELETE", ["jobs", _]:
            return lambda: server.delete(connection, job)
        case "GET", ["jobs"]:
            return lambda: server.jobs(connection)
        case "GET", ["account"]:
            return lambda: server.account(connection)
        case _:  # what the client asks for nowhere, or not like that: the answer is understood all the same
            own = {name: value for name, value in request["headers"].items() if name != "X-API-Key"}
            sent = body if isinstance(body, dict) else None
            return lambda: connection.json(method, path, sent, own)


def is_ours(request):
    """Whether the client makes a request for a job like that: the bytes of one picture or several, and options."""
    body = request["body"]
    if not isinstance(body, dict):
        return False
    pictures = body.get("images", [{"view": "front", "imageBase64": body.get("imageBase64")}])
    plain = all(each["imageBase64"] == "{picture}" for each in pictures)
    return plain and pictures[0]["view"] == "front" and set(body) in ({"imageBase64", "options"}, {"images", "options"})


def answered(contract, request, response):
    if request["method"] == "DELETE":
        return None
    if "file" in response:
        return contract.path(f"files/{response['file']}").read_bytes()
    return response["body"]["jobId"] if request["method"] == "POST" and is_ours(request) else response["body"]
