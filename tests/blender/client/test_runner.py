"""A runner with several jobs, and its shutdown. (``test_scenarios`` has the faults of servers.)"""

import base64
import json
import threading
import time

import pytest

from blender_addon.client import runner as runners
from blender_addon.client import server
from blender_addon.client.errors import Failure
from blender_addon.client.http import Connection
from blender_addon.client.jobs import Jobs
from blender_addon.client.runner import Runner

KEY = "sk_secret"
JOB = "job_01kbkq5x8efk8a4v1y4mhrq2zd"
LIMIT_S = 60
NEVER = "status-working"
"""The exchange that stands for a job that never ends."""


@pytest.fixture
def jobs(tmp_path):
    kept = Jobs(tmp_path / "jobs")
    yield kept
    kept.close()


def test_a_script_gets_the_job_as_it_ended(stand_in, jobs):
    address = stand_in.address("well")
    job = Runner(jobs).run(jobs.new(address, "mug", b"picture"), Connection(address, KEY, False))
    assert (job.state, job.job_id, job.progress) == ("ready", JOB, 100)
    assert jobs.asset(job.id).read_bytes()[:4] == b"glTF"


def test_a_server_that_is_not_there_is_named(jobs, monkeypatch):
    monkeypatch.setattr(runners, "_backoff", lambda attempt, failure: 0.0)
    job = jobs.new("http://127.0.0.1:1", "mug", b"picture")
    with pytest.raises(Failure, match=r"127\.0\.0\.1:1 cannot be reached") as caught:
        Runner(jobs).run(job, Connection(job.server, KEY, False))
    assert "Start the server" in caught.value.hint


def test_a_fault_of_ours_ends_the_job_and_is_told(stand_in, jobs, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(server, "generate", broken)
    address = stand_in.address("well")
    job = jobs.new(address, "mug", b"picture")
    with pytest.raises(Failure, match="ZeroDivisionError: division by zero") as caught:
        Runner(jobs).run(job, Connection(address, KEY, False))
    assert (caught.value.code, caught.value.hint) == ("internal_error", "Please report this.")


def test_a_job_that_never_ends_is_given_up_and_can_be_taken_up_again(stand_in, jobs):
    address = stand_in.address(NEVER)
    job = jobs.new(address, "mug", b"picture")
    with pytest.raises(Failure) as caught:
        Runner(jobs, limit_s=2.0).run(job, Connection(address, KEY, False))
    assert caught.value.code == "time_limit"
    again = jobs.again(jobs.get(job.id))
    assert (again.id, again.state, again.job_id, again.problem) == (job.id, "waiting", JOB, None)


def test_a_job_that_the_server_has_failed_keeps_its_picture_for_another(stand_in, jobs):
    address = stand_in.address("status-no-object")
    job = jobs.new(address, "mug", b"picture", {"left": b"beside"})
    with pytest.raises(Failure):
        Runner(jobs).run(job, Connection(address, KEY, False))
    again = jobs.again(jobs.get(job.id))
    assert (again.state, again.job_id, again.problem) == ("waiting", "", None)
    assert again.id != job.id
    assert jobs.picture(again.id).read_bytes() == b"picture"
    assert jobs.sides(again) == {"left": b"beside"}
    assert jobs.all() == [again]
    assert not jobs.side(job.id, "left").exists()


def test_another_run_takes_a_job_up_where_the_first_left_it(stand_in, tmp_path):
    address = stand_in.address("resumed~several")
    before = len(stand_in.seen)
    first = Jobs(tmp_path)
    sides = {"back": b"behind", "right": b"beside"}
    unsent = first.new(address, "unsent", b"picture", sides)
    sent = first.new(address, "sent", b"picture", job_id=JOB, state="working")
    done = first.new(address, "done", b"picture", state="placed")
    second = Jobs(tmp_path)
    assert second.adopt() == []  # the first still lives
    first.close()
    assert {job.id for job in second.adopt()} == {unsent.id, sent.id}
    stand_in.turn("resumed~several", 1)
    runner = Runner(second)
    for job in (unsent, sent):
        runner.start(job.id, Connection(address, KEY, False))
    until(lambda: not runner.busy())
    assert {job.id: job.state for job in second.all()} == {unsent.id: "ready", sent.id: "ready", done.id: "placed"}
    [posted] = [each for each in stand_in.seen[before:] if each.method == "POST"]
    assert posted.headers["Idempotency-Key"] == unsent.id
    images = json.loads(posted.body)["images"]
    sent = {each["view"]: base64.b64decode(each["imageBase64"]) for each in images}
    assert sent == {"front": b"picture", **sides}, "all that the first had"
    second.close()


def test_stopping_leaves_no_thread_and_the_job_as_it_is(stand_in, jobs):
    address = stand_in.address(NEVER)
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
