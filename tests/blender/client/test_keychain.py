"""The key goes into the system's keychain by standard input, or nowhere."""

import os
import sys

import pytest
from secret_tool import SECRET_TOOL

from blender_addon.client import keychain

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="stands in for the program that Linux has")


def test_without_a_keychain_nothing_is_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert keychain.store("http://127.0.0.1:8000", "secret") is False
    assert keychain.load("http://127.0.0.1:8000") == ""


def test_a_key_is_kept_for_its_server_and_is_no_argument(monkeypatch, tmp_path):
    program = tmp_path / "secret-tool"
    program.write_text(SECRET_TOOL)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + os.environ["PATH"])
    assert keychain.store("http://one", "secret one") is True
    assert keychain.store("http://two", "secret two") is True
    assert keychain.load("http://one") == "secret one"
    keychain.forget("http://one")
    assert keychain.load("http://one") == ""
    assert keychain.load("http://two") == "secret two"
    assert "secret" not in (tmp_path / "arguments").read_text()
