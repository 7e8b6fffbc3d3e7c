"""The examples of deploy/ for nginx and Caddy, run before the real gateway: what slow clients do never reaches it."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from serving import free_port

HERE = Path(__file__).parent
DEPLOY = HERE.parent.parent / "deploy"
CROWD = 40

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="uses more than one loopback address")


def nginx(folder: Path, port: int, server: int) -> list[str]:
    """The command that runs our nginx.conf, but for its ports and TLS."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        pytest.skip("nginx is not installed")
    ours = (DEPLOY / "nginx.conf").read_text()
    ours = changed(ours, r"server \{\s+listen 80;.*?\n\}\n", "")
    ours = changed(ours, r"listen 443 ssl http2;", f"listen 127.0.0.1:{port};")
    ours = changed(ours, r"ssl_certificate [^;]*;\s+ssl_certificate_key [^;]*;", "")
    ours = changed(ours, r"server 127\.0\.0\.1:8000;", f"server 127.0.0.1:{server};")
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\npid {folder}/pid;\nerror_log {folder}/log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{ours}}}\n"
    )
    return [program, "-e", f"{folder}/log", "-p", str(folder), "-c", f"{folder}/nginx.conf"]


def caddy(folder: Path, port: int, server: int) -> list[str]:
    """The same for our Caddyfile."""
    program = shutil.which("caddy")
    if program is None:
        pytest.skip("Caddy is not installed")
    version = subprocess.run([program, "version"], capture_output=True, text=True, check=True).stdout
    if tuple(map(int, version.lstrip("v").split(".")[:2])) < (2, 7):
        pytest.skip(f"Caddy is {version.split()[0]}, older than the 2.7 that the file asks for")
    ours = (DEPLOY / "Caddyfile").read_text()
    ours = changed(ours, r"^\{\n", "{\n\tadmin off\n")
    ours = changed(ours, r"^models\.example\.com \{", f"http://127.0.0.1:{port} {{\n\tbind 127.0.0.1")
    ours = changed(ours, r"127\.0\.0\.1:8000", f"127.0.0.1:{server}")
    (folder / "Caddyfile").write_text(ours)
    return [program, "run", "--config", f"{folder}/Caddyfile", "--adapter", "caddyfile"]


def changed(text: str, pattern: str, by: str) -> str:
    text, count = re.subn(pattern, by, text, flags=re.S | re.M)
    assert count == 1, pattern
    return text


class Behind:
    """The echoing application behind a proxy. port : the proxy's; server : the application's own"""

    def __init__(self, folder: Path, command: Callable[[Path, int, int], list[str]]) -> None:
        self.port, self.server = free_port(), free_port()
        self._log = folder / "output"
        home = os.environ | {"ECHO_PROXIES": "1", "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
        run = command(folder, self.port, self.server)
        with self._log.open("w") as out:
            self._processes = [
                subprocess.Popen(each, cwd=HERE, env=home, stdout=out, stderr=out)
                for each in ([sys.executable, "echo.py", str(self.server)], run)
            ]
        deadline = time.monotonic() + 60
        while not self._is_up():
            if time.monotonic() > deadline or any(process.poll() is not None for process in self._processes):
                self.end()
                pytest.fail(self._log.read_text())
            time.sleep(0.1)

    def _is_up(self) -> bool:
        try:
            return self.ask("GET", "/up")[0] == 200
        except (OSError, ValueError):  # the application is not up yet, says the proxy on a page of its own
            return False

    def ask(
        self, method: str, path: str, body: bytes | None = None, *, port: int = 0, source: str = "", **headers: str
    ) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=30, source_address=(source, 0))
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"null")
        finally:
            connection.close()

    def slow(self, sent: bytes) -> socket.socket:
        """A connection to the proxy that has sent this, and neither sends nor reads any more."""
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", self.port))
        connection.sendall(sent)
        return connection

    def reached(self) -> int:
        """How many connections the application has."""
        return sum(
            each.laddr.port == self.server and each.status == psutil.CONN_ESTABLISHED
            for each in psutil.net_connections("tcp4")
        )

    def end(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(40)


@pytest.fixture(scope="module", params=[nginx, caddy], ids=lambda proxy: proxy.__name__)
def behind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    folder = tmp_path_factory.mktemp("proxy")
    folder.chmod(0o755)
    behind = Behind(folder, request.param)
    yield behind
    behind.end()


def test_requests_sent_by_halves_do_not_reach_the_server(behind: Behind) -> None:
    before = behind.reached()  # kept for the next request
    head = b"POST /slow HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n"
    crowd = [behind.slow(head + (b"\r\nabc" if number % 2 else b"")) for number in range(CROWD)]
    time.sleep(0.5)
    assert behind.reached() <= before
    assert behind.ask("POST", "/size", b"abc")[1]["length"] == 3, "others are served meanwhile"
    for connection in crowd:
        connection.close()


def test_whoever_does_not_read_its_answer_holds_none_of_the_servers_threads(behind: Behind) -> None:
    """Five times as many as there are threads."""
    crowd = [behind.slow(b"GET /large HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n") for _ in range(CROWD)]
    for port in (behind.server, behind.port):
        assert behind.ask("GET", "/up", port=port)[0] == 200
    for connection in crowd:
        connection.close()


def test_the_server_learns_the_clients_own_address_whatever_it_says_of_itself(behind: Behind) -> None:
    for told in ({}, {"X_Forwarded_For": "203.0.113.9"}, {"X_Forwarded_For": "203.0.113.9, 203.0.113.10"}):
        assert behind.ask("GET", "/a", source="127.0.0.3", **told)[1]["address"] == "127.0.0.3"


def test_what_is_too_large_is_refused_in_the_servers_words(behind: Behind) -> None:
    status, answer = behind.ask("POST", "/size", bytes(1_200_000))
    assert (status, answer["error"]["code"]) == (413, "request_too_large")
