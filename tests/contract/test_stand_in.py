"""The stand-in answers as the files say, in this process and from a command line."""

import json
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from contract import coverage
from contract.stand_in import CERTIFICATE, stand_in

ROOT = Path(__file__).resolve().parents[2]
JOB = "job_01kbkq5x8efk8a4v1y4mhrq2zd"


def asked(method, url, **more):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method, **more), timeout=30) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


@pytest.fixture(scope="module")
def server():
    with stand_in() as running:
        yield running


@pytest.mark.parametrize("name", coverage.files("exchanges"))
def test_an_exchange_is_answered_as_recorded(server, name):
    exchange = json.loads((coverage.HERE / name).read_text("utf-8"))
    request, response = exchange["request"], exchange["response"]
    data = b"{}" if "body" in request else None
    status, body = asked(request["method"], server.address(Path(name).stem) + request["path"], data=data)
    assert status == response["status"]
    if "file" in response:
        assert body == (coverage.HERE / "files" / response["file"]).read_bytes()
    else:
        assert json.loads(body) == response["body"]


def test_names_are_not_given_twice():
    names = [Path(name).stem for folder in ("faults", "scenarios", "exchanges") for name in coverage.files(folder)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", [*coverage.files("faults"), *coverage.files("scenarios")])
def test_what_is_told_of_faults_and_scenarios_is_known(name):
    told = json.loads((coverage.HERE / name).read_text("utf-8"))
    acts = told.pop("acts", [{"answers": told.pop("answers", {})}])
    assert set(told) <= {"about", "outcome", "tls", "limitSeconds", "silenceSeconds", "pictureBytes"}
    assert set(told["outcome"]) <= {
        "state", "code", "says", "hint", "progress", "states", "requests", "elsewhere", "keys", "spent",
    }  # fmt: skip
    assert ("code" in told["outcome"]) == (told["outcome"]["state"] == "failed")
    for act in acts:
        assert set(act) <= {"client", "answers", "until", "job", "key", "credits"}
        assert act.get("client") in (None, "submit", "cancel", "resume", "again")
        assert set(act.get("until", ())) <= {"state", "progress", "code", "asked"}
        for answer in (each for answers in act.get("answers", {}).values() for each in answers):
            assert len({"exchange", "status", "down"} & answer.keys()) == 1
            assert set(answer) <= {
                "exchange", "status", "headers", "body", "text", "file", "shortBytes", "cutBytes", "contentLength",
                "endless", "trickles", "down", "held", "readsSlowly",
            }  # fmt: skip
            assert "exchange" not in answer or f"exchanges/{answer['exchange']}.json" in coverage.files("exchanges")


def test_acts_follow_each_other_and_requests_are_remembered(server):
    address = server.address("success~acts")
    asked("POST", f"{address}/v1/generate", data=b'{"options": {}}', headers={"X-API-Key": "sk"})
    told = [json.loads(asked("GET", f"{address}/v1/status/{JOB}")[1])["progress"]]
    for act in (1, 2):
        assert asked("POST", f"{address}/_act/{act}")[0] == 204
        told.append(json.loads(asked("GET", f"{address}/v1/status/{JOB}")[1])["progress"])
    assert told == [0, 40, 100]
    seen = json.loads(asked("GET", f"{address}/_seen")[1])
    assert [(each["method"], each["path"]) for each in seen] == [("POST", "v1/generate")] + 3 * [
        ("GET", f"v1/status/{JOB}")
    ]
    assert seen[0]["body"] == '{"options": {}}'
    assert seen[0]["headers"]["X-Api-Key"] == "sk"


def test_runs_of_one_name_are_kept_apart(server):
    statuses = [asked("POST", server.address(f"rate-limited-once~{run}") + "/v1/generate")[0] for run in (1, 1, 2)]
    assert statuses == [429, 202, 429]


def test_a_fault_with_tls_has_an_https_address_and_the_certificate_of_the_contract(server):
    address = server.address("download-redirected-to-http")
    assert address.startswith("https://127.0.0.1:")
    trusted = ssl.create_default_context(cafile=CERTIFICATE)
    with urllib.request.urlopen(f"{address}/v1/account", context=trusted, timeout=30) as response:
        assert json.load(response)["name"] == "Contract"


def test_from_a_command_line_it_prints_its_address_and_ends_with_its_input():
    command = [sys.executable, "-m", "contract.stand_in", "not-json", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        address = process.stdout.readline().strip()
        assert asked("POST", f"{address}/v1/generate") == (200, b"hello")
        process.stdin.close()
        assert process.wait(30) == 0


def test_without_a_pipe_it_serves_until_it_is_killed():
    command = [sys.executable, "-m", "contract.stand_in"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        address = process.stdout.readline().strip()
        assert asked("POST", f"{address}/not-json/v1/generate") == (200, b"hello")
        process.terminate()
        process.wait(30)


def test_a_name_that_is_none_is_refused():
    command = [sys.executable, "-m", "contract.stand_in", "not-jsn"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "'not-jsn'" in done.stderr
