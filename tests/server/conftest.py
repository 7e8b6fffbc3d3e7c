"""The application on a real database and a real folder; callers with keys of their own; pictures."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from conftest import begin
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from psycopg import sql
from serving import LIMIT_S, Running, cli, free_port, wait_for
from sqlalchemy import Engine, select, text
from sqlalchemy.engine import make_url
from stripe_stand_in import shop, stripe_asked  # noqa: F401 - fixtures
from werkzeug.test import TestResponse

from spherelinks.accounts import accounts, keys, ledger
from spherelinks.config import Settings
from spherelinks.database import Job, connect, transaction
from spherelinks.jobs import attempts, paths
from spherelinks.jobs.attempts import Attempt, Failure
from spherelinks.storage import Storage, open_storage
from spherelinks_server import create_app


@pytest.fixture(scope="session")
def new_database(postgres: str) -> Callable[[str], str]:
    """Makes an empty database of that name and returns its URL."""

    def make(name: str) -> str:
        with psycopg.connect(postgres, autocommit=True) as admin:
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return make_url(postgres).set(database=name).render_as_string(hide_password=False)

    return make


@pytest.fixture(scope="session")
def database_url(migrated: Callable[[str], str]) -> str:
    """One database for all tests of the server: each has accounts of its own."""
    return migrated("server")


@pytest.fixture(scope="session")
def settings(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("home"), database_url=database_url, signups_a_day=0)


@pytest.fixture(scope="session")
def engine(database_url: str) -> Iterator[Engine]:
    engine = connect(database_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def storage(settings: Settings) -> Storage:
    return open_storage(settings)


@pytest.fixture(scope="session")
def app(settings: Settings, engine: Engine, storage: Storage) -> Flask:
    return create_app(settings, engine, storage, rate_limit=0)


@pytest.fixture
def http(app: Flask) -> FlaskClient:
    return app.test_client()


@dataclass(frozen=True)
class Caller:
    """An account with one key, and what it asks of the application."""

    http: FlaskClient
    engine: Engine
    account_id: str
    key_id: str
    secret: str

    @property
    def headers(self) -> dict[str, str]:
        return {"X-API-Key": self.secret}

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.http.get(path, headers=self.headers | {k.replace("_", "-"): v for k, v in headers.items()})

    def generate(self, **body: Any) -> TestResponse:
        return self.http.post("/v1/generate", json=body, headers=self.headers)

    def finish(self, job_id: str, glb: bytes, storage: Storage) -> None:
        """Do as a worker does that has made this asset."""
        assert self.complete(self.begin(job_id), glb, storage)

    def complete(self, attempt: Attempt, glb: bytes, storage: Storage) -> bool:
        """Deliver the asset; whether it counts."""
        digest = hashlib.sha256(glb).hexdigest()
        path = paths.result(attempt.job_id, attempt.number, digest)
        storage.put(path, glb)
        return attempts.complete(self.engine, attempt, path, digest, len(glb), {"faces": 12, "warnings": []})

    def fail(self, job_id: str, failure: Failure) -> None:
        """Do as a worker does whose attempt failed."""
        assert attempts.fail(self.engine, self.begin(job_id), failure)

    def work(self, job_id: str, stage: str, share: float) -> None:
        """Do as a worker does that is so far."""
        self.beat(self.begin(job_id), stage, share)

    def beat(self, attempt: Attempt, stage: str, share: float) -> None:
        """Show that the attempt is so far."""
        assert attempts.beat(self.engine, attempt, stage, share)

    def begin(self, job_id: str) -> Attempt:
        """Do as a worker does that takes the job off the queue."""
        return begin(self.engine, job_id)

    def delete(self, job_id: str) -> TestResponse:
        return self.http.delete(f"/v1/jobs/{job_id}", headers=self.headers)

    def first_job(self) -> str:
        """The id of the account's first job, as soon as it is accepted."""
        deadline = time.monotonic() + 60
        while True:
            with transaction(self.engine) as session:
                found = session.scalars(select(Job.id).where(Job.account_id == self.account_id)).first()
            if found is not None:
                return found
            assert time.monotonic() < deadline, "no job was accepted"
            time.sleep(0.05)

    def submit(self, picture: bytes, **more: Any) -> str:
        """The id of a new job of its own."""
        response = self.generate(imageBase64=base64_of(picture), **{"cache": "bypass", **more})
        assert response.json is not None
        job: str = response.json["jobId"]
        return job

    def rows(self) -> dict[str, Any]:
        """All that a request of this account may leave behind, bar the month's own credits."""
        with transaction(self.engine) as session:
            balance = ledger.balance(session, self.account_id)
            counts = session.execute(
                text(
                    "SELECT (SELECT count(*) FROM jobs WHERE account_id = :a),"
                    " (SELECT count(*) FROM credit_entries WHERE account_id = :a),"
                    " (SELECT count(*) FROM procrastinate_jobs)"
                ),
                {"a": self.account_id},
            ).one()
        return {"balance": balance, "jobs": counts[0], "entries": counts[1], "queue": counts[2]}


@pytest.fixture
def make_caller(http: FlaskClient, engine: Engine) -> Callable[..., Caller]:
    """Opens an account with so many credits, or the free plan's own, and a key."""

    def make(credits: int | None = None) -> Caller:
        with transaction(engine) as session:
            account = accounts.create(session, "test")
            if credits is not None:
                free = ledger.balance(session, account.id).available
                if credits > free:
                    ledger.grant(session, account.id, credits - free, "test")
            key, secret = keys.create(session, account.id, "test")
        return Caller(http, engine, account.id, key.id, secret)

    return make


@pytest.fixture
def caller(make_caller: Callable[..., Caller]) -> Caller:
    return make_caller()


def encoded(kind: str, size: tuple[int, int] = (96, 64)) -> bytes:
    """A picture file: an orange disc on white."""
    y, x = np.mgrid[: size[1], : size[0]]
    disc = np.hypot(x - size[0] / 2, y - size[1] / 2) < min(size) / 3
    pixels = np.where(disc[..., None], np.uint8([220, 120, 30]), np.uint8([255, 255, 255])).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def mask_of(picture: bytes) -> bytes:
    """A PNG that says where the disc of such a picture is."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("L").point(lambda value: 255 * (value < 200)).save(buffer, "PNG")
    return buffer.getvalue()


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.fixture(scope="session")
def png() -> bytes:
    return encoded("PNG")


@pytest.fixture(scope="session")
def jpeg() -> bytes:
    return encoded("JPEG", (320, 240))


@pytest.fixture
def running() -> Iterator[Running]:
    """``spherelinks serve`` with a home of its own, ready for requests."""
    home = Path(tempfile.mkdtemp(prefix="spherelinks-test-"))
    home.chmod(0o755)  # as root the database runs as another user, who must get through
    environment = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "STORAGE_URL")}
    environment |= {"SPHERELINKS_HOME": str(home), "SPHERELINKS_DRAIN_LIMIT": "20"}
    log, port = home / "serve.log", free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(cli("serve", "--port", str(port)), env=environment, stdout=output, stderr=output)
    server = Running(process, port, environment, log)
    try:
        wait_for(server.is_ready, "ready", server)
        yield server
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(LIMIT_S)
        shutil.rmtree(home, ignore_errors=True)
