"""File locks between processes."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path


class FileLock:
    """A lock between processes on a file; released when its holder exits, however it exits.

    The file's folder must exist. Two locks on one file exclude each other within a process, too.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock if it is free; returns whether we have it."""
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if sys.platform == "win32":
                import msvcrt

                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # another process may have removed the file between opening and locking
            if not os.path.samestat(os.fstat(descriptor), self.path.stat()):
                raise FileNotFoundError
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Release the lock; does nothing if we do not have it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def remove(self) -> None:
        """Release the lock and delete its file, if we have it."""
        if self._descriptor is None:
            return
        if sys.platform == "win32":  # Windows cannot delete an open file
            self.release()
        with suppress(OSError):
            self.path.unlink()
        self.release()

    def is_stale(self) -> bool:
        """Whether nobody holds the lock; its file is then deleted."""
        free = self.acquire()
        self.remove()
        return free
