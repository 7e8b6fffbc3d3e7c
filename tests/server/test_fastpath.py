"""The status without Flask: the same bytes, the same limits and metrics; what is kept is true."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import request
from flask_openapi3.openapi import OpenAPI
from serving import cli, free_port
from sqlalchemy import Engine, text

from spherelinks.accounts import keys
from spherelinks.config import Settings
from spherelinks.database import new_id, transaction
from spherelinks.jobs import attempts, closing
from spherelinks.jobs.attempts import Failure
from spherelinks.storage import Storage
from spherelinks_server import create_app
from spherelinks_server.fastpath import FastPath
from spherelinks_server.services import EXTENSION

from .conftest import Caller, base64_of

PATIENCE_S = 120.0
SHOP = "https://shop.example"
TOKEN = "a-token-of-the-tests"
HERE = "198.51.100.7"
Answer = tuple[str, list[tuple[str, str]], bytes]


def environ(path: str, secret: str = "", method: str = "GET", **more: str) -> dict[str, Any]:
    """A request as the gateway passes it on."""
    path, _, query = path.partition("?")
    return {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": HERE,
        "HTTP_HOST": "localhost",
        "HTTP_X_REQUEST_ID": "trace-7",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        **({"HTTP_X_API_KEY": secret} if secret else {}),
        **{f"HTTP_{name}": value for name, value in more.items()},
    }


def asked(app: OpenAPI, request: dict[str, Any]) -> Answer:
    """Status, headers and body, as they leave the application."""
    begun: list[Any] = []
    parts = app.wsgi_app(request, lambda status, headers, exc_info=None: begun.append((status, headers)))
    body = b"".join(parts)
    getattr(parts, "close", lambda: None)()
    return begun[0][0], list(begun[0][1]), body


def fast_path(app: OpenAPI) -> FastPath:
    found: FastPath = app.extensions[EXTENSION].fast
    return found


class Both:
    """Two applications of the same settings, one of which goes by Flask alone; the same requests go to both."""

    def __init__(self, settings: Settings, engine: Engine, storage: Storage, **limits: int) -> None:
        settings = replace(settings, metrics_token=TOKEN)
        self.fast, self.plain = (create_app(settings, engine, storage, **limits) for _ in range(2))
        fast_path(self.plain).closed = True

    def ask(self, path: str, secret: str = "", method: str = "GET", **more: str) -> Answer:
        answers = [asked(app, environ(path, secret, method, **more)) for app in (self.fast, self.plain)]
        fast, plain = (
            (status, [(name, "" if name == "Retry-After" else value) for name, value in fields], body)
            for status, fields, body in answers  # the time to wait goes by between the two
        )
        assert fast == plain
        return answers[0]

    def counted(self) -> list[dict[str, float]]:
        """The number of requests by method, route and status, of each application."""
        counts = []
        for app in (self.fast, self.plain):
            page = asked(app, environ("/metrics", AUTHORIZATION=f"Bearer {TOKEN}"))[2].decode()
            lines = [line for line in page.splitlines() if line.startswith("spherelinks_http_request_seconds_count")]
            counts.append({line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines})
        return counts


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that Flask has seen."""
    seen: list[str] = []
    inside = OpenAPI.full_dispatch_request

    def dispatch(app: OpenAPI, *arguments: Any) -> Any:
        seen.append(request.path)
        return inside(app, *arguments)

    monkeypatch.setattr(OpenAPI, "full_dispatch_request", dispatch)
    return seen


