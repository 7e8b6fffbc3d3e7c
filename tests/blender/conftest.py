"""A server with a key, a faulty one, the built extension, and the Blenders to use them in.

``scripts/engines.sh blender window`` installs the Blenders; the tests of one that is missing are skipped and say so.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from serving import free_port

from blender_addon.client import local
from contract import stand_in as stand_ins
from contract.coverage import Contract

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
ENGINES = Path(os.environ.get("SPHERELINKS_ENGINES") or CACHE / "spherelinks-engines")


def pytest_collection_modifyitems(items):
    """What the contract's files are played by comes before the test that asks for it."""
    items.sort(key=lambda item: item.path == Path(__file__).with_name("test_coverage.py"))


@dataclass(frozen=True)
class Served:
    """A server that runs, and a key of its owner's account."""

    address: str
    key: str


@pytest.fixture(scope="session")
def served():
    """A server with the real pipeline, started as Start a Local Server does, with a home of its own."""
    home = Path(tempfile.mkdtemp(prefix="spherelinks-test-"))
    home.chmod(0o755)  # as root the database runs as another user, who must get through
    address = f"http://127.0.0.1:{free_port()}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPHERELINKS_HOME", str(home))
        for variable in ("DATABASE_URL", "STORAGE_URL"):
            patch.delenv(variable, raising=False)
        started = local.start(Path(sys.executable).with_name("spherelinks"), address, home / "log", with_key=True)
    try:
        yield Served(address, started.key)
    finally:
        local.stop(started.process)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def contract():
    """contract/, whose files are all played by the end."""
    return Contract()


@pytest.fixture(scope="session")
def stand_in():
    """The contract's server, that goes wrong in many ways."""
    with stand_ins.stand_in() as running:
        yield running


@pytest.fixture(scope="session")
def builder():
    """scripts/blender_addon.py"""
    spec = importlib.util.spec_from_file_location("builder", ROOT / "scripts" / "blender_addon.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def archive(builder, tmp_path_factory):
    """The extension's zip, with the index beside it."""
    return builder.build(tmp_path_factory.mktemp("repository"))


@pytest.fixture(scope="session")
def engine():
    """The path of a Blender's program; skips the test where there is none."""

    def find(part, program):
        path = ENGINES / "bin" / program
        if not path.exists():
            pytest.skip(f"{program} is not installed; scripts/engines.sh {part} installs it")
        return path

    return find


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """Runs a program with a home of its own and a time limit, and asserts that it ended well."""

    def run(*command, **variables):
        home = tmp_path_factory.mktemp("home")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "PYTHON", "BLENDER_", "SPHERELINKS_"))}
        done = subprocess.run(
            [str(part) for part in command],
            env=kept | {"HOME": str(home)} | variables,
            capture_output=True,
            text=True,
            timeout=800,  # the first test of a module waits for all that its engine does
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run
