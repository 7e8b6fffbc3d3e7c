"""The worker: what a client sees when all goes well, and when the child, the worker or the database dies."""

import contextlib
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from conftest import begin, silence, take
from PIL import Image, ImageDraw
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from spherelinks import confinement, database
from spherelinks.accounts.ledger import Balance
from spherelinks.config import SECRETS
from spherelinks.database import new_id, transaction
from spherelinks.errors import UnknownFile
from spherelinks.jobs import attempts, closing, deletion, files, paths, process, queue, usage, worker
from spherelinks.jobs.worker import PIPELINE
from spherelinks.pipeline import generate

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and forks are POSIX's")

PATIENCE_S = 120.0

WORKER = """
import os, sys
from pathlib import Path
from spherelinks.config import Settings
from spherelinks.jobs.worker import run_worker
settings = Settings.from_env()
run_worker(settings, settings.database_url, runner=os.environ.get("RUNNER", "runners:obey"))
"""


def start_worker_process(settings, **environment):
    """A worker as a process of its own, to be killed."""
    variables = {"DATABASE_URL": settings.database_url, "SPHERELINKS_HOME": str(settings.home)}
    variables["SPHERELINKS_STALE_AFTER"] = str(settings.stale_after_s)
    return subprocess.Popen([sys.executable, "-c", WORKER], env=os.environ | variables | environment)


def stop(worker, number, engine):
    """Send the signal to a worker that is at a job, and wait until it has heard it: a second one that came before that
    would be none."""

    def at_work():
        with engine.connect() as connection:
            return connection.scalar(text("SELECT count(*) FROM procrastinate_workers"))

    eventually(lambda: at_work() == 3)  # for jobs, for deliveries and for housekeeping
    worker.send_signal(number)
    eventually(lambda: at_work() == 1)


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def eventually(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not (result := condition()):
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.03)
    return result


def written(path):
    return eventually(lambda: path.exists() and path.read_text())


def waits_for_a_lock(engine):
    with engine.connect() as connection:
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%balance%'"
        return connection.scalar(text(waiting))


def attempts_of(engine, job):
    with engine.connect() as connection:
        return connection.execute(text("SELECT attempt, crashes FROM jobs WHERE id = :id"), {"id": job}).one()


def looked_at(engine):
    """When a worker has last looked for lost jobs; None is never."""
    with engine.connect() as connection:
        return connection.scalar(text("SELECT looked_at FROM recovery"))


# --- all goes well


def test_a_job_becomes_an_asset_and_costs_one_credit(desk, storage, tmp_path):
    gate = tmp_path / "gate"
    job = desk.submit(f"wait {gate}", seed=5)
    seen = []

    def ended(now):
        seen.append(now.progress)
        if now.progress > 0:
            gate.touch()
        return now.status != "PROCESSING"

    with desk.working():
        done = desk.until(job, ended)
    assert done.status == "COMPLETED", done
    glb = storage.get(done.asset_path)
    assert glb == f"glTFwait {gate}".encode()
    assert done.thumbnail
    assert storage.get(paths.beside(done.asset_path, "png")) == f"PNG of wait {gate}".encode()
    assert (done.asset_size, done.asset_sha256) == (len(glb), hashlib.sha256(glb).hexdigest())
    assert done.report["options"]["seed"] == 5
    assert done.report["letters"] == "äöü 漢"
    assert seen == sorted(seen)
    assert any(0 < progress < 100 for progress in seen)
    assert desk.balance() == Balance(9, 0)


def test_one_child_serves_many_jobs(desk):
    jobs = [desk.submit("succeed") for _ in range(4)]
    with desk.working():
        processes = {desk.ended(job).report["process"] for job in jobs}
    assert len(processes) == 1
    assert not any(is_alive(pid) for pid in processes), "it ends with its worker"


