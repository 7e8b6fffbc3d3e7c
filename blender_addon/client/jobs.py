"""The jobs submitted by this Blender, each in its own file, so that none is lost with the process.

A job's file is written before the first byte goes to the server and contains its idempotency key: resuming the job
requests the same one. A lock file, held by a Blender process as long as it lives, tells which one a job belongs to.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import types
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Literal

from .errors import ENDS_JOB

State = Literal["waiting", "sending", "working", "fetching", "ready", "placed", "failed", "cancelled"]
AT_WORK: tuple[State, ...] = ("waiting", "sending", "working", "fetching")
ENDED: tuple[State, ...] = ("placed", "failed", "cancelled")
KEPT = 100
"""Finished jobs that are kept, since they can be placed again."""


@dataclass(frozen=True)
class Job:
    """A picture, or several of one thing, on the way to an object. Immutable: a change makes another.

    id : ours, and the idempotency key; job_id : the server's, empty until it has answered
    server : its address; name : of the picture and the future object
    sides : which of the object's other sides it has pictures of
    options : as sent to the server; placement : where and how to place the object, as read by the import
    document : path of the object's .blend, empty if never saved; batch : shared by jobs submitted together
    owner : the Blender working on it; eta : seconds left, if known
    problem : code, message and hint of what went wrong; over : the server's job has ended with it
    """

    id: str
    server: str
    name: str
    sides: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    placement: dict[str, Any] = field(default_factory=dict)
    document: str = ""
    batch: str = ""
    created: float = field(default_factory=time.time)
    owner: str = ""
    state: State = "waiting"
    job_id: str = ""
    progress: int = 0
    stage: str = ""
    eta: int | None = None
    problem: dict[str, str] | None = None
    over: bool = False
    report: dict[str, Any] | None = None

    @property
    def at_work(self) -> bool:
        return self.state in AT_WORK


class Jobs:
    """The jobs in a folder. Every method may be called from any thread.

    version : grows with every change, so that a reader sees at little cost whether there was one
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.version = 0
        self._lock = threading.Lock()
        self._token, self._alive = _claim_life(folder)
        self._jobs = {job.id: job for job in self._read()}

    def new(
        self,
        server: str,
        name: str,
        picture: bytes,
        sides: Mapping[str, bytes] = types.MappingProxyType({}),
        **more: Any,
    ) -> Job:
        """Create a job of ours, with its pictures, on disk. Raises OSError if it cannot be written."""
        job = Job(uuid.uuid4().hex, server, name, [*sides], owner=self._token, **more)
        self.picture(job.id).write_bytes(picture)
        for view, side in sides.items():
            self.side(job.id, view).write_bytes(side)
        with self._lock:
            self._put(job)
        return job

    def update(self, job_id: str, /, **changes: Any) -> Job:
        """Change the job on disk and return it. Raises KeyError if it is gone, OSError."""
        with self._lock:
            job = replace(self._jobs[job_id], **changes)
            self._put(job)
        return job

    def again(self, job: Job) -> Job:
        """A failed job, waiting to be taken up where it broke off; in its place a new one, with an idempotency key of
        its own, where the server's job is over. Raises KeyError for one that is gone, OSError.
        """
        if not job.over and (job.problem or {}).get("code") not in ENDS_JOB:  # older add-ons stored only the code
            return self.update(job.id, state="waiting", problem=None)
        new = self.new(
            job.server,
            job.name,
            self.picture(job.id).read_bytes(),
            self.sides(job),
            options=job.options,
            placement=job.placement,
            document=job.document,
            batch=job.batch,
        )
        self.forget(job.id)
        return new

    def advance(self, job_id: str, /, **changes: Any) -> bool:
        """Change a running job, from its own thread; False if it is no longer running."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None or not job.at_work:
                return False
            self._put(replace(job, **changes))
        return True

    def get(self, job_id: str) -> Job | None:
        """The job as it is now, or None."""
        with self._lock:
            return self._jobs.get(job_id)

    def all(self) -> list[Job]:
        """All jobs to show, oldest first."""
        with self._lock:
            return sorted(self._jobs.values(), key=lambda job: (job.created, job.id))

    def forget(self, job_id: str) -> None:
        """Remove a job with its files; the server keeps its own."""
        with self._lock:
            self._jobs.pop(job_id, None)
            self.version += 1
        for path in self.folder.glob(f"{job_id}.*"):
            path.unlink(missing_ok=True)

    def adopt(self) -> list[Job]:
        """Take over the unfinished jobs of Blenders that have exited; returns those to be run."""
        taken = []
        with self._lock:
            for job in list(self._jobs.values()):
                if job.state not in ENDED and job.owner != self._token and not self._lives(job.owner):
                    mine = replace(job, owner=self._token)
                    self._put(mine)
                    taken.append(mine)
        return [job for job in taken if job.at_work]

    def is_mine(self, job: Job) -> bool:
        """Whether this Blender, and no other running one, works on a job."""
        return job.owner == self._token

    def prune(self) -> None:
        """Remove the oldest finished jobs, beyond KEPT."""
        for job in [job for job in self.all() if job.state in ENDED][:-KEPT]:
            self.forget(job.id)

    def close(self) -> None:
        """Release the jobs: another Blender may take them over."""
        self._alive.close()
        _life(self.folder, self._token).unlink(missing_ok=True)

    def picture(self, job_id: str) -> Path:
        return self.folder / f"{job_id}.picture"

    def side(self, job_id: str, view: str) -> Path:
        return self.folder / f"{job_id}.{view}"

    def sides(self, job: Job) -> dict[str, bytes]:
        """The pictures of the object's other sides. Raises OSError for one that is gone."""
        return {view: self.side(job.id, view).read_bytes() for view in job.sides}

    def asset(self, job_id: str) -> Path:
        return self.folder / f"{job_id}.glb"

    def thumbnail(self, job_id: str) -> Path:
        return self.folder / f"{job_id}.thumbnail.png"

    def _put(self, job: Job) -> None:
        path = self.folder / f"{job.id}.json"
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(job)), encoding="utf-8")
        part.replace(path)
        self._jobs[job.id] = job
        self.version += 1

    def _read(self) -> Iterator[Job]:
        known = set(Job.__dataclass_fields__)
        for path in self.folder.glob("*.json"):
            with suppress(OSError, ValueError, TypeError):  # one that cannot be read must not hide the others
                stored = json.loads(path.read_text(encoding="utf-8"))
                yield Job(**{name: value for name, value in stored.items() if name in known})

    def _lives(self, token: str) -> bool:
        try:
            with _life(self.folder, token).open("rb+") as file:
                return not _lock(file)
        except OSError:
            return False


def _life(folder: Path, token: str) -> Path:
    return folder / f"{token or 'nobody'}.alive"


def _claim_life(folder: Path) -> tuple[str, IO[bytes]]:
    """A new token, and its file, locked until that is closed or the process ends."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.alive"):  # left by those that were killed
        with suppress(OSError), path.open("rb+") as file:
            if _lock(file):
                path.unlink()
    token = uuid.uuid4().hex
    file = _life(folder, token).open("wb+")
    _lock(file)
    return token, file


def _lock(file: IO[bytes]) -> bool:
    """Lock a file for this process, if nobody else has."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
