"""One job against servers of every kind: it ends as it should, or with one clear reason, and never twice."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from servers import JOB, bad_server

from blender_addon.client import runner as runners
from blender_addon.client.errors import Failure
from blender_addon.client.http import Connection
from blender_addon.client.jobs import Jobs
from blender_addon.client.runner import Runner

KEY = "sk_secret"
LIMIT_S = 60
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def servers():
    with bad_server() as server:
        yield server


@pytest.fixture
def jobs(tmp_path):
    kept = Jobs(tmp_path / "jobs")
    yield kept
    kept.close()


@pytest.fixture
def quick(monkeypatch):
    """Retries that do not wait."""
    monkeypatch.setattr(runners, "_backoff", lambda attempt, failure: 0.0)


def run(servers, jobs, mode):
    address = servers.address(mode)
    job = jobs.new(address, "mug", b"picture")
    return Runner(jobs).run(job, Connection(address, KEY, False))


def refused(servers, jobs, mode):
    with pytest.raises(Failure) as caught:
        run(servers, jobs, mode)
    [job] = jobs.all()
    assert job.state == "failed"
    assert job.problem["message"] == caught.value.message
    return caught.value


def test_ends_with_the_asset_on_disk(servers, jobs):
    job = run(servers, jobs, "well")
    assert (job.state, job.job_id, job.progress) == ("ready", JOB, 100)
    assert jobs.asset(job.id).read_bytes()[:4] == b"glTF"


@pytest.mark.parametrize(
    ("mode", "code", "words"),
    [
        ("401", "invalid_api_key", "revoked"),
        ("402", "insufficient_credits", "no credit"),
        ("422", "picture_unreadable", "damaged"),
        ("429", "rate_limited", "Too many"),
        ("html", "bad_answer", "500"),
        ("notjson", "bad_answer", "not as a SphereLinks server does"),
        ("endless", "too_large", "larger than 4 MB"),
        ("huge", "too_large", "larger than 4 MB"),
        ("half", "bad_answer", "only in part"),
        ("broken-off", "unreachable", "breaks off"),
        ("posted-on", "redirected", "127.0.0.2"),
        ("failing", "no_object", "Nothing stands out"),
    ],
)
def test_fails_with_the_reason_and_a_remedy(servers, jobs, quick, mode, code, words):
    failure = refused(servers, jobs, mode)
    assert failure.code == code
    assert words in failure.message
    assert mode in ("half", "broken-off") or failure.hint


def test_a_server_that_is_not_there_is_named(jobs, quick):
    job = jobs.new("http://127.0.0.1:1", "mug", b"picture")
    with pytest.raises(Failure, match=r"127\.0\.0\.1:1 cannot be reached") as caught:
        Runner(jobs).run(job, Connection(job.server, KEY, False))
    assert "Start the server" in caught.value.hint


def test_a_job_that_never_ends_is_given_up(servers, jobs):
    address = servers.address("never")
    job = jobs.new(address, "mug", b"picture")
    with pytest.raises(Failure) as caught:
        Runner(jobs, limit_s=0.5).run(job, Connection(address, KEY, False))
    assert caught.value.code == "time_limit"
    assert jobs.get(job.id).job_id == JOB  # it can be taken up again


def test_the_key_does_not_follow_to_another_host(servers, jobs):
    run(servers, jobs, "redirected")
    elsewhere = [headers for mode, _, _, headers in servers.seen if mode == "elsewhere"]
    assert len(elsewhere) == 1
    assert KEY not in str(elsewhere)
    assert all(KEY in headers.values() for mode, _, _, headers in servers.seen if mode == "redirected")


def test_a_request_is_repeated_with_the_key_it_first_had(servers, jobs, quick):
    refused(servers, jobs, "html")
    [job] = jobs.all()
    keys = [headers.get("Idempotency-Key") for mode, _, _, headers in servers.seen if mode == "html"]
    assert keys[-runners.SEND_TRIES :] == [job.id] * runners.SEND_TRIES


@pytest.mark.parametrize("mode", ["failing", "failing-anew"])
def test_a_job_that_the_server_has_failed_is_sent_anew(servers, jobs, mode):
    refused(servers, jobs, mode)
    [job] = jobs.all()
    again = jobs.again(job)
    assert (again.state, again.job_id, again.problem) == ("waiting", "", None)
    assert again.id != job.id
    assert jobs.picture(again.id).read_bytes() == b"picture"
    assert jobs.all() == [again]


def test_a_job_that_broke_off_here_is_taken_up_again(servers, jobs):
    address = servers.address("never")
    job = jobs.new(address, "mug", b"picture")
    with pytest.raises(Failure):
        Runner(jobs, limit_s=0.5).run(job, Connection(address, KEY, False))
    again = jobs.again(jobs.get(job.id))
    assert (again.id, again.state, again.job_id, again.problem) == (job.id, "waiting", JOB, None)


def test_another_run_takes_a_job_up_where_the_first_left_it(servers, tmp_path):
    address = servers.address("resumed")
    first = Jobs(tmp_path)
    unsent = first.new(address, "unsent", b"picture")
    sent = first.new(address, "sent", b"picture", job_id=JOB, state="working")
    done = first.new(address, "done", b"picture", state="placed")
    second = Jobs(tmp_path)
    assert second.adopt() == []  # the first still lives
    first.close()
    assert {job.id for job in second.adopt()} == {unsent.id, sent.id}
    runner = Runner(second)
    for job in (unsent, sent):
        runner.start(job.id, Connection(address, KEY, False))
    until(lambda: not runner.busy())
    assert {job.id: job.state for job in second.all()} == {unsent.id: "ready", sent.id: "ready", done.id: "placed"}
    posted = [
        headers["Idempotency-Key"] for mode, method, _, headers in servers.seen if (mode, method) == ("resumed", "POST")
    ]
    assert posted == [unsent.id]
    second.close()


def test_jobs_of_a_killed_process_are_taken_over(tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from blender_addon.client.jobs import Jobs\n"
        "jobs = Jobs(Path(sys.argv[1]))\n"
        "print(jobs.new('http://127.0.0.1', 'mug', b'picture').id, flush=True); time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", script, tmp_path], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    job_id = process.stdout.readline().strip()
    jobs = Jobs(tmp_path)
    assert jobs.adopt() == []
    process.kill()
    process.wait()
    process.stdout.close()
    assert [job.id for job in jobs.adopt()] == [job_id]
    assert jobs.picture(job_id).read_bytes() == b"picture"
    jobs.close()


def test_a_cancelled_job_is_stopped_on_the_server_too(servers, jobs):
    address = servers.address("never")
    connection = Connection(address, KEY, False)
    runner = Runner(jobs)
    job = jobs.new(address, "mug", b"picture")
    runner.start(job.id, connection)
    until(lambda: jobs.get(job.id).state == "working")
    jobs.advance(job.id, state="cancelled")
    runners.stop(connection, JOB)
    until(lambda: not runner.busy())
    assert jobs.get(job.id).state == "cancelled"
    assert ("never", "DELETE", f"v1/jobs/{JOB}") in [request[:3] for request in servers.seen]


def test_stopping_leaves_no_thread_and_the_job_as_it_is(servers, jobs):
    address = servers.address("never")
    runner = Runner(jobs)
    ids = [jobs.new(address, str(i), b"picture").id for i in range(runners.AT_ONCE + 2)]
    for job_id in ids:
        runner.start(job_id, Connection(address, KEY, False))
    until(lambda: sum(job.state == "working" for job in jobs.all()) == runners.AT_ONCE)
    runner.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "SphereLinks"]
    assert all(job.at_work for job in jobs.all())


def until(condition):
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
