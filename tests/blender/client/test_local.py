"""A local server is found, and if it cannot run, the reason is reported. (``served`` starts one.)"""

import pytest

from blender_addon.client import local
from blender_addon.client.errors import Failure


def program(folder, script):
    path = folder / local.PROGRAM
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_the_program_is_found_by_path_folder_or_search(tmp_path, monkeypatch):
    path = program(tmp_path, "")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert local.find() == local.find(str(tmp_path)) == local.find(str(path)) == path


def test_where_there_is_none_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(Failure, match="not on this machine's PATH") as caught:
        local.find()
    assert "Install SphereLinks" in caught.value.hint
    with pytest.raises(Failure, match="There is no program"):
        local.find(str(tmp_path / "elsewhere"))


def test_one_that_ends_at_once_is_quoted(tmp_path):
    path = program(tmp_path, "echo 'port 8000 cannot be listened on'; exit 6")
    with pytest.raises(Failure, match="port 8000 cannot be listened on") as caught:
        local.start(path, "http://127.0.0.1:1", tmp_path / "log", with_key=False)
    assert str(tmp_path / "log") in caught.value.hint
