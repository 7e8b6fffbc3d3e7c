"""Godot, projects with the plugin in them, and servers for it to speak to.

``scripts/engines.sh godot`` installs Godot; where it is missing, the tests that need it are skipped and say so.
"""

import os
import shutil
from pathlib import Path

import pytest
from editors import Godot, make_project
from serving import local_server

from contract.stand_in import stand_in

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
ENGINES = Path(os.environ.get("SPHERELINKS_ENGINES") or CACHE / "spherelinks-engines")


@pytest.fixture(scope="session")
def program():
    path = os.pathsep.join([str(ENGINES / "bin"), os.environ["PATH"]])
    found = next(filter(None, (shutil.which(name, path=path) for name in ("godot", "godot4"))), None)
    if not found:
        pytest.skip("godot is not installed; scripts/engines.sh godot installs it")
    return Path(found)


@pytest.fixture
def godot(program, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    return Godot(program, home)


@pytest.fixture
def project(tmp_path):
    return make_project(tmp_path / "project")


@pytest.fixture(scope="session")
def served():
    """A server with the real pipeline, and a key of its owner's account."""
    with local_server() as server:
        yield server


@pytest.fixture(scope="module")
def bad():
    """A server whose folders go wrong as contract/faults says."""
    with stand_in() as server:
        yield server
