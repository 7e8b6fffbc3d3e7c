"""/healthz and /readyz."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from flask.testing import FlaskClient
from sqlalchemy import Engine

from spherelinks.config import Settings
from spherelinks.database import connect
from spherelinks.storage import Storage, open_storage
from spherelinks_server import create_app


def test_alive(http: FlaskClient) -> None:
    response = http.get("/healthz")
    assert (response.status_code, response.json) == (200, {"status": "ok"})


def test_ready(http: FlaskClient) -> None:
    response = http.get("/readyz")
    assert response.status_code == 200
    assert response.json == {"status": "ready", "checks": {"database": "ok", "storage": "ok"}}
    page = http.get("/server")
    assert (page.status_code, "This server is ready" in page.text, page.text.count("working<")) == (200, True, 3)


def reason(response_json: object) -> str:
    assert isinstance(response_json, dict)
    assert response_json["error"]["code"] == "service_error"
    return str(response_json["error"]["message"])


def test_without_a_database(settings: Settings, storage: Storage) -> None:
    nowhere = connect("postgresql://nobody:secret@127.0.0.1:1/none?connect_timeout=1")
    client = create_app(settings, nowhere, storage).test_client()
    response = client.get("/readyz")
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    page = client.get("/server")
    assert (page.status_code, "is not ready" in page.text, "secret" in page.text) == (503, True, False)
    message = reason(response.json)
    assert "database" in message
    assert "storage" not in message
    assert "secret" not in message
    assert "127.0.0.1" not in message
    assert client.get("/healthz").status_code == 200


def test_with_a_database_that_was_never_migrated(
    settings: Settings, storage: Storage, new_database: Callable[[str], str]
) -> None:
    empty = connect(new_database("unmigrated"))
    response = create_app(settings, empty, storage).test_client().get("/readyz")
    empty.dispose()
    assert response.status_code == 503
    assert "not this version's" in reason(response.json)


def test_without_its_folder(tmp_path: Path, settings: Settings, engine: Engine) -> None:
    storage = open_storage(Settings(home=tmp_path))
    shutil.rmtree(tmp_path / "storage")
    (tmp_path / "storage").write_text("in the way")
    response = create_app(settings, engine, storage).test_client().get("/readyz")
    assert response.status_code == 503
    assert "storage" in reason(response.json)
