"""The size of an account's files, and its plan's quota."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

import pytest
from conftest import begin
from sqlalchemy import text

from spherelinks.accounts import keys
from spherelinks.accounts.worlds import World
from spherelinks.database import Job, Webhook, new_id, transaction
from spherelinks.errors import RateLimited, StorageQuotaReached
from spherelinks.jobs import attempts, deletion, files, paths, status, submission, usage, webhooks
from spherelinks.jobs.attempts import Failure
from spherelinks.options import Options

GLB = b"glTF" + bytes(996)


def submit(desk, picture, seed=0, **changes):
    return submission.submit(desk.engine, desk.storage, desk.client.principal, picture, Options(seed=seed), **changes)


def finish(desk, job):
    """Do as a worker does: an asset with a thumbnail."""
    attempt = begin(desk.engine, job)
    path = paths.result(job, 1, "00")
    desk.storage.put_all({path: GLB, paths.beside(path, "png"): bytes(50)})
    assert attempts.complete(desk.engine, attempt, path, "00", len(GLB), {"faces": 1}, thumbnail=True, beside=50)


def stored(desk):
    with transaction(desk.engine) as session:
        return usage.stored(session, desk.client.account_id)


@pytest.fixture
def quota(engine):
    def give(megabytes):
        with engine.begin() as connection:
            connection.execute(text("UPDATE plans SET storage_mb = :mb WHERE name = 'free'"), {"mb": megabytes})

    yield give
    give(1000)


def test_what_is_kept_counts_once_and_what_is_not_does_not(desk, engine, storage, monkeypatch):
    assert stored(desk) == 0
    made = submit(desk, bytes(100)).job_id
    finish(desk, made)
    assert stored(desk) == 100 + 1050
    again = submit(desk, bytes(100))
    assert again.hit
    assert stored(desk) == 200 + 1050, "its asset is the one that there is"
    monkeypatch.setattr("spherelinks.formats.writing.convert", lambda glb, kind, note: bytes(300))
    job = status.find(engine, World(desk.client.account_id), again.job_id)
    for _ in range(2):
        assert files.find(engine, storage, job, "obj").size == 300
    assert stored(desk) == 200 + 1350

    with transaction(engine) as session:
        _, secret = keys.create(session, desk.client.account_id, "sandbox", sandbox=True)
        sandbox = keys.authenticate(session, secret)
    submission.submit(engine, storage, sandbox, bytes(100), Options())
    assert stored(desk) == 200 + 1350

    failed = submit(desk, bytes(70), seed=1).job_id
    attempts.fail(engine, begin(engine, failed), Failure("no_object", "Nothing."))
    assert stored(desk) == 270 + 1350
    deletion.delete(engine, storage, World(desk.client.account_id), made)
    assert stored(desk) == 170 + 1350
    with engine.begin() as connection:
        connection.execute(text("UPDATE jobs SET expires_at = now() WHERE id = :id"), {"id": again.job_id})
    assert stored(desk) == 70


def test_one_accounts_conversions_leave_room_for_anothers(desk, engine, storage, other_client, monkeypatch):
    under_way, opened = [], threading.Event()

    def convert(glb, kind, note):
        under_way.append(kind)
        assert opened.wait(30)
        return bytes(10)

    monkeypatch.setattr("spherelinks.formats.writing.convert", convert)
    monkeypatch.setattr(files, "_PATIENCE_S", 0.5)
    jobs = []
    for client in (desk.client, other_client):
        theirs = type(desk)(engine, storage, desk.settings, client)
        made = submit(theirs, bytes(100)).job_id
        finish(theirs, made)
        jobs.append(status.find(engine, World(client.account_id), made))
    with ThreadPoolExecutor(3) as pool:
        crowd = [pool.submit(files.find, engine, storage, jobs[0], kind) for kind in ("obj", "stl")]
        refused = next(as_completed(crowd, 30))
        assert isinstance(refused.exception(), RateLimited)
        other = pool.submit(files.find, engine, storage, jobs[1], "ply")
        while "ply" not in under_way:
            assert not other.done()
            time.sleep(0.01)
        opened.set()
        assert other.result().size == 10
    assert sum(each.exception() is None for each in crowd) == 1


def test_nothing_is_taken_in_past_the_plans_quota_nor_kept(desk, engine, storage, quota):
    quota(1)
    first = submit(desk, bytes(600_000)).job_id
    before = desk.balance()
    with pytest.raises(StorageQuotaReached, match=r"would take 1\.2 MB; its plan gives 1 MB"):
        submit(desk, bytes(600_000), seed=1)
    assert desk.balance() == before
    assert [head.path for head in storage.list(paths.PICTURES)] == [paths.picture(first)]
    attempts.cancel(engine, desk.client.account_id, first)
    deletion.delete(engine, storage, World(desk.client.account_id), first)
    submit(desk, bytes(600_000), seed=1)


def test_many_at_once_do_not_pass_the_quota_either(desk, quota):
    quota(1)

    def one(seed):
        try:
            return submit(desk, bytes(300_000), seed=seed).job_id
        except StorageQuotaReached:
            return None

    with ThreadPoolExecutor(8) as pool:
        accepted = [job for job in pool.map(one, range(8)) if job]
    assert len(accepted) == 3
    assert stored(desk) == 900_000


def test_a_deleted_jobs_row_keeps_nothing_of_what_was_asked(desk, engine, storage):
    secret = "https://93.184.216.34/x?signature=secret"
    job = submit(desk, b"picture", output={"putUrl": secret}).job_id
    finish(desk, job)
    deletion.delete(engine, storage, World(desk.client.account_id), job)
    with transaction(engine) as session:
        row = session.get_one(Job, job)
        assert (row.options, row.output, row.report, row.content_key) == ({}, None, None, None)
        assert "secret" not in str(session.execute(text("SELECT * FROM jobs")).all())


def test_messages_that_have_ended_are_forgotten_after_a_while(desk, engine):
    account = desk.client.account_id
    with transaction(engine) as session:
        session.add(Webhook(id=new_id("wh"), account_id=account, url="x", events=["job.failed"], secret="whsec_"))
    for seed in range(3):
        job = submit(desk, b"picture", seed=seed).job_id
        attempts.fail(engine, begin(engine, job), Failure("no_object", "Nothing."))
    with transaction(engine) as session:
        ids = session.scalars(text("SELECT id FROM deliveries ORDER BY id")).all()
        old = "UPDATE deliveries SET state = 'delivered', ended_at = now() - interval '%s days' WHERE id = '%s'"
        session.execute(text(old % (31, ids[0])))
        session.execute(text(old % (29, ids[1])))
        assert webhooks.sweep(session) == 1
        assert session.scalars(text("SELECT id FROM deliveries ORDER BY id")).all() == ids[1:]