def test_jobs_run_side_by_side_each_in_its_own_child(desk, tmp_path):
    gate = tmp_path / "gate"
    jobs = [desk.submit(f"wait {gate}") for _ in range(3)]
    with desk.working(concurrency=3):
        for job in jobs:
            desk.until(job, lambda now: now.progress > 0)
        gate.touch()
        reports = [desk.ended(job).report for job in jobs]
    assert len({report["process"] for report in reports}) == 3


def test_what_a_library_prints_does_not_get_between_the_messages(desk):
    job = desk.submit("print")
    with desk.working():
        assert desk.ended(job).status == "COMPLETED"


def test_a_mask_goes_with_its_picture_and_is_kept_as_long(desk, engine, storage):
    plain, masked, again, other = (desk.submit("succeed", mask) for mask in (None, b"white", b"white", b"black"))
    with desk.working():
        assert desk.ended(masked).report == desk.ended(again).report == {"mask": "white"}
        assert desk.ended(other).report == {"mask": "black"}
        assert "mask" not in desk.ended(plain).report
    repeated = desk.submit("succeed", b"white", again=True)
    assert desk.read(repeated).cache_hit
    with transaction(engine) as session:
        assert usage.stored(session, desk.client.account_id) > 5 * len(b"succeed") + 4 * len(b"white")
    assert storage.get(files.find(engine, storage, desk.read(repeated), "mask").path) == b"white"
    assert "mask" in files.available(desk.read(masked))
    assert "mask" not in files.available(desk.read(plain))
    with pytest.raises(UnknownFile):
        files.find(engine, storage, desk.read(plain), "mask")
    with transaction(engine) as session:
        session.execute(text("UPDATE jobs SET expires_at = now() - interval '1 s' WHERE id = :id"), {"id": masked})
    paths.sweep(engine, storage, timedelta(seconds=-60))
    left = {head.path for head in storage.list(paths.PICTURES)}
    assert {paths.mask(masked), paths.picture(masked)}.isdisjoint(left)
    assert {paths.mask(other), paths.picture(other)} <= left
    deletion.delete(engine, storage, desk.client.principal.world, other)
    assert paths.mask(other) not in {head.path for head in storage.list(paths.PICTURES)}


def test_the_sides_go_with_their_picture_and_are_kept_as_long(desk, engine, storage):
    sides = {"left": b"a left", "back": b"a back"}
    plain, sided, other, swapped = (
        desk.submit("succeed", sides=each)
        for each in ({}, sides, {"back": b"a back"}, {"left": b"a back", "back": b"a left"})
    )
    with desk.working():
        assert desk.ended(sided).report == {"left": "a left", "back": "a back"}
        assert desk.ended(other).report == {"back": "a back"}
        assert desk.ended(swapped).report == {"left": "a back", "back": "a left"}
        assert not {"back", "left"} & desk.ended(plain).report.keys()
    assert desk.balance() == Balance(6, 0), "each costs what one picture costs"
    before = stored_bytes(desk, engine)
    repeated = desk.submit("succeed", sides=dict(reversed(sides.items())), again=True)
    assert desk.read(repeated).cache_hit
    assert stored_bytes(desk, engine) == before + len(b"succeed") + len(b"a left") + len(b"a back")
    for view, data in sides.items():
        assert storage.get(files.find(engine, storage, desk.read(repeated), view).path) == data
    assert {"back", "left"} <= {*files.available(desk.read(sided))}
    for job, view in ((sided, "right"), (plain, "back"), (other, "left")):
        assert view not in files.available(desk.read(job))
        with pytest.raises(UnknownFile):
            files.find(engine, storage, desk.read(job), view)

    stray = new_id("job")
    storage.put_all(dict.fromkeys(paths.sent(stray), b"never accepted"))
    with transaction(engine) as session:
        session.execute(text("UPDATE jobs SET expires_at = now() - interval '1 s' WHERE id = :id"), {"id": sided})
    assert files.available(desk.read(sided)) == ()
    paths.sweep(engine, storage, timedelta(seconds=-60))
    assert left_of(storage, stray) == left_of(storage, sided) == set()
    assert left_of(storage, swapped) == {paths.picture(swapped), *(paths.side(swapped, view) for view in sides)}
    deletion.delete(engine, storage, desk.client.principal.world, swapped)
    assert left_of(storage, swapped) == set()
    closing.close(engine, storage, desk.client.account_id)
    assert not [*storage.list(paths.PICTURES)]


