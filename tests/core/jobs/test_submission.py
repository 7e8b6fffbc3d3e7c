"""Accepting a job is all or nothing."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import psycopg
import pytest
from conftest import take
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from spherelinks import database
from spherelinks.accounts import ledger
from spherelinks.accounts.ledger import Balance
from spherelinks.database import new_id, transaction
from spherelinks.errors import DatabaseUnavailable, InsufficientCredits, InvalidKey, StorageFull, StorageUnavailable
from spherelinks.jobs import closing, paths, queue, submission
from spherelinks.options import Options


def counts(engine):
    with engine.connect() as connection:
        return (
            connection.scalar(text("SELECT count(*) FROM jobs")),
            connection.scalar(text("SELECT count(*) FROM procrastinate_jobs")),
            connection.scalar(text("SELECT count(*) FROM credit_entries WHERE kind = 'hold'")),
        )


def test_an_accepted_job_has_its_picture_its_hold_and_its_place_in_the_queue(desk, engine, storage):
    job = desk.submit("succeed", seed=7, texture_size=512)
    assert storage.get(paths.picture(job)) == b"succeed"
    assert counts(engine) == (1, 1, 1)
    assert desk.balance() == Balance(9, 1)
    now = desk.read(job)
    assert (now.status, now.progress, now.queue_position, now.credits_charged) == ("PROCESSING", 0, 1, 0)
    with engine.connect() as connection:
        kept = connection.scalar(text("SELECT options FROM jobs"))
        assert connection.scalar(text("SELECT last_used_at IS NOT NULL FROM api_keys"))
    assert Options(**kept) == Options(seed=7, texture_size=512)


def test_without_credits_nothing_is_accepted(desk, engine):
    for _ in range(10):
        desk.submit("succeed")
    with pytest.raises(InsufficientCredits):
        desk.submit("succeed")
    assert counts(engine) == (10, 4, 10)  # the free plan lets four into the queue
    assert desk.balance() == Balance(0, 10)


def test_nothing_is_kept_of_what_was_refused(desk, storage):
    for _ in range(10):
        desk.submit("succeed")
    kept = {head.path for head in storage.list(paths.PICTURES)}
    for _ in range(3):
        with pytest.raises(InsufficientCredits):
            desk.submit("succeed")
    assert {head.path for head in storage.list(paths.PICTURES)} == kept


def test_a_closed_account_gets_no_job(desk, engine, storage):
    """Its request may have passed the key's check before the account was closed, with its picture still on the way."""
    closing.close(engine, storage, desk.client.account_id)
    with pytest.raises(InvalidKey, match="closed"):
        desk.submit("succeed")
    assert counts(engine) == (0, 0, 0)
    assert not [*storage.list(paths.PICTURES)]


def test_closing_waits_for_a_submission_under_way_and_ends_its_job(desk, engine, storage):
    with ThreadPoolExecutor(1) as aside:
        with transaction(engine) as session:
            submission._check_open(session, desk.client.account_id)
            closed = aside.submit(closing.close, engine, storage, desk.client.account_id)
            with pytest.raises(TimeoutError):
                closed.result(timeout=0.5)
        closed.result(timeout=30)


def test_when_the_storage_fails_nothing_is_accepted(desk, engine, settings):
    (settings.home / "storage").rmdir()
    (settings.home / "storage").touch()
    with pytest.raises(StorageUnavailable):
        desk.submit("succeed")
    assert counts(engine) == (0, 0, 0)


def test_where_one_picture_cannot_be_stored_none_is_kept(desk, engine, storage, settings, monkeypatch):
    job = new_id("job")
    monkeypatch.setattr(submission, "new_id", lambda prefix: job)
    (settings.home / "storage" / paths.side(job, "left")).mkdir(parents=True)  # where no file can be written
    with pytest.raises(StorageUnavailable, match="left"):
        desk.submit("succeed", b"a mask", {"back": b"a back", "left": b"a left"})
    assert counts(engine) == (0, 0, 0)
    assert not [*storage.list(paths.PICTURES)]
    desk.submit("succeed", b"a mask", {"back": b"a back"})
    assert {head.path for head in storage.list(paths.PICTURES)} == {
        paths.picture(job), paths.mask(job), paths.side(job, "back")
    }  # fmt: skip


def test_there_must_be_room_for_all_pictures(desk, engine, storage, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda disk: SimpleNamespace(free=storage._floor + 1000))
    desk.submit("succeed", sides={"back": bytes(900)})
    with pytest.raises(StorageFull):
        desk.submit("succeed", sides={"back": bytes(500), "left": bytes(500)})
    assert counts(engine) == (1, 1, 1)
    assert len([*storage.list(paths.PICTURES)]) == 2


@pytest.mark.parametrize("last", ["credit_entries", "jobs", "procrastinate_jobs", "api_keys"])
def test_whichever_write_fails_the_others_are_undone(desk, engine, last):
    """Above all the queue row: Procrastinate writes it on our connection, so our rollback takes it along."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$; "
                f"CREATE TRIGGER refuse AFTER INSERT OR UPDATE ON {last} FOR EACH STATEMENT EXECUTE FUNCTION refuse()"
            )
        )
    try:
        with pytest.raises((DBAPIError, psycopg.Error), match="refused"):
            desk.submit("succeed")
        assert counts(engine) == (0, 0, 0)
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP FUNCTION refuse() CASCADE"))


def test_a_job_that_was_accepted_can_be_started_by_its_own_call_only(desk, engine):
    job = desk.submit("succeed")
    with transaction(engine) as session:
        queue.push(session, job, 2**31 - 1)  # another call, which is dropped
    begun = take(engine)
    assert (begun.job_id, begun.number) == (job, 1)
    with transaction(engine) as session:
        queue.push(session, job, 0)
    assert take(engine) is None
    assert counts(engine)[1] == 0


def test_while_the_database_is_away_the_client_is_told(desk, monkeypatch):
    monkeypatch.setattr(database, "PATIENCE_S", 0.2)
    nowhere = database.connect("postgresql://u:p@127.0.0.1:1/x")
    with pytest.raises(DatabaseUnavailable):
        submission.submit(nowhere, desk.storage, desk.client.principal, b"succeed", Options())


def test_holds_and_jobs_agree_after_many_submissions_at_once(desk, engine):
    def submit(_):
        try:
            return desk.submit("succeed")
        except InsufficientCredits:
            return None

    with ThreadPoolExecutor(16) as pool:
        accepted = [job for job in pool.map(submit, range(40)) if job]
    assert len(set(accepted)) == 10
    assert counts(engine) == (10, 4, 10)
    with transaction(engine) as session:
        assert ledger.audit(session) == []
