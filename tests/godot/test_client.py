"""The client in Godot against everything that contract/ has, and what it keeps on disk."""

import base64
import json
import os
import resource
import signal
import stat
import subprocess
import sys
from itertools import takewhile
from pathlib import Path

import pytest
from editors import Godot, make_project
from secret_tool import SECRET_TOOL

from contract.stand_in import CERTIFICATE

CONTRACT = Path(__file__).resolve().parents[2] / "contract"
FAULTS = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted((CONTRACT / "faults").glob("*.json"))}
FORMS = json.loads((CONTRACT / "forms.json").read_text("utf-8"))
KEY = "sk_secret"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def ended(program, bad, tmp_path_factory):
    """How one job ended at each faulty server, and what the servers were asked."""
    home = tmp_path_factory.mktemp("home")
    project = make_project(tmp_path_factory.mktemp("faults") / "project")
    told = Godot(program, home).facts(
        project,
        "client.gd",
        what="faults",
        addresses={name: bad.address(name) for name in FAULTS},
        pictures={name: fault["pictureBytes"] for name, fault in FAULTS.items() if "pictureBytes" in fault},
        limits={name: fault["limitSeconds"] for name, fault in FAULTS.items() if "limitSeconds" in fault},
        silences={name: fault["silenceSeconds"] for name, fault in FAULTS.items() if "silenceSeconds" in fault},
        key=KEY,
        certificate=str(CERTIFICATE),
    )
    return told, list(bad.seen)


@pytest.mark.parametrize("name", FAULTS)
def test_a_job_ends_as_the_contract_says(ended, name):
    told, every = ended
    job, outcome = told[name], FAULTS[name]["outcome"]
    assert job["state"] == outcome["state"], job["problem"]
    if outcome["state"] == "failed":
        assert job["problem"]["code"] == outcome["code"]
        assert outcome["says"] in job["problem"]["message"]
    else:
        assert base64.b64decode(job["asset"]) == (CONTRACT / "files" / "asset.glb").read_bytes()
    assert job["stored"]["state"] == job["state"]
    assert not [file for file in job["files"] if file.endswith((".part", ".unchecked"))]
    start = next(i for i, each in enumerate(every) if each.folder == name)
    seen = list(takewhile(lambda each: each.folder in (name, "elsewhere"), every[start:]))
    for operation, times in outcome["requests"].items():
        asked = [each for each in seen if each.folder == name and each.asks(operation)]
        assert len(asked) == times, operation
        assert {each.headers["Idempotency-Key"] for each in asked if each.method == "POST"} <= {job["id"]}
        assert all(each.headers["X-API-Key"] == KEY for each in asked)
    elsewhere = [each.headers for each in seen if each.folder == "elsewhere"]
    assert len(elsewhere) == outcome.get("elsewhere", 0)
    assert KEY not in str(elsewhere)
    assert KEY not in json.dumps(job)


@pytest.fixture(scope="module")
def shown(program, tmp_path_factory):
    offered = json.loads((CONTRACT / "generators.json").read_text("utf-8"))
    project = make_project(tmp_path_factory.mktemp("forms") / "project")
    godot = Godot(program, tmp_path_factory.mktemp("home"))
    return godot.facts(project, "client.gd", what="forms", offered=offered, cases=FORMS["cases"])


def test_each_generator_has_the_contracts_fields(shown):
    assert shown["order"] == list(FORMS["forms"])
    assert shown["forms"] == FORMS["forms"]


@pytest.mark.parametrize("index", range(len(FORMS["cases"])), ids=lambda i: FORMS["cases"][i]["about"])
def test_what_is_entered_becomes_what_is_sent(shown, index):
    case, sent = FORMS["cases"][index], shown["sent"][index]
    if "refused" in case:
        [label] = [f["label"] for f in FORMS["forms"][case["generator"]] if f["name"] == case["refused"]]
        assert sent.startswith(f"{label} is ")
    else:
        # as text: 2048 and 2048.0 are two things
        assert sent == json.dumps(case["sent"], sort_keys=True, separators=(",", ":"))


def test_presets_are_sent_as_they_are(shown):
    offered = json.loads((CONTRACT / "generators.json").read_text("utf-8"))
    wanted = [json.dumps(p["options"], sort_keys=True, separators=(",", ":")) for p in offered["presets"]]
    assert shown["presets"] == wanted


