"""Opens GLBs in headless Chromium, draws them and prints, as one JSON object, what the viewer made of each.

python probe.py OUT_DIR GLB... [--viewer three|model_viewer] [--turns 0 90 180] [--rise 10] [--size 256] [--maps]

A turn is the camera's angle round the object: 0 looks at the front (+Z), 90 at the side (+X). The pictures, PNGs on
transparent background, go to OUT_DIR/<stem>-<turn>.png. With --maps every material's settings and maps are told, too.
Needs `npm ci` in this folder and Chromium on the PATH.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"
VIEWERS = ("three", "model_viewer")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
TYPES = {".html": "text/html", ".js": "text/javascript", ".glb": "model/gltf-binary"}
LIMIT_S = 600


def browser() -> str | None:
    """The path of Chromium or Chrome, if there is one."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def look(
    viewer: str, glbs: list[Path], turns: list[float], rise: float, size: int, maps: bool = False
) -> dict[str, Any]:
    """What the viewer page posts once it has drawn each file from each side: by stem, pictures as data URLs."""
    if not MODULES.is_dir():
        raise SystemExit("three.js is not installed: run scripts/engines.sh three.")
    files = {path.name: path for path in glbs}
    plan = {"files": list(files), "turns": turns, "rise": rise, "size": size, "maps": maps}
    facts: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/plan":
                return self.answer(json.dumps(plan).encode(), "application/json")
            path = {"/": HERE / f"{viewer}.html", "/materials.js": HERE / "materials.js"}.get(self.path)
            if self.path.startswith("/modules/"):
                path = MODULES / self.path.removeprefix("/modules/")
            elif self.path.startswith("/glb/"):
                path = files.get(self.path.removeprefix("/glb/"))
            if path is None or not path.is_file():
                return self.send_error(404)
            return self.answer(path.read_bytes(), TYPES[path.suffix])

        def do_POST(self) -> None:
            facts.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.answer(b"", "text/plain")

        def answer(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    # Chromium's children may outlive it by a moment and still write to its profile
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        chromium = subprocess.Popen(
            [
                browser() or BROWSERS[0],
                "--headless",
                "--no-sandbox",  # a browser run by root has none
                "--use-angle=swiftshader",
                "--enable-unsafe-swiftshader",
                "--disable-background-networking",
                "--disable-component-update",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
                f"--user-data-dir={home}/profile",
                f"http://127.0.0.1:{server.server_port}/",
            ],
            env=os.environ | {"HOME": home},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            found = facts.get(timeout=LIMIT_S)
        except queue.Empty:
            raise SystemExit(f"Chromium did not show the page within {LIMIT_S} s.") from None
        finally:
            os.killpg(chromium.pid, signal.SIGKILL)
            chromium.wait()
            server.shutdown()
    if "error" in found:
        raise SystemExit(found["error"])
    return {Path(name).stem: entry for name, entry in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("glbs", type=Path, nargs="+")
    parser.add_argument("--viewer", choices=VIEWERS, default=VIEWERS[0])
    parser.add_argument("--turns", type=float, nargs="+", default=[0, 90, 180])
    parser.add_argument("--rise", type=float, default=10)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--maps", action="store_true")
    arguments = parser.parse_args()
    shown = (arguments.turns, arguments.rise, arguments.size, arguments.maps)
    found = look(arguments.viewer, arguments.glbs, *shown)
    for stem, entry in found.items():
        names = [str(arguments.out / f"{stem}-{turn:g}.png") for turn in arguments.turns]
        for name, url in zip(names, entry["pictures"], strict=True):
            Path(name).write_bytes(base64.b64decode(url.partition(",")[2]))
        entry["pictures"] = names
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
