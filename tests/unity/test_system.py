"""What the C# client asks of the system: the store for keys, and a server on this machine."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from secret_tool import SECRET_TOOL
from serving import free_port

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="stands in for the programs that Linux has")


def program(folder, name, script):
    path = folder / name
    path.write_text(script if script.startswith("#!") else f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def on_path(folder):
    return {"PATH": str(folder) + os.pathsep + os.environ["PATH"], "HOME": str(folder)}


def test_a_key_is_kept_for_its_server_and_is_no_argument(runtime, tmp_path):
    program(tmp_path, "secret-tool", SECRET_TOOL)
    asked = {"address": "http://one", "key": "secret one", "variables": on_path(tmp_path)}
    assert runtime.ask("keychain", **asked) == {"stored": True, "read": "secret one", "left": ""}
    assert "secret" not in (tmp_path / "arguments").read_text()


@pytest.mark.parametrize("script", ["exit 1", "cat >/dev/null", "echo another key"])
def test_a_key_that_cannot_be_read_back_is_not_kept(runtime, tmp_path, script):
    program(tmp_path, "secret-tool", script)
    told = runtime.ask("keychain", address="http://one", key="secret one", variables=on_path(tmp_path))
    assert told["stored"] is False


def test_a_server_is_started_given_a_key_asked_and_stopped(runtime, tmp_path, monkeypatch):
    home = Path(tempfile.mkdtemp(prefix="spherelinks-test-"))
    home.chmod(0o755)  # as root the database runs as another user, who must get through
    for name in ("DATABASE_URL", "STORAGE_URL"):
        monkeypatch.delenv(name, raising=False)
    told = runtime.ask(
        "local",
        program=str(Path(sys.executable).with_name("spherelinks")),
        address=f"http://127.0.0.1:{free_port()}",
        key="",
        log=str(tmp_path / "a log"),
        variables={"SPHERELINKS_HOME": str(home)},
    )
    assert told.get("presets", 0) >= 3, told
    assert told["ended"] is True
    shutil.rmtree(home, ignore_errors=True)


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ("echo 'port 8000 is taken'; exit 6", "unreachable", "port 8000 is taken"),
        ("exit 0", "unreachable", "it said nothing"),
        (None, "no_program", "There is no program"),
    ],
)
def test_what_keeps_a_server_from_running_is_told(runtime, tmp_path, given, code, words):
    path = program(tmp_path, "spherelinks", given) if given else str(tmp_path / "elsewhere")
    asked = {"program": path, "address": "http://127.0.0.1:9", "key": "", "log": str(tmp_path / "log")}
    told = runtime.ask("local", **asked)
    assert told["code"] == code
    assert words in told["message"]
    assert told["hint"]


def test_where_the_program_is_missing_it_says_what_to_do(runtime, tmp_path):
    variables = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    told = runtime.ask(
        "local", program="", address="http://127.0.0.1:9", key="", log=str(tmp_path / "log"), variables=variables
    )
    assert (told["code"], "PATH" in told["message"], bool(told["hint"])) == ("no_program", True, True)
