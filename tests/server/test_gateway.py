"""The gateway over real sockets: bodies are complete before processing, and a slow client harms nobody."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from serving import free_port

from spherelinks_server import pace

from .echo import BUSY_S, GRACE_S

HERE = Path(__file__).parent


class Echo:
    """The echoing application, its port, and what it printed."""

    def __init__(self, log: Path) -> None:
        self.port = free_port()
        self.log = log
        with log.open("w") as out:
            self.process = subprocess.Popen([sys.executable, "echo.py", str(self.port)], cwd=HERE, stdout=out)
        deadline = time.monotonic() + 60
        while True:
            try:
                self.ask("GET", "/up")
                return
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.1)

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def half(self, path: str = "/slow", announced: int = 1000, sent: bytes = b"a") -> socket.socket:
        """A request whose body has begun, and no more."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {announced}\r\n\r\n"
        connection.sendall(head.encode() + sent)
        return connection


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Echo]:
    echo = Echo(tmp_path_factory.mktemp("echo") / "log")
    yield echo
    echo.process.terminate()
    assert echo.process.wait(40) == 0


def status(connection: socket.socket) -> int:
    return int(connection.recv(12).split()[1])


def test_a_request_arrives_as_it_was_sent(echo: Echo) -> None:
    connection = socket.create_connection(("127.0.0.1", echo.port), timeout=60)
    connection.sendall(
        b"POST /caf%C3%A9/a%20b?q=%26x HTTP/1.1\r\nHost: x\r\nX-Twice: 1\r\nX-Twice: 2\r\n"
        b"Cookie: a=1\r\nCookie: b=2\r\n"
        b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    answer = b""
    while piece := connection.recv(4096):
        answer += piece
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {
        "path": "café/a b",
        "query": {"q": "&x"},
        "method": "POST",
        "address": "127.0.0.1",
        "headers": ["1,2", {"a": "1", "b": "2"}],
        "length": 5,
    }


def test_a_header_beyond_ascii_is_not_taken_for_absent(echo: Echo) -> None:
    connection = socket.create_connection(("127.0.0.1", echo.port), timeout=60)
    head = "GET /a HTTP/1.1\r\nHost: x\r\nX-Twice: café\r\nX-Forwarded-For: café\r\nConnection: close\r\n\r\n"
    connection.sendall(head.encode("latin-1"))
    answer = b""
    while piece := connection.recv(4096):
        answer += piece
    seen = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert seen["headers"][0] == "(not ASCII)"


@pytest.mark.parametrize("size", [0, 1, 70_000, 1_000_000])
def test_bodies_of_every_size(echo: Echo, size: int) -> None:
    status, answer = echo.ask("POST", "/size", bytes(size))
    assert (status, json.loads(answer)["length"]) == (200, size)


def test_a_body_that_says_it_is_too_long_is_refused_unread(echo: Echo) -> None:
    with echo.half(announced=1_200_000) as connection:
        assert status(connection) == 413


def test_whoever_sends_all_of_it_all_the_same_gets_its_answer(echo: Echo) -> None:
    """Closed with bytes unread, the connection would be reset, and the answer lost now and then."""
    for _ in range(20):
        answer, body = echo.ask("POST", "/size", bytes(2_000_000))
        assert (answer, json.loads(body)["error"]["code"]) == (413, "request_too_large")


def test_of_a_body_that_does_not_say_its_length_no_more_is_read_than_one_byte_too_many(echo: Echo) -> None:
    answer = echo.ask("POST", "/size", iter([bytes(100_000)] * 12))[1]
    assert json.loads(answer)["length"] == 1_000_001


def test_a_body_that_does_not_come_is_refused_and_its_connection_closed(echo: Echo) -> None:
    with echo.half() as connection:
        assert status(connection) == 408
        while connection.recv(4096):
            pass


def test_a_body_that_trickles_is_refused(echo: Echo) -> None:
    with echo.half() as connection:
        connection.settimeout(0.2)
        begun = time.monotonic()
        while time.monotonic() - begun < 20:
            try:
                assert status(connection) == 408
                break
            except TimeoutError:
                connection.sendall(b"a")
        else:
            pytest.fail("it was waited for")


def test_a_body_that_nobody_reads_is_no_error(echo: Echo) -> None:
    with echo.half("/unread") as connection:
        assert status(connection) == 401


def test_half_sent_requests_of_one_address_stop_nobody(echo: Echo) -> None:
    """Many more than there are threads; those past the address's share are refused, as by the application."""
    begun = time.monotonic()
    half = [echo.half() for _ in range(60)]
    for _ in range(20):
        assert echo.ask("GET", "/up")[0] == 200
    rounds = 1 + int((time.monotonic() - begun) / GRACE_S)  # as many again find a place where the first are given up
    answers = [status(connection) for connection in half]
    waited = answers.count(408)
    assert 4 <= waited <= 4 * rounds
    assert answers.count(429) == 60 - waited
    head, _, body = half[answers.index(429)].recv(4096).partition(b"\r\n\r\n")
    assert b"retry-after: 5\r\n" in head.lower()
    assert json.loads(body)["error"].keys() == {"code", "message", "hint", "requestId"}
    assert json.loads(body)["error"]["code"] == "rate_limited"
    assert echo.ask("POST", "/size", b"abc")[0] == 200
    for connection in half:
        connection.close()


@pytest.mark.skipif(sys.platform != "linux", reason="uses more than one loopback address")
def test_of_one_address_no_more_than_half_of_the_threads_are_taken(echo: Echo) -> None:
    """Many more requests that do not come to their end than there are threads; another address is served meanwhile."""
    crowd = [socket.create_connection(("127.0.0.1", echo.port), 60, ("127.0.0.2", 0)) for _ in range(20)]
    for connection in crowd:
        connection.sendall(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
    assert echo.ask("GET", "/up")[0] == 200
    assert echo.ask("GET", "/release")[0] == 200
    assert [status(connection) for connection in crowd] == [200] * 20, "and they wait no longer than they must"
    for connection in crowd:
        connection.close()


@pytest.mark.skipif(sys.platform != "linux", reason="uses more than one loopback address")
def test_of_one_address_no_more_is_computed_than_its_share_while_others_ask(echo: Echo) -> None:
    done = [0]

    def goes_on() -> bool:
        return time.monotonic() < end or done[0] <= len(crowd)

    def hammer() -> None:
        while goes_on():
            with socket.create_connection(("127.0.0.1", echo.port), 60, ("127.0.0.2", 0)) as connection:
                connection.sendall(b"GET /busy HTTP/1.1\r\nHost: x\r\n\r\n")
                assert status(connection) == 200
                done[0] += 1

    echo.ask("GET", "/up")
    begun = time.monotonic()
    end = begun + 4
    crowd = [threading.Thread(target=hammer, daemon=True) for _ in range(8)]
    for thread in crowd:
        thread.start()
    asked = [begun, begun]
    alone = 0.0  # on a machine so busy that the other is not heard of for long
    while goes_on():
        assert echo.ask("GET", "/up")[0] == 200
        asked.append(time.monotonic())
        alone += max(asked[-1] - asked[-3] - pace.HERE_S, 0.0)
        time.sleep(0.05)
    took = BUSY_S * done[0]
    assert took < pace.AHEAD_S + pace.SHARE * (time.monotonic() - begun) + 8 * BUSY_S + alone
    for thread in crowd:
        thread.join(60)
    assert done[0] > len(crowd), "and yet all of it is done"


def test_a_client_that_leaves_frees_its_place(echo: Echo) -> None:
    for _ in range(5):
        for connection in [echo.half() for _ in range(4)]:
            connection.close()
        deadline = time.monotonic() + 60
        while echo.ask("POST", "/size", b"abc")[0] != 200:
            assert time.monotonic() < deadline


def test_large_answers_and_streams_come_whole(echo: Echo) -> None:
    assert echo.ask("GET", "/large") == (200, bytes(3_000_000))
    assert echo.ask("GET", "/stream") == (200, b"".join(f"{number}\n".encode() for number in range(100)))


def test_a_stream_that_nobody_reads_any_more_is_closed(echo: Echo) -> None:
    before = echo.log.read_text().count("stream closed")
    connection = socket.create_connection(("127.0.0.1", echo.port), timeout=60)
    connection.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
    assert connection.recv(100)
    connection.close()
    deadline = time.monotonic() + 20
    while echo.log.read_text().count("stream closed") == before:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_head_has_no_body(echo: Echo) -> None:
    assert echo.ask("HEAD", "/large") == (200, b"")
