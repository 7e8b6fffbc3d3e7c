"""The same request sent again while the first is at work: one is made and paid for, and nothing is ever lost."""

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest
from conftest import begin
from sqlalchemy import text

from spherelinks.accounts import keys, ledger
from spherelinks.accounts.ledger import Balance
from spherelinks.accounts.worlds import World
from spherelinks.database import transaction
from spherelinks.errors import InsufficientCredits, UnknownJob
from spherelinks.jobs import attempts, closing, deletion, joining, submission, webhooks
from spherelinks.jobs.attempts import Failure
from spherelinks.jobs.bell import Bell
from spherelinks.options import Options


def complete(engine, attempt):
    return attempts.complete(engine, attempt, f"results/{attempt.job_id}/1.glb", "00", 7, {"faces": 12})


def cancel(desk, job):
    return deletion.delete(desk.engine, desk.storage, World(desk.client.account_id), job)


def scalars(engine, query, **values):
    with engine.connect() as connection:
        return connection.scalars(text(query), values).all()


@contextmanager
def before_this_version():
    """What ends a job knows nothing of those that have joined it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joining, "settle", lambda session, job_id: None)
        yield


def spend(desk, left=0):
    """Leave the account so many credits."""
    while desk.balance().available > left:
        desk.submit("something else")


def told(engine, job):
    """What is to be sent at the job's end."""
    return sorted(scalars(engine, "SELECT event FROM deliveries WHERE job_id = :job", job=job))


def test_it_waits_for_the_first_and_has_its_asset_for_nothing(desk, engine, tmp_path):
    gate = tmp_path / "gate"
    picture = f"wait {gate}"
    with transaction(engine) as session:
        webhooks.create(session, World(desk.client.account_id), "https://93.184.215.14/hook")
    first, second, third = (desk.submit(picture, again=True, seed=5) for _ in range(3))
    output = {"putUrl": "https://e.x/y"}
    fourth = submission.submit(
        engine, desk.storage, desk.client.principal, picture.encode(), Options(seed=5), output=output
    )
    assert (fourth.hit, fourth.joined) == (False, True)
    assert [desk.read(job).joined for job in (first, second, third)] == [False, True, True]
    assert desk.read(second).queue_position == desk.read(first).queue_position == 1
    assert desk.balance() == Balance(9, 1)
    with desk.working():
        shown = desk.until(second, lambda now: now.progress >= 25)
        assert (shown.status, shown.stage, shown.started_at is None) == ("PROCESSING", "generator", False)
        assert cancel(desk, third) == "cancelled"
        gate.touch()
        made = desk.ended(first)
    for job in (second, fourth.job_id):
        now = desk.read(job)
        assert (now.status, now.progress, now.cache_hit, now.joined) == ("COMPLETED", 100, True, False)
        assert (now.asset_path, now.asset_sha256, now.report) == (made.asset_path, made.asset_sha256, made.report)
        assert (now.credits_charged, now.expires_at is None) == (0, False)
    assert (made.cache_hit, made.credits_charged) == (False, 1)
    assert desk.read(third).error.code == "cancelled"
    assert told(engine, third) == ["job.failed"]
    assert told(engine, second) == ["job.completed"]
    assert told(engine, fourth.job_id) == ["job.completed", webhooks.PUT]
    assert desk.balance() == Balance(9, 0)
    deletion.delete(engine, desk.storage, World(desk.client.account_id), first)
    glb = desk.storage.get(desk.read(second).asset_path)
    assert glb == f"glTF{picture}".encode(), "it outlives the job it came from"


def test_what_others_send_or_what_is_wanted_anew_joins_nothing(desk, engine, other_client):
    desk.submit("succeed", again=True)
    assert not desk.read(desk.submit("succeed")).joined
    assert not desk.read(desk.submit("succeed", again=True, seed=1)).joined
    other = submission.submit(engine, desk.storage, other_client.principal, b"succeed", Options())
    assert (other.hit, other.joined) == (False, False)
    assert desk.balance() == Balance(7, 3)