def left_of(storage, job):
    return {head.path for head in storage.list(paths.PICTURES) if job in head.path}


def stored_bytes(desk, engine):
    with transaction(engine) as session:
        return usage.stored(session, desk.client.account_id)


def test_the_child_knows_no_credentials(desk, monkeypatch):
    for name in (*SECRETS, *(f"{name}_FILE" for name in SECRETS), "AWS_SECRET_ACCESS_KEY", "PGPASSWORD", "SENTRY_DSN"):
        monkeypatch.setenv(name, "a-secret")
    job = desk.submit("environment")
    with desk.working():
        assert "a-secret" not in json.dumps(desk.ended(job).report)


@pytest.mark.skipif(sys.platform != "linux", reason="Landlock is Linux's")
def test_the_child_reaches_no_secret_files_no_storage_and_not_its_worker(desk, settings, tmp_path, monkeypatch):
    secret = tmp_path / "secrets" / "key"
    secret.parent.mkdir()
    secret.write_text("a-secret")
    monkeypatch.setenv("STRIPE_SECRET_KEY_FILE", str(secret))
    other = desk.submit("another account's")
    stored = settings.home / "storage" / paths.picture(other)
    assert stored.exists()
    (tmp_path / "list").write_text(f"{secret}\n{stored}\n{tmp_path / 'list'}")
    job = desk.submit(f"spy {tmp_path / 'list'}")
    with desk.working():
        assert desk.ended(job).report["reached"] == [str(tmp_path / "list")]


def test_a_finished_job_leaves_nothing_in_the_queue(desk, engine):
    jobs = [desk.submit(what) for what in ("succeed", "refuse", "die")]
    with desk.working():
        for job in jobs:
            desk.ended(job)
    with engine.connect() as connection:
        calls = text("SELECT count(*) FROM procrastinate_jobs WHERE queue_name <> 'housekeeping'")
        assert connection.scalar(calls) == 0


# --- the pipeline fails


def test_a_picture_that_is_refused_fails_at_once_with_its_reason_and_costs_nothing(desk, engine):
    job = desk.submit("refuse")
    with desk.working():
        failed = desk.ended(job)
    assert failed.status == "FAILED"
    assert (failed.error.code, failed.error.message) == ("no_object", "The picture shows nothing.")
    assert failed.error.hint == "Show something."
    assert attempts_of(engine, job) == (1, 0)
    assert desk.balance() == Balance(10, 0)


def test_a_pipeline_that_breaks_fails_the_job_and_tells_no_details(desk):
    broken, after = desk.submit("break"), desk.submit("succeed")
    with desk.working():
        failed = desk.ended(broken)
        assert desk.ended(after).status == "COMPLETED"
    assert failed.error.code == "generator_failed"
    assert "ValueError" in failed.error.message
    assert "secret detail" not in failed.error.message


# --- the child dies


def test_a_killed_child_is_replaced_and_its_job_tried_again(desk, engine, tmp_path):
    countdown = tmp_path / "left"
    countdown.write_text("2")
    job = desk.submit(f"die-until {countdown}")
    with desk.working():
        done = desk.ended(job)
    assert done.status == "COMPLETED"
    assert attempts_of(engine, job) == (3, 2)
    assert done.asset_path == paths.result(job, 3, done.asset_sha256)
    assert desk.balance() == Balance(9, 0)


