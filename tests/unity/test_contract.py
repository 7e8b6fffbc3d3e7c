"""The C# client does what contract/ says of every client, on both runtimes."""

import csv
import json
from pathlib import Path

import pytest

from contract import coverage, record

PACKAGE = Path(__file__).resolve().parents[2] / "unity_bridge"
KEY = "sk_secret"
FAULTS = coverage.files("faults")


@pytest.fixture(scope="module")
def answers(runtime, contract):
    return runtime.ask(
        "forms",
        account=contract.json("exchanges/account.json")["response"]["body"],
        generators=contract.json("generators.json"),
        cases=contract.json("forms.json")["cases"],
    )


@pytest.mark.parametrize("unlimited", [False, True])
def test_an_account_without_limit_has_no_number_of_credits(runtime, contract, unlimited):
    account = contract.json("exchanges/account.json")["response"]["body"]
    account["credits"]["unlimited"] = unlimited
    told = runtime.ask("forms", account=account, generators=contract.json("generators.json"), cases=[])
    assert told["credits"] == (None if unlimited else account["credits"]["available"])


@pytest.fixture(scope="module")
def ended(runtime, contract, stand_in, tmp_path_factory):
    """Every fault's job as it ended, and the requests that it made."""
    folder = tmp_path_factory.mktemp("faults")
    before = len(stand_in.seen)
    asked = []
    for path in FAULTS:
        told, name = contract.json(path), turned(runtime, path)
        picture = folder / f"{name}.picture"
        picture.write_bytes(bytes(told.get("pictureBytes", 7)))
        one = {"address": stand_in.address(name), "key": KEY, "folder": str(folder / name), "picture": str(picture)}
        limits = {"within": told.get("limitSeconds"), "silence": told.get("silenceSeconds")}
        asked.append(one | {"pause": 0.1} | {limit: value for limit, value in limits.items() if value})
    certificate = str(contract.path("files/certificate.pem"))
    jobs = runtime.ask("jobs", jobs=asked, variables={"SSL_CERT_FILE": certificate})
    return dict(zip(FAULTS, jobs, strict=True)), stand_in.seen[before:]


def turned(runtime, path):
    """The fault's name, of which each runtime gets the first answers."""
    return f"{Path(path).stem}~{runtime.program.name}"


def test_hints_and_ends_are_the_contracts(runtime, contract):
    failures, ours = contract.json("failures.json"), runtime.ask("remedies")
    with contract.path("strings.csv").open(encoding="utf-8", newline="") as file:
        texts = {row["key"]: row["en"] for row in csv.DictReader(file)}
    assert set(failures["hints"]) - {"offline"} == set(ours["hints"]) - {"no_importer"}
    assert ours["hints"] == {code: texts[f"hint_{code}"] for code in ours["hints"]}
    assert set(failures["endsJob"]) == set(ours["endsJob"])


def test_each_generator_has_the_contracts_fields(answers, contract):
    assert answers["forms"] == contract.json("forms.json")["forms"]


def test_each_generator_takes_the_sides_that_it_uses(answers, contract):
    offered = {each["name"]: each["views"][1:] for each in contract.json("generators.json")["generators"]}
    assert answers["sides"] == offered
    assert set(map(len, offered.values())) == {0, 3}


def test_what_is_entered_becomes_what_is_sent(answers, contract):
    for case, outcome in zip(contract.json("forms.json")["cases"], answers["cases"], strict=True):
        if "refused" in case:
            assert outcome["refused"] == case["refused"], case["about"]
        else:
            # as text: 2048 and 2048.0 are two things
            sent = json.dumps(outcome["sent"], sort_keys=True)
            assert sent == json.dumps(case["sent"], sort_keys=True), case["about"]


def test_presets_are_sent_as_they_are(answers, contract):
    assert answers["presets"] == [preset["options"] for preset in contract.json("generators.json")["presets"]]


def test_the_texts_are_the_contracts(contract):
    def rows(path):
        with path.open(encoding="utf-8", newline="") as file:
            return {row["key"]: row for row in csv.DictReader(file)}

    theirs = rows(contract.path("strings.csv"))
    for key, row in rows(PACKAGE / "Editor" / "UI" / "strings.csv").items():
        assert row == theirs[key], "make unity-package brings the copy up to date"
        assert not row["_editors"] or "unity" in row["_editors"].split()


def test_the_icon_is_the_contracts(contract):
    assert (PACKAGE / "Editor" / "UI" / "mark.png").read_bytes() == contract.path("icons/mark.png").read_bytes()


