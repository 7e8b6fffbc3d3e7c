"""Storage: the same promises on a disk and in a bucket."""

import os
import secrets
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto.server import ThreadedMotoServer

from spherelinks.config import Settings
from spherelinks.errors import ConfigurationError, StorageUnavailable
from spherelinks.storage import open_storage


@pytest.fixture(scope="module")
def moto():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(moto, monkeypatch):
    """The URL of an empty bucket, and the environment that opens it."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": moto,
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    name = f"bucket-{secrets.token_hex(4)}"
    boto3.client("s3", endpoint_url=moto, region_name="us-east-1").create_bucket(Bucket=name)
    return f"s3://{name}/some/prefix"


@pytest.fixture(params=["disk", "moto", "s3"])
def storage(request, tmp_path):
    match request.param:
        case "disk":
            return open_storage(Settings(home=tmp_path / "home"))
        case "moto":
            return open_storage(Settings(home=tmp_path, storage_url=request.getfixturevalue("bucket")))
        case _:
            url = os.environ.get("SPHERELINKS_TEST_S3_URL")
            if not url:
                pytest.skip("SPHERELINKS_TEST_S3_URL names no bucket of a real server")
            return open_storage(Settings(home=tmp_path, storage_url=f"{url}/{secrets.token_hex(8)}"))


def test_what_is_put_is_got(storage):
    data = secrets.token_bytes(3 << 20)
    storage.put("a/b/file.bin", data)
    assert storage.get("a/b/file.bin") == data
    assert storage.read_range("a/b/file.bin", 1000, 1010) == data[1000:1010]
    head = storage.head("a/b/file.bin")
    assert head.size == len(data)
    assert head.etag
    assert abs(head.modified - datetime.now(UTC)) < timedelta(minutes=5)


def test_putting_again_replaces(storage):
    storage.put("x", b"first, and longer")
    storage.put("x", b"second")
    assert storage.get("x") == b"second"


def test_a_file_is_never_seen_half_written(storage):
    """Readers beside a writer that alternates between two contents see one or the other."""
    contents = [bytes([value]) * 300_000 for value in (1, 2)]
    storage.put("x", contents[0])
    done = threading.Event()

    def write():
        for turn in range(10):
            storage.put("x", contents[turn % 2])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        assert storage.get("x") in contents
    writer.join()


WRITER = """
import sys
from pathlib import Path
from spherelinks.config import Settings
from spherelinks.storage import open_storage
storage = open_storage(Settings(home=Path(sys.argv[1])))
while True:
    storage.put("results/large", bytes(64 << 20))
"""


def test_what_a_kill_in_the_middle_of_a_write_leaves_is_swept(tmp_path):
    storage = open_storage(Settings(home=tmp_path))
    storage.put("results/whole", b"whole")
    left = []
    while not left:
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)])
        while not [*(tmp_path / "storage/results").glob("large#*")]:
            assert writer.poll() is None
        writer.kill()
        writer.wait()
        left = [*(tmp_path / "storage/results").glob("large#*")]  # it may have come to its end just then
    (tmp_path / "storage/probe").mkdir()
    (tmp_path / "storage/probe/old").write_bytes(b"cut off, too")
    storage.put("results/named#one", b"no leftover")
    assert storage.sweep_unfinished(datetime.now(UTC) - timedelta(hours=1)) == 0, "it may still be under way"
    assert left[0].exists()
    assert storage.sweep_unfinished(datetime.now(UTC) + timedelta(seconds=5)) == len(left) + 1
    assert {path.name for path in (tmp_path / "storage").rglob("*") if path.is_file()} - {"large"} == {
        "whole", "named#one",
    }  # fmt: skip


def test_a_bucket_is_written_in_one_request(moto, bucket, tmp_path):
    """Larger than what would be sent in parts, which a kill would leave there, paid for and not listed."""
    storage = open_storage(Settings(home=tmp_path, storage_url=bucket))
    storage.put("results/large", bytes(12 << 20))
    client = boto3.client("s3", endpoint_url=moto, region_name="us-east-1")
    name = bucket.removeprefix("s3://").partition("/")[0]
    assert (
        "-" not in client.head_object(Bucket=name, Key="some/prefix/results/large")["ETag"]
    )  # of parts: digest-number
    assert storage.get("results/large") == bytes(12 << 20)


def test_listing_is_by_folder(storage):
    for path in ("a/1", "a/b/2", "ab/3"):
        storage.put(path, b"")
    assert sorted(head.path for head in storage.list("a")) == ["a/1", "a/b/2"]
    assert list(storage.list("none")) == []


def test_deleting_is_for_good_and_repeatable(storage):
    storage.put("x", b"1")
    storage.delete("x")
    storage.delete("x")
    with pytest.raises(StorageUnavailable, match="'x' cannot be read"):
        storage.get("x")


@pytest.mark.parametrize("read", ["get", "head", lambda s, p: s.read_range(p, 0, 1)])
def test_a_missing_file_is_named(storage, read):
    with pytest.raises(StorageUnavailable, match="'no/such'"):
        read(storage, "no/such") if callable(read) else getattr(storage, read)("no/such")


def test_a_probe_of_a_sound_storage_leaves_nothing(storage):
    storage.probe()
    assert list(storage.list("probe")) == []


def test_only_a_disk_has_local_paths(tmp_path, bucket):
    disk = open_storage(Settings(home=tmp_path))
    disk.put("a/b", b"1")
    assert disk.local_path("a/b").read_bytes() == b"1"
    assert open_storage(Settings(home=tmp_path, storage_url=bucket)).local_path("a/b") is None


def test_a_put_flushes_the_file_and_its_folders_before_it_returns(tmp_path, monkeypatch):
    storage = open_storage(Settings(home=tmp_path))
    flushed = []
    fsync = os.fsync

    def watched(descriptor):
        flushed.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    storage.put("a/b/file", b"1")
    root = tmp_path / "storage"
    expected = [root / "a/b/file", root / "a/b", root / "a", root]
    assert flushed == [path.stat().st_ino for path in expected if os.name == "posix" or path.is_file()]


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_the_folder_is_its_owners_only(tmp_path):
    open_storage(Settings(home=tmp_path / "home"))
    assert (tmp_path / "home/storage").stat().st_mode & 0o077 == 0


def test_a_home_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="SPHERELINKS_HOME"):
        open_storage(Settings(home=tmp_path / "file"))


def test_a_disk_that_fails_is_reported_by_the_probe(tmp_path):
    storage = open_storage(Settings(home=tmp_path))
    (tmp_path / "storage").rmdir()
    (tmp_path / "storage").touch()
    with pytest.raises(StorageUnavailable, match="cannot be written"):
        storage.probe()


def test_a_bucket_that_does_not_exist_is_reported(tmp_path, bucket):
    storage = open_storage(Settings(home=tmp_path, storage_url="s3://nobody-has-this-bucket"))
    with pytest.raises(StorageUnavailable, match="cannot be written"):
        storage.probe()


@pytest.mark.parametrize("path", ["../escape", "a/../../escape", "/etc/passwd"])
def test_no_path_leads_out_of_the_folder(tmp_path, path):
    storage = open_storage(Settings(home=tmp_path / "home"))
    with pytest.raises(StorageUnavailable):
        storage.put(path, b"1")
    assert {p.name for p in tmp_path.rglob("*") if p.is_file()} == set()
