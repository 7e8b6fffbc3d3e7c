"""A server whose disk is nearly full accepts nothing new, and finishes what it has accepted."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine

from spherelinks.config import Settings
from spherelinks.errors import ConfigurationError
from spherelinks.storage import Storage, open_storage
from spherelinks_server import create_app

from .conftest import Caller, base64_of


@pytest.fixture
def full(settings: Settings, engine: Engine) -> Flask:
    """The application on a disk with less free space than it wants."""
    scarce = replace(settings, min_free_mb=2**24)
    return create_app(scarce, engine, open_storage(scarce), rate_limit=0)


def test_nothing_is_taken_in_and_what_is_under_way_ends(
    full: Flask, caller: Caller, storage: Storage, png: bytes
) -> None:
    job = caller.submit(png)
    late = replace(caller, http=full.test_client())
    before = caller.rows(), len([*storage.list("pictures")])
    refused = late.generate(imageBase64=base64_of(png))
    assert refused.json is not None
    assert (refused.status_code, refused.json["error"]["code"]) == (507, "storage_full")
    assert "MiB of free space left" in refused.json["error"]["message"]
    assert int(refused.headers["Retry-After"]) >= 30
    assert (caller.rows(), len([*storage.list("pictures")])) == before

    late.finish(job, b"glTF", storage)
    assert late.get(f"/v1/status/{job}").get_json()["status"] == "COMPLETED"
    assert late.get(f"/v1/download/{job}").data == b"glTF"
    assert late.get("/v1/account").status_code == late.http.get("/readyz").status_code == 200
    assert late.delete(job).status_code == 200


def test_the_account_shows_what_is_stored_and_what_may_be(caller: Caller, png: bytes) -> None:
    caller.submit(png)
    shown = caller.get("/v1/account").get_json()
    assert (shown["storedBytes"], shown["plan"]["storageMb"]) == (len(png), 1000)


def test_a_storage_that_fails_is_not_quoted(
    settings: Settings, engine: Engine, make_caller: Callable[..., Caller], png: bytes, tmp_path: Path
) -> None:
    broken = replace(settings, home=tmp_path)
    app = create_app(broken, engine, open_storage(broken), rate_limit=0)
    caller = replace(make_caller(), http=app.test_client())
    job = caller.submit(png)
    shutil.rmtree(tmp_path / "storage")
    (tmp_path / "storage").write_text("no folder")
    for answer in (caller.generate(imageBase64=base64_of(png)), caller.get(f"/v1/jobs/{job}/files/picture")):
        assert answer.json is not None
        assert (answer.status_code, answer.json["error"]["code"]) == (503, "storage_unavailable")
        assert not {str(tmp_path), "pictures", "Generic", "obstore", "os error"} & set(answer.text.split("'"))
        assert answer.json["error"]["message"] == "The storage does not answer."


@pytest.mark.parametrize("value", ["-1", "1.5", "much", str(2**25)])
def test_a_floor_that_cannot_be(value: str) -> None:
    with pytest.raises(ConfigurationError, match="SPHERELINKS_MIN_FREE_MB is"):
        Settings.from_env({"SPHERELINKS_MIN_FREE_MB": value})
