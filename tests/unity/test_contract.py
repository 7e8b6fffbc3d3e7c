"""The C# client does what contract/ says of every client, on both runtimes."""

import base64
import json
from pathlib import Path

import pytest

CONTRACT = Path(__file__).resolve().parents[2] / "contract"
KEY = "sk_secret"


def stored(name):
    return json.loads((CONTRACT / name).read_text("utf-8"))


FORMS = stored("forms.json")
FAULTS = {path.stem: stored(f"faults/{path.name}") for path in sorted((CONTRACT / "faults").glob("*.json"))}
EXCHANGES = {path.stem: stored(f"exchanges/{path.name}") for path in sorted((CONTRACT / "exchanges").glob("*.json"))}


@pytest.fixture(scope="module")
def answers(runtime):
    account = EXCHANGES["account"]["response"]["body"]
    return runtime.ask("forms", account=account, generators=stored("generators.json"), cases=FORMS["cases"])


@pytest.fixture(scope="module")
def ended(runtime, bad, tmp_path_factory):
    """Every fault's job as it ended, and the requests that it made."""
    folder = tmp_path_factory.mktemp("faults")
    picture = folder / "picture"
    picture.write_bytes(b"picture")
    before = len(bad.seen)
    asked = [
        {"address": bad.address(name), "key": KEY, "folder": str(folder / name), "picture": str(picture), "pause": 0}
        for name in FAULTS
    ]
    outcome = runtime.ask("jobs", jobs=asked)
    return dict(zip(FAULTS, outcome, strict=True)), bad.seen[before:]


def test_hints_and_ends_are_the_contracts(runtime):
    failures, ours = stored("failures.json"), runtime.ask("remedies")
    assert set(failures["hints"]) - {"offline"} == set(ours["hints"]) - {"no_importer"}
    assert set(failures["endsJob"]) == set(ours["endsJob"])


def test_each_generator_has_the_contracts_fields(answers):
    assert answers["forms"] == FORMS["forms"]


def test_what_is_entered_becomes_what_is_sent(answers):
    for case, outcome in zip(FORMS["cases"], answers["cases"], strict=True):
        if "refused" in case:
            assert outcome["refused"] == case["refused"], case["about"]
        else:
            # as text: 2048 and 2048.0 are two things
            sent = json.dumps(outcome["sent"], sort_keys=True)
            assert sent == json.dumps(case["sent"], sort_keys=True), case["about"]


def test_presets_are_sent_as_they_are(answers):
    assert answers["presets"] == [preset["options"] for preset in stored("generators.json")["presets"]]


@pytest.mark.parametrize("name", FAULTS)
def test_a_job_ends_as_the_contract_says(ended, name):
    jobs, seen = ended
    job, outcome = jobs[name], FAULTS[name]["outcome"]
    assert job["state"] == outcome["state"], job["problem"]
    if outcome["state"] == "failed":
        assert job["thrown"] == job["problem"]["code"] == outcome["code"]
        assert outcome["says"] in job["problem"]["message"]
        assert not outcome["hint"] or job["problem"]["hint"]
    else:
        assert Path(job["asset"]).read_bytes() == (CONTRACT / "files" / "asset.glb").read_bytes()
    for operation, times in outcome["requests"].items():
        method, path = operation.split(" /")
        asked = [each for each in seen if each[:2] == (name, method) and each[2].startswith(path)]
        assert len(asked) == times, operation
        assert method != "POST" or {headers["Idempotency-Key"] for *_, headers in asked} == {job["id"]}


def test_the_key_goes_to_no_other_host(ended):
    _, seen = ended
    elsewhere = [headers for folder, _, _, headers in seen if folder == "elsewhere"]
    assert len(elsewhere) == sum(fault["outcome"].get("elsewhere", 0) for fault in FAULTS.values())
    assert KEY not in str(elsewhere)
    assert KEY in str([headers for folder, _, _, headers in seen if folder != "elsewhere"])


def test_every_exchange_is_understood(runtime, replay, tmp_path):
    """What the server answered is returned as it is; what it refused comes with code, message and hint."""
    picture = base64.b64encode((CONTRACT / "files" / "picture.png").read_bytes()).decode()
    asked = []
    for name, exchange in EXCHANGES.items():
        request = exchange["request"]
        body = request.get("body")
        headers = {k: v for k, v in request.get("headers", {}).items() if k not in ("X-API-Key", "Content-Type")}
        key = request.get("headers", {}).get("X-API-Key", "")
        one = {
            "address": replay(name),
            "key": key,
            "method": request["method"],
            "path": request["path"],
            "headers": headers,
        }
        if body is not None:
            one["body"] = json.dumps(body).replace("{picture}", picture).replace("{large}", "A" * (11 << 20))
        if "file" in exchange["response"]:
            one["target"] = str(tmp_path / name)
        asked.append(one)
    for name, outcome in zip(EXCHANGES, runtime.ask("requests", requests=asked), strict=True):
        response = EXCHANGES[name]["response"]
        if response["status"] >= 400:
            error = response["body"]["error"]
            told = {part: error.get(part) or "" for part in ("code", "message")}
            assert {part: outcome[part] for part in told} == told, name
            assert outcome["hint"] == error["hint"] or not error["hint"], name
            wait = response["headers"].get("Retry-After")
            assert outcome["retryAfter"] == float(wait or 0), name
        elif "file" in response:
            assert (tmp_path / name).read_bytes() == (CONTRACT / "files" / response["file"]).read_bytes(), name
        else:
            assert outcome["body"] == response.get("body", {}), name
