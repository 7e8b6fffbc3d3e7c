"""What a sandbox key gets: a fixed sample, at once, free, through the same routes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from spherelinks.database import Job
from spherelinks.errors import RateLimited, StorageUnavailable
from spherelinks.storage import Storage

KEPT = timedelta(days=1)
A_DAY = 2000
"""Sandbox jobs of an account in 24 hours: they are free, and each leaves a row in the database."""
_FOLDER = files("spherelinks.jobs") / "sample"


@dataclass(frozen=True)
class Sample:
    """The sample's path in the storage, digest, size and report."""

    path: str
    sha256: str
    size: int
    report: dict[str, Any]

    def complete(self, job: Job) -> None:
        """Complete the job, which is being created, with the sample."""
        job.state, job.progress, job.credits, job.thumbnail = "completed", 100, 0, True
        job.started_at = job.finished_at = datetime.now(UTC)
        job.expires_at = datetime.now(UTC) + KEPT
        job.asset_path, job.asset_sha256, job.asset_size = self.path, self.sha256, self.size
        job.report = self.report


def sample(storage: Storage) -> Sample:
    """The sample, stored on first use. Raises StorageUnavailable."""
    glb = (_FOLDER / "asset.glb").read_bytes()
    sha256 = hashlib.sha256(glb).hexdigest()
    path = f"samples/{sha256}.glb"
    try:
        storage.head(path)
    except StorageUnavailable:
        storage.put(path.replace(".glb", ".png"), (_FOLDER / "asset.png").read_bytes())
        storage.put(path, glb)
    return Sample(path, sha256, len(glb), json.loads((_FOLDER / "report.json").read_text("utf-8")))


def check(session: Session, account_id: str) -> None:
    """Raises RateLimited if the account, whose row is locked, has had its sandbox jobs of a day."""
    if session.scalars(text(_NEWEST), {"account": account_id}).one() >= A_DAY:
        raise RateLimited(
            f"The account has had {A_DAY} sandbox jobs in 24 hours, the maximum.",
            retry_after=3600,
            hint="Try again later, or use a live key.",
        )


# by key: the account may have any number of other jobs
_NEWEST = """
SELECT count(*) FROM api_keys k JOIN jobs j ON j.key_id = k.id
WHERE k.account_id = :account AND k.sandbox AND j.created_at > now() - interval '24 hours'
"""