@pytest.mark.parametrize(("how", "said"), [("die", "SIGKILL"), ("exit", "exit code 3")])
def test_three_crashes_fail_the_job_and_give_the_credit_back(desk, engine, how, said):
    poison, after = desk.submit(how), desk.submit("succeed")
    with desk.working():
        failed = desk.ended(poison)
        assert desk.ended(after).status == "COMPLETED", "the next job has a new child"
    assert failed.error.code == "generator_failed"
    assert said in failed.error.message
    assert attempts_of(engine, poison) == (3, 3)
    assert desk.balance() == Balance(9, 0)


def test_a_job_that_hangs_is_ended_at_the_time_limit_with_all_it_started(desk, tmp_path):
    noted = tmp_path / "pids"
    job = desk.submit(f"fork-and-hang {noted}")
    after = desk.submit("succeed")
    with desk.working(job_time_limit_s=8):  # the next one's child starts within it, too
        failed = desk.ended(job)
        assert desk.ended(after).status == "COMPLETED"
    assert failed.error.code == "generator_failed"
    assert "longer than 8 s" in failed.error.message
    assert "SPHERELINKS_JOB_TIME_LIMIT" in failed.error.hint
    pids = [int(pid) for pid in noted.read_text().split()]
    assert len(pids) == 2
    eventually(lambda: not any(is_alive(pid) for pid in pids))


LARGE = "succeed " + 300_000 * "x"
"""More than a pipe holds."""


def freeze(desk):
    """Stop the child, which has made a job and waits for the next, and submit that; returns it."""
    os.kill(desk.ended(desk.submit("succeed")).report["process"], signal.SIGSTOP)
    job = desk.submit(LARGE)
    desk.until(job, lambda now: now.stage != "queued")
    return job


def test_a_child_that_freezes_between_jobs_is_replaced_and_the_job_tried_again(desk, engine, monkeypatch):
    monkeypatch.setattr(process, "TAKE_LIMIT_S", 3.0)
    with desk.working():
        job = freeze(desk)
        assert desk.ended(job).status == "COMPLETED"
    assert attempts_of(engine, job) == (2, 1)


@pytest.mark.parametrize("how", ["time limit", "cancelled", "told to stop"])
def test_a_child_that_freezes_between_jobs_keeps_nothing_from_its_worker(desk, engine, monkeypatch, how):
    monkeypatch.setattr(process, "TAKE_LIMIT_S", 3600.0)
    limits = {"time limit": {"job_time_limit_s": 8.0}, "told to stop": {"drain_limit_s": 1.0}}
    with desk.working(**limits.get(how, {})):
        job = freeze(desk)
        if how == "cancelled":
            assert attempts.cancel(engine, desk.client.account_id, job)
        if how != "told to stop":
            assert desk.ended(desk.submit("succeed")).status == "COMPLETED"
            assert desk.ended(job).status == "FAILED"
    if how == "told to stop":
        assert desk.read(job).stage == "queued"


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded on Linux only")
@pytest.mark.parametrize("limit", ["setting", "cgroup"])
def test_a_job_that_devours_memory_is_stopped_by_its_limit(desk, monkeypatch, limit):
    """By the setting's or, whatever that says, by what its container leaves: then the worker itself outlives it."""
    if limit == "cgroup":
        monkeypatch.setattr(confinement, "memory_limit", lambda: (worker.OWN_MB + 600) << 20)
    job = desk.submit("devour")
    with desk.working(job_memory_limit_mb=600 if limit == "setting" else 8192, job_max_attempts=1):
        failed = desk.ended(job)
    assert failed.status == "FAILED"
    assert desk.balance() == Balance(10, 0)


