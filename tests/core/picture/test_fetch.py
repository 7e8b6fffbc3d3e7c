"""Fetching: only the public internet, whatever an address is disguised as; bounded in bytes, time and hops."""

from __future__ import annotations

import base64
import datetime
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest

from spherelinks.errors import InvalidRequest, PictureTooLarge, PictureUnreachable
from spherelinks.picture.fetch import Guard, fetch, is_public
from spherelinks.picture.limits import MAX_BYTES

BODY = b"\x89PNG picture"
LOOPBACK = (ip_network("127.0.0.1/32"),)
Answer = Callable[[BaseHTTPRequestHandler], None]


class Server(ThreadingHTTPServer):
    """Answers on loopback and remembers what it was asked."""

    daemon_threads = True

    def __init__(self, host: str, answer: Answer) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.requests: list[BaseHTTPRequestHandler] = []
        self.connections = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                server.requests.append(self)
                answer(self)

            def log_message(self, *arguments: Any) -> None:
                pass

        super().__init__((host, 0), Handler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def get_request(self) -> Any:
        self.connections += 1
        return super().get_request()

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients that hang up are what these tests are about


@contextmanager
def serving(answer: Answer, host: str = "127.0.0.1") -> Iterator[Server]:
    server = Server(host, answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def send(handler: BaseHTTPRequestHandler, body: bytes = BODY, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content_Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def redirect(to: str) -> Answer:
    return lambda handler: send(handler, b"", 302, Location=to)


def guard_for(*servers: Server) -> Guard:
    return Guard(ports=frozenset(server.port for server in servers), trusted=LOOPBACK)


@pytest.fixture(scope="module")
def secret() -> Iterator[Server]:
    """What must never be reached; listens on every address this machine has."""
    with serving(send, "::" if socket.has_dualstack_ipv6() else "0.0.0.0") as server:
        assert fetch(f"http://127.0.0.1:{server.port}/", guard=guard_for(server)) == BODY  # it is there to be found
        server.connections = 0
        yield server
        assert server.connections == 0


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """Host name to the answers the resolver gives, one by one, the last one for ever."""
    table: dict[str, list[list[str]]] = {}
    real = socket.getaddrinfo

    def resolver(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        if host not in table:
            return real(host, port, *arguments, **options)
        answers = table[host]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [entry for address in addresses for entry in real(address, port, *arguments, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    return table


def test_the_bytes_arrive_and_no_more_is_said_than_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(send) as server, serving(send) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert fetch(f" http://127.0.0.1:{server.port}/a%20b.png?x=1#part ", guard=guard_for(server, proxy)) == BODY
        asked = server.requests[0]
        assert asked.path == "/a%20b.png?x=1"
        assert asked.headers["Host"] == f"127.0.0.1:{server.port}"
        assert asked.headers["Accept-Encoding"] == "identity"
        assert {"authorization", "cookie", "referer"}.isdisjoint(name.lower() for name in asked.headers)
        assert not proxy.connections


HOSTS = [
    "127.0.0.1",
    "127.0.0.2",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0x7f.0x0.0x0.0x1",
    "017700000001",
    "0177.0.0.1",
    "0177.0.0.01",
    "00000177.0.0.1",
    "127.0.0.1.",
    "0",
    "0.0.0.0",
    "0x0",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "loc%61lhost",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[0000::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:7f00:0001]",
    "[::127.0.0.1]",
    "[::7f00:1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2002:7f00:0001::1]",
    "[2001:0:7f00:1::]",
    "[fe80::5efe:7f00:1]",
    "[2a00::5efe:127.0.0.1]",
    "[fe80::1]",
    "[fe80::1%25lo]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[ff02::1]",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "192.0.0.192",
    "168.63.129.16",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "0xa9fea9fe",
    "2852039166",
    "0251.0376.0251.0376",
]


@pytest.mark.parametrize("host", HOSTS)
def test_no_disguise_reaches_a_private_address(host: str, secret: Server) -> None:
    with pytest.raises(PictureUnreachable) as caught:
        fetch(f"http://{host}:{secret.port}/", guard=Guard(ports=frozenset({secret.port})), seconds=5)
    assert caught.value.field == "imageUrl"
    assert caught.value.hint


@pytest.fixture(scope="module")
def redirector() -> Iterator[Server]:
    """Sends to whatever address its query names; on an address of its own, so that trusting it trusts nothing else."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        redirect(unquote(handler.path.partition("?")[2]))(handler)

    try:
        with serving(answer, "127.0.0.9") as server:
            yield server
    except OSError:
        pytest.skip("this system has one loopback address only")


def redirected(redirector: Server, to: str, *ports: int) -> bytes:
    guard = Guard(ports=frozenset({redirector.port, *ports}), trusted=(ip_network("127.0.0.9/32"),))
    return fetch(f"http://127.0.0.9:{redirector.port}/?{quote(to)}", guard=guard, seconds=5)


@pytest.mark.parametrize("host", HOSTS)
def test_no_disguise_passes_in_a_redirect(host: str, secret: Server, redirector: Server) -> None:
    asked = len(redirector.requests)
    with pytest.raises(PictureUnreachable):
        redirected(redirector, f"http://{host}:{secret.port}/", secret.port)
    assert len(redirector.requests) == asked + 1


@pytest.mark.parametrize(
    "to", ["file:///etc/passwd", "ftp://127.0.0.9/", "gopher://127.0.0.9/", "data:,x", "//u:p@127.0.0.9/"]
)
def test_redirects_leave_http_no_more_than_addresses_may(to: str, redirector: Server) -> None:
    with pytest.raises(PictureUnreachable):
        redirected(redirector, to)


@pytest.mark.parametrize(
    "addresses", [["127.0.0.2"], ["1.1.1.1", "127.0.0.2"], ["127.0.0.2", "1.1.1.1"], ["::1"], ["10.0.0.1"]]
)
def test_a_name_with_any_private_address_is_refused(
    addresses: list[str], secret: Server, names: dict[str, list[list[str]]]
) -> None:
    names["rebind.test"] = [addresses]
    with pytest.raises(PictureUnreachable, match="not on the public internet") as caught:
        fetch(f"http://rebind.test:{secret.port}/", guard=Guard(ports=frozenset({secret.port})), seconds=5)
    assert not any(address in caught.value.message for address in addresses)


def test_a_name_is_resolved_once_so_a_second_answer_changes_nothing(
    secret: Server, names: dict[str, list[list[str]]]
) -> None:
    with serving(send) as server:
        names["rebind.test"] = [["127.0.0.1"], ["127.0.0.2"]]
        guard = Guard(ports=frozenset({server.port, secret.port}), trusted=LOOPBACK)
        assert fetch(f"http://rebind.test:{server.port}/", guard=guard) == BODY
        assert server.requests[0].headers["Host"] == f"rebind.test:{server.port}"
        with pytest.raises(PictureUnreachable):  # resolved anew, and judged anew
            fetch(f"http://rebind.test:{secret.port}/", guard=guard)


def test_every_connection_asks_the_guard() -> None:
    """The canary: an HTTP library that no longer connects through our backend would still answer here."""

    class Closed(Guard):
        def allows(self, address: Any) -> bool:
            return False

    with serving(send) as server:
        with pytest.raises(PictureUnreachable):
            fetch(f"http://127.0.0.1:{server.port}/", guard=Closed(ports=frozenset({server.port})))
        assert server.connections == 0


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("1.1.1.1", True),
        ("93.184.215.14", True),
        ("2606:4700::1111", True),
        ("64:ff9b::808:808", True),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::a00:1", False),
        ("::ffff:10.0.0.1", False),
        ("2001:db8::1", False),
        ("3fff::1", False),
        ("5f00::1", False),
        ("2002:808:808::1", False),
        ("2606:4700::5efe:808:808", False),
        ("192.88.99.1", False),
        ("203.0.113.7", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(ip_address(address)) is public


@pytest.mark.parametrize("port", [22, 25, 6379, 8080, 5432])
def test_only_the_web_ports_are_tried(port: int) -> None:
    with pytest.raises(PictureUnreachable, match=f"port {port}"):
        fetch(f"http://1.1.1.1:{port}/")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "does not start with http"),
        ("cat.png", "does not start with http"),
        ("//example.com/cat.png", "does not start with http"),
        ("ftp://example.com/cat.png", "ftp"),
        ("file:///etc/passwd", "file"),
        ("http:///cat.png", "no host"),
        ("http://user:pw@example.com/", "password"),
        ("http://user@example.com/", "password"),
        ("http://exa\x00mple.com/", "valid"),
        ("http://[::1/", "valid"),
        ("http://a:b/", "valid"),
        ("http://" + "a" * 300 + ".test/", "."),
        ("http://example.com/" + "a" * 9000, "longer"),
    ],
)
def test_addresses_that_are_none(url: str, said: str) -> None:
    with pytest.raises(PictureUnreachable, match=said) as caught:
        fetch(url, seconds=5)
    assert caught.value.field == "imageUrl"
    assert "pw" not in caught.value.message


def test_an_unknown_name_says_so(names: dict[str, list[list[str]]], monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(PictureUnreachable, match=r"nowhere\.test has no address"):
        fetch("http://nowhere.test/")


def test_data_uris_need_no_network() -> None:
    assert fetch("data:image/png;base64," + base64.b64encode(BODY).decode()) == BODY
    with pytest.raises(InvalidRequest) as caught:
        fetch("data:image/png;base64,!")
    assert caught.value.field == "imageUrl"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_relative_to_where_they_stand(status: int) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/a/b":
            return send(handler, b"", status, Location="../c?d")
        return send(handler)

    with serving(answer) as server:
        assert fetch(f"http://127.0.0.1:{server.port}/a/b", guard=guard_for(server)) == BODY
        assert server.requests[-1].path == "/c?d"


def test_redirect_loops_end_after_three() -> None:
    with serving(redirect("/again")) as server:
        with pytest.raises(PictureUnreachable, match="redirects"):
            fetch(f"http://127.0.0.1:{server.port}/", guard=guard_for(server))
        assert len(server.requests) == 4


@pytest.mark.parametrize("status", [204, 304, 401, 403, 404, 500])
def test_other_answers_are_named(status: int) -> None:
    with (
        serving(lambda handler: send(handler, b"", status)) as server,
        pytest.raises(PictureUnreachable, match=str(status)),
    ):
        fetch(f"http://127.0.0.1:{server.port}/", guard=guard_for(server))


def test_an_empty_or_compressed_answer_is_refused() -> None:
    with serving(lambda h: send(h, b"")) as server, pytest.raises(PictureUnreachable, match="empty answer"):
        fetch(f"http://127.0.0.1:{server.port}/", guard=guard_for(server))
    with (
        serving(lambda h: send(h, Content_Encoding="gzip")) as server,
        pytest.raises(PictureUnreachable, match="compressed"),
    ):
        fetch(f"http://127.0.0.1:{server.port}/", guard=guard_for(server))


@pytest.mark.parametrize("said", ["", "identity", "none", "aws-chunked", "base64", "UTF-8"])
def test_an_encoding_that_is_no_compression_is_none(said: str) -> None:
    with serving(lambda h: send(h, Content_Encoding=said)) as server:
        assert fetch(f"http://127.0.0.1:{server.port}/", guard=guard_for(server)) == BODY
    with (
        serving(lambda h: send(h, Content_Encoding="aws-chunked, GZIP")) as server,
        pytest.raises(PictureUnreachable, match="compressed"),
    ):
        fetch(f"http://127.0.0.1:{server.port}/", guard=guard_for(server))


@pytest.mark.parametrize("coding", ["utf-8", "latin-1"])
def test_a_redirect_may_be_in_utf_8(coding: str) -> None:
    asked = []

    def answer(handler: Any) -> None:
        asked.append(handler.path)
        # the server writes its headers in Latin-1
        send(handler, b"", 302, Location="/grün.png".encode(coding).decode("latin-1")) if len(asked) == 1 else send(
            handler
        )

    with serving(answer) as server:
        assert fetch(f"http://127.0.0.1:{server.port}/", guard=guard_for(server)) == BODY
    assert asked == ["/", "/gr%C3%BCn.png"]


def test_a_closed_port_is_an_error_of_ours() -> None:
    with serving(send) as server:
        pass
    with pytest.raises(PictureUnreachable):
        fetch(f"http://127.0.0.1:{server.port}/", guard=guard_for(server))


def test_a_body_cut_short_is_refused() -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        send(handler, Content_Length="1000")
        handler.close_connection = True

    with serving(answer) as server, pytest.raises(PictureUnreachable, match="without sending complete"):
        fetch(f"http://127.0.0.1:{server.port}/", guard=guard_for(server))


def test_the_size_is_bounded_by_header_and_by_count() -> None:
    with serving(lambda h: send(h, bytes(MAX_BYTES))) as server:
        assert len(fetch(f"http://127.0.0.1:{server.port}/", guard=guard_for(server))) == MAX_BYTES
    with serving(lambda h: send(h, b"", Content_Length=str(MAX_BYTES + 1))) as server:
        with pytest.raises(PictureTooLarge) as caught:
            fetch(f"http://127.0.0.1:{server.port}/", guard=guard_for(server))
        assert caught.value.field == "imageUrl"

    sent = 0

    def endless(handler: BaseHTTPRequestHandler) -> None:
        nonlocal sent
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        while True:
            handler.wfile.write(b"100000\r\n" + bytes(1 << 20) + b"\r\n")
            sent += 1 << 20

    with serving(endless) as server, pytest.raises(PictureTooLarge):
        fetch(f"http://127.0.0.1:{server.port}/", guard=guard_for(server))
    assert sent < 4 * MAX_BYTES


def drip(prefix: bytes) -> Answer:
    """A byte every 50 ms for ever, each of them well within any timeout per read."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(prefix)
        while True:
            handler.wfile.write(b"a")
            time.sleep(0.05)

    return answer


@pytest.mark.parametrize(
    "prefix", [b"", b"HTTP/1.1 200 OK\r\nX-Long: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"]
)
def test_a_server_that_drips_is_left_at_the_deadline(prefix: bytes) -> None:
    with serving(drip(prefix)) as server:
        start = time.monotonic()
        with pytest.raises(PictureUnreachable):
            fetch(f"http://127.0.0.1:{server.port}/", guard=guard_for(server), seconds=0.6)
        assert time.monotonic() - start < 3


def test_the_deadline_is_one_for_all_redirects() -> None:
    def slow(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.4)
        redirect("/")(handler)

    with serving(slow) as server:
        start = time.monotonic()
        with pytest.raises(PictureUnreachable, match=r"within 0\.6 s"):
            fetch(f"http://127.0.0.1:{server.port}/", guard=guard_for(server), seconds=0.6)
        assert time.monotonic() - start < 3


def test_a_resolver_that_hangs_is_left_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: released.wait(30) and [])
    try:
        with pytest.raises(PictureUnreachable, match="within"):
            fetch("http://slow.test/", seconds=0.3)
    finally:
        released.set()


def test_a_handshake_that_hangs_is_left_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        start = time.monotonic()
        with pytest.raises(PictureUnreachable, match="within"):
            fetch(f"https://127.0.0.1:{port}/", guard=Guard(ports=frozenset({port}), trusted=LOOPBACK), seconds=0.5)
        assert time.monotonic() - start < 3


def certificate(folder: Path, name: str) -> Path:
    """A self-signed certificate for a name, and its key, in one file."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "server.pem"
    path.write_bytes(plain + built.public_bytes(serialization.Encoding.PEM))
    return path


def test_tls_keeps_the_name_while_the_address_is_pinned(
    tmp_path: Path, names: dict[str, list[list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = certificate(tmp_path, "pictures.test")
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    names["pictures.test"] = names["other.test"] = [["127.0.0.1"]]
    with serving(send) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        with pytest.raises(PictureUnreachable, match="certificate"):  # of no authority that is known
            fetch(f"https://pictures.test:{server.port}/", guard=guard_for(server), seconds=5)
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        assert fetch(f"https://pictures.test:{server.port}/", guard=guard_for(server), seconds=5) == BODY
        with pytest.raises(PictureUnreachable, match="certificate"):
            fetch(f"https://other.test:{server.port}/", guard=guard_for(server), seconds=5)
    assert asked == ["pictures.test", "pictures.test", "other.test"]
