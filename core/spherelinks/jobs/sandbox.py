"""What a sandbox key gets: a fixed sample, at once, free, through the same routes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

from spherelinks.database import Job
from spherelinks.errors import StorageUnavailable
from spherelinks.storage import Storage

KEPT = timedelta(days=1)
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
