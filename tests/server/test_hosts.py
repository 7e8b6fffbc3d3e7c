"""Each part on its own host: network namespaces with an address each, on one switch. Linux, as root."""

from __future__ import annotations

import ctypes
import http.client
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from chaos import png
from external import make_cluster
from serving import LIMIT_S, cli

T = TypeVar("T")

NETWORK = "10.213.77"
CLONE_NEWNET = 0x40000000
PORT = 8000


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@dataclass
class Host:
    """A network namespace with one address, on the switch."""

    name: str
    address: str
    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{self.name}.log").open("ab") as log:
            inside = ["ip", "netns", "exec", self.name, *command]
            process = subprocess.Popen(inside, env=environment, stdout=log, stderr=log, start_new_session=True)
        self.processes.append(process)
        return process

    def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call the function in a thread whose sockets are this host's."""

        def enter() -> None:
            with Path(f"/run/netns/{self.name}").open() as namespace:
                libc = ctypes.CDLL(None, use_errno=True)
                assert libc.setns(namespace.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())

        with ThreadPoolExecutor(1, initializer=enter) as thread:
            return thread.submit(function, *arguments).result()

    def ask(self, host: Host, method: str, path: str, body: Any = None, port: int = PORT, **headers: str) -> Any:
        """Status and body of an answer; status 0 if nobody answers."""

        def request() -> tuple[int, bytes]:
            connection = http.client.HTTPConnection(host.address, port, timeout=70)
            try:
                sent = {name.replace("_", "-"): value for name, value in headers.items()}
                connection.request(method, path, None if body is None else json.dumps(body), sent)
                answer = connection.getresponse()
                return answer.status, answer.read()
            except (OSError, http.client.HTTPException):
                return 0, b""
            finally:
                connection.close()

        return self.run(request)

    def set_link(self, state: str) -> None:
        ip("-n", self.name, "link", "set", "lan", state)

    def said(self) -> str:
        return (self.folder / f"{self.name}.log").read_text(errors="replace")[-3000:]


class Lan:
    """Hosts on a switch, which is a namespace, too, so that this machine's own network is left alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tag = f"sl{secrets.token_hex(3)}"
        self._switch = f"{self._tag}-switch"
        self.hosts: dict[str, Host] = {}
        ip("netns", "add", self._switch)
        try:
            ip("-n", self._switch, "link", "add", "bridge", "type", "bridge")
            ip("-n", self._switch, "link", "set", "bridge", "up")
        except BaseException:
            self.close()
            raise

    def __getitem__(self, name: str) -> Host:
        if name not in self.hosts:
            self.hosts[name] = self._plugged(name, len(self.hosts) + 1)
        return self.hosts[name]

    def _plugged(self, name: str, number: int) -> Host:
        host = Host(f"{self._tag}-{name}", f"{NETWORK}.{number}", self._folder)
        ip("netns", "add", host.name)
        plug = f"p{number}"
        ip("-n", self._switch, "link", "add", plug, "type", "veth", "peer", "name", "lan", "netns", host.name)
        ip("-n", self._switch, "link", "set", plug, "master", "bridge", "up")
        ip("-n", host.name, "addr", "add", f"{host.address}/24", "dev", "lan")
        for device in ("lo", "lan"):
            ip("-n", host.name, "link", "set", device, "up")
        return host

    def close(self) -> None:
        for host in self.hosts.values():
            for process in reversed(host.processes):
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
        for name in (*(host.name for host in self.hosts.values()), self._switch):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


@pytest.fixture
def lan() -> Iterator[Lan]:
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("setpriv"):
        pytest.skip("makes network namespaces: needs Linux, root, ip (iproute2) and setpriv (util-linux)")
    folder = Path(tempfile.mkdtemp(prefix="spherelinks-test-"))
    folder.chmod(0o755)  # the database runs as another user, who must get through
    try:
        lan = Lan(folder)
    except subprocess.CalledProcessError as error:
        shutil.rmtree(folder)
        pytest.skip(f"network namespaces are not permitted here: {error.stderr.decode().strip()}")
    try:
        yield lan
    finally:
        lan.close()
        shutil.rmtree(folder)


def until(condition: Callable[[], T], what: str, lan: Lan, seconds: float = 2 * LIMIT_S) -> T:
    deadline = time.monotonic() + seconds
    while not (outcome := condition()):
        logs = "\n".join(f"--- {host.name}\n{host.said()}" for host in lan.hosts.values() if host.processes)
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s\n{logs}"
        time.sleep(0.05)
    return outcome


def start_database(lan: Lan, folder: Path) -> str:
    """A PostgreSQL of its own, reached by TCP alone; its URL."""
    cluster = make_cluster(folder, lan["database"].address, 5432, f"{NETWORK}.0/24")
    lan["database"].start(cluster.command, {"LC_ALL": "C"})
    return cluster.url


def start_bucket(lan: Lan) -> dict[str, str]:
    """An S3 server of its own, with a bucket; what its clients' environment says."""
    host = lan["storage"]
    host.start([sys.executable, "-m", "moto.server", "-H", host.address, "-p", "5000"], dict(os.environ))
    until(lambda: lan["client"].ask(host, "PUT", "/shared", port=5000)[0] == 200, "the bucket", lan)
    return {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host.address}:5000",
        "AWS_ALLOW_HTTP": "true",
        "STORAGE_URL": "s3://shared/one",
    }


