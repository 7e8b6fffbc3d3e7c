"""Jobs of the C# client against the real server and pipeline, on both runtimes: they end, survive, and cost once."""

import hashlib
import itertools
import json
import signal
import urllib.request
from pathlib import Path

import pytest

SAMPLES = Path(__file__).resolve().parents[2] / "docs" / "samples"
OPTIONS = {"generator": "inflate", "textureSize": 512, "targetFaces": 500}
_FACES = itertools.count(300)


def server_says(served, path):
    request = urllib.request.Request(served.address + path, headers={"X-API-Key": served.key})
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


def spent(served):
    return sum(job["creditsCharged"] for job in server_says(served, "/v1/jobs?limit=100")["jobs"])


def made(served):
    return {job["jobId"] for job in server_says(served, "/v1/jobs?limit=100")["jobs"]}


@pytest.fixture
def asked(served, runtime, tmp_path):
    """A job that no test before has asked for: an asset that is in the server's cache costs nothing."""
    return {
        "address": served.address,
        "key": served.key,
        "folder": str(tmp_path / "jobs"),
        "picture": str(SAMPLES / "mug.jpg"),
        "options": OPTIONS | {"targetFaces": next(_FACES)},
    }


def follow(process, until):
    """Its lines, up to the one that tells this state."""
    told = []
    for line in process.stdout:
        told.append(json.loads(line))
        if told[-1].get("state") == until:
            return told
    raise AssertionError(told)


def test_a_job_ends_with_a_whole_asset(runtime, served, asked):
    before = spent(served)
    process = runtime.start({"command": "jobs", "jobs": [asked]})
    said, _ = process.communicate()
    [job] = runtime.result(said)
    told = [json.loads(line) for line in said.splitlines() if line.startswith('{"id"')]
    assert (job["state"], job["progress"], job["thrown"]) == ("ready", 100, "")
    states = [each["state"] for each in told]
    order = ["waiting", "sending", "working", "fetching", "ready"]
    assert states == sorted(states, key=order.index)
    assert [each["progress"] for each in told] == sorted(each["progress"] for each in told)
    assert spent(served) == before + 1
    [contents] = runtime.ask("glb", paths=[job["asset"]])
    assert contents["extras"]["generator"]["name"] == "inflate"
    assert len(contents["levels"]) == 1
    assert Path(asked["folder"], f"{job['id']}.thumbnail.png").read_bytes().startswith(b"\x89PNG")
    assert served.key not in Path(asked["folder"], f"{job['id']}.json").read_text()


@pytest.mark.parametrize("state", ["waiting", "sending", "working"])
def test_a_cancelled_job_costs_nothing(runtime, served, asked, state):
    before = spent(served)
    [job] = runtime.ask("jobs", jobs=[asked | {"cancel": state}])
    assert (job["state"], job["thrown"]) == ("cancelled", "cancelled")
    assert spent(served) == before
    if job["job_id"]:
        assert server_says(served, f"/v1/status/{job['job_id']}")["error"]["code"] == "cancelled"


@pytest.mark.parametrize("state", ["waiting", "sending", "working"])
def test_a_killed_process_leaves_its_job_to_the_next_at_one_debit(runtime, served, asked, state):
    before, known = spent(served), made(served)
    process = runtime.start({"command": "jobs", "jobs": [asked]})
    follow(process, state)
    process.send_signal(signal.SIGKILL)
    process.wait()
    jobs = runtime.ask("pick up", **asked)
    assert [job["state"] for job in jobs] == ["ready"]
    assert len(made(served) - known) == 1
    assert spent(served) == before + 1


def test_pictures_of_other_sides_outlive_a_kill_at_one_debit(runtime, served, asked):
    sides = {side: SAMPLES / "sides" / f"mug_{side}.jpg" for side in ("back", "right")}
    before = spent(served)
    options = {"textureSize": 512, "targetFaces": next(_FACES)}
    asked |= {"options": options, "sides": {side: str(path) for side, path in sides.items()}}
    process = runtime.start({"command": "jobs", "jobs": [asked]})
    follow(process, "sending")
    process.send_signal(signal.SIGKILL)
    process.wait()
    [job] = runtime.ask("pick up", **asked)
    assert (job["state"], job["sides"]) == ("ready", ["back", "right"])
    assert spent(served) == before + 1
    source = runtime.ask("glb", paths=[str(Path(asked["folder"], f"{job['id']}.glb"))])[0]["extras"]["source"]
    for side, path in sides.items():
        assert source[f"{side}Sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_job_that_the_next_process_finds_ready_is_not_asked_for_again(runtime, served, asked):
    runtime.ask("jobs", jobs=[asked])
    known = made(served)
    [job] = runtime.ask("pick up", **asked)
    assert job["state"] == "ready"
    assert made(served) == known


def test_a_job_that_took_too_long_is_taken_up_with_the_same_key(runtime, served, asked):
    before, known = spent(served), made(served)
    [job] = runtime.ask("jobs", jobs=[asked | {"limit": 0}])
    assert (job["state"], job["problem"]["code"]) == ("failed", "time_limit")
    [again] = runtime.ask("pick up", **asked, again=True)
    assert (again["state"], again["id"]) == ("ready", job["id"])
    assert len(made(served) - known) == 1
    assert spent(served) == before + 1


def test_two_processes_on_one_folder_keep_their_own_jobs(runtime, built, tmp_path):
    asked = {"command": "own", "folder": str(tmp_path), "rounds": 30}
    processes = [runtime.start(asked) for _ in range(3)]
    held = [json.loads(process.stdout.readline()) for process in processes]
    assert [each["taken"] for each in held] == [[], [], []]
    processes[0].send_signal(signal.SIGKILL)
    processes[0].wait()
    for process, expected in ((processes[1], held[:1]), (processes[2], held[:2])):  # the last one finds all let go of
        said, _ = process.communicate("\n", timeout=60)
        assert sorted(runtime.result(said)) == sorted(each["held"] for each in expected)