def test_a_runner_that_does_not_load_fails_the_job(desk, monkeypatch, tmp_path):
    (tmp_path / "runners.py").write_text("raise ImportError('no GPU')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    job = desk.submit("succeed")
    with desk.working():
        assert desk.ended(job).error.code == "generator_failed"
    assert desk.balance() == Balance(10, 0)


# --- the worker dies


def test_a_killed_worker_takes_its_child_along_and_another_finishes_the_job(desk, engine, settings, tmp_path):
    noted = tmp_path / "pid"
    worker = start_worker_process(settings)
    job = desk.submit(f"hang {noted}")
    child = int(written(noted))
    worker.kill()
    worker.wait()
    eventually(lambda: not is_alive(child))
    with engine.begin() as connection:  # the second time it shall not hang
        connection.execute(text("UPDATE jobs SET crashes = 0"))
    desk.storage.put(paths.picture(job), b"succeed")
    looked = looked_at(engine)
    with desk.working():
        eventually(lambda: looked_at(engine) != looked)
        began = time.monotonic()
        eventually(lambda: attempts_of(engine, job).crashes == 1)
        assert time.monotonic() - began < 2 * settings.stale_after_s + 10
        done = desk.ended(job)
    assert done.status == "COMPLETED"
    assert attempts_of(engine, job) == (2, 1)
    assert desk.balance() == Balance(9, 0)


def test_after_a_kill_several_pictures_become_the_bytes_that_python_makes_of_them(desk, engine, settings):
    def picture(color, left=15):
        egg, file = Image.new("RGBA", (96, 120)), io.BytesIO()
        ImageDraw.Draw(egg).ellipse((left, 10, 95 - left, 110), fill=color)
        egg.save(file, "PNG")
        return file.getvalue()

    front, sides = picture("tomato"), {"right": picture("gold"), "back": picture("navy")}
    worker = start_worker_process(settings, RUNNER="runners:hang")
    job = desk.submit(front, sides=sides, texture_size=512)
    desk.until(job, lambda now: now.progress > 0)
    worker.kill()
    worker.wait()
    other = desk.submit(front, sides={"back": picture("navy", 44)}, texture_size=512)
    with desk.working(runner=PIPELINE):
        done, failed = desk.ended(job), desk.ended(other)
    assert done.status == "COMPLETED", done
    assert attempts_of(engine, job) == (2, 1)
    glb = desk.storage.get(done.asset_path)
    assert glb == generate(front, texture_size=512, **sides).glb
    assert b"rightSha256" in glb
    assert failed.error.code == "picture_mismatch"
    assert failed.error.message.startswith("back is a picture that does not fit the front's")
    assert desk.balance() == Balance(9, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the child notices by itself")
def test_a_killed_worker_takes_a_child_along_that_holds_the_interpreters_lock(desk, settings, tmp_path):
    noted = tmp_path / "pid"
    worker = start_worker_process(settings)
    desk.submit(f"hold {noted}")
    child = int(written(noted))
    worker.kill()
    worker.wait()
    eventually(lambda: not is_alive(child))


def test_a_worker_told_to_stop_finishes_what_runs_and_takes_no_more(desk, settings, tmp_path):
    gate = tmp_path / "gate"
    worker = start_worker_process(settings)
    running = desk.submit(f"wait {gate}")
    desk.until(running, lambda now: now.progress > 0)
    waiting = desk.submit("succeed")
    stop(worker, signal.SIGTERM, desk.engine)
    gate.touch()
    assert worker.wait(PATIENCE_S) == 0
    assert desk.read(running).status == "COMPLETED"
    assert desk.read(waiting).stage == "queued"


def test_what_outlasts_the_drain_is_queued_again_and_no_crash(desk, engine, settings, tmp_path):
    noted = tmp_path / "pid"
    worker = start_worker_process(settings, SPHERELINKS_DRAIN_LIMIT="1")
    job = desk.submit(f"hang {noted}")
    child = int(written(noted))
    worker.terminate()
    assert worker.wait(PATIENCE_S) == 0
    assert not is_alive(child)
    assert desk.read(job).stage == "queued"
    assert attempts_of(engine, job) == (1, 0)
    desk.storage.put(paths.picture(job), b"succeed")
    with desk.working():
        assert desk.ended(job).status == "COMPLETED"


def test_a_second_signal_does_not_wait(desk, settings, tmp_path):
    noted = tmp_path / "pid"
    worker = start_worker_process(settings)
    job = desk.submit(f"hang {noted}")
    written(noted)
    stop(worker, signal.SIGINT, desk.engine)
    began = time.monotonic()
    worker.send_signal(signal.SIGINT)
    assert worker.wait(PATIENCE_S) == 0
    assert time.monotonic() - began < 15
    assert desk.read(job).stage == "queued"


# --- attempts that come back from the dead


def test_a_superseded_attempt_can_change_nothing(desk, engine):
    job = desk.submit("succeed")
    zombie = begin(engine, job)
    silence(engine)
    assert attempts.recover(engine, limit=3) == 1
    heir = begin(engine, job)
    assert heir.number == 2

    def acts(attempt):
        return [
            attempts.beat(engine, attempt, "x", 0.5),
            attempts.crash(engine, attempt, "x", 3),
            attempts.requeue(engine, attempt),
            attempts.fail(engine, attempt, attempts.Failure("x", "x")),
            attempts.complete(engine, attempt, "x", "x", 1, {}),
        ]

    assert acts(zombie) == [False] * 5
    assert attempts.complete(engine, heir, "results/heir.glb", "00", 1, {})
    assert acts(zombie) == [False] * 5
    assert acts(heir) == [False] * 5, "nor can anybody once the job has ended"
    assert desk.read(job).asset_path == "results/heir.glb"
    assert desk.balance() == Balance(9, 0)


def test_a_start_that_a_crash_of_the_database_undid_may_happen_twice_and_counts_once(desk, engine, storage):
    job = desk.submit("succeed")
    first = begin(engine, job)
    with transaction(engine) as session:  # the database forgets the start, whose commit nobody waited for
        session.execute(text("UPDATE jobs SET state = 'queued', attempt = attempt - 1, started_at = NULL"))
        queue_id = queue.push(session, job, 0)
        session.execute(text("UPDATE jobs SET queue_id = :id"), {"id": queue_id})
    second = begin(engine, job)
    assert first == second

    for glb in (b"one's", b"the other's"):
        digest = hashlib.sha256(glb).hexdigest()
        path = paths.result(job, first.number, digest)
        storage.put(path, glb)
        assert attempts.complete(engine, first, path, digest, len(glb), {}) == (glb == b"one's")
    assert storage.get(desk.read(job).asset_path) == b"one's"
    assert desk.balance() == Balance(9, 0)


def test_an_attempt_given_up_too_early_cannot_deliver_while_its_heir_is_awaited(desk, engine):
    job = desk.submit("succeed")
    attempt = begin(engine, job)
    silence(engine)
    attempts.recover(engine, limit=3)
    assert not attempts.complete(engine, attempt, "results/1.glb", "00", 1, {})
    assert begin(engine, job).number == 2
    assert desk.balance() == Balance(9, 1)


def test_a_stopped_worker_that_wakes_up_kills_its_superseded_child(desk, engine, settings, tmp_path):
    noted = tmp_path / "pid"
    worker = start_worker_process(settings)
    job = desk.submit(f"hang {noted}")
    child = int(written(noted))
    worker.send_signal(signal.SIGSTOP)

    def silenced():
        with contextlib.suppress(OperationalError):  # it may hold the job, for it was stopped at a beat
            silence(engine)
            return True

    eventually(silenced)
    desk.storage.put(paths.picture(job), b"succeed")
    with desk.working():
        assert desk.ended(job).status == "COMPLETED"
        worker.send_signal(signal.SIGCONT)
        eventually(lambda: not is_alive(child))
    worker.terminate()
    assert worker.wait(PATIENCE_S) == 0
    assert desk.balance() == Balance(9, 0)


# --- what recovery mends, and what it leaves alone


def test_recovery_leaves_jobs_alone_that_wait_or_run(desk, engine):
    waiting, running = desk.submit("succeed"), desk.submit("succeed")
    begin(engine, running)
    assert attempts.recover(engine, limit=3) == 0
    with engine.begin() as connection:
        connection.execute(text("UPDATE jobs SET beat_at = beat_at - interval '1 day' WHERE state = 'queued'"))
    assert attempts.recover(engine, limit=3) == 0
    assert desk.read(waiting).stage == "queued"


def test_after_an_outage_every_attempt_first_gets_time_for_a_beat(desk, engine):
    job, lost = desk.submit("succeed"), desk.submit("succeed", seed=2)
    attempt, _ = begin(engine, job), begin(engine, lost)
    silence(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE recovery SET looked_at = looked_at - interval '1 minute'"))
    assert attempts.recover(engine, limit=3) == 0, "the database may have been out of reach until now"
    assert attempts.beat(engine, attempt, "x", 0.5)
    assert attempts.recover(engine, limit=3) == 0
    with engine.begin() as connection:
        connection.execute(text("UPDATE recovery SET since = since - interval '1 minute'"))
    assert attempts.recover(engine, limit=3) == 1
    assert attempts_of(engine, job) == (1, 0)
    assert attempts_of(engine, lost) == (1, 1)


def test_a_call_is_taken_by_one_worker_and_a_cancelled_jobs_by_none(desk, engine):
    jobs = [desk.submit("succeed") for _ in range(4)]  # as many as the free plan lets into the queue
    with ThreadPoolExecutor(8) as pool:
        cancelled = pool.submit(attempts.cancel, engine, desk.client.account_id, jobs[2])
        begun = [found for found in pool.map(lambda _: take(engine), range(24)) if found]
        assert cancelled.result()
    taken = [attempt.job_id for attempt in begun]
    assert len(taken) == len(set(taken))
    assert set(jobs) - set(taken) <= {jobs[2]}
    assert desk.read(jobs[2]).error.code == "cancelled"
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM procrastinate_jobs")) == 0


def test_a_job_is_taken_when_a_child_is_free_and_not_before(desk, tmp_path):
    gate = tmp_path / "gate"
    busy, waiting = desk.submit(f"wait {gate}"), desk.submit("succeed")
    with desk.working():
        desk.until(busy, lambda now: now.progress > 0)
        assert desk.read(waiting).stage == "queued", "another worker may have it"
        gate.touch()
        assert desk.ended(waiting).status == "COMPLETED"
        # the asset of the first is stored while the second is made, so either may be told first
        assert desk.ended(busy).status == "COMPLETED"


@pytest.mark.parametrize("loss", ["UPDATE procrastinate_jobs SET status = 'doing'", "DELETE FROM procrastinate_jobs"])
def test_a_job_whose_call_was_lost_is_called_again_and_no_crash(desk, engine, loss):
    job = desk.submit("succeed")
    with engine.begin() as connection:
        connection.execute(text(loss))
    silence(engine)
    assert attempts.recover(engine, limit=3) == 1
    assert attempts_of(engine, job) == (0, 0)
    with desk.working():
        assert desk.ended(job).status == "COMPLETED"


def test_a_silent_job_fails_after_three_attempts_and_gives_the_credit_back(desk, engine):
    job = desk.submit("succeed")
    for _ in range(3):
        begin(engine, job)
        silence(engine)
        assert attempts.recover(engine, limit=3) == 1
    assert desk.read(job).status == "FAILED"
    assert "stopped responding" in desk.read(job).error.message
    assert attempts.recover(engine, limit=3) == 0
    assert desk.balance() == Balance(10, 0)


def test_recovery_by_many_at_once_counts_a_crash_once(desk, engine):
    job = desk.submit("succeed")
    begin(engine, job)
    silence(engine)
    with ThreadPoolExecutor(8) as pool:
        mended = sum(pool.map(lambda _: attempts.recover(engine, limit=3), range(16)))
    assert mended == 1
    assert attempts_of(engine, job) == (1, 1)


def test_two_recoveries_at_once_share_the_lost_jobs(desk, engine, settings):
    jobs = [desk.submit("succeed", seed=seed) for seed in range(4)]
    for job in jobs:
        begin(engine, job)
    silence(engine)
    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(lambda _: attempts.recover(engine, limit=1), range(2))) == 4
    assert [attempts_of(engine, job) for job in jobs] == [(1, 1)] * 4
    assert {desk.read(job).status for job in jobs} == {"FAILED"}
    assert desk.balance() == Balance(10, 0)


def test_a_lost_job_of_a_locked_account_is_left_for_the_next_recovery(
    desk, engine, storage, settings, other_client, monkeypatch
):
    other = type(desk)(engine, storage, settings, other_client)
    held, free = desk.submit("succeed"), other.submit("succeed")
    for job in (held, free):
        begin(engine, job)
    silence(engine)
    monkeypatch.setattr(database, "LOCK_S", 1)
    engine.dispose()  # connections take it when they are made
    with engine.begin() as holder:
        lock = text("SELECT 1 FROM credit_balances WHERE account_id = :account FOR UPDATE")
        holder.execute(lock, {"account": desk.client.account_id})
        assert attempts.recover(engine, limit=1) == 1
    assert other.read(free).status == "FAILED"
    assert attempts_of(engine, held) == (1, 0)
    assert attempts.recover(engine, limit=1) == 1
    assert attempts_of(engine, held) == (1, 1)
    assert desk.balance() == Balance(10, 0)
    engine.dispose()


def test_a_recovery_that_waits_for_an_account_holds_up_none_of_another(desk, engine, storage, settings, other_client):
    """The first lost job's credit cannot be released as long as somebody holds its account's balance."""
    other = type(desk)(engine, storage, settings, other_client)
    held, free = desk.submit("succeed"), other.submit("succeed")
    for job in (held, free):
        begin(engine, job)
    silence(engine)
    lock = text("SELECT 1 FROM credit_balances WHERE account_id = :account FOR UPDATE")
    with ThreadPoolExecutor(1) as pool:
        with engine.begin() as holder:
            holder.execute(lock, {"account": desk.client.account_id})
            first = pool.submit(attempts.recover, engine, 1)
            eventually(lambda: waits_for_a_lock(engine))
            assert attempts.recover(engine, limit=1) == 1
            assert other.read(free).status == "FAILED"
            assert other.balance() == Balance(10, 0)
            assert attempts_of(engine, held) == (1, 0)
        assert first.result(PATIENCE_S) == 1
    assert attempts_of(engine, held) == (1, 1)
    assert desk.balance() == Balance(10, 0)


def test_calls_that_a_worker_of_the_version_before_left_on_the_queue_are_swept(desk, engine):
    ended, running, waiting = (desk.submit("succeed") for _ in range(3))
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE procrastinate_jobs SET status = 'doing' WHERE args ->> 'job_id' <> :id"), {"id": waiting}
        )
        connection.execute(text("UPDATE jobs SET state = 'running' WHERE id = :id"), {"id": running})
    assert attempts.cancel(engine, desk.client.account_id, ended)
    with transaction(engine) as session:
        assert queue.sweep(session) == 0, "their worker may be just about to"
    silence(engine)
    with transaction(engine) as session:
        assert queue.sweep(session) == 1
        left = session.scalars(text("SELECT args ->> 'job_id' FROM procrastinate_jobs ORDER BY id")).all()
    assert left == [running, waiting]


# --- the database goes away


def test_a_worker_outlives_the_loss_of_all_its_connections(desk, engine, database_url, postgres, tmp_path):
    gate = tmp_path / "gate"
    first = desk.submit(f"wait {gate}")
    with desk.working():
        desk.until(first, lambda now: now.progress > 0)
        with psycopg.connect(postgres, autocommit=True) as admin:
            name = engine.connect().scalar(text("SELECT current_database()"))
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        gate.touch()
        assert desk.ended(first).status == "COMPLETED"
        second = desk.submit("succeed")
        assert desk.ended(second).status == "COMPLETED"
    assert desk.balance() == Balance(8, 0)