@pytest.mark.timeout(900)
def test_every_part_on_a_host_of_its_own_and_one_that_is_cut_off(lan: Lan, tmp_path: Path) -> None:
    folder = lan["client"].folder
    environment = os.environ | start_bucket(lan)
    environment |= {"DATABASE_URL": start_database(lan, folder), "SPHERELINKS_HOME": str(tmp_path)}
    client, webs = lan["client"], (lan["web1"], lan["web2"])
    for web in webs:
        web.start(cli("web", "--port", str(PORT)), environment)
    lan["worker1"].start(cli("worker"), environment)
    for web in webs:
        until(lambda web=web: client.ask(web, "GET", "/readyz")[0] == 200, f"{web.name} ready", lan)
    made = ["ip", "netns", "exec", webs[0].name, *cli("keys", "create", "--json")]
    key = json.loads(subprocess.run(made, env=environment, stdout=subprocess.PIPE, check=True).stdout)["key"]

    def ask(method: str, path: str, body: Any = None, web: int = 0) -> Any:
        status, answer = client.ask(webs[web], method, path, body, X_API_Key=key, Content_Type="application/json")
        assert status in (200, 202), (status, answer)
        return answer if path.startswith("/v1/download") else json.loads(answer)

    def submit(shade: int) -> str:
        job: str = ask("POST", "/v1/generate", {"imageBase64": png(shade, blank=False)})["jobId"]
        return job

    def ended(job: str) -> Any:
        """Told by the other web process than the one that took the job in."""
        return until(
            lambda: (now := ask("GET", f"/v1/status/{job}?wait=60", web=1))["status"] != "PROCESSING" and now, job, lan
        )

    first = submit(1)
    assert ended(first)["status"] == "COMPLETED"
    assert ask("GET", f"/v1/download/{first}", web=1)[:4] == b"glTF"

    # a host that is cut off while it works: nobody tells the others, and its connections hang
    cut = ""
    for shade in range(2, 12):
        job = submit(shade)
        until(lambda job=job: ask("GET", f"/v1/status/{job}")["stage"] != "queued", "a start", lan)
        lan["worker1"].set_link("down")
        if ask("GET", f"/v1/status/{job}")["status"] == "PROCESSING":
            cut = job
            break
        lan["worker1"].set_link("up")  # it was faster than we
    assert cut
    lan["worker2"].start(cli("worker"), environment)
    assert ended(cut)["status"] == "COMPLETED"
    lan["worker1"].set_link("up")
    after = submit(99)
    assert ended(after)["status"] == "COMPLETED"

    jobs = ask("GET", "/v1/jobs")["jobs"]
    assert {job["status"] for job in jobs} == {"COMPLETED"}
    entries = ask("GET", "/v1/credits/ledger")["entries"]
    captured = [entry["jobId"] for entry in entries if entry["kind"] == "capture"]
    assert sorted(captured) == sorted(job["jobId"] for job in jobs), "each was paid for once"
    assert ask("GET", "/v1/credits")["held"] == 0
    for name in ("worker1", "worker2", "web1", "web2"):
        for process in lan[name].processes:
            process.terminate()
            assert process.wait(90) in (0, -signal.SIGTERM), lan[name].said()
