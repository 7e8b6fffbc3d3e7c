"""Processes that decode pictures for a server, so that it need not do so itself: started, asked, watched, replaced."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from spherelinks import confinement, errors
from spherelinks.errors import PictureUnreadable, RateLimited, ServiceError, SphereLinksError
from spherelinks.jobs import wire

MEMORY_MB = 1024
"""MiB that one such process may allocate: a picture of 40 million pixels of 64 bits, interlaced, needs half of it."""
LIMIT_S = 20.0
"""Seconds that one picture may take."""
START_LIMIT_S = 60.0
PATIENCE_S = 5.0
_EXPECTED_MB = 640
_OWN_MB = 512
_NAMES = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "SYSTEMROOT", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR")


def affordable() -> int:
    """How many such processes there are cores and memory for, two at least."""
    return max(2, min(confinement.cores(), ((confinement.memory_limit() >> 20) - _OWN_MB) // _EXPECTED_MB))


class Decoders:
    """A few processes that last. Of one account no more than half are at work at a time.

    hidden : files and folders that they must not reach
    """

    def __init__(self, hidden: Sequence[Path], count: int) -> None:
        self._free: queue.LifoQueue[_Decoder] = queue.LifoQueue()
        for _ in range(count):
            self._free.put(_Decoder(hidden))
        self._share = max(1, count // 2)
        self._working: Counter[str] = Counter()
        self._changed = threading.Condition()

    def prove(self, account_id: str, picture: bytes, mask: bytes | None = None) -> None:
        """Decode the picture once, and its mask if there is one.

        Raises PictureError, InvalidRequest for a mask that does not fit the picture, RateLimited if it would have to
        wait for long. Errors about the mask have its field.
        """
        with self._place(account_id):
            decoder = self._free.get()
            try:
                decoder.prove(picture, mask)
            finally:
                self._free.put(decoder)

    @contextmanager
    def _place(self, account_id: str) -> Iterator[None]:
        with self._changed:
            if not self._changed.wait_for(lambda: self._is_free(account_id), PATIENCE_S):
                raise RateLimited(
                    "Too many pictures are being decoded at the moment.",
                    retry_after=PATIENCE_S,
                    hint="Try again shortly.",
                )
            self._working[account_id] += 1
        try:
            yield
        finally:
            with self._changed:
                self._working[account_id] -= 1
                self._working += Counter()  # forgets those that have none
                self._changed.notify_all()

    def _is_free(self, account_id: str) -> bool:
        return self._working[account_id] < self._share and self._working.total() < self._share * 2

    def close(self) -> None:
        """End the processes."""
        while not self._free.empty():
            self._free.get().close()


class _Decoder:
    """One process, which starts with its first picture, and again after it has ended. One picture at a time."""

    def __init__(self, hidden: Sequence[Path]) -> None:
        self._command = [sys.executable, "-m", "spherelinks.jobs.decoder", str(MEMORY_MB)]
        self._hidden = [*map(str, hidden)]
        self._process: subprocess.Popen[bytes] | None = None

    def prove(self, picture: bytes, mask: bytes | None) -> None:
        """Raises PictureError, InvalidRequest, ServiceError if no process starts."""
        process = self._started()
        answer = _conversed(process, wire.pictures({}, picture, mask), LIMIT_S)
        if answer is None:
            self.close()
            raise PictureUnreadable(
                "Decoding the picture takes too much time or memory.", hint="Save a smaller one as JPEG, PNG or WebP."
            )
        if answer:
            kind: type[SphereLinksError] = getattr(errors, answer.pop("error"))
            raise kind(answer.pop("message"), **answer)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=Path(sys.prefix),
                env=confinement.environment(_NAMES) | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            )
            if _conversed(self._process, ({"hidden": self._hidden}, b""), START_LIMIT_S) is None:
                self.close()
                raise ServiceError("Pictures cannot be decoded at the moment.", hint="The server's log says more.")
        return self._process

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()


def _conversed(process: subprocess.Popen[bytes], message: wire.Message, limit_s: float) -> dict[str, Any] | None:
    """What the process answers; None, and it is killed, if that is nothing in time."""
    assert process.stdin is not None
    assert process.stdout is not None
    watch = threading.Timer(limit_s, process.kill)
    watch.start()
    try:
        wire.write(process.stdin, *message)
        answer = wire.read(process.stdout)
        return None if answer is None else answer[0]
    except OSError:
        return None
    finally:
        watch.cancel()
