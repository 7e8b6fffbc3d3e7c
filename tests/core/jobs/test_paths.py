"""The sweep deletes files that belong to no job, and nothing else."""

from datetime import timedelta

from conftest import begin
from sqlalchemy import text

from spherelinks.database import new_id
from spherelinks.jobs import attempts, paths

NOW = timedelta(seconds=-60)  # even files of this moment are old enough


def test_pictures_of_known_jobs_and_the_results_that_count_are_kept(desk, engine, storage):
    job = desk.submit("succeed")
    attempt = begin(engine, job)
    for number in (1, 2, 3):
        storage.put(paths.result(job, number, "00"), b"glb")
    assert attempts.complete(engine, attempt, paths.result(job, 2, "00"), "00", 3, {})
    stray = new_id("job")
    storage.put(paths.picture(stray), b"never accepted")
    storage.put(paths.result(stray, 1, "00"), b"never accepted")

    assert paths.sweep(engine, storage) == 0, "files that young may belong to a job on its way"
    assert paths.sweep(engine, storage, NOW) == 4
    left = {head.path for folder in (paths.PICTURES, paths.RESULTS) for head in storage.list(folder)}
    assert left == {paths.picture(job), paths.result(job, 2, "00")}
    assert paths.sweep(engine, storage, NOW) == 0


def test_the_sweep_goes_through_more_files_than_one_batch(engine, storage, monkeypatch):
    monkeypatch.setattr(paths, "_BATCH", 3)
    for _ in range(8):
        storage.put(paths.picture(new_id("job")), b"x")
    assert paths.sweep(engine, storage, NOW) == 8


def completed(desk, engine, storage, **options):
    """A job whose asset is stored, with a thumbnail beside it."""
    job = desk.submit("succeed", **options)
    attempt = begin(engine, job)
    storage.put(paths.result(job, 1, "00"), b"glb")
    storage.put(paths.beside(paths.result(job, 1, "00"), "png"), b"png")
    storage.put(paths.beside(paths.result(job, 1, "00"), "obj.zip"), b"zip")
    assert attempts.complete(engine, attempt, paths.result(job, 1, "00"), "00", 3, {}, thumbnail=True)
    return job


def stored(storage, job):
    return [
        head.path for folder in (paths.PICTURES, paths.RESULTS) for head in storage.list(folder) if job in head.path
    ]


def test_files_are_kept_as_long_as_the_plan_says_and_no_longer(desk, engine, storage):
    kept, expired = (completed(desk, engine, storage, seed=seed) for seed in (1, 2))
    assert (desk.read(kept).expires_at - desk.read(kept).finished_at).days == 30
    with engine.begin() as connection:
        connection.execute(text("UPDATE jobs SET expires_at = now() - interval '1 s' WHERE id = :id"), {"id": expired})
    assert paths.sweep(engine, storage, NOW) == 4
    assert len(stored(storage, kept)) == 4
    assert stored(storage, expired) == []
    assert desk.read(expired).status == "COMPLETED"


def test_the_owners_files_are_kept_for_ever(engine, storage, desk):
    job = completed(desk, engine, storage)
    with engine.begin() as connection:
        connection.execute(text("UPDATE accounts SET plan = 'owner'"))
    assert desk.read(completed(desk, engine, storage, seed=9)).expires_at is None
    assert desk.read(job).expires_at is not None


def test_an_asset_shared_by_two_jobs_goes_with_the_last(desk, engine, storage):
    first = completed(desk, engine, storage)
    second = desk.submit("succeed", again=True)
    assert desk.read(second).cache_hit
    with engine.begin() as connection:
        connection.execute(text("UPDATE jobs SET expires_at = now() - interval '1 s' WHERE id = :id"), {"id": first})
    paths.sweep(engine, storage, NOW)
    assert storage.get(desk.read(second).asset_path) == b"glb"
    with engine.begin() as connection:
        connection.execute(text("UPDATE jobs SET deleted_at = now()"))
    paths.sweep(engine, storage, NOW)
    assert stored(storage, first) == stored(storage, second) == []