@pytest.mark.parametrize("origins", [(), (SHOP,), ("*",)])
def test_both_ways_give_the_same_bytes(
    settings: Settings,
    engine: Engine,
    storage: Storage,
    make_caller: Callable[..., Caller],
    png: bytes,
    origins: tuple[str, ...],
    calls: list[str],
) -> None:
    both = Both(replace(settings, cors_origins=origins), engine, storage, rate_limit=0, address_limit=0)
    caller, stranger = make_caller(20), make_caller()
    with transaction(engine) as session:
        _, sandbox = keys.create(session, caller.account_id, "sandbox", sandbox=True)
        _, blind = keys.create(session, caller.account_id, "blind", scopes=["generate"])
        revoked, gone = keys.create(session, caller.account_id, "revoked")
        keys.revoke(session, revoked.id)

    def submit(seed: int) -> str:
        return caller.submit(png, options={"seed": seed})

    done, failed, deleted = submit(0), submit(1), submit(2)
    caller.finish(done, b"glTF", storage)
    caller.fail(failed, Failure("no_object", "Nothing in it.", "Send another, ä."))
    caller.finish(deleted, b"glTF2", storage)
    assert caller.delete(deleted).status_code == 200
    starting, working, again = submit(3), submit(4), submit(5)
    caller.begin(starting)
    caller.work(working, "generator", 0.05)
    attempts.requeue(engine, caller.begin(again))
    hit, queued, in_line = submit(0), submit(6), submit(7)
    example = caller.http.post(
        "/v1/generate", json={"imageBase64": base64_of(png)}, headers={"X-API-Key": sandbox}
    ).json["jobId"]

    for job in (done, failed, starting, working, again, hit, queued, in_line):
        calls.clear()
        status, _, body = both.ask(f"/v1/status/{job}", caller.secret)
        assert status == "200 OK"
        assert job.encode() in body
        assert calls == [f"/v1/status/{job}"], "Flask has seen the one request, and not the other"
    for path in (f"/v1/status/{done}/", f"/status/{done}", f"/v1/status/{done}?wait=0", f"/v1/status/{done}?x=1"):
        assert both.ask(path, caller.secret)[0] == "200 OK"
    assert both.ask(f"/v1/status/{done}?wait=x", caller.secret)[0] == "400 BAD REQUEST"
    for more in (
        {"ORIGIN": SHOP},
        {"ORIGIN": "https://stranger.example"},
        {"PREFER": "wait=1"},
        {"IF_NONE_MATCH": "*"},
        {"RANGE": "bytes=0-1"},
        {"ACCEPT": "nonsense"},
        {"COOKIE": "a=b"},
        {"HOST": "any where"},
        {"X_REQUEST_ID": "trace-8"},
    ):
        assert both.ask(f"/v1/status/{done}", caller.secret, **more)[0] == "200 OK"
    for method in ("HEAD", "OPTIONS", "POST", "DELETE", "MADEUP"):
        both.ask(f"/v1/status/{done}", caller.secret, method)
    assert both.ask(f"/v1/status/{done}", sandbox)[0] == "404 NOT FOUND"
    assert both.ask(f"/v1/status/{done}", stranger.secret, ACCEPT="text/html")[0] == "404 NOT FOUND"
    assert both.ask(f"/v1/status/{done}", blind, ORIGIN=SHOP)[0] == "403 FORBIDDEN"
    assert both.ask(f"/v1/status/{done}", blind)[0] == "403 FORBIDDEN"
    for secret in (gone, "", "nonsense", caller.secret[:-1], "ä" * 50):
        assert both.ask(f"/v1/status/{done}", secret)[0] == "401 UNAUTHORIZED"
    for scheme, code in ("Bearer", "200 OK"), ("bearer ", "200 OK"), ("Basic", "401 UNAUTHORIZED"):
        assert both.ask(f"/v1/status/{done}", AUTHORIZATION=f"{scheme} {caller.secret}")[0] == code
    assert both.ask(f"/v1/status/{done}", caller.secret, AUTHORIZATION=f"Bearer {gone}")[0] == "401 UNAUTHORIZED"
    for unknown in (deleted, new_id("job"), "job_1", "%00", "job_" + "9" * 26):
        assert both.ask(f"/v1/status/{unknown}", caller.secret)[0] == "404 NOT FOUND"
    calls.clear()
    assert both.ask(f"/v1/status/{example}", sandbox)[0] == "200 OK"
    assert len(calls) == 1
    assert both.ask(f"/v1/status/{example}", caller.secret)[0] == "404 NOT FOUND"
    fast, slow = both.counted()
    assert fast == slow
    assert any('route="/v1/status/<jobId>",status="200"' in series for series in fast)


def test_both_ways_count_alike(
    settings: Settings, engine: Engine, storage: Storage, make_caller: Callable[..., Caller], png: bytes
) -> None:
    caller, stranger = make_caller(), make_caller()
    job = caller.submit(png)
    both = Both(settings, engine, storage, rate_limit=5, address_limit=14)
    path = f"/v1/status/{job}"
    seen = [both.ask(path, secret)[0][:3] for secret in [caller.secret] * 7 + [stranger.secret] * 3 + [""] * 3]
    assert seen == ["200"] * 5 + ["429"] * 2 + ["404"] * 3 + ["401"] * 3
    assert both.ask(f"{path}?wait=0", stranger.secret)[0][:3] == "404"
    assert [both.ask(path, secret)[0][:3] for secret in (caller.secret, stranger.secret, "")] == ["429"] * 3
    fast, slow = both.counted()
    assert fast == slow


