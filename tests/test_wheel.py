"""The wheel, built from the source distribution, installed into an empty environment far from the repository."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from serving import free_port

pytestmark = pytest.mark.timeout(600)

ROOT = Path(__file__).resolve().parent.parent
MUG = ROOT / "docs/samples/mug.jpg"
INSTALL = ("-m", "pip", "--disable-pip-version-check", "install", "--quiet")


def run(*command: object, cwd: Path, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SPHERELINKS_"))}
    for name in ("DATABASE_URL", "STORAGE_URL"):
        kept.pop(name, None)
    done = subprocess.run([*map(str, command)], cwd=cwd, env=kept | environment, capture_output=True, text=True)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def far() -> Iterator[Path]:
    """A folder outside the repository; as root the database runs as another user, who must get through."""
    folder = Path(tempfile.mkdtemp(prefix="spherelinks-wheel-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def built(far: Path) -> tuple[Path, Path]:
    """Source distribution and the wheel that is made of it."""
    run(sys.executable, "-m", "build", "--outdir", far / "dist", ROOT, cwd=far)
    (source,), (wheel,) = (far / "dist").glob("*.tar.gz"), (far / "dist").glob("*.whl")
    return source, wheel


@pytest.fixture(scope="module")
def base(far: Path, built: tuple[Path, Path]) -> Path:
    """The folder of programs of an environment with the wheel, at the locked versions, and without the extra."""
    run(sys.executable, "-m", "venv", far / "venv", cwd=far)
    programs = far / "venv" / ("Scripts" if os.name == "nt" else "bin")
    lines = (ROOT / "requirements/server.txt").read_text().split("\n")
    pins = [line.rstrip(" \\") for line in lines if "==" in line and not line.startswith("#")]
    (far / "pins.txt").write_text("\n".join(pins))
    run(programs / "python", *INSTALL, "-c", far / "pins.txt", built[1], cwd=far)
    return programs


def test_the_distributions_hold_what_they_must_and_nothing_else(built: tuple[Path, Path]) -> None:
    source, wheel = built
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"spherelinks", "spherelinks_server"}
    assert any(name.startswith("spherelinks/native/kernels.") for name in names)
    assert "spherelinks/py.typed" in names
    assert not [name for name in names if name.endswith((".cpp", ".h", ".nbi", ".nbc", ".pyc"))]
    with tarfile.open(source) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "README.md", "pyproject.toml", "core/spherelinks/native/build.py"} <= inside
    assert not [name for name in inside if "/node_modules/" in name or name.startswith(".venv")]


def test_the_base_installation_makes_files_and_names_the_extra_where_it_is_needed(base: Path, far: Path) -> None:
    program = base / "spherelinks"
    made = run(program, "generate", MUG, "-o", "mug.glb", "--json", cwd=far)
    assert json.loads(made.stdout)["report"]["faces"] > 1000
    run(program, "finish", "mug.glb", "-o", "again.glb", cwd=far)
    run(program, "convert", "again.glb", "-o", "mug.usdz", cwd=far)
    assert (far / "mug.glb").read_bytes()[:4] == (far / "again.glb").read_bytes()[:4] == b"glTF"
    assert zipfile.is_zipfile(far / "mug.usdz")
    refused = run(program, "serve", cwd=far, check=False)
    assert refused.returncode == 6
    assert "pip install 'spherelinks[server]'" in refused.stderr


def test_the_server_of_the_wheel_takes_a_job_over_http(base: Path, far: Path, built: tuple[Path, Path]) -> None:
    """The last test of the environment: it is no longer bare afterwards."""
    run(base / "python", *INSTALL, "-c", far / "pins.txt", f"{built[1]}[server]", cwd=far)
    home = far / "home"
    home.mkdir(mode=0o755)
    environment = {"SPHERELINKS_HOME": str(home)}
    address = f"http://127.0.0.1:{free_port()}"
    kept = {n: v for n, v in os.environ.items() if n not in ("DATABASE_URL", "STORAGE_URL", "PYTHONPATH")}
    port = address.rpartition(":")[2]
    with (far / "log").open("w") as log:
        server = subprocess.Popen(
            [base / "spherelinks", "serve", "--port", port], cwd=far, env=kept | environment, stdout=log, stderr=log
        )
    try:
        key = json.loads(_until(lambda: _key(base, far, address, environment)))["key"]
        body = {"imageBase64": base64.b64encode(MUG.read_bytes()).decode(), "options": {"generator": "inflate"}}
        job = json.loads(_ask(f"{address}/v1/generate", key, body))["jobId"]
        status = json.loads(_until(lambda: _ended(f"{address}/v1/status/{job}", key)))
        assert status["status"] == "COMPLETED", status
        assert _ask(f"{address}/v1/download/{job}", key)[:4] == b"glTF"
    finally:
        server.terminate()
        assert server.wait(60) == 0, (far / "log").read_text()[-3000:]


def _key(base: Path, far: Path, address: str, environment: dict[str, str]) -> bytes | None:
    try:
        _ask(f"{address}/readyz", "")
    except urllib.error.URLError:
        return None
    return run(base / "spherelinks", "keys", "create", "--json", cwd=far, **environment).stdout.encode()


def _ended(url: str, key: str) -> bytes | None:
    answer = _ask(url, key)
    return None if json.loads(answer)["status"] == "PROCESSING" else answer


def _until(attempt: Callable[[], bytes | None]) -> bytes:
    deadline = time.monotonic() + 240
    while (outcome := attempt()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return outcome


def _ask(url: str, key: str, body: dict[str, object] | None = None) -> bytes:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"X-API-Key": key, "Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()
