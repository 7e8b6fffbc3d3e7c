"""GET /v1/download: the asset, whole, in part, or not again."""

from __future__ import annotations

import hashlib
import random

import pytest

from spherelinks.jobs.attempts import Failure
from spherelinks.storage import Storage

from .conftest import Caller

GLB = random.Random(1).randbytes(300_000)
ETAG = f'"{hashlib.sha256(GLB).hexdigest()}"'


@pytest.fixture
def job(caller: Caller, storage: Storage, png: bytes) -> str:
    job = caller.submit(png)
    caller.finish(job, GLB, storage)
    return job


def test_the_whole_file(caller: Caller, job: str) -> None:
    response = caller.get(f"/v1/download/{job}")
    assert (response.status_code, response.data) == (200, GLB)
    assert response.headers["Content-Type"] == "model/gltf-binary"
    assert response.headers["Content-Length"] == str(len(GLB))
    assert response.headers["Content-Disposition"] == f'attachment; filename="{job}.glb"'
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["ETag"] == ETAG


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("blue mug", 'attachment; filename="blue mug.glb"'),
        ("car_wheel", 'attachment; filename="car_wheel_asset.glb"'),
        ('a"b\\c/d', 'attachment; filename="a_b_c_d.glb"'),
        ("蓝 mug", "attachment; filename=\"_ mug.glb\"; filename*=UTF-8''%E8%93%9D%20mug.glb"),
    ],
)
def test_a_named_asset_is_saved_by_its_name(
    caller: Caller, storage: Storage, png: bytes, name: str, header: str
) -> None:
    job = caller.submit(png, options={"name": name})
    caller.finish(job, GLB, storage)
    assert caller.get(f"/v1/download/{job}").headers["Content-Disposition"] == header
    assert caller.get(f"/v1/jobs/{job}/files/glb").headers["Content-Disposition"] == header
    assert header.replace(".glb", "-picture.png") in caller.get(f"/v1/jobs/{job}/files/picture").headers.values()
    [listed] = caller.get("/v1/jobs").json["jobs"]
    assert listed["options"]["name"] == name


def test_head_has_the_same_headers_and_no_body(caller: Caller, job: str) -> None:
    whole = caller.get(f"/v1/download/{job}")
    head = caller.http.head(f"/v1/download/{job}", headers=caller.headers | {"Range": "bytes=0-9"})
    assert (head.status_code, head.data) == (200, b"")
    for name in ("Content-Type", "Content-Length", "Content-Disposition", "Accept-Ranges", "ETag"):
        assert head.headers[name] == whole.headers[name]


def test_the_path_without_v1(caller: Caller, job: str) -> None:
    assert caller.get(f"/download/{job}").data == GLB


@pytest.mark.parametrize("tag", [ETAG, f'"other", {ETAG}', "*", f"W/{ETAG}"])
def test_who_has_it_is_not_sent_it_again(caller: Caller, job: str, tag: str) -> None:
    response = caller.get(f"/v1/download/{job}", If_None_Match=tag)
    assert (response.status_code, response.data) == (304, b"")
    assert response.headers["ETag"] == ETAG


def test_who_has_another_is_sent_this(caller: Caller, job: str) -> None:
    assert caller.get(f"/v1/download/{job}", If_None_Match='"other"').data == GLB


@pytest.mark.parametrize(
    ("asked", "part", "shown"),
    [
        ("bytes=0-0", GLB[:1], "0-0"),
        ("bytes=0-", GLB, f"0-{len(GLB) - 1}"),
        ("bytes=1000-1999", GLB[1000:2000], "1000-1999"),
        ("bytes=299990-", GLB[-10:], "299990-299999"),
        ("bytes=299990-999999", GLB[-10:], "299990-299999"),
        ("bytes=-10", GLB[-10:], "299990-299999"),
        ("bytes=-999999", GLB, f"0-{len(GLB) - 1}"),
    ],
)
def test_a_range(caller: Caller, job: str, asked: str, part: bytes, shown: str) -> None:
    response = caller.get(f"/v1/download/{job}", Range=asked)
    assert (response.status_code, response.data) == (206, part)
    assert response.headers["Content-Range"] == f"bytes {shown}/{len(GLB)}"
    assert response.headers["Content-Length"] == str(len(part))


def test_a_resumed_download_is_the_file(caller: Caller, job: str) -> None:
    first = caller.get(f"/v1/download/{job}", Range="bytes=0-99999")
    rest = caller.get(f"/v1/download/{job}", Range="bytes=100000-", If_Range=first.headers["ETag"])
    assert rest.status_code == 206
    assert first.data + rest.data == GLB


@pytest.mark.parametrize("asked", ["bytes=300000-", "bytes=300000-300001"])
def test_a_range_past_the_end(caller: Caller, job: str, asked: str) -> None:
    response = caller.get(f"/v1/download/{job}", Range=asked)
    assert response.json is not None
    assert (response.status_code, response.json["error"]["code"]) == (416, "range_not_satisfiable")
    assert response.headers["Content-Range"] == f"bytes */{len(GLB)}"


@pytest.mark.parametrize(
    "headers",
    [
        {"Range": "bytes=0-9,20-29"},
        {"Range": "lines=0-9"},
        {"Range": "bytes=nonsense"},
        {"Range": "bytes=0-9", "If_Range": '"an older one"'},
    ],
)
def test_ranges_that_are_not_honoured_get_the_whole(caller: Caller, job: str, headers: dict[str, str]) -> None:
    response = caller.get(f"/v1/download/{job}", **headers)
    assert (response.status_code, response.data) == (200, GLB)


def test_before_the_job_has_finished(caller: Caller, png: bytes) -> None:
    job = caller.submit(png)
    response = caller.get(f"/v1/download/{job}")
    assert response.json is not None
    assert (response.status_code, response.json["error"]["code"]) == (409, "job_not_finished")
    assert int(response.headers["Retry-After"]) > 0


def test_of_a_failed_job_there_is_its_error(caller: Caller, png: bytes) -> None:
    job = caller.submit(png)
    caller.fail(job, Failure("generator_failed", "It broke.", "Send another picture."))
    response = caller.get(f"/v1/download/{job}")
    assert response.json is not None
    error = response.json["error"]
    assert response.status_code == 502
    assert (error["code"], error["message"], error["hint"]) == (
        "generator_failed",
        "It broke.",
        "Send another picture.",
    )


def test_an_asset_that_is_gone_is_the_services_fault(caller: Caller, job: str, storage: Storage) -> None:
    for head in storage.list(f"results/{job}"):
        storage.delete(head.path)
    response = caller.get(f"/v1/download/{job}")
    assert response.json is not None
    assert (response.status_code, response.json["error"]["code"]) == (503, "storage_unavailable")
