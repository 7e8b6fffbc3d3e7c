"""Which hosts the client may contact, and which addresses it accepts."""

from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from blender_addon.client.errors import Failure
from blender_addon.client.http import Connection, is_loopback, normal


@pytest.mark.parametrize("address", ["http://127.0.0.1:8000/", " https://models.example/spherelinks "])
def test_addresses_are_kept_in_one_form(address):
    assert normal(address) == address.strip().rstrip("/")


@pytest.mark.parametrize("address", ["", "127.0.0.1:8000", "ftp://host", "http://", "http://a:b@host", "http://h:x"])
def test_what_is_no_address_is_refused_with_an_example(address):
    with pytest.raises(Failure, match="is not the address of a server") as caught:
        normal(address)
    assert "http://127.0.0.1:8000" in caught.value.hint


@pytest.mark.parametrize(
    ("address", "here"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://127.8.9.1", True),
        ("http://localhost:1", True),
        ("http://[::1]:8000", True),
        ("http://192.168.0.2", False),
        ("https://127.0.0.1.example", False),
        ("http://localhost.example", False),
    ],
)
def test_loopback_is_told_from_everything_else(address, here):
    assert is_loopback(address) is here


def test_nothing_leaves_the_machine_while_blender_is_offline():
    with pytest.raises(Failure) as caught:
        Connection("http://models.example", "key", online=False).json("GET", "/v1/account")
    assert caught.value.code == "offline"
    assert "Online Access" in caught.value.hint


def test_proxies_of_the_environment_are_not_asked_for_this_machine(stand_in, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    answer = Connection(stand_in.address("well"), "key", online=False).json("GET", "/v1/status/job")
    assert answer["status"] == "COMPLETED"


@pytest.mark.parametrize("place", ["ftp://127.0.0.1/asset.glb", "file:///etc/hostname"])
def test_a_download_is_followed_to_web_addresses_alone(tmp_path, place):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(302)
            self.send_header("Location", place)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        with pytest.raises(Failure) as caught:
            Connection(f"http://127.0.0.1:{server.server_port}", "key", True).file("/v1/download/job", tmp_path / "a")
        server.shutdown()
    assert caught.value.code == "redirected"
    assert not (tmp_path / "a").exists()


def test_the_key_is_in_no_representation():
    assert "secret" not in repr(Connection("http://127.0.0.1", "secret", online=False))
