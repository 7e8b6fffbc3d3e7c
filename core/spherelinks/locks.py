"""Locks between processes, on files."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path


class FileLock:
    """A lock between processes on a file; it falls when its holder ends, however that ends.

    Its file's folder must exist. Two locks on one file exclude each other within a process, too.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock if it is free; whether we have it."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if sys.platform == "win32":
                import msvcrt

                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # somebody may have removed the file between its opening and its locking
            if not os.path.samestat(os.fstat(descriptor), self.path.stat()):
                raise FileNotFoundError
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Let go of the lock; harmless where we do not have it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def remove(self) -> None:
        """Let go of the lock and delete its file, where we have it."""
        if self._descriptor is None:
            return
        if sys.platform == "win32":  # where a file that is open cannot be deleted
            self.release()
        with suppress(OSError):
            self.path.unlink()
        self.release()

    def is_stale(self) -> bool:
        """Whether nobody holds the lock; its file is then deleted."""
        free = self.acquire()
        self.remove()
        return free