def test_a_database_that_is_away_is_asked_once(
    settings: Settings, engine: Engine, storage: Storage, caller: Caller, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spherelinks import errors
    from spherelinks.jobs import status

    job = caller.submit(png)
    both = Both(settings, engine, storage, rate_limit=0)
    looks = []

    def away(*arguments: object) -> None:
        looks.append(arguments)
        raise errors.DatabaseUnavailable("The database does not answer.", hint="Try again.")

    monkeypatch.setattr(status, "fetch_one", away)
    code, _, body = both.ask(f"/v1/status/{job}", caller.secret)
    assert code == "503 SERVICE UNAVAILABLE"
    assert b"database_unavailable" in body
    assert len(looks) == 2, "one for each way"


# --- what is kept ---------------------------------------------------------------------------------------------------


class Keeping:
    """An application whose answers are kept, as behind the gateway."""

    def __init__(self, app: OpenAPI) -> None:
        self.app = app
        self.fast = fast_path(app)

    def ready(self, job: str, secret: str, **more: str) -> Any:
        return self.fast.ready(environ(f"/v1/status/{job}", secret, **more), f"{HERE}/32")

    def keep(self, job: str, secret: str) -> bytes:
        """The answer, once it is kept."""
        deadline = time.monotonic() + PATIENCE_S
        while (answer := self.ready(job, secret)) is None:
            assert time.monotonic() < deadline, "it is not kept"
            if self.fast._kept._bell.has_heard_all():  # or it would not be kept, and count towards the limit
                asked(self.app, environ(f"/v1/status/{job}", secret))
            else:
                time.sleep(0.005)
        assert asked(self.app, environ(f"/v1/status/{job}", secret)) == ("200 OK", answer[1], answer[2])
        assert (answer[0], int(dict(answer[1])["Content-Length"])) == (200, len(answer[2]))
        return bytes(answer[2])

    def is_still_kept(self, job: str, secret: str) -> bool:
        """Whether it is kept, once all is heard that has been announced until now."""
        kept = self.fast._kept
        deadline = time.monotonic() + PATIENCE_S
        while not kept._bell.has_heard_all():
            assert time.monotonic() < deadline
            time.sleep(0.001)
        return (keys.digest(secret), job) in kept._values

    def is_heard(self, job: str, secret: str) -> None:
        """Wait until the answer is kept no longer."""
        deadline = time.monotonic() + PATIENCE_S
        while self.is_still_kept(job, secret):
            assert time.monotonic() < deadline, "it is still kept"
            time.sleep(0.001)


@pytest.fixture
def keeping(settings: Settings, engine: Engine, storage: Storage) -> Keeping:
    return Keeping(create_app(settings, engine, storage, rate_limit=0, address_limit=0))


def test_an_answer_is_kept_until_the_job_changes(
    keeping: Keeping, caller: Caller, storage: Storage, png: bytes, engine: Engine
) -> None:
    first, job = (caller.submit(png, options={"seed": n}, output={"putUrl": "https://93.184.215.14/x"}) for n in (1, 2))
    assert b'"stage":"queued"' in keeping.keep(job, caller.secret)
    caller.begin(first)
    keeping.is_heard(job, caller.secret)  # its place has changed
    keeping.keep(job, caller.secret)
    attempt = caller.begin(job)
    keeping.is_heard(job, caller.secret)
    assert b'"stage":"starting"' in keeping.keep(job, caller.secret)
    caller.beat(attempt, "generator", 0.05)
    keeping.is_heard(job, caller.secret)
    assert b'"progress":5' in keeping.keep(job, caller.secret)
    assert attempts.beat(engine, attempt, "generator", 0.05)
    assert keeping.is_still_kept(job, caller.secret), "a beat alone changes nothing"
    caller.complete(attempt, b"glTF", storage)
    keeping.is_heard(job, caller.secret)
    assert b'"output":{"state":"pending"}' in keeping.keep(job, caller.secret)
    with transaction(engine) as session:
        session.execute(text("UPDATE deliveries SET state = 'delivered' WHERE job_id = :job"), {"job": job})
    keeping.is_heard(job, caller.secret)
    assert b'"output":{"state":"delivered"}' in keeping.keep(job, caller.secret)
    other = caller.submit(png, options={"seed": 3})
    caller.begin(other)
    assert keeping.is_still_kept(job, caller.secret), "other jobs do not change one that has ended"
    assert caller.delete(job).status_code == 200
    keeping.is_heard(job, caller.secret)
    assert asked(keeping.app, environ(f"/v1/status/{job}", caller.secret))[0] == "404 NOT FOUND"


def test_who_changes_something_sees_it_at_once(keeping: Keeping, caller: Caller, png: bytes) -> None:
    for seed in range(3):
        job = caller.submit(png, options={"seed": seed})
        keeping.keep(job, caller.secret)
        asked(keeping.app, environ(f"/v1/jobs/{job}", caller.secret, "DELETE"))
        assert keeping.ready(job, caller.secret) is None
        assert b'"FAILED"' in asked(keeping.app, environ(f"/v1/status/{job}", caller.secret))[2]


@pytest.mark.parametrize("way", ["revoke", "rotate", "scopes", "close"])
def test_an_answer_is_kept_for_a_key_that_works(
    keeping: Keeping, caller: Caller, storage: Storage, png: bytes, engine: Engine, way: str
) -> None:
    job = caller.submit(png)
    caller.finish(job, b"glTF", storage)
    keeping.keep(job, caller.secret)
    if way == "close":
        closing.close(engine, storage, caller.account_id)
    else:
        with transaction(engine) as session:
            if way == "revoke":
                keys.revoke(session, caller.key_id)
            elif way == "rotate":
                keys.rotate(session, caller.key_id, timedelta())
            else:
                session.execute(text("UPDATE api_keys SET scopes = '{generate}' WHERE id = :id"), {"id": caller.key_id})
    keeping.is_heard(job, caller.secret)
    code = asked(keeping.app, environ(f"/v1/status/{job}", caller.secret))[0]
    assert code == ("403 FORBIDDEN" if way == "scopes" else "401 UNAUTHORIZED")


def test_without_its_connection_nothing_is_kept(
    keeping: Keeping, caller: Caller, storage: Storage, png: bytes, engine: Engine
) -> None:
    """The very next request after the connection's end, however it ends."""
    job = caller.submit(png)
    caller.finish(job, b"glTF", storage)
    for _ in range(2):
        keeping.keep(job, caller.secret)
        with engine.connect() as connection:
            ended = connection.scalar(
                text(
                    "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                    " AND datname = current_database() AND query IN ('SELECT pg_backend_pid()', :listen)"
                ),
                {"listen": f'LISTEN "{attempts.CHANNEL}"'},
            )
        assert ended
        assert keeping.ready(job, caller.secret) is None


def test_limits_hold_for_kept_answers(
    settings: Settings, engine: Engine, storage: Storage, make_caller: Callable[..., Caller], png: bytes
) -> None:
    caller = make_caller()
    job = caller.submit(png)
    keeping = Keeping(create_app(replace(settings, metrics_token=TOKEN), engine, storage, rate_limit=100))
    keeping.keep(job, caller.secret)
    answered = 0
    while True:
        request = environ(f"/v1/status/{job}", caller.secret)
        if keeping.fast.ready(request, f"{HERE}/32") is None:  # refused, or not kept for a moment
            code = asked(keeping.app, request)[0]
            if code != "200 OK":
                break
        answered += 1
        assert answered < 1000
    assert code == "429 TOO MANY REQUESTS"
    counts = asked(keeping.app, environ("/metrics", AUTHORIZATION=f"Bearer {TOKEN}"))[2].decode()
    series = next(
        line for line in counts.splitlines() if 'count{method="GET",route="/v1/status/<jobId>",status="200"' in line
    )
    assert float(series.rpartition(" ")[2]) >= answered >= 90


# --- behind the gateway ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def port(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port = free_port()
    environment = os.environ | {
        "DATABASE_URL": database_url,
        "SPHERELINKS_HOME": str(tmp_path_factory.mktemp("web")),
        "SPHERELINKS_RATE_LIMIT": "0",
    }
    process = subprocess.Popen(cli("web", "--port", str(port)), env=environment)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    yield port
    process.terminate()
    process.wait(60)


def raw(port: int, path: str, secret: str, method: str = "GET") -> bytes:
    """All bytes of an answer, bar its date."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {secret}\r\nX-Request-Id: trace-7\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    head, blank, body = answer.partition(b"\r\n\r\n")
    return b"\r\n".join(line for line in head.split(b"\r\n") if not line.startswith(b"date:")) + blank + body


def test_over_a_socket_all_ways_give_the_same_bytes(
    port: int, caller: Caller, storage: Storage, png: bytes, engine: Engine
) -> None:
    job = caller.submit(png)
    by_flask = raw(port, f"/v1/status/{job}?wait=0", caller.secret)
    assert by_flask.startswith(b"HTTP/1.1 200 OK\r\n")
    assert [raw(port, f"/v1/status/{job}", caller.secret) for _ in range(10)] == [by_flask] * 10
    assert raw(port, f"/v1/status/{job}", caller.secret, "HEAD") == by_flask.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    caller.finish(job, b"glTF", storage)
    deadline = time.monotonic() + PATIENCE_S
    while b'"COMPLETED"' not in raw(port, f"/v1/status/{job}", caller.secret):
        assert time.monotonic() < deadline
    by_flask = raw(port, f"/v1/status/{job}?wait=0", caller.secret)
    assert [raw(port, f"/v1/status/{job}", caller.secret) for _ in range(10)] == [by_flask] * 10
    with transaction(engine) as session:
        keys.revoke(session, caller.key_id)
    while raw(port, f"/v1/status/{job}", caller.secret).startswith(b"HTTP/1.1 200"):
        assert time.monotonic() < deadline
    refused = raw(port, f"/v1/status/{job}?wait=0", caller.secret)
    assert refused.startswith(b"HTTP/1.1 401")
    assert raw(port, f"/v1/status/{job}", caller.secret) == refused