def test_addresses_have_one_form_and_loopback_is_known(godot, project):
    good = {
        "http://127.0.0.1:8000/": True,
        " https://models.example/spherelinks ": False,
        "http://127.8.9.1": True,
        "http://localhost:1": True,
        "http://[::1]:8000": True,
        "http://192.168.0.2": False,
        "https://127.0.0.1.example": False,
        "http://localhost.example": False,
    }
    wrong = ["", "127.0.0.1:8000", "ftp://host", "http://", "http://a:b@host", "http://h:x", "http://h:0", "http://h?a"]
    told = godot.facts(project, "client.gd", what="addresses", texts=[*good, *wrong])
    for text, here in good.items():
        assert told[text] == [text.strip().rstrip("/"), here]
    assert [told[text][0] for text in wrong] == [None] * len(wrong)


def test_json_is_read_as_servers_write_it(godot, project):
    texts = ['{"a": 1024, "b": 0.95}', '\ufeff{"a": 1}', '{"big": 9007199254740993}', "no", '{"a": [1, 2.5, "3"]}']
    told = godot.facts(
        project, "client.gd", what="json", texts=[base64.b64encode(text.encode()).decode() for text in texts]
    )
    assert told[0] == '{"a":1024,"b":0.95}'
    assert told[1] == '{"a":1}'
    assert json.loads(told[2])["big"] == pytest.approx(2**53)
    assert told[3] == "null"
    assert told[4] == '{"a":[1,2.5,"3"]}'


def test_without_a_keychain_the_key_is_in_a_file_for_this_user_alone(godot, project, tmp_path):
    told = godot.facts(project, "client.gd", what="keys", folder=str(tmp_path / "kept"))
    assert told == {
        "before": ["", "NOWHERE"],
        "one": ["secret one", "FILE"],
        "gone": ["", "NOWHERE"],
        "two": ["secret two", "FILE"],
    }
    assert stat.S_IMODE((tmp_path / "kept" / "keys.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700


@pytest.mark.skipif(sys.platform != "linux", reason="stands in for the program that Linux has")
def test_a_key_goes_into_the_keychain_and_is_no_argument(godot, project, tmp_path, monkeypatch):
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "secret-tool").write_text(SECRET_TOOL)
    (tools / "secret-tool").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    told = godot.facts(project, "client.gd", what="keys", folder=str(tmp_path / "kept"))
    assert told["one"] == ["secret one", "KEYCHAIN"]
    assert told["two"] == ["secret two", "KEYCHAIN"]
    assert told["gone"] == ["", "NOWHERE"]
    assert "secret" not in (tools / "arguments").read_text()
    assert not (tmp_path / "kept" / "keys.json").exists()


def test_the_servers_program_is_found_or_it_is_said_what_is_wrong(godot, project, tmp_path):
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    program = bin_ / "spherelinks"
    program.write_text("#!/bin/sh\necho 'port 8000 cannot be listened on'; exit 6\n")
    program.chmod(0o755)
    missing = str(tmp_path / "missing")
    log = tmp_path / "log"
    told = godot.facts(
        project,
        "client.gd",
        what="programs",
        given=[str(bin_), str(program), missing],
        program=str(program),
        log=str(log),
    )
    assert told[str(bin_)] == told[str(program)] == str(program)
    assert told[missing] == f"There is no program {missing}."
    assert "port 8000 cannot be listened on" in told["started"]["message"]
    assert str(log) in told["started"]["hint"]


def test_a_full_disk_is_told_before_anything_is_sent(godot, project):
    asked, told = godot.home / "asked.json", godot.home / "told.json"
    asked.write_text(json.dumps({"what": "disk"}))

    def limited():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    command = [godot.program, "--headless", "--path", project, "--script", "res://client.gd", "--", asked, told]
    subprocess.run(command, env=godot.environment(), preexec_fn=limited, timeout=120, check=True, capture_output=True)
    facts = json.loads(told.read_text())
    assert facts["problem"]["code"] == "file_error"
    assert "cannot be written" in facts["problem"]["message"]
    assert facts["files"] == []


def test_jobs_of_a_killed_process_are_taken_over_by_their_own_project(godot, project, tmp_path):
    folder = str(tmp_path / "jobs")
    asked = tmp_path / "asked.json"
    asked.write_text(json.dumps({"what": "hold", "folder": folder}))
    process = godot.start(
        "--headless", "--path", project, "--script", "res://client.gd", "--", asked, tmp_path / "told"
    )
    try:
        held = next(line.split()[1] for line in process.stdout if line.startswith("held "))
        assert godot.facts(project, "client.gd", what="adopt", folder=folder, document="here") == []
    finally:
        process.kill()
        process.communicate()
    assert godot.facts(project, "client.gd", what="adopt", folder=folder, document="elsewhere") == []
    assert godot.facts(project, "client.gd", what="adopt", folder=folder, document="here") == [held]
