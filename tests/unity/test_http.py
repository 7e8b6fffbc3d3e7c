"""Requests of the C# client that a server would spoil: on both runtimes each ends, with its reason."""

import json

import pytest

KEY = "sk_secret"


def ask(runtime, address, path="/v1/account", **more):
    [outcome] = runtime.ask(
        "requests", requests=[{"address": address, "key": KEY, "method": "GET", "path": path, **more}]
    )
    return outcome


@pytest.mark.parametrize(
    ("name", "limits", "words"),
    [
        ("trickle", {"within": 1}, "takes longer than 1 s"),
        ("silent", {"silence": 0.5}, "does not answer"),
        ("stalls", {"silence": 0.5}, "does not answer"),
    ],
)
def test_a_server_that_is_slow_without_end_is_left(runtime, slow, name, limits, words):
    outcome = ask(runtime, slow.address(name), **limits)
    assert outcome["code"] == "unreachable"
    assert words in outcome["message"]
    assert outcome["transient"]
    assert outcome["hint"]


def test_nobody_there(runtime):
    outcome = ask(runtime, "http://127.0.0.1:9")
    assert (outcome["code"], outcome["transient"]) == ("unreachable", True)
    assert "127.0.0.1:9" in outcome["message"]


def test_a_few_redirects_are_followed_and_many_are_not(runtime, slow):
    assert ask(runtime, slow.address("around"), "/5")["body"] == {"arrived": True}
    assert ask(runtime, slow.address("around"), "/6")["code"] == "redirected"
    assert ask(runtime, slow.address("nowhere"))["code"] == "bad_answer"


def test_no_other_request_is_redirected(runtime, slow):
    for method in ("POST", "DELETE", "PUT"):
        assert ask(runtime, slow.address("around"), "/1", method=method)["code"] == "redirected"


@pytest.mark.parametrize("key", ["a\r\nX-Other: 1", "schlüssel", "two words"])
def test_a_key_that_is_none_is_not_sent(runtime, slow, key):
    assert ask(runtime, slow.address("big"), key=key)["code"] == "invalid_api_key"


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1:8000", "ftp://127.0.0.1", "http://", "http://a b", "http://u:p@127.0.0.1", "http://127.0.0.1/?a"],
)
def test_what_is_no_address_is_refused(runtime, address):
    assert ask(runtime, address)["code"] == "address"


@pytest.mark.parametrize("size", [10 << 20, (10 << 20) + 1])
def test_a_picture_of_10_mb_is_sent_and_a_larger_one_is_not(runtime, slow, tmp_path, size):
    picture = tmp_path / "picture"
    picture.write_bytes(bytes(size))
    before = len(slow.seen)
    [job] = runtime.ask(
        "jobs",
        jobs=[
            {
                "address": slow.address("big"),
                "key": KEY,
                "folder": str(tmp_path / "jobs"),
                "picture": str(picture),
                "options": {"name": "Öl"},
            }
        ],
    )
    sent = [(path, length) for method, path, _, length in slow.seen[before:] if method == "POST"]
    if size > 10 << 20:
        assert job["problem"]["code"] == "picture_too_large"
        assert sent == []
    else:
        options = len(json.dumps({"name": "Öl"}, separators=(",", ":")))
        assert sent == [("/big/v1/generate", -(-size // 3) * 4 + len('{"imageBase64":"","options":}') + options)]
        assert job["job_id"] == "job_1"
        assert job["problem"]["code"] == "bad_answer"  # of a server that then has no status to tell


def test_proxies_are_the_systems_and_none_on_the_way_to_this_machine(runtime, slow):
    proxy = f"http://127.0.0.1:{slow.server_port}"
    variables = dict.fromkeys(("http_proxy", "HTTP_PROXY"), proxy) | {"no_proxy": "", "NO_PROXY": ""}
    before = len(slow.seen)
    requests = [
        {"address": address, "key": KEY, "method": "GET", "path": "/v1/account"}
        for address in (slow.address("direct"), "http://server.invalid/proxied")
    ]
    runtime.ask("requests", requests=requests, variables=variables)
    assert sorted(path for _, path, _, _ in slow.seen[before:]) == [
        "/direct/v1/account",
        "http://server.invalid/proxied/v1/account",
    ]
