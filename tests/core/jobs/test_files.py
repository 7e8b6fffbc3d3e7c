"""The sweep takes what belongs to no job, and nothing else."""

from datetime import timedelta

from sqlalchemy import text

from spherelinks.database import new_id
from spherelinks.jobs import attempts, files

NOW = timedelta(seconds=-60)  # even files of this moment are old enough


def test_pictures_of_known_jobs_and_the_results_that_count_are_kept(desk, engine, storage):
    job = desk.submit("succeed")
    with engine.connect() as connection:
        queue_id = connection.scalar(text("SELECT queue_id FROM jobs"))
    attempt = attempts.start(engine, job, queue_id)
    for number in (1, 2, 3):
        storage.put(files.result(job, number), b"glb")
    assert attempts.complete(engine, attempt, files.result(job, 2), "00", 3, {})
    stray = new_id("job")
    storage.put(files.picture(stray), b"never accepted")
    storage.put(files.result(stray, 1), b"never accepted")

    assert files.sweep(engine, storage) == 0, "files that young may belong to a job on its way"
    assert files.sweep(engine, storage, NOW) == 4
    left = {head.path for folder in (files.PICTURES, files.RESULTS) for head in storage.list(folder)}
    assert left == {files.picture(job), files.result(job, 2)}
    assert files.sweep(engine, storage, NOW) == 0


def test_the_sweep_goes_through_more_files_than_one_batch(engine, storage, monkeypatch):
    monkeypatch.setattr(files, "_BATCH", 3)
    for _ in range(8):
        storage.put(files.picture(new_id("job")), b"x")
    assert files.sweep(engine, storage, NOW) == 8
