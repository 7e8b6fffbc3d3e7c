"""POST /v1/generate: what is accepted, what is refused, and that a refusal leaves nothing behind."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from queue import Queue
from threading import Event, Thread
from typing import Any

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import Engine, text

from spherelinks.accounts import keys
from spherelinks.config import Settings
from spherelinks.database import transaction
from spherelinks.picture.fetch import Guard
from spherelinks.picture.limits import MAX_BYTES
from spherelinks.shape import VIEWS
from spherelinks.storage import Storage
from spherelinks_server import create_app
from spherelinks_server.intake import FETCHES_OF_ACCOUNT
from spherelinks_server.v1.api import MAX_BODY
from spherelinks_server.v1.blueprint import LARGE

from .conftest import Caller, base64_of, encoded

JOB = re.compile(r"job_[0-7][0-9a-hjkmnp-tv-z]{25}")


# --- accepted -------------------------------------------------------------------------------------------------------


def test_the_answer_is_the_contracts(caller: Caller, png: bytes) -> None:
    response = caller.generate(imageBase64=base64_of(png))

    assert response.status_code == 202
    assert response.json is not None
    job = response.json["jobId"]
    promised = {"jobId": job, "status": "PROCESSING", "message": "Generation started."}
    assert promised.items() <= response.json.items()
    assert JOB.fullmatch(job)
    assert response.headers["Location"] == f"/v1/status/{job}"
    assert int(response.headers["Retry-After"]) > 0


def test_a_job_holds_one_credit_and_one_place_in_the_queue(caller: Caller, png: bytes) -> None:
    before = caller.rows()
    caller.generate(imageBase64=base64_of(png))
    after = caller.rows()

    assert after["balance"].available == before["balance"].available - 1
    assert after["balance"].held == before["balance"].held + 1
    assert (after["jobs"], after["queue"]) == (before["jobs"] + 1, before["queue"] + 1)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("field", ["imageBase64", "imageUrl"])
def test_every_format_and_way(caller: Caller, kind: str, field: str) -> None:
    bare = base64_of(encoded(kind))
    value = bare if field == "imageBase64" else f"data:image/anything;base64,{bare}"
    assert caller.generate(**{field: value}).status_code == 202


def test_all_options_at_both_ends_of_their_range(caller: Caller, png: bytes) -> None:
    for options in (
        {"textureSize": 512, "simplifyRatio": 0, "diffusionSteps": 1, "seed": 0, "generator": "inflate"},
        {"textureSize": 2048, "simplifyRatio": 0.99, "diffusionSteps": 50, "seed": 2**32 - 1},
        {"textureSize": 1024.0, "seed": 7.0},  # how some languages write whole numbers
    ):
        assert caller.generate(imageBase64=base64_of(png), options=options).status_code == 202


def test_a_picture_of_exactly_ten_megabytes_passes_the_limits_of_size(caller: Caller, png: bytes) -> None:
    padded = png + bytes(MAX_BYTES - len(png))  # decoders stop at the end marker
    text = base64_of(padded)
    lines = "\r\n".join(text[i : i + 76] for i in range(0, len(text), 76))
    assert caller.generate(imageBase64=text).status_code == 202
    assert caller.generate(imageBase64=lines).status_code == 202


def test_the_paths_without_v1_answer_too(caller: Caller, png: bytes) -> None:
    response = caller.http.post("/generate", json={"imageBase64": base64_of(png)}, headers=caller.headers)
    assert response.status_code == 202


def test_a_mask_is_part_of_the_request(caller: Caller, trusting: Flask, site: tuple[str, int], png: bytes) -> None:
    masks = [
        {},
        {"maskBase64": WIDE},
        {"maskUrl": f"{site[0]}/mask"},
        {"maskBase64": drawn("RGBA", (96, 64), (9, 9, 50, 50))},
    ]
    jobs = []
    for mask in masks:
        body = {"imageBase64": base64_of(png), **mask}
        named = caller.headers | {"Idempotency-Key": "one-name"}
        again = trusting.test_client().post("/v1/generate", json=body, headers=named)
        assert again.status_code == (422 if jobs else 202), "another mask is another request"
        answer = trusting.test_client().post("/v1/generate", json=body, headers=caller.headers)
        assert answer.status_code == 202, answer.text
        assert answer.json is not None
        jobs.append(answer.json["jobId"])
    shown = caller.get(f"/v1/jobs/{jobs[1]}").json
    assert shown is not None
    assert caller.get(shown["files"]["mask"]).data == base64.b64decode(WIDE)
    assert caller.get(f"/v1/jobs/{jobs[2]}/files/mask").data == base64.b64decode(WIDE)
    assert caller.get(f"/v1/jobs/{jobs[0]}/files/mask").status_code == 404


def test_several_pictures_of_one_object_are_one_job(
    caller: Caller, trusting: Flask, site: tuple[str, int], png: bytes, jpeg: bytes, storage: Storage
) -> None:
    http, before = trusting.test_client(), caller.rows()
    front, back = {"view": "front", "imageUrl": f"{site[0]}/mug"}, {"view": "back", "imageBase64": base64_of(png)}
    left = {"view": "left", "imageUrl": f"data:image/png;base64,{base64_of(png)}", "imageBase64": None}

    def ask(*images: dict[str, Any], **more: Any) -> dict[str, Any]:
        response = http.post("/v1/generate", json={"images": [*images], **more}, headers=caller.headers)
        assert response.status_code == 202, response.text
        assert response.json is not None
        return response.json

    job = ask(back, front, left)["jobId"]
    after = caller.rows()
    assert after["balance"].held == before["balance"].held + 1
    assert (after["jobs"], after["queue"]) == (before["jobs"] + 1, before["queue"] + 1)
    shown = caller.get(f"/v1/jobs/{job}").json
    assert shown is not None
    assert shown["files"].keys() == {"picture", "back", "left"}
    for kind, data in (("picture", jpeg), ("back", png), ("left", png)):
        assert caller.get(shown["files"][kind]).data == data
    assert caller.get(f"/v1/jobs/{job}/files/right").status_code == 404

    caller.finish(job, b"glTF", storage)
    assert ask(left, back, front)["cache"] == "hit", "in any order"
    assert ask(front, back)["cache"] == "miss"
    assert ask(front, back | {"view": "left"}, left | {"view": "back"})["cache"] == "hit", "the same by another field"
    assert ask(front, back, left | {"view": "right"})["cache"] == "miss"
    assert ask(front, back, left, maskBase64=drawn("L", (320, 240), (8, 8, 90, 90)))["cache"] == "miss"


# --- refused --------------------------------------------------------------------------------------------------------


def bomb() -> bytes:
    """A PNG of 30000 × 30000 pixels in some kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(10_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def animation() -> bytes:
    frames = [Image.new("RGB", (32, 32), color) for color in ("red", "blue")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9"/></svg>'
HTML = b"<!doctype html><title>mug.jpg</title><p>Not found."
PICTURE = base64_of(encoded("PNG"))
JPEG = encoded("JPEG", (320, 240))


def drawn(mode: str, size: tuple[int, int], box: tuple[int, int, int, int]) -> str:
    """A mask that shows a box, in base64."""
    image, file = Image.new(mode, size), io.BytesIO()
    image.paste("white", box)
    image.save(file, "PNG")
    return base64_of(file.getvalue())


def masked(**fields: str) -> dict[str, Any]:
    return {"imageBase64": PICTURE, **fields}


def views(*plain: str, **others: dict[str, Any]) -> dict[str, Any]:
    """Pictures of these sides; of the others with these fields."""
    return {
        "images": [
            *({"view": view, "imageBase64": PICTURE} for view in plain),
            *({"view": view, **fields} for view, fields in others.items()),
        ]
    }


WIDE, TALL = (drawn("L", size, (8, 8, 24, 24)) for size in ((48, 32), (32, 48)))
BLACK = drawn("L", (48, 32), (0, 0, 0, 0))


def option(**options: Any) -> dict[str, Any]:
    return {"imageBase64": PICTURE, "options": options}


BAD: dict[str, tuple[Any, int, str, str]] = {
    # body, status, code, what the message names
    "an empty object": ({}, 400, "invalid_request", "imageUrl"),
    "an array": ([], 400, "invalid_request", "object"),
    "both fields": ({"imageUrl": "https://example.com/a.png", "imageBase64": PICTURE}, 400, "invalid_request", "both"),
    "a number for a picture": ({"imageBase64": 5}, 400, "invalid_request", "imageBase64"),
    "null for a picture": ({"imageUrl": None}, 400, "invalid_request", "imageUrl"),
    "an empty picture": ({"imageBase64": ""}, 400, "invalid_request", "imageBase64"),
    "an unknown field": ({"imageBase64": PICTURE, "quality": 9}, 400, "invalid_request", "quality"),
    "bad base64": ({"imageBase64": "a picture of a mug!"}, 400, "invalid_request", "imageBase64"),
    "base64 of a truncated length": ({"imageBase64": "AAAAA"}, 400, "invalid_request", "imageBase64"),
    "a data URI without base64": ({"imageUrl": "data:image/png,abc"}, 400, "invalid_request", "imageUrl"),
    "options as text": ({"imageBase64": PICTURE, "options": "high"}, 400, "invalid_request", "options"),
    "an unknown option": (option(textureSise=1024), 400, "invalid_option", "textureSise"),
    "an option by its Python name": (option(texture_size=1024), 400, "invalid_option", "texture_size"),
    "an option that is a word of Python's": (option(**{"self": 1}), 400, "invalid_option", "self"),
    "an option too small": (option(textureSize=511), 400, "invalid_option", "511"),
    "an option too large": (option(simplifyRatio=1), 400, "invalid_option", "simplifyRatio"),
    "an option of a wrong type": (option(seed="7"), 400, "invalid_option", "seed"),
    "an option that is not finite": (option(simplifyRatio=float("nan")), 400, "invalid_option", "simplifyRatio"),
    "half a pixel": (option(textureSize=1024.5), 400, "invalid_option", "1024.5"),
    "a flag for a number": (option(diffusionSteps=True), 400, "invalid_option", "diffusionSteps"),
    "a generator not installed": (option(generator="magic"), 400, "invalid_option", "magic"),
    "one byte over 10 MB": ({"imageBase64": base64_of(bytes(MAX_BYTES + 1))}, 413, "picture_too_large", "imageBase64"),
    "a zip bomb": ({"imageBase64": base64_of(bomb())}, 422, "picture_unreadable", "imageBase64"),
    "a truncated JPEG": ({"imageBase64": base64_of(JPEG[: len(JPEG) // 2])}, 422, "picture_unreadable", "imageBase64"),
    "an SVG": ({"imageBase64": base64_of(SVG)}, 422, "picture_unreadable", "imageBase64"),
    "a GIF": ({"imageBase64": base64_of(animation())}, 422, "picture_unreadable", "imageBase64"),
    "HTML": ({"imageUrl": "data:image/jpeg;base64," + base64_of(HTML)}, 422, "picture_unreadable", "imageUrl"),
    "no address at all": ({"imageUrl": "mug.jpg"}, 422, "picture_unreachable", "imageUrl"),
    "a file": ({"imageUrl": "file:///etc/passwd"}, 422, "picture_unreachable", "imageUrl"),
    "loopback": ({"imageUrl": "http://127.0.0.1/a.png"}, 422, "picture_unreachable", "imageUrl"),
    "loopback by name": ({"imageUrl": "http://localhost/a.png"}, 422, "picture_unreachable", "imageUrl"),
    "loopback in octal": ({"imageUrl": "http://0177.0.0.1/a.png"}, 422, "picture_unreachable", "imageUrl"),
    "loopback in one number": ({"imageUrl": "http://2130706433/a.png"}, 422, "picture_unreachable", "imageUrl"),
    "loopback, IPv6": ({"imageUrl": "http://[::1]/a.png"}, 422, "picture_unreachable", "imageUrl"),
    "loopback, IPv6-mapped": ({"imageUrl": "http://[::ffff:127.0.0.1]/a.png"}, 422, "picture_unreachable", "imageUrl"),
    "a private network": ({"imageUrl": "http://192.168.1.1/a.png"}, 422, "picture_unreachable", "imageUrl"),
    "link-local metadata": ({"imageUrl": "http://169.254.169.254/latest/"}, 422, "picture_unreachable", "imageUrl"),
    "another port": ({"imageUrl": "http://93.184.216.34:22/a.png"}, 422, "picture_unreachable", "imageUrl"),
    "a mask alone": ({"maskBase64": WIDE}, 400, "invalid_request", "imageUrl"),
    "both masks": (masked(maskBase64=WIDE, maskUrl="https://example.com/a.png"), 400, "invalid_request", "both given"),
    "a mask of other proportions": (masked(maskBase64=TALL), 400, "invalid_request", "maskBase64 has 32 × 48 pixels"),
    "a mask without an object": (masked(maskUrl=f"data:image/png;base64,{BLACK}"), 400, "invalid_request", "maskUrl"),
    "a mask in bad base64": (masked(maskBase64="a mask!"), 400, "invalid_request", "maskBase64 is not base64"),
    "a mask that is an SVG": (masked(maskBase64=base64_of(SVG)), 422, "picture_unreadable", "maskBase64: "),
    "a mask over 10 MB": (masked(maskBase64=base64_of(bytes(MAX_BYTES + 1))), 413, "picture_too_large", "maskBase64"),
    "no pictures": ({"images": []}, 400, "invalid_request", "images has 0 pictures: it takes 2 to 4"),
    "one of several pictures": (views("front"), 400, "invalid_request", "images has 1 picture:"),
    "a side twice": (views("front", "back", "back"), 400, "invalid_request", "images[2].view is 'back', as images[1]"),
    "five pictures": (views(*VIEWS, "left"), 400, "invalid_request", "images has 5"),
    "no front": (views("left", "back"), 400, "invalid_request", "no picture of the front, only of left and back"),
    "a view from above": (views("front", "top"), 400, "invalid_request", "images[1].view is 'top': it must be 'front'"),
    "a view left out": ({"images": [{"imageBase64": PICTURE}] * 2}, 400, "invalid_request", "images[0].view is mis"),
    "pictures by name": (
        {"images": {"front": "A" * 70_000, "back": "A" * 70_000}}, 400, "invalid_request",
        "images is an object: it must be a list",
    ),
    "a large text for pictures": (
        {"images": "A" * 70_000}, 400, "invalid_request", "images is a string: it must be a list",
    ),
    "a text for pictures": ({"images": PICTURE}, 400, "invalid_request", "images is "),
    "a text for one of them": ({"images": [PICTURE, PICTURE]}, 400, "invalid_request", "images[0] is "),
    "both ways": (views("front", "back") | {"imageUrl": "https://example.com/a"}, 400, "invalid_request", "are both"),
    "a side without a picture": (views("front", back={}), 400, "invalid_request", "images[1].imageUrl and images[1]."),
    "a side by both fields": (
        views("front", back={"imageUrl": "https://example.com/a", "imageBase64": PICTURE}),
        400, "invalid_request", "images[1].imageBase64 are both given",
    ),
    "an unknown field of a side": (views("front", back={"mask": 1}), 400, "invalid_request", "images[1].mask"),
    "a side in bad base64": (
        views("front", back={"imageBase64": "a mug!"}), 400, "invalid_request", "images[1].imageBase64 is not base64",
    ),
    "a side that is an SVG": (
        views("front", back={"imageBase64": base64_of(SVG)}), 422, "picture_unreadable", "images[1].imageBase64: ",
    ),
    "a side over 10 MB": (
        views("front", back={"imageBase64": base64_of(bytes(MAX_BYTES + 1))}),
        413, "picture_too_large", "images[1].imageBase64",
    ),
    "a side that is a zip bomb": (
        views("front", back={"imageBase64": base64_of(bomb())}), 422, "picture_unreadable", "images[1].imageBase64: ",
    ),
    "a side at loopback": (
        views("front", left={"imageUrl": "http://127.0.0.1/a.png"}), 422, "picture_unreachable", "images[1].imageUrl",
    ),
    "a mask that does not fit the front": (
        views("front", "back") | {"maskBase64": TALL}, 400, "invalid_request", "maskBase64 has 32 × 48 pixels",
    ),
    "a mask at loopback": (masked(maskUrl="http://127.0.0.1/a.png"), 422, "picture_unreachable", "maskUrl cannot"),
}  # fmt: skip


@pytest.mark.parametrize(
    "nulls",
    [
        {"imageUrl": None},
        {"options": None, "output": None, "cache": None},
        {"output": {"putUrl": "https://93.184.216.34/x", "headers": None}},
    ],
)
def test_null_leaves_a_field_out(caller: Caller, nulls: dict[str, Any]) -> None:
    response = caller.http.post("/v1/generate", json={"imageBase64": PICTURE, **nulls}, headers=caller.headers)
    assert response.status_code == 202, response.text


def test_a_trailing_slash_finds_its_route(caller: Caller, png: bytes) -> None:
    response = caller.http.post("/v1/generate/", json={"imageBase64": base64_of(png)}, headers=caller.headers)
    assert response.status_code == 202
    assert response.json is not None
    assert caller.get(f"/v1/status/{response.json['jobId']}/").status_code == 200


def test_a_compressed_body_is_refused_for_what_it_is(caller: Caller) -> None:
    body = gzip.compress(json.dumps({"imageBase64": PICTURE}).encode())
    headers = caller.headers | {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    response = caller.http.post("/v1/generate", data=body, headers=headers)
    assert response.status_code == 400
    assert response.json is not None
    assert "Content-Encoding: gzip" in response.json["error"]["message"]
    for coding in ("identity", "", "UTF-8"):  # the last is none, and sent all the same
        plain = caller.headers | {"Content-Encoding": coding}
        assert caller.http.post("/v1/generate", json={"imageBase64": PICTURE}, headers=plain).status_code == 202


def test_a_field_within_the_output_is_named_as_it_is_sent(caller: Caller) -> None:
    for output in ({}, {"putUrl": None}):
        body = {"imageBase64": PICTURE, "output": output}
        response = caller.http.post("/v1/generate", json=body, headers=caller.headers)
        assert response.status_code == 400
        assert response.json is not None
        assert response.json["error"]["message"].startswith("output.putUrl ")


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ({"Authorization": "x"}, "Authorization"),
        ({"x-ms-blob-type": "a\nb"}, "x-ms-blob-type"),
        ({"x-ms-blob-type": 5}, "headers"),
    ],
)
def test_a_stores_headers_are_of_an_allowed_list(caller: Caller, headers: dict[str, Any], named: str) -> None:
    output = {"putUrl": "https://93.184.216.34/x", "headers": headers}
    response = caller.http.post("/v1/generate", json={"imageBase64": PICTURE, "output": output}, headers=caller.headers)
    assert response.status_code == 400
    assert named in response.text


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named_and_costs_nothing(caller: Caller, case: str) -> None:
    body, status, code, named = BAD[case]
    before = caller.rows()

    response = caller.http.post("/v1/generate", json=body, headers=caller.headers)

    assert response.json is not None
    error = response.json["error"]
    assert (response.status_code, error["code"]) == (status, code), error
    assert named in error["message"]
    assert error["hint"]
    assert caller.rows() == before


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"\xff\xfe{}", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b'{"imageUrl": ' + b"9" * 5000 + b"}", "application/json"),
        (b'"{}"', "application/json"),
        (b"imageUrl=x", "application/x-www-form-urlencoded"),
        (b"{}", None),
    ],
)
def test_what_is_not_a_json_object_is_refused(caller: Caller, data: bytes, kind: str | None) -> None:
    before = caller.rows()
    response = caller.http.post("/v1/generate", data=data, content_type=kind, headers=caller.headers)
    assert response.json is not None
    assert (response.status_code, response.json["error"]["code"]) == (400, "invalid_request")
    assert caller.rows() == before


@pytest.mark.parametrize(
    "rest",
    [
        f'"options": {json.dumps({f"name{number}": 1 for number in range(50_000)})}',
        f'"options": {json.dumps({"n" * 100_000: 1})}',
        f'"output": {json.dumps({"putUrl": "x" * 100_000})}',
        '"imageUrl": "", ' * 10_000 + '"cache": "use"',
    ],
    ids=["many names", "a long name", "a long value", "repeated"],
)
def test_whatever_is_large_beside_the_picture_is_refused_unread(caller: Caller, png: bytes, rest: str) -> None:
    before = caller.rows()
    body = f'{{"imageBase64": "{base64_of(png)}", {rest}}}'
    response = caller.http.post("/v1/generate", data=body, headers=caller.headers, content_type="application/json")
    assert response.status_code == 400
    assert response.json is not None
    assert "imageBase64" in response.json["error"]["message"]
    assert len(response.data) < 1000
    assert caller.rows() == before


def test_long_names_are_cut_where_they_are_repeated(caller: Caller, png: bytes) -> None:
    for body in ({"options": {"n" * 30_000: 1}}, {"m" * 30_000: 1}, {"cache": "c" * 30_000}):
        response = caller.generate(imageBase64=base64_of(png), **body)
        assert response.status_code == 400
        assert len(response.data) < 1000


@pytest.mark.parametrize("announced", [True, False], ids=["Content-Length", "chunked"])
def test_a_body_over_the_limit_is_refused(caller: Caller, announced: bool) -> None:
    response = caller.http.post(
        "/v1/generate",
        input_stream=io.BytesIO(b" " * (MAX_BODY + 1000)),
        content_type="application/json",
        headers=caller.headers | ({"Content-Length": str(MAX_BODY + 1000)} if announced else {}),
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert response.json is not None
    assert (response.status_code, response.json["error"]["code"]) == (413, "request_too_large")


@pytest.mark.parametrize("form", [False, True], ids=["JSON", "form"])
def test_a_body_has_room_for_each_of_its_pictures_and_no_more(caller: Caller, png: bytes, form: bool) -> None:
    large = png + bytes(MAX_BYTES - len(png))  # decoders stop at the end marker

    def send(fields: dict[str, bytes], **rest: str) -> tuple[int, str]:
        if form:
            sent: dict[str, Any] = {
                "data": {
                    "image" if view == "front" else view: (io.BytesIO(data), "x.png") for view, data in fields.items()
                }
                | rest,
                "content_type": "multipart/form-data",
            }
        else:
            images = [{"view": view, "imageBase64": base64_of(data)} for view, data in fields.items()]
            sent = {"json": {"images": images} | rest}
        response = caller.http.post("/v1/generate", headers=caller.headers, **sent)
        assert response.json is not None
        return response.status_code, response.json.get("error", {}).get("code", "")

    assert send(dict.fromkeys(VIEWS, large)) == (202, "")
    assert send({"front": bytes(MAX_BODY - 1000), "back": png}) == (413, "request_too_large")
    assert send({"front": bytes(2 * MAX_BYTES), "back": png}) == (413, "picture_too_large")


def test_without_credits_nothing_is_decoded_but_what_costs_nothing_is_answered(
    make_caller: Callable[..., Caller], png: bytes, storage: Storage, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = make_caller()
    first = caller.submit(png)
    caller.finish(first, b"glTF", storage)
    while caller.rows()["balance"].available:
        caller.generate(imageBase64=base64_of(png), cache="bypass")
    intake = app.extensions["spherelinks"].intake
    decoded: list[bytes] = []
    prove = intake._decoders.prove
    monkeypatch.setattr(
        intake._decoders, "prove", lambda who, data, mask: decoded.append(data) or prove(who, data, mask)
    )
    for data in (png + b"0", b"no picture"):
        response = caller.generate(imageBase64=base64_of(data))
        assert response.json is not None
        assert (response.status_code, response.json["error"]["code"]) == (402, "insufficient_credits")
    assert not decoded
    again = caller.generate(imageBase64=base64_of(png))
    assert again.json is not None
    assert (again.status_code, again.json["cache"]) == (202, "hit")


def test_without_credits_nothing_large_is_looked_at_unless_it_may_cost_nothing(
    make_caller: Callable[..., Caller], png: bytes, storage: Storage, engine: Engine
) -> None:
    caller = make_caller()
    garbage = b"[" + bytes(LARGE)

    def code(data: bytes, **headers: str) -> str:
        answer = caller.http.post(
            "/v1/generate", data=data, headers=caller.headers | headers, content_type="application/json"
        )
        assert answer.json is not None
        return str(answer.json["error"]["code"])

    assert code(garbage) == "invalid_request"
    named = {"Idempotency-Key": "mine"}
    caller.http.post("/v1/generate", json={"imageBase64": base64_of(png)}, headers=caller.headers | named)
    jobs = [caller.first_job()]
    while caller.rows()["balance"].available:
        jobs.append(caller.submit(png))
    assert code(garbage) == "invalid_request", "it may be the picture of a model that is being made"
    for job in jobs:
        caller.finish(job, b"glTF", storage)
    with transaction(engine) as session:
        session.execute(text("UPDATE jobs SET expires_at = now() WHERE account_id = :a"), {"a": caller.account_id})
    assert code(garbage) == "insufficient_credits"
    assert code(garbage[:-2]) == "invalid_request", "what is small is told what is wrong with it"
    assert code(garbage, **named) == "invalid_request", "it may be answered with the job that it was promised"
    with transaction(engine) as session:
        session.execute(text("UPDATE jobs SET expires_at = NULL WHERE id = :job"), {"job": jobs[0]})
    assert code(garbage) == "invalid_request", "it may be the picture of a model that there is"


def test_without_credits_nothing_is_accepted(make_caller: Callable[..., Caller], png: bytes) -> None:
    caller = make_caller()
    for _ in range(caller.rows()["balance"].available):
        assert caller.generate(imageBase64=base64_of(png), cache="bypass").status_code == 202
    before = caller.rows()

    response = caller.generate(imageBase64=base64_of(png), cache="bypass")

    assert response.json is not None
    assert (response.status_code, response.json["error"]["code"]) == (402, "insufficient_credits")
    assert response.json["error"]["hint"]
    assert caller.rows() == before


def test_the_key_is_judged_before_anything_else(caller: Caller, engine: Engine) -> None:
    with transaction(engine) as session:
        _, other = keys.create(session, caller.account_id, "to be revoked")
        keys.revoke(session, keys.list_keys(session, caller.account_id)[-1].id)
    mistyped = caller.secret[:-1] + ("a" if caller.secret[-1] != "a" else "b")
    before = caller.rows()
    for headers in ({}, {"X-API-Key": "sesame"}, {"X-API-Key": mistyped}, {"X-API-Key": other}):
        response = caller.http.post("/v1/generate", data=b"{", headers=headers)
        assert response.json is not None
        assert (response.status_code, response.json["error"]["code"]) == (401, "invalid_api_key")
    assert caller.rows() == before


# --- pictures by address --------------------------------------------------------------------------------------------


class Site(BaseHTTPRequestHandler):
    """A picture server with a good page and several bad ones."""

    picture = encoded("JPEG", (320, 240))
    slow_ends = Event()

    def do_GET(self) -> None:
        match self.path:
            case "/mug":
                self._send(200, self.picture)
            case "/mask":
                self._send(200, base64.b64decode(WIDE))
            case "/hop":
                self._send(302, b"", Location="/mug")
            case "/loop":
                self._send(302, b"", Location="/loop")
            case "/inside":
                self._send(302, b"", Location="http://169.254.169.254/latest/meta-data/")
            case "/page.jpg":
                self._send(200, HTML)
            case "/huge":
                self._send(200, bytes(MAX_BYTES + 1))
            case "/slow":
                self.slow_ends.wait(20)
                self._send(200, self.picture)
            case _:
                self._send(404, b"")

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[str, int]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", server.server_port
    server.shutdown()


@pytest.fixture
def trusting(settings: Settings, engine: Engine, storage: Storage, site: tuple[str, int]) -> Flask:
    """The application with one address of this machine allowed, since tests reach no other."""
    guard = Guard(ports=frozenset({site[1]}), trusted=(ip_network("127.0.0.1/32"),))
    return create_app(settings, engine, storage, rate_limit=0, guard=guard)


@pytest.mark.parametrize("path", ["/mug", "/hop"])
def test_a_picture_is_fetched(caller: Caller, trusting: Flask, site: tuple[str, int], path: str) -> None:
    body = {"imageUrl": site[0] + path}
    assert trusting.test_client().post("/v1/generate", json=body, headers=caller.headers).status_code == 202


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/missing", 422, "picture_unreachable"),
        ("/loop", 422, "picture_unreachable"),
        ("/inside", 422, "picture_unreachable"),
        ("/page.jpg", 422, "picture_unreadable"),
        ("/huge", 413, "picture_too_large"),
    ],
)
def test_a_bad_address_costs_nothing(
    caller: Caller, trusting: Flask, site: tuple[str, int], path: str, status: int, code: str
) -> None:
    before = caller.rows()
    body = {"imageUrl": site[0] + path}
    response = trusting.test_client().post("/v1/generate", json=body, headers=caller.headers)
    assert response.json is not None
    assert (response.status_code, response.json["error"]["code"]) == (status, code)
    assert "imageUrl" in response.json["error"]["message"]
    assert caller.rows() == before


def test_nothing_listens_there(caller: Caller, trusting: Flask, site: tuple[str, int]) -> None:
    body = {"imageUrl": f"http://127.0.0.2:{site[1]}/mug"}
    response = trusting.test_client().post("/v1/generate", json=body, headers=caller.headers)
    assert response.status_code == 422


def test_slow_addresses_of_one_account_stop_neither_its_other_requests_nor_other_accounts(
    caller: Caller, make_caller: Callable[..., Caller], trusting: Flask, site: tuple[str, int], png: bytes
) -> None:
    Site.slow_ends.clear()
    places = FETCHES_OF_ACCOUNT
    answers: Queue[int] = Queue()

    def ask() -> None:
        body = {"imageUrl": f"{site[0]}/slow"}
        response = trusting.test_client().post("/v1/generate", json=body, headers=caller.headers)
        answers.put(response.status_code)

    threads = [Thread(target=ask) for _ in range(places + 2)]
    for thread in threads:
        thread.start()
    assert [answers.get(timeout=60) for _ in range(2)] == [429, 429]  # those that found no place

    # with all places taken, other requests go on
    client = trusting.test_client()
    refused = client.post("/v1/generate", json={"imageUrl": f"{site[0]}/mug"}, headers=caller.headers)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    sent = client.post("/v1/generate", json={"imageBase64": base64_of(png)}, headers=caller.headers)
    assert sent.status_code == 202

    # and another account's addresses are fetched
    other = make_caller()
    fetched = client.post("/v1/generate", json={"imageUrl": f"{site[0]}/mug"}, headers=other.headers)
    assert fetched.status_code == 202

    Site.slow_ends.set()
    assert [answers.get(timeout=60) for _ in range(places)] == [202] * places
