"""A backup, restored elsewhere, is the same installation."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from hashlib import sha256
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
    with pytest.raises(ConfigurationError, match=r"already has .* tables"):
        restore(database_url, storage, tmp_path / "all.tar")
    assert contents(database_url) == before


def tar_of(path: Path, **members: bytes) -> Path:
    members["digests.json"] = json.dumps({name: sha256(data).hexdigest() for name, data in members.items()}).encode()
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


MANIFEST = json.dumps({"format": 2, "version": "0", "created": ""}).encode()


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"picture.png": b""}, "first part"),
        ({"manifest.json": MANIFEST}, "no database"),
        ({"manifest.json": MANIFEST, "database.dump": b"", "storage/../../outside": b"x"}, "no path inside"),
        ({"manifest.json": json.dumps({"format": 99, "version": "9"}).encode()}, "format 99"),
    ],
)
def test_what_is_no_backup_is_refused_and_writes_nothing(members, reason, empty_url, elsewhere, tmp_path):
    with pytest.raises(ConfigurationError, match=reason):
        restore(empty_url, elsewhere, tar_of(tmp_path / "odd.tar", **members))
    assert files(elsewhere) == {}
    assert contents(empty_url) == {}


@pytest.fixture
def whole(database_url, storage, tmp_path) -> bytes:
    """A backup's bytes."""
    for number in range(20):
        storage.put(f"pictures/job_{number}", bytes([number]) * 3000)
    backup(database_url, storage, tmp_path / "whole.tar")
    return (tmp_path / "whole.tar").read_bytes()


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_a_backup_that_was_cut_is_refused_and_writes_nothing(whole, share, empty_url, elsewhere, tmp_path):
    for cut in (int(len(whole) * share), int(len(whole) * share) // 512 * 512):
        (tmp_path / "cut.tar").write_bytes(whole[:cut])
        with pytest.raises(ConfigurationError, match=r"damaged|not a SphereLinks backup"):
            restore(empty_url, elsewhere, tmp_path / "cut.tar")
    assert files(elsewhere) == {}
    assert contents(empty_url) == {}


def test_a_backup_that_ends_between_two_files_is_refused(whole, empty_url, elsewhere, tmp_path):
    """Where tar sees nothing wrong."""
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        ends = [member.offset for member in tar][2:]
    for end in ends:
        (tmp_path / "cut.tar").write_bytes(whole[:end])
        with pytest.raises(ConfigurationError, match="truncated"):
            restore(empty_url, elsewhere, tmp_path / "cut.tar")
    assert files(elsewhere) == {}


def test_a_changed_byte_is_found_wherever_it_lies(whole, empty_url, elsewhere, tmp_path):
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        places = [member.offset_data + member.size // 2 for member in tar]
    assert len(places) == 23
    for place in places:
        broken = bytearray(whole)
        broken[place] ^= 1
        (tmp_path / "broken.tar").write_bytes(broken)
        with pytest.raises(ConfigurationError, match="damaged"):
            restore(empty_url, elsewhere, tmp_path / "broken.tar")
    assert files(elsewhere) == {}
    assert contents(empty_url) == {}


def test_a_backup_can_be_verified_without_an_installation(whole, tmp_path):
    def run(path):
        return subprocess.run(cli("backup", str(path), "--verify"), capture_output=True, text=True, timeout=240)

    done = run(tmp_path / "whole.tar")
    assert (done.returncode, done.stderr) == (0, "")
    assert "20 files" in done.stdout
    (tmp_path / "cut.tar").write_bytes(whole[:-20_000])
    done = run(tmp_path / "cut.tar")
    assert done.returncode == 6
    assert "cut.tar" in done.stderr


def test_a_file_that_is_no_tar_is_refused(empty_url, elsewhere, tmp_path):
    (tmp_path / "odd.tar").write_bytes(b"glTF" * 1000)
    with pytest.raises(ConfigurationError, match="not a SphereLinks backup"):
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
    done = subprocess.run(cli("web", "--port", "0"), env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 6
    assert "DATABASE_URL" in done.stderr