@pytest.mark.parametrize("end", ["fails", "cancelled"])
def test_when_the_first_ends_without_an_asset_the_next_goes_on_and_the_others_join_it(desk, engine, end):
    first, second, third = (desk.submit("succeed", again=True) for _ in range(3))
    attempt = begin(engine, first)
    assert attempts.beat(engine, attempt, "generator", 0.6)
    assert [desk.read(job).progress for job in (second, third)] == [60, 60]
    if end == "fails":
        assert attempts.fail(engine, attempt, Failure("no_object", "Nothing."))
    else:
        assert cancel(desk, first) == "cancelled"
    assert desk.balance() == Balance(9, 1)
    now = desk.read(second)
    assert (now.status, now.stage, now.joined, now.queue_position) == ("PROCESSING", "queued", False, 1)
    assert [desk.read(job).progress for job in (second, third)] == [60, 60], "progress never falls"
    again = begin(engine, second)
    assert attempts.beat(engine, again, "decode", 0.1)
    shown = desk.read(third)
    assert (shown.joined, shown.progress, shown.stage) == (True, 60, "decode")
    assert not complete(engine, attempt), "the first is over"
    assert complete(engine, again)
    assert [desk.read(job).credits_charged for job in (first, second, third)] == [0, 1, 0]
    assert [desk.read(job).cache_hit for job in (second, third)] == [False, True]
    assert desk.balance() == Balance(9, 0)


def test_who_can_pay_for_nothing_may_still_join_and_is_told_if_it_comes_to_paying(desk, engine):
    first = desk.submit("succeed", again=True)
    spend(desk)
    with pytest.raises(InsufficientCredits):
        desk.submit("one more")
    submission.check_credit(engine, desk.client.principal)
    second, third = (desk.submit("succeed", again=True) for _ in range(2))
    with before_this_version():
        assert cancel(desk, first) == "cancelled"
    desk.submit("one more")  # for the credit that came back
    attempts.recover(engine, 3)
    for job in (second, third):
        now = desk.read(job)
        assert (now.status, now.error.code, now.credits_charged) == ("FAILED", "insufficient_credits", 0)
        assert now.error.hint
    assert desk.balance() == Balance(0, 10)


def test_a_keys_cap_holds_when_its_job_goes_on_and_another_keys_job_takes_over(desk, engine):
    with transaction(engine) as session:
        key, _ = keys.create(session, desk.client.account_id, "capped", monthly_cap=1)
    capped = replace(desk.client.principal, key_id=key.id)

    def submit(principal, picture):
        return submission.submit(engine, desk.storage, principal, picture, Options()).job_id

    submit(capped, b"something else")
    first = desk.submit("succeed", again=True)
    second, third = submit(capped, b"succeed"), desk.submit("succeed", again=True)
    assert cancel(desk, first) == "cancelled"
    assert desk.read(second).error.code == "key_cap_reached"
    assert (desk.read(third).status, desk.read(third).joined) == ("PROCESSING", False)
    assert desk.balance() == Balance(8, 2)


def test_whoever_watches_it_hears_of_the_firsts_progress_and_end(desk, engine):
    first, second = (desk.submit("succeed", again=True) for _ in range(2))
    with Bell(engine, attempts.CHANNEL).heard(second) as ring:
        attempt = begin(engine, first)
        for change in (
            lambda: attempts.beat(engine, attempt, "generator", 0.5),
            lambda: complete(engine, attempt),
        ):
            assert ring.wait(60)
            ring.clear()
            assert change()
            assert ring.wait(60)


def test_crashes_of_the_first_cost_the_second_nothing_but_time(desk, tmp_path):
    countdown = tmp_path / "left"
    countdown.write_text("1")
    first, second = (desk.submit(f"die-until {countdown}", again=True) for _ in range(2))
    with desk.working():
        assert [desk.ended(job).status for job in (first, second)] == ["COMPLETED", "COMPLETED"]
    assert desk.balance() == Balance(9, 0)


def test_what_ends_every_process_ends_each_job_that_goes_on_in_turn(desk):
    first, second = (desk.submit("die", again=True) for _ in range(2))
    with desk.working(job_max_attempts=2):
        assert [desk.ended(job).error.code for job in (first, second)] == ["generator_failed", "generator_failed"]
    assert desk.balance() == Balance(10, 0)


