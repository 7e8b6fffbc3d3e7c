"""The whole path on this machine: start the server, send it the sample pictures, keep the GLBs, stop.

    make demo

Uses a home of its own that is removed afterwards, so neither your credits nor your database are touched.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "demo"
VALIDATOR = ROOT / "tests" / "node_modules" / "gltf-validator"
START_LIMIT_S = 120


def main() -> int:
    pictures = sorted(p for p in (ROOT / "docs/samples").iterdir() if p.suffix in {".jpg", ".png", ".webp"})
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="spherelinks-demo-", ignore_cleanup_errors=True) as home:
        # as root the database runs as another user, who must get through
        Path(home).chmod(0o755)
        environment = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "STORAGE_URL")}
        environment["SPHERELINKS_HOME"] = home
        with serving(environment) as address:
            print(f"server: {address}  (API documentation: {address}/v1/docs)")
            key = json.loads(run(["keys", "create", "--name", "demo", "--json"], environment))["key"]
            results = [convert(address, key, picture) for picture in pictures]
    print()
    for path, seconds, report in results:
        verdict = validate(path)
        size = f"{report['faces']:6d} faces  {path.stat().st_size / 1e6:.2f} MB"
        print(f"{path.relative_to(ROOT)}  {seconds:5.1f} s  {size}  {verdict}")
    if not VALIDATOR.is_dir():
        print("(the Khronos validator is not installed: npm ci --prefix tests, then again, checks each file)")
    print(f"\nserver {address} stopped. Start your own with: make serve")
    return 0


@contextmanager
def serving(environment: dict[str, str]) -> Iterator[str]:
    """A server of our own on a free port; stopped at the end, and waited for."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    log = OUT / "server.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            command(["serve", "--port", str(port)]), env=environment, stdout=output, stderr=output
        )
        try:
            wait_ready(server, address, log)
            yield address
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(60)
    log.unlink()


def wait_ready(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    with tqdm(desc="starting the server", bar_format="{desc} {elapsed}", leave=False) as bar:
        while time.monotonic() < deadline:
            if server.poll() is not None:
                sys.exit(f"the server ended with code {server.returncode}:\n{log.read_text()[-2000:]}")
            try:
                urllib.request.urlopen(f"{address}/readyz", timeout=2).close()
                return
            except OSError:
                time.sleep(0.2)
                bar.update()
    sys.exit(f"the server was not ready after {START_LIMIT_S} s:\n{log.read_text()[-2000:]}")


def convert(address: str, key: str, picture: Path) -> tuple[Path, float, dict[str, Any]]:
    """Submit, watch, download: what any client does."""
    start = time.monotonic()
    body = {"imageBase64": base64.b64encode(picture.read_bytes()).decode()}
    job = call(f"{address}/v1/generate", key, body)["jobId"]
    with tqdm(total=100, desc=f"{picture.name:<16}", bar_format="{desc} {bar:30} {percentage:3.0f}% {postfix}") as bar:
        while True:
            status = call(f"{address}/v1/status/{job}", key)
            bar.n = status["progress"]
            bar.set_postfix_str(status["description"])
            if status["status"] != "PROCESSING":
                break
            time.sleep(0.2)
    if status["status"] == "FAILED":
        sys.exit(f"{picture.name}: {status['error']['message']}")
    path = OUT / f"{picture.stem}.glb"
    with urllib.request.urlopen(request(f"{address}/v1/download/{job}", key), timeout=60) as answer:
        path.write_bytes(answer.read())
    return path, time.monotonic() - start, status["report"]


def call(url: str, key: str, body: dict[str, Any] | None = None) -> Any:
    try:
        with urllib.request.urlopen(request(url, key, body), timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        sys.exit(f"{url} answered {error.code}: {error.read().decode()}")


def request(url: str, key: str, body: dict[str, Any] | None = None) -> urllib.request.Request:
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    return urllib.request.Request(url, headers=headers, data=None if body is None else json.dumps(body).encode())


def validate(path: Path) -> str:
    """The Khronos validator's verdict in a few words; empty if it is not installed."""
    node = shutil.which("node")
    if not node or not VALIDATOR.is_dir():
        return ""
    script = (
        "const fs = require('fs'), validator = require(process.argv[1]);"
        "validator.validateBytes(new Uint8Array(fs.readFileSync(process.argv[2])))"
        ".then(r => console.log(JSON.stringify(r.issues)))"
    )
    done = subprocess.run([node, "-e", script, str(VALIDATOR), str(path)], capture_output=True, text=True, check=True)
    issues = json.loads(done.stdout)
    if issues["numErrors"] + issues["numWarnings"]:
        return f"INVALID: {issues['numErrors']} errors, {issues['numWarnings']} warnings"
    return "valid glTF 2.0"


def command(arguments: list[str]) -> list[str]:
    return [sys.executable, "-m", "spherelinks.cli", *arguments]


def run(arguments: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command(arguments), env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
