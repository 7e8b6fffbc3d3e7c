"""A backup, restored elsewhere, is the same installation."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import psycopg
import pytest
from serving import cli
from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from spherelinks import database
from spherelinks.accounts import keys, ledger
from spherelinks.backup import backup, restore
from spherelinks.config import Settings
from spherelinks.database import transaction
from spherelinks.errors import ConfigurationError
from spherelinks.storage import Storage, open_storage


@pytest.fixture
def empty_url(postgres):
    name = "restored"
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    yield make_url(postgres).set(database=name).render_as_string(hide_password=False)
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def elsewhere(tmp_path) -> Storage:
    return open_storage(Settings(home=tmp_path / "elsewhere"))


def contents(url: str) -> dict[str, list[str]]:
    """Every table's rows, as text."""
    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
        return {
            name: sorted(row[0] for row in connection.execute(f"SELECT t::text FROM {name} t").fetchall())
            for (name,) in tables
        }


def files(storage: Storage) -> dict[str, bytes]:
    return {head.path: storage.get(head.path) for head in storage.list("")}


def test_all_comes_back(engine: Engine, database_url, storage, client, empty_url, elsewhere, tmp_path: Path):
    with transaction(engine) as session:
        ledger.grant(session, client.account_id, 25, "test")
    storage.put("pictures/job_1", b"picture")
    storage.put("results/job_1/1.glb", bytes(range(256)) * 1000)

    written = backup(database_url, storage, tmp_path / "all.tar")
    assert [path.name for path in tmp_path.glob("*all.tar*")] == ["all.tar"]
    assert restore(empty_url, elsewhere, tmp_path / "all.tar") == written

    assert contents(empty_url) == contents(database_url)
    assert files(elsewhere) == files(storage)
    restored = database.connect(empty_url)
    try:
        assert database.is_current(restored)
        with transaction(restored) as session:
            assert ledger.balance(session, client.account_id).available == 35
            assert keys.list_keys(session, client.account_id)
            ledger.grant(session, client.account_id, 1, "sequences go on where they were")
    finally:
        restored.dispose()


def test_nothing_is_restored_over_an_installation(database_url, storage, tmp_path):
    backup(database_url, storage, tmp_path / "all.tar")
    before = contents(database_url)
    with pytest.raises(ConfigurationError, match="tables already"):
        restore(database_url, storage, tmp_path / "all.tar")
    assert contents(database_url) == before


def tar_of(path: Path, **members: bytes) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


MANIFEST = json.dumps({"format": 1, "version": "0", "created": ""}).encode()


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"picture.png": b""}, "first part"),
        ({"manifest.json": MANIFEST}, "no database"),
        ({"manifest.json": MANIFEST, "storage/../../outside": b"x"}, "no path inside"),
        ({"manifest.json": json.dumps({"format": 99, "version": "9"}).encode()}, "format 99"),
    ],
)
def test_what_is_no_backup_is_refused_and_writes_nothing(members, reason, empty_url, elsewhere, tmp_path):
    with pytest.raises(ConfigurationError, match=reason):
        restore(empty_url, elsewhere, tar_of(tmp_path / "odd.tar", **members))
    assert files(elsewhere) == {}
    assert contents(empty_url) == {}


def test_a_file_that_is_no_tar_is_refused(empty_url, elsewhere, tmp_path):
    (tmp_path / "odd.tar").write_bytes(b"glTF" * 1000)
    with pytest.raises(ConfigurationError, match="no backup"):
        restore(empty_url, elsewhere, tmp_path / "odd.tar")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        restore(empty_url, elsewhere, tmp_path / "missing.tar")


def test_the_password_is_not_on_a_command_line(database_url, storage, tmp_path, monkeypatch):
    import subprocess

    seen = []
    run = subprocess.run

    def watch(command, **kwargs):
        seen.append(command)
        return run(command, **kwargs)

    monkeypatch.setattr(subprocess, "run", watch)
    backup(database_url, storage, tmp_path / "all.tar")
    password = make_url(database_url).password
    assert password
    assert any("pg_dump" in command[0] for command in map(list, seen) if isinstance(command[0], str))
    assert not any(password in str(part) for command in seen for part in command)


def test_web_alone_wants_a_database(monkeypatch):
    import os
    import subprocess

    environment = {**os.environ, "DATABASE_URL": ""}
    done = subprocess.run(cli("web", "--port", "0"), env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 6
    assert "DATABASE_URL" in done.stderr
