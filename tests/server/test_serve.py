"""``spherelinks serve`` for real: database, server and worker come up, do their work, survive, and leave nothing."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from serving import LIMIT_S, Running, cli, free_port, living, stop, wait_for

from spherelinks import local
from spherelinks.config import Settings
from spherelinks.errors import ConfigurationError
from spherelinks_server import serve

pytestmark = pytest.mark.skipif(os.name != "posix", reason="looks at processes with ps, ends them by signal")


def test_from_a_picture_to_a_glb_and_a_clean_end(running: Running) -> None:
    key = running.command("keys", "create")["key"]
    link = running.command("users", "link")["link"]
    assert link.startswith(f"http://127.0.0.1:{running.port}/welcome/")
    picture = Path(__file__).parents[2] / "docs" / "samples" / "mug.jpg"

    body = {"imageBase64": base64.b64encode(picture.read_bytes()).decode(), "options": {"textureSize": 512}}
    status, headers, answer = running.ask("POST", "/v1/generate", key, body)
    assert status == 202, answer
    path = headers.get("Location") or headers["location"]

    def ended() -> Any:
        shown = json.loads(running.ask("GET", path, key)[2])
        return shown if shown["status"] != "PROCESSING" else None

    shown = wait_for(ended, "job", running)
    assert shown["status"] == "COMPLETED", shown
    assert shown["report"]["textureSize"] == 512

    status, headers, glb = running.ask("GET", f"/v1/download/{shown['jobId']}", key)
    assert (status, glb[:4]) == (200, b"glTF")
    assert {k.lower(): v for k, v in headers.items()}["content-type"] == "model/gltf-binary"

    assert f"http://127.0.0.1:{running.port}" in running.said()
    stop(running)
    assert "Traceback" not in running.said()
    assert local.address(Path(running.environment["SPHERELINKS_HOME"])) is None


def test_what_dies_comes_back(running: Running) -> None:
    key = running.command("keys", "create")["key"]
    for part in ("child server", "child worker"):
        before = {pid for pid, args in running.descendants().items() if part in args}
        for pid in before:
            os.kill(pid, signal.SIGKILL)

        def back(part: str = part, before: set[int] = before) -> bool:
            now = {pid for pid, args in running.descendants().items() if part in args}
            return bool(now) and now.isdisjoint(before)

        wait_for(back, f"{part} started again", running)
        wait_for(running.is_ready, "ready", running)
    assert running.ask("GET", "/v1/status/none", key)[0] == 404
    stop(running, signal.SIGINT)


def test_killed_itself_it_leaves_nobody(running: Running) -> None:
    family = {pid: args for pid, args in running.descendants().items() if "postgres" not in args}
    running.process.kill()
    running.process.wait()
    wait_for(lambda: not living(family), f"all gone of {family}", running)
    # the database, which would survive, is found and stopped by the next start
    again = subprocess.run(cli("keys", "list", "--json"), env=running.environment, stdout=subprocess.PIPE, check=True)
    assert json.loads(again.stdout) == []


def test_a_second_one_on_the_same_home_says_so_and_ends(running: Running) -> None:
    command = cli("serve", "--port", str(free_port()))
    second = subprocess.run(
        command, env=running.environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert second.returncode == 6
    assert f"SPHERELINKS_HOME is '{running.environment['SPHERELINKS_HOME']}'" in second.stderr
    assert "another 'spherelinks serve'" in second.stderr
    assert running.is_ready()


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"port {port}") as caught:
            serve.main(Settings(home=tmp_path / "home"), port)
    assert "--port" in caught.value.hint
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70000), ("192.0.2.1", 8000)])
def test_an_address_that_is_not_ours_is_named(tmp_path: Path, host: str, port: int) -> None:
    with pytest.raises(ConfigurationError, match=host):
        serve.main(Settings(home=tmp_path / "home"), port, host)
