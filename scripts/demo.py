"""The whole path on this machine: start the server, send it the sample pictures, keep and show the GLBs, stop.

    make demo

Uses a home of its own that is removed afterwards, so neither your credits nor your database are touched.
"""

from __future__ import annotations

import base64
import json
import mimetypes
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
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from tqdm import tqdm

from spherelinks.cli.elapsed import elapsed

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "demo"
VALIDATOR = ROOT / "tests" / "node_modules" / "gltf-validator"
TEMPLATE = ROOT / "scripts" / "demo.html"
VIEWER = ROOT / "server" / "spherelinks_server" / "static" / "vendor" / "model-viewer.min.js"
START_LIMIT_S = 120


def main() -> int:
    pictures = sorted(p for p in (ROOT / "docs/samples").iterdir() if p.suffix in {".jpg", ".png", ".webp"})
    OUT.mkdir(exist_ok=True)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="spherelinks-demo-", ignore_cleanup_errors=True) as home:
        # as root the database runs as another user, who must get through
        Path(home).chmod(0o755)
        environment = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "STORAGE_URL")}
        environment["SPHERELINKS_HOME"] = home
        with serving(environment) as address:
            key = json.loads(run(["keys", "create", "--name", "demo", "--json"], environment))["key"]
            made = [convert(address, key, picture) for picture in pictures]
            total = time.monotonic() - begun
    print_table(made)
    page = OUT / "index.html"
    page.write_text(shown(made, total), encoding="utf-8")
    opened = has_display() and webbrowser.open(page.as_uri())
    print(f"\nLook at them{' (opened in your browser)' if opened else ' in a browser'}: {page.as_uri()}")
    print("Start your own server with: make serve")
    return 0


@dataclass(frozen=True)
class Made:
    """A model, and what is known of it; ``verdict`` is the validator's, empty if that is not installed."""

    picture: Path
    path: Path
    thumbnail: bytes
    seconds: float
    report: dict[str, Any]
    verdict: str

    @property
    def size(self) -> str:
        sides = self.report["dimensions"]
        return f"{sides['width']:.2f} × {sides['height']:.2f} × {sides['depth']:.2f} m"


def print_table(made: list[Made]) -> None:
    rows = [("model", "seconds", "faces", "size", "MB", "checked" if any(one.verdict for one in made) else "")]
    for one in made:
        report, megabytes = one.report, one.path.stat().st_size / 1e6
        path = str(one.path.relative_to(ROOT))
        rows.append((path, f"{one.seconds:.1f}", str(report["faces"]), one.size, f"{megabytes:.2f}", one.verdict))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.rjust(width) if n in (1, 2, 4) else cell.ljust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())
    if not VALIDATOR.is_dir():
        print("(the Khronos validator is not installed: npm ci --prefix tests, then again, checks each file)")


def shown(made: list[Made], total: float) -> str:
    """A page of pictures and models that opens from disk: viewer, pictures and models are inside it."""
    template = jinja2.Environment(autoescape=True).from_string(TEMPLATE.read_text("utf-8"))
    models = [
        {
            "name": one.picture.stem.capitalize(),
            "file": one.path.name,
            "picture": inline(one.picture.read_bytes(), mimetypes.guess_type(one.picture.name)[0] or ""),
            "glb": inline(one.path.read_bytes(), "model/gltf-binary"),
            "thumbnail": inline(one.thumbnail, "image/png"),
            "seconds": one.seconds,
            "faces": f"{one.report['faces']:,}".replace(",", "\u202f"),
            "size": one.size,
            "megabytes": one.path.stat().st_size / 1e6,
            "stages": stages(one.report["timings"]),
        }
        for one in made
    ]
    # in a script, only its end tag means anything to HTML
    viewer = Markup(VIEWER.read_text("utf-8").replace("</script", "<\\/script"))
    return template.render(models=models, total=total, viewer=viewer)


def stages(timings: dict[str, Any]) -> list[tuple[str, float]]:
    """The stages that take longest, in seconds."""
    spent = {name: sum(value.values()) if isinstance(value, dict) else value for name, value in timings.items()}
    return [(name.capitalize(), spent[name] / 1000) for name in ("matte", "generator", "finishing") if name in spent]


def inline(data: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def has_display() -> bool:
    """Whether somebody at this machine sees a browser that opens."""
    if "CI" in os.environ or "SSH_CONNECTION" in os.environ or not sys.stdout.isatty():
        return False
    return os.name == "nt" or sys.platform == "darwin" or bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys())


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
            with elapsed("Stopping the server"):
                server.send_signal(signal.SIGTERM)
                server.wait(60)
    log.unlink()


def wait_ready(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    with elapsed("Starting a server of its own, with database and worker: some seconds"):
        while time.monotonic() < deadline:
            if server.poll() is not None:
                sys.exit(f"the server ended with code {server.returncode}:\n{log.read_text()[-2000:]}")
            try:
                urllib.request.urlopen(f"{address}/readyz", timeout=2).close()
                return
            except OSError:
                time.sleep(0.2)
    sys.exit(f"the server was not ready after {START_LIMIT_S} s:\n{log.read_text()[-2000:]}")


def convert(address: str, key: str, picture: Path) -> Made:
    """Submit, watch, download: what any client does."""
    start = time.monotonic()
    body = {"imageBase64": base64.b64encode(picture.read_bytes()).decode(), "options": {"name": picture.stem}}
    job = call(f"{address}/v1/generate", key, body)["jobId"]
    shape = "{desc} {bar:30} {percentage:3.0f}% {elapsed} "
    quiet = not sys.stderr.isatty()
    with tqdm(total=100, desc=f"{picture.name:<16}", bar_format=shape, leave=False, disable=quiet) as bar:
        while True:
            status = call(f"{address}/v1/status/{job}", key)
            bar.n = status["progress"]
            bar.bar_format = shape + status["description"].replace("{", "").replace("}", "")
            bar.refresh()
            if status["status"] != "PROCESSING":
                break
            time.sleep(0.2)
    if status["status"] == "FAILED":
        sys.exit(f"{picture.name}: {status['error']['message']}")
    path = OUT / f"{picture.stem}.glb"
    path.write_bytes(fetched(f"{address}/v1/download/{job}", key))
    seconds = time.monotonic() - start
    if quiet:
        print(f"{picture.name:<16} {seconds:5.1f} s")
    thumbnail = fetched(f"{address}/v1/jobs/{job}/files/png", key)
    return Made(picture, path, thumbnail, seconds, status["report"], validate(path))


def fetched(url: str, key: str) -> bytes:
    with urllib.request.urlopen(request(url, key), timeout=60) as answer:
        data: bytes = answer.read()
    return data


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
