"""Past jobs of the account, as its server lists them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import session, watch
from .client import background, server
from .client.errors import Failure
from .client.http import Connection

SHOWN = 12


class History:
    """What the server listed last.

    jobs : as the server describes them, newest first; trouble : why it did not; asking : a request is running
    """

    def __init__(self) -> None:
        self.jobs: list[dict[str, Any]] = []
        self.trouble: Failure | None = None
        self.asking = False


now = History()


def errand(connection: Connection, work: Callable[[], object]) -> None:
    """Do something on the server on a thread, and refresh the list."""

    def ask() -> list[dict[str, Any]]:
        work()
        found = [job for job in server.jobs(connection).get("jobs", []) if isinstance(job, dict) and "jobId" in job]
        for job in found[:SHOWN]:
            path = thumbnail(job)
            if job.get("status") == "COMPLETED" and not path.is_file():
                with suppress(Failure):  # its files may have expired
                    server.thumbnail(connection, str(job["jobId"]), path)
        return found

    def known(found: list[dict[str, Any]]) -> None:
        now.jobs, now.trouble, now.asking = found, None, False
        watch.redraw()

    def refused(failure: Failure) -> None:
        now.trouble, now.asking = failure, False
        watch.redraw()

    now.asking = True
    background.run(ask, known, refused)


def thumbnail(job: dict[str, Any]) -> Path:
    """The path of its thumbnail once fetched."""
    folder = session.current().folder / "thumbnails"
    folder.mkdir(exist_ok=True)
    return folder / f"{job['jobId']}.png"


def name(job: dict[str, Any]) -> str:
    """What the job was asked to be called, here or elsewhere, else when it was asked for."""
    here = next((each for each in session.current().jobs.all() if each.job_id == job["jobId"]), None)
    named = here.name if here else (job.get("options") or {}).get("name")
    return str(named) if named else str(job.get("createdAt", ""))[:16].replace("T", " ")


def listed(job_id: str) -> dict[str, Any]:
    """The job as listed; only its id if it was not."""
    return next((job for job in now.jobs if job["jobId"] == job_id), {"jobId": job_id})


def clear() -> None:
    """Forget what was listed."""
    now.jobs, now.trouble, now.asking = [], None, False
