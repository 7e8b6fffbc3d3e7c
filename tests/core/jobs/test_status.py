"""Reading a job: who may, and what they see at each point of its life."""

import pytest
from conftest import begin
from sqlalchemy import text

from spherelinks.accounts import keys
from spherelinks.database import transaction
from spherelinks.errors import InvalidKey, UnknownJob
from spherelinks.jobs import attempts, status
from spherelinks.jobs.attempts import Failure


def test_a_queued_job_shows_its_place(desk):
    first, second, third = (desk.submit("succeed") for _ in range(3))
    assert [desk.read(job).queue_position for job in (first, second, third)] == [1, 2, 3]
    assert desk.read(first).description == "Waiting to start."
    assert desk.read(third).description == "Waiting in the queue, 2 before it."
    assert desk.read(first).stage == "queued"


def test_a_running_job_shows_how_far_it_is(desk, engine):
    job = desk.submit("succeed")
    attempt = begin(engine, job)
    assert desk.read(job).description == "Starting."
    assert attempts.beat(engine, attempt, "generator", 0.5)
    now = desk.read(job)
    assert (now.status, now.stage, now.progress, now.queue_position) == ("PROCESSING", "generator", 50, None)
    assert now.description == "Making the shape."
    assert now.started_at >= now.created_at


def test_progress_never_falls_and_never_says_100_before_the_end(desk, engine):
    job = desk.submit("succeed")
    attempt = begin(engine, job)
    seen = []
    for share in (0.3, 0.1, 0.9, 1.0, 0.5):
        attempts.beat(engine, attempt, "x", share)
        seen.append(desk.read(job).progress)
    assert seen == [30, 30, 90, 99, 99]


def test_a_completed_job_shows_its_asset_and_what_it_cost(desk, engine):
    job = desk.submit("succeed")
    assert attempts.complete(engine, begin(engine, job), "results/x/1.glb", "ab" * 32, 1234, {"faces": 7})
    now = desk.read(job)
    assert (now.status, now.progress, now.stage) == ("COMPLETED", 100, "completed")
    assert (now.asset_path, now.asset_sha256, now.asset_size) == ("results/x/1.glb", "ab" * 32, 1234)
    assert now.asset_name == f"{job}.glb"
    assert now.report == {"faces": 7}
    assert now.credits_charged == 1
    assert now.error is None
    assert now.finished_at >= now.started_at


def test_a_failed_job_shows_why_and_costs_nothing(desk, engine):
    job = desk.submit("succeed")
    assert attempts.fail(engine, begin(engine, job), Failure("no_object", "Nothing there.", "Show something."))
    now = desk.read(job)
    assert (now.status, now.stage, now.credits_charged) == ("FAILED", "failed", 0)
    assert now.error == status.JobError("no_object", "Nothing there.", "Show something.")
    assert now.description == "Nothing there."
    assert now.asset_path is None


def test_another_accounts_job_is_as_unknown_as_one_that_never_was(desk, engine, other_client):
    job = desk.submit("succeed")
    with pytest.raises(UnknownJob) as foreign:
        status.read(engine, other_client.digest, job)
    never = "job_01jd0000000000000000000000"
    with pytest.raises(UnknownJob) as unknown:
        status.read(engine, other_client.digest, never)
    assert foreign.value.message.replace(job, never) == unknown.value.message


@pytest.mark.parametrize(
    "job_id",
    ["", "job_", "job_01j9xkb", "x" * 100_000, "job_" + "8" * 26, "job_" + "I" * 26, "'; DROP TABLE jobs", "\x00"],
)
def test_a_malformed_id_is_an_unknown_job(desk, job_id):
    with pytest.raises(UnknownJob) as caught:
        desk.read(job_id)
    assert len(caught.value.message) < 200


def test_a_bad_key_is_told_before_anything_about_the_job(desk, engine, client):
    job = desk.submit("succeed")
    for job_id in (job, "nonsense"):
        with pytest.raises(InvalidKey):
            status.read(engine, b"\0" * 32, job_id)
    with transaction(engine) as session:
        keys.revoke(session, client.principal.key_id)
    with pytest.raises(InvalidKey):
        desk.read(job)


def test_one_read_is_one_prepared_statement(desk, engine):
    job = desk.submit("succeed")
    for _ in range(20):
        desk.read(job)
    with engine.connect() as connection:
        known = connection.execute(
            text("SELECT generic_plans + custom_plans FROM pg_prepared_statements WHERE statement LIKE '%api_keys k%'")
        ).all()
    assert known == [(20,)]
