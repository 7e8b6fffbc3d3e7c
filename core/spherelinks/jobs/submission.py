"""Accepting a job: the picture stored, then job, credit hold and queue row in one transaction."""

from __future__ import annotations

from sqlalchemy import Engine, func, update

from spherelinks.accounts import ledger
from spherelinks.accounts.keys import Principal
from spherelinks.database import ApiKey, Job, new_id, transaction
from spherelinks.jobs import files, queue
from spherelinks.options import Options
from spherelinks.storage import Storage


def submit(engine: Engine, storage: Storage, principal: Principal, picture: bytes, options: Options) -> str:
    """Accept a job and return its id, ``job_`` and 26 characters. Once it returns, the job will finish or fail.

    The picture is durable before the transaction begins, so that no accepted job lacks it; a picture whose job was
    not accepted is swept later (:mod:`spherelinks.jobs.files`).

    Raises InsufficientCredits, StorageUnavailable, DatabaseUnavailable; nothing is accepted or spent then.
    """
    job_id = new_id("job")
    storage.put(files.picture(job_id), picture)
    with transaction(engine) as session:
        session.add(
            Job(
                id=job_id,
                account_id=principal.account_id,
                key_id=principal.key_id,
                queue_id=queue.push(session, job_id),
                options=options.model_dump(by_alias=True, mode="json"),
            )
        )
        session.flush()
        ledger.hold(session, principal.account_id, job_id)
        session.execute(update(ApiKey).where(ApiKey.id == principal.key_id).values(last_used_at=func.now()))
    return job_id