def test_the_asset_is_read_as_it_is_and_stands_where_the_contract_says(runtime, contract):
    told = contract.json("placement.json")
    [contents] = runtime.ask("glb", paths=[str(contract.path("files/asset.glb"))])
    levels = [level["mesh"] for level in contents["levels"]]
    assert [*levels, *contents["colliders"]] == told["names"]["file"]
    assert {tuple(level["translation"]) for level in contents["levels"]} == {(0, 0, 0)}
    # the prefab leaves the model where the importer puts it, with X mirrored, and mirrors its own levels likewise
    gltf, unity = told["engines"]["gltf"], told["engines"]["unity"]
    assert unity["low"] == [-gltf["high"][0], *gltf["low"][1:]]
    assert unity["high"] == [-gltf["low"][0], *gltf["high"][1:]]


@pytest.mark.parametrize("path", FAULTS)
def test_a_job_ends_as_the_contract_says(ended, runtime, contract, path):
    if contract.json(path).get("tls") and runtime.program.name == "mono":
        pytest.skip("the part of mono that speaks TLS is not the one in Unity, and knows no SSL_CERT_FILE")
    jobs, seen = ended
    job, outcome, name = jobs[path], contract.json(path)["outcome"], turned(runtime, path)
    assert job["state"] == outcome["state"], job["problem"]
    if outcome["state"] == "failed":
        assert job["thrown"] == job["problem"]["code"] == outcome["code"]
        assert outcome["says"] in job["problem"]["message"]
        assert not outcome["hint"] or job["problem"]["hint"]
    else:
        assert Path(job["asset"]).read_bytes() == contract.path("files/asset.glb").read_bytes()
    if "progress" in outcome:
        assert job["shown"] == outcome["progress"]
    here = [each for each in seen if each.folder == name]
    for operation, times in outcome["requests"].items():
        assert sum(each.asks(operation) for each in here) == times, operation
    keys = {each.headers["Idempotency-Key"] for each in here if each.method == "POST"}
    assert len(keys) == outcome.get("keys", 1)
    assert {each.headers["X-API-Key"] for each in here} == {KEY}


def test_the_key_goes_to_no_other_host(ended, contract):
    _, seen = ended
    elsewhere = [each.headers for each in seen if each.folder == "elsewhere"]
    assert len(elsewhere) == sum(contract.json(path)["outcome"].get("elsewhere", 0) for path in FAULTS)
    assert KEY not in str(elsewhere)


def test_every_exchange_is_understood(runtime, contract, stand_in, tmp_path):
    """What the server answered is returned as it is; what it refused comes with code, message and hint."""
    paths = coverage.files("exchanges")
    asked = []
    for path in paths:
        exchange, name = contract.json(path), Path(path).stem
        request = exchange["request"]
        own = ("X-API-Key", "Content-Type")
        one = {part: request[part] for part in ("method", "path")} | {
            "address": stand_in.address(name),
            "key": request["headers"].get("X-API-Key", ""),
            "headers": {header: value for header, value in request["headers"].items() if header not in own},
        }
        if "body" in request:
            one["body"] = record.encoded(request["body"]).decode()
        if "file" in exchange["response"]:
            one["target"] = str(tmp_path / name)
        asked.append(one)
    before = len(stand_in.seen)
    outcomes = runtime.ask("requests", requests=asked)
    sent = {each.folder: each for each in stand_in.seen[before:]}
    remedies = contract.json("failures.json")["hints"]
    for path, outcome in zip(paths, outcomes, strict=True):
        exchange, name = contract.json(path), Path(path).stem
        request, response = exchange["request"], exchange["response"]
        assert name in sent, (name, outcome)
        assert (sent[name].method, "/" + sent[name].path) == (request["method"], request["path"])
        headers = {header.lower(): value for header, value in sent[name].headers.items()}
        assert {each: headers.get(each.lower()) for each in request["headers"]} == request["headers"], name
        assert ("x-api-key" in headers) == ("X-API-Key" in request["headers"]), name
        if response["status"] >= 400:
            told = response["body"]["error"]
            assert (outcome["code"], outcome["message"]) == (told["code"], told["message"])
            assert (
                outcome["hint"] == told["hint"] if told["hint"] else bool(outcome["hint"]) == (told["code"] in remedies)
            )
            assert outcome["transient"] == (response["status"] in (409, 429) or response["status"] >= 500), name
            assert outcome["retryAfter"] == float(response["headers"].get("Retry-After") or 0), name
        elif "file" in response:
            assert (tmp_path / name).read_bytes() == contract.path(f"files/{response['file']}").read_bytes(), name
        else:
            assert outcome["body"] == response.get("body", {}), name
