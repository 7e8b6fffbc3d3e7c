"""What a model is called: taken from its picture's file, and changed by its owner."""

from __future__ import annotations

import re

from sqlalchemy import Engine, bindparam, func, update
from sqlalchemy.dialects.postgresql import JSONB

from spherelinks.accounts.worlds import World
from spherelinks.database import Job, transaction
from spherelinks.jobs.status import is_job_id, unknown_job
from spherelinks.options import Options

_LONGEST = 64
_PICTURE = re.compile(r"^(?P<stem>.+)\.(?:jpe?g|png|webp)$", re.IGNORECASE | re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def of_file(name: str) -> str | None:
    """The name of what a picture shows, from that of its file; None for what is no picture's file name."""
    found = _PICTURE.match(name.replace("\\", "/").rpartition("/")[2])
    stem = _CONTROL.sub("", found["stem"]).strip()[:_LONGEST].strip() if found else ""
    return stem or None


def rename(engine: Engine, world: World, job_id: str, name: str) -> None:
    """Call the model so from now on: in lists, on its page and in its downloads' names.

    The nodes in its GLB keep the name that it was made with: its bytes do not change.

    Raises InvalidOption for a name that ``options.name`` may not be, UnknownJob, DatabaseUnavailable.
    """
    given = Options(name=name.strip()).name
    mine = (Job.id == (job_id if is_job_id(job_id) else ""), world.holds(Job), Job.deleted_at.is_(None))
    named = Job.options.op("||")(func.jsonb_build_object("name", bindparam("name", given)).cast(JSONB))
    with transaction(engine) as session:
        if session.scalars(update(Job).where(*mine).values(options=named).returning(Job.id)).one_or_none() is None:
            raise unknown_job(job_id)