@pytest.mark.parametrize("end", ["completed", "failed"])
def test_what_a_worker_of_the_version_before_ended_is_settled_by_recovery(desk, engine, end):
    first, second = (desk.submit("succeed", again=True) for _ in range(2))
    attempt = begin(engine, first)
    with before_this_version():
        if end == "completed":
            assert complete(engine, attempt)
        else:
            assert attempts.fail(engine, attempt, Failure("no_object", "Nothing."))
    assert desk.read(second).status == "PROCESSING"
    attempts.recover(engine, 3)
    now = desk.read(second)
    assert (now.status, now.cache_hit, now.joined) == (
        ("COMPLETED", True, False) if end == "completed" else ("PROCESSING", False, False)
    )
    assert desk.balance().held == (0 if end == "completed" else 1)


def test_closing_the_account_leaves_none_waiting(desk, engine):
    for _ in range(4):
        desk.submit("succeed", again=True)
    closing.close(engine, desk.storage, desk.client.account_id)
    assert set(scalars(engine, "SELECT state FROM jobs")) == {"failed"}
    assert desk.balance().held == 0


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_at_once_the_ledger_is_right_and_nobody_is_forgotten(desk, engine, seed):
    with transaction(engine) as session:
        ledger.grant(session, desk.client.account_id, 40, "enough for some")
    working = {}

    def act(number):
        chance = random.Random(1000 * seed + number)
        jobs = scalars(engine, "SELECT id FROM jobs WHERE state IN ('queued', 'running') ORDER BY id")
        try:
            match chance.choice(
                ["submit"] * 4 + ["begin"] * 3 + ["beat", "complete", "fail", "crash", "cancel", "recover"]
            ):
                case "submit":
                    desk.submit("succeed", again=chance.random() < 0.9, seed=chance.randrange(3))
                case "begin" if jobs:
                    job = chance.choice(jobs)
                    (queue_id,) = scalars(engine, "SELECT queue_id FROM jobs WHERE id = :job", job=job)
                    if queue_id and (attempt := attempts.begin(engine, job, queue_id)):
                        working[job] = attempt
                case "cancel" if jobs:
                    cancel(desk, chance.choice(jobs))
                case "recover":
                    attempts.recover(engine, 3)
                case name if working:
                    attempt = chance.choice([*working.values()])
                    match name:
                        case "beat":
                            attempts.beat(engine, attempt, "generator", chance.random())
                        case "complete":
                            complete(engine, attempt)
                        case "fail":
                            attempts.fail(engine, attempt, Failure("no_object", "Nothing."))
                        case "crash":
                            attempts.crash(engine, attempt, "was killed", 3)
        except (InsufficientCredits, UnknownJob):
            pass

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(act, range(150)))
    desk.balance()
    waits_in_vain = """
        SELECT j.id FROM jobs j LEFT JOIN jobs l ON l.id = j.joined
        WHERE j.state = 'queued' AND j.joined IS NOT NULL
          AND (l.state IN ('completed', 'failed') OR l.joined IS NOT NULL OR l.account_id <> j.account_id)
    """
    assert scalars(engine, waits_in_vain) == []
    for _ in range(2):
        desk.submit("succeed", again=True, seed=9)
    at_work = "SELECT id FROM jobs WHERE state = 'running' OR state = 'queued' AND queue_id <> 0"
    while jobs := scalars(engine, at_work):
        for job in jobs:
            (call,) = scalars(engine, "SELECT queue_id FROM jobs WHERE id = :job", job=job)
            attempts.begin(engine, job, call)
            (number,) = scalars(engine, "SELECT attempt FROM jobs WHERE id = :job", job=job)
            complete(engine, attempts.Attempt(job, desk.client.account_id, number, {}))
    assert scalars(engine, "SELECT id FROM jobs WHERE state NOT IN ('completed', 'failed')") == []
    paid = scalars(engine, "SELECT count(*) FROM jobs WHERE state = 'completed' AND NOT cache_hit")[0]
    assert paid > 0
    assert scalars(engine, "SELECT count(*) FROM jobs WHERE cache_hit")[0] > 0
    assert desk.balance() == Balance(50 - paid, 0)
