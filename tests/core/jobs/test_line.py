"""The queue's order: an account's own line, and the queue shared by all accounts."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from conftest import make_client, silence, take
from sqlalchemy import select, text

from spherelinks.accounts import ledger, plans
from spherelinks.accounts.worlds import World
from spherelinks.database import Job, Plan, new_id, transaction
from spherelinks.jobs import attempts, deletion, line, queue, submission
from spherelinks.jobs.attempts import Failure
from spherelinks.options import Options

HEAD_START_S = 600


@pytest.fixture
def studio(engine):
    """A plan with a head start and two jobs at a time."""
    with transaction(engine) as session:
        plans.apply(session, [Plan(name="studio", monthly_credits=100, concurrent_jobs=2, head_start_s=HEAD_START_S)])
    yield "studio"
    with transaction(engine) as session:
        session.execute(text("DELETE FROM plans WHERE name = 'studio'"))


def put_on(engine, client, plan):
    with transaction(engine) as session:
        ledger.change_plan(session, client.account_id, plan)


def queued(engine, account_id):
    """The account's jobs with a place in the queue, in order."""
    with transaction(engine) as session:
        return session.scalars(
            select(Job.id)
            .where(Job.account_id == account_id, Job.state == "queued", Job.queue_id != line.NOT_QUEUED)
            .order_by(Job.id)
        ).all()


def test_only_as_many_as_the_plan_allows_are_in_the_queue_and_each_end_lets_one_in(desk, engine, storage, studio):
    put_on(engine, desk.client, studio)
    jobs = [desk.submit("succeed") for _ in range(6)]
    account = desk.client.account_id
    assert queued(engine, account) == jobs[:2]
    assert [desk.read(job).queue_position for job in jobs] == [1, 2, 3, 4, 5, 6]

    first = take(engine)
    assert first.job_id == jobs[0]
    assert queued(engine, account) == jobs[1:2], "one at work counts"
    attempts.complete(engine, first, "results/x/1.glb", "00", 1, {})
    assert queued(engine, account) == jobs[1:3]
    attempts.fail(engine, take(engine), Failure("x", "x"))
    assert queued(engine, account) == jobs[2:4]
    assert deletion.delete(engine, storage, World(account), jobs[4]) == "cancelled"  # it waits in line
    assert deletion.delete(engine, storage, World(account), jobs[2]) == "cancelled"  # it waits in the queue
    assert queued(engine, account) == [jobs[3], jobs[5]]
    again = take(engine)
    assert attempts.crash(engine, again, "x", 3), "a job that is tried again keeps its place"
    assert queued(engine, account) == [jobs[3], jobs[5]]
    desk.balance()


def test_one_accounts_line_does_not_hold_up_another(desk, engine, other_client, studio):
    put_on(engine, desk.client, studio)
    for _ in range(5):
        desk.submit("succeed")
    other = submission.submit(engine, desk.storage, other_client.principal, b"x", Options()).job_id
    assert queued(engine, other_client.account_id) == [other]


def test_recovery_leaves_the_line_alone_and_lets_more_in_when_the_plan_allows_more(desk, engine, studio):
    put_on(engine, desk.client, studio)
    jobs = [desk.submit("succeed") for _ in range(4)]
    silence(engine)
    assert attempts.recover(engine, limit=3) == 0
    assert queued(engine, desk.client.account_id) == jobs[:2]
    with engine.begin() as connection:
        connection.execute(text("UPDATE plans SET concurrent_jobs = 3 WHERE name = 'studio'"))
    attempts.recover(engine, limit=3)
    assert queued(engine, desk.client.account_id) == jobs[:3]


def test_a_line_is_worked_off_to_its_end(desk, engine, studio):
    put_on(engine, desk.client, studio)
    jobs = [desk.submit(what) for what in ["succeed", "refuse", "succeed", "die", "succeed", "succeed"]]
    with desk.working(concurrency=3):
        ends = [desk.ended(job).status for job in jobs]
    assert ends == ["COMPLETED", "FAILED", "COMPLETED", "FAILED", "COMPLETED", "COMPLETED"]
    assert desk.balance().held == 0


def test_a_head_start_passes_who_came_shortly_before_and_nobody_else():
    now = datetime(2026, 11, 23, tzinfo=UTC)
    free = queue.priority(now, 0)
    assert queue.priority(now + timedelta(seconds=HEAD_START_S - 1), HEAD_START_S) > free
    assert queue.priority(now + timedelta(seconds=HEAD_START_S + 1), HEAD_START_S) < free
    assert queue.priority(now - timedelta(seconds=1), 0) > free
    assert queue.priority(datetime(2090, 1, 1, tzinfo=UTC), 0) > -(2**31)


def test_under_a_steady_paid_load_a_free_job_starts_within_the_bound(engine, client):
    """Simulated on the real queue: a worker that is always late, three paid jobs for every two it can do."""
    start = datetime(2026, 11, 23, tzinfo=UTC)
    chance = random.Random(7)
    free: dict[str, datetime] = {}
    waited: list[float] = []
    ahead: dict[str, int] = {}
    moment, paid = start, 0
    fetch = "SELECT args ->> 'job_id' FROM procrastinate_fetch_job_v2(ARRAY['generate:lift'], :worker)"
    with engine.begin() as connection:
        worker = connection.scalar(text("SELECT worker_id FROM procrastinate_register_worker_v1()"))

    def submit(head_start_s):
        job_id = new_id("job")
        with transaction(engine) as session:
            queue.push(session, job_id, queue.priority(moment, head_start_s))
        return job_id

    backlog = 0
    for second in range(0, 3600, 20):
        moment = start + timedelta(seconds=second)
        for _ in range(3):
            submit(HEAD_START_S)
            paid += 1
        if second % 600 == 0:
            job = submit(0)
            free[job] = moment
            with transaction(engine) as session:
                backlog = session.scalar(text("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'"))
            # what waits already, and what comes within the head start: nothing else may go before it
            ahead[job] = backlog + 3 * (HEAD_START_S // 20 + 1)
        for _ in range(2 if chance.random() < 0.9 else 1):
            with engine.begin() as connection:
                job = connection.scalar(text(fetch), {"worker": worker})
            for left in ahead:
                ahead[left] -= 1
            if job in free:
                waited.append((moment - free.pop(job)).total_seconds())
                assert ahead.pop(job) >= 0
    assert len(waited) >= 2, "some free jobs were started although the paid ones never end"
    assert all(left >= 0 for job, left in ahead.items() if job in free)
    assert paid > 500


def test_clients_of_a_plan_share_nothing(engine, storage, studio):
    clients = [make_client(engine, name) for name in ("a", "b")]
    for client in clients:
        put_on(engine, client, studio)
        for _ in range(3):
            submission.submit(engine, storage, client.principal, b"x", Options(), bypass_cache=True)
    assert [len(queued(engine, client.account_id)) for client in clients] == [2, 2]
