"""POST /v1/generate with a form: what JSON can ask for, a form can, with the picture as a file."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from spherelinks.database import Job, transaction
from spherelinks.generation import registry
from spherelinks.options import Options, from_text, name_of_file
from spherelinks.picture.limits import MAX_BYTES
from spherelinks_server.v1.api import MAX_BODY

from .conftest import Caller, base64_of, encoded, mask_of

PNG = encoded("PNG")


def post(caller: Caller, *fields: tuple[str, Any], path: str = "/v1/generate", **headers: str) -> TestResponse:
    """Post these fields; bytes are a file, and a pair is a file with its name."""
    data: dict[str, list[Any]] = {}
    for name, value in fields:
        content, filename = value if isinstance(value, tuple) else (value, "")
        part = (io.BytesIO(content), filename or "mug.png") if isinstance(content, bytes) else content
        data.setdefault(name, []).append(part)
    own = {name.replace("_", "-"): value for name, value in headers.items()}
    return caller.http.post(path, data=data, content_type="multipart/form-data", headers=caller.headers | own)


def accepted(caller: Caller, *fields: tuple[str, Any]) -> dict[str, Any]:
    """The options of the job that these fields make, with the picture they send."""
    response = post(caller, ("image", PNG), *fields)
    assert response.status_code == 202, response.text
    assert response.json is not None
    job = caller.get(f"/v1/jobs/{response.json['jobId']}").json
    assert job is not None
    found: dict[str, Any] = job["options"]
    return found


def test_a_file_is_the_picture_and_names_the_asset(caller: Caller) -> None:
    before = caller.rows()
    response = post(caller, ("image", (PNG, "blue mug.png")))
    assert response.status_code == 202
    assert response.json is not None
    job = response.json["jobId"]
    assert response.headers["Location"] == f"/v1/status/{job}"
    assert caller.rows()["balance"].held == before["balance"].held + 1
    assert caller.get(f"/v1/jobs/{job}/files/picture").data == PNG
    told = caller.get(f"/v1/jobs/{job}").json
    assert told is not None
    assert told["options"]["name"] == "blue mug"
    assert post(caller, ("image", PNG), path="/generate").status_code == 202  # without /v1, too


OPTIONS = {"textureSize": 2048, "seed": 7, "name": "12", "lods": [0.5, 0.25], "normalMap": True, "pivot": "center"}
SIZE = {"height": 9.5, "unit": "cm"}


def test_options_are_fields_or_json_or_both(caller: Caller) -> None:
    asked = {**OPTIONS, "dimensions": SIZE}
    wanted = registry.card("lift").options(**asked).model_dump(by_alias=True, mode="json")
    dotted = [(f"options.{name}", v if isinstance(v, str) else json.dumps(v)) for name, v in OPTIONS.items()]
    size = [("options.dimensions.height", "9.5"), ("options.dimensions.unit", "cm")]
    assert accepted(caller, ("options", json.dumps(asked))) == wanted
    assert accepted(caller, *dotted, *size) == wanted
    assert accepted(caller, *dotted, ("options", json.dumps({"dimensions": SIZE}))) == wanted
    assert accepted(caller, *size[1:], ("options", json.dumps(OPTIONS)), size[0]) == wanted


def test_where_the_asset_is_sent_and_whether_it_is_made_anew(caller: Caller, engine: Engine) -> None:
    output = {"putUrl": "https://93.184.216.34/x", "headers": {"x-ms-blob-type": "BlockBlob"}}
    dotted = [("output.putUrl", output["putUrl"]), ("output.headers.x-ms-blob-type", "BlockBlob")]
    for fields in ([("output", json.dumps(output))], dotted):
        response = post(caller, ("image", PNG), ("cache", "bypass"), *fields)
        assert response.json is not None, response.text
        with transaction(engine) as session:
            stored = session.scalars(select(Job.output).where(Job.id == response.json["jobId"])).one()
        assert stored == output


def test_a_mask_is_a_file_too(caller: Caller) -> None:
    mask = mask_of(PNG)
    fields = ("image", PNG), ("mask", (mask, "mask.png"))
    response = post(caller, *fields, Idempotency_Key="masked")
    assert response.json is not None, response.text
    assert caller.get(f"/v1/jobs/{response.json['jobId']}/files/mask").data == mask
    assert post(caller, fields[0], Idempotency_Key="masked").status_code == 422  # another request
    refused = post(caller, fields[0], ("mask", encoded("PNG", (30, 90))))
    assert refused.json is not None
    assert (refused.status_code, refused.json["error"]["message"][:5]) == (400, "mask ")


def test_other_sides_are_files_too(caller: Caller, png: bytes, jpeg: bytes) -> None:
    before = caller.rows()
    fields = ("image", (PNG, "mug front.png")), ("back", (jpeg, "mug back.jpg")), ("left", PNG)
    response = post(caller, *fields, Idempotency_Key="sides")
    assert response.json is not None, response.text
    job = response.json["jobId"]
    assert caller.rows()["balance"].held == before["balance"].held + 1
    for kind, data in (("picture", PNG), ("back", jpeg), ("left", PNG)):
        assert caller.get(f"/v1/jobs/{job}/files/{kind}").data == data
    told = caller.get(f"/v1/jobs/{job}").json
    assert told is not None
    assert told["options"]["name"] == "mug front"
    assert post(caller, *reversed(fields), Idempotency_Key="sides").json == response.json
    for changed in (fields[:2], (*fields[:2], ("right", PNG)), (fields[0], ("back", PNG), fields[2])):
        assert post(caller, *changed, Idempotency_Key="sides").status_code == 422  # another request
    assert post(caller, ("imageUrl", f"data:;base64,{base64_of(PNG)}"), ("back", jpeg)).status_code == 202


def test_a_picture_may_come_as_text_too(caller: Caller) -> None:
    assert post(caller, ("imageUrl", f"data:;base64,{base64_of(PNG)}")).status_code == 202
    assert post(caller, ("imageBase64", base64_of(PNG)), ("options.seed", "1")).status_code == 202


TWICE = ("invalid_request", "options.seed is given twice")
BAD: dict[str, tuple[list[tuple[str, Any]], int, str, str]] = {
    # fields, status, code, what the message names
    "nothing": ([("cache", "use")], 400, "invalid_request", "image is missing"),
    "a text for a file": ([("image", "mug.jpg")], 400, "invalid_request", "image"),
    "an empty file": ([("image", b"")], 400, "invalid_request", "image"),
    "a text for a mask": ([("image", PNG), ("mask", "mug.png")], 400, "invalid_request", "mask is a text"),
    "two masks": ([("image", PNG), ("mask", PNG), ("maskBase64", "a")], 400, "invalid_request", "maskBase64"),
    "a side alone": ([("back", PNG)], 400, "invalid_request", "image is missing"),
    "a text for a side": ([("image", PNG), ("back", "mug.png")], 400, "invalid_request", "back is a text"),
    "two of a side": ([("image", PNG), ("back", PNG), ("back", PNG)], 400, "invalid_request", "back is given twice"),
    "an empty side": ([("image", PNG), ("left", b"")], 400, "invalid_request", "left is empty"),
    "a side that is none": ([("image", PNG), ("left", b"<svg/>")], 422, "picture_unreadable", "left: "),
    "a large side": ([("image", PNG), ("right", bytes(MAX_BYTES + 1))], 413, "picture_too_large", "right: "),
    "a list of pictures": ([("images", "[]")], 400, "invalid_request", "images is a field of JSON"),
    "another file": ([("picture", PNG)], 400, "invalid_request", "picture"),
    "two files": ([("image", PNG), ("image", PNG)], 400, "invalid_request", "image"),
    "a file and a URL": ([("image", PNG), ("imageUrl", "https://a.example/")], 400, "invalid_request", "imageUrl"),
    "no picture": ([("image", b"<svg></svg>")], 422, "picture_unreadable", "image"),
    "a large file": ([("image", bytes(MAX_BYTES + 1))], 413, "picture_too_large", "image"),
    "an unknown field": ([("image", PNG), ("quality", "9")], 400, "invalid_request", "quality"),
    "an option without its prefix": ([("image", PNG), ("textureSize", "512")], 400, "invalid_request", "textureSize"),
    "an unknown option": ([("image", PNG), ("options.textureSise", "512")], 400, "invalid_option", "textureSise"),
    "an option out of range": ([("image", PNG), ("options.textureSize", "511")], 400, "invalid_option", "511"),
    "an option of a wrong type": ([("image", PNG), ("options.seed", "lots")], 400, "invalid_option", "lots"),
    "an empty option": ([("image", PNG), ("options.seed", "")], 400, "invalid_option", "seed"),
    "a number without end": ([("image", PNG), ("options.seed", "9" * 5000)], 400, "invalid_option", "seed"),
    "half a size": ([("image", PNG), ("options.dimensions.unit", "cm")], 400, "invalid_option", "dimensions"),
    "an option twice": ([("image", PNG), ("options.seed", "1"), ("options.seed", "2")], 400, "invalid_request", "seed"),
    "an option in both": ([("image", PNG), ("options", '{"seed": 1}'), ("options.seed", "1")], 400, *TWICE),
    "options as text": ([("image", PNG), ("options", "high")], 400, "invalid_request", "options"),
    "options as a list": ([("image", PNG), ("options", "[]")], 400, "invalid_request", "options"),
    "options nested": ([("image", PNG), ("options", "[" * 50_000)], 400, "invalid_request", "options"),
    "a part of no object": ([("image", PNG), ("options", "5"), ("options.a", "1")], 400, "invalid_request", "options"),
    "a deep name": ([("image", PNG), ("options." + "a." * 5000 + "b", "1")], 400, "invalid_request", "options.a"),
    "a cache of another kind": ([("image", PNG), ("cache", "never")], 400, "invalid_request", "cache"),
    "a long field": ([("image", PNG), ("options.name", "n" * 70_000)], 400, "invalid_request", "65536"),
    "many fields": ([("image", PNG), *((f"f{n}", "1") for n in range(200))], 400, "invalid_request", "100 fields"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_named_and_costs_nothing(caller: Caller, case: str) -> None:
    fields, status, code, named = BAD[case]
    before = caller.rows()
    response = post(caller, *fields)
    assert response.json is not None
    error = response.json["error"]
    assert (response.status_code, error["code"]) == (status, code), error
    assert named in error["message"]
    assert error["hint"]
    assert len(response.data) < 1000
    assert caller.rows() == before


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=x"])
@pytest.mark.parametrize("body", [b"", b"--x\r\nimage", b"image=mug.jpg"])
def test_what_is_no_form_is_refused(caller: Caller, kind: str, body: bytes) -> None:
    response = caller.http.post("/v1/generate", data=body, content_type=kind, headers=caller.headers)
    assert response.json is not None
    assert (response.status_code, response.json["error"]["code"]) == (400, "invalid_request")


def test_a_form_is_bounded_as_json_is(caller: Caller) -> None:
    assert post(caller, ("image", PNG + bytes(MAX_BYTES - len(PNG)))).status_code == 202
    for announced in (True, False):
        response = caller.http.post(
            "/v1/generate",
            input_stream=io.BytesIO(b"--x\r\n" + bytes(MAX_BODY + 1000)),
            content_type="multipart/form-data; boundary=x",
            headers=caller.headers | ({"Content-Length": str(MAX_BODY + 1005)} if announced else {}),
            environ_overrides={"wsgi.input_terminated": True},
        )
        assert response.json is not None
        assert (response.status_code, response.json["error"]["code"]) == (413, "request_too_large")


def test_a_form_is_repeated_by_its_content(caller: Caller) -> None:
    """The same key and the same fields and file: the first answer, whatever boundary the client has made up."""
    fields = ("image", PNG), ("options.seed", "3")
    first, before = post(caller, *fields, Idempotency_Key="order-1"), caller.rows()
    again = post(caller, *reversed(fields), Idempotency_Key="order-1")
    assert (again.status_code, again.json) == (first.status_code, first.json)
    assert again.headers["Idempotent-Replayed"] == "true"
    other_picture, other_seed = ("image", encoded("PNG", (64, 64))), ("options.seed", "4")
    for changed in ((fields[0], other_seed), (other_picture, fields[1])):
        refused = post(caller, *changed, Idempotency_Key="order-1")
        assert refused.json is not None
        assert (refused.status_code, refused.json["error"]["code"]) == (422, "idempotency_mismatch")
    assert caller.rows() == before


def test_only_a_job_is_asked_for_by_form(caller: Caller) -> None:
    response = post(caller, ("url", "https://93.184.216.34/hook"), path="/v1/webhooks")
    assert response.json is not None
    assert response.status_code == 400
    assert response.json["error"]["message"] == "The Content-Type is multipart/form-data, not application/json."


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("mug.jpg", "mug"),
        ("my.blue.mug.jpeg", "my.blue.mug"),
        ("C:\\pictures\\mug.png", "mug"),
        ("../../etc/passwd.png", "passwd"),
        ("mug", "mug"),
        (".png", ".png"),
        ("a\nb\x7f.png", "ab"),
        ("x" * 300 + ".png", "x" * 64),
        (" \t.png", None),
        ("", None),
    ],
)
def test_the_name_of_a_file_is_a_name_that_options_take(filename: str, name: str | None) -> None:
    assert name_of_file(filename) == name
    assert Options(name=name).name == name


def test_text_is_a_value_of_the_options_own_kind() -> None:
    for path, text, value in [
        (("seed",), "7", 7),
        (("name",), "7", "7"),
        (("name",), "true", "true"),
        (("normalMap",), "true", True),
        (("lods",), "0.5, 0.25", [0.5, 0.25]),
        (("lods",), "[0.5]", [0.5]),
        (("targetFaces",), "null", None),
        (("dimensions",), '{"height": 1}', {"height": 1}),
        (("dimensions", "height"), "9.5", 9.5),
        (("dimensions", "unit"), "cm", "cm"),
        (("seed",), "many", "many"),
        (("nothing", "at", "all"), "1", "1"),
    ]:
        assert from_text(Options, path, text) == value, path
