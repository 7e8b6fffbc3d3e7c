"""Processes that decode pictures for a server, so that it need not do so itself: started, asked, watched, replaced."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from spherelinks import confinement, errors
from spherelinks.errors import PictureUnreadable, RateLimited, ServiceError, SphereLinksError
from spherelinks.jobs import wire
from spherelinks.picture import mattes

Task = Literal["prove", "cut"]
Box = tuple[float, float, float, float]

SHOWN = (mattes.DEFAULT, mattes.U2NETP.name)
"""The mattes that can be previewed: what a plug-in needs may be more than these processes may use."""

MEMORY_MB = 1024
"""MiB that one such process may allocate: a picture of 40 million pixels of 64 bits, interlaced, needs half of it."""
LIMIT_S = 20.0
"""Seconds of processor time that one picture may take; of time, where the system does not say what was used."""
WAIT_S = 60.0
"""Seconds that one picture may take on a busy machine."""
STALL_S = 3.0
"""One that has not run at all for so many seconds is frozen, and replaced; seen on Linux alone."""
START_LIMIT_S = 60.0
START_STALL_S = 6.0
"""The same while it starts, and may wait for the disk: so much less than the patience that the next one can start."""
PATIENCE_S = 15.0
"""Seconds that a picture may wait for a process: longer than one takes to start on a busy machine."""
_BUSY_S = 5
_EXPECTED_MB = 640
_OWN_MB = 512
_NAMES = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "SYSTEMROOT", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR")


def affordable() -> int:
    """How many such processes there are cores and memory for, two at least."""
    return max(2, min(confinement.cores(), ((confinement.memory_limit() >> 20) - _OWN_MB) // _EXPECTED_MB))


class Decoders:
    """A few processes that last. Of one account no more than half are at work at a time.

    hidden : files and folders that they must not reach
    task : what they do, see :mod:`spherelinks.jobs.decoder`
    """

    def __init__(self, hidden: Sequence[Path], count: int, task: Task = "prove") -> None:
        self._free: queue.LifoQueue[_Decoder] = queue.LifoQueue()
        for _ in range(count):
            self._free.put(_Decoder(hidden, task))
        self._share = max(1, count // 2)
        self._working: Counter[str] = Counter()
        self._changed = threading.Condition()

    def prove(self, account_id: str, picture: bytes, mask: bytes | None = None) -> None:
        """Decode the picture once, and its mask if there is one.

        Raises PictureError, InvalidRequest for a mask that does not fit the picture, RateLimited if it would have to
        wait for long, ServiceError if no process works. Errors about the mask have its field.
        """
        self._ask(account_id, wire.pictures({}, picture, mask))

    def cut(self, account_id: str, picture: bytes, box: Box | None, matte: str) -> tuple[bytes, list[str]]:
        """The matte of the picture by one of SHOWN, see :func:`spherelinks.picture.preview.preview`.

        Raises PictureError, NoObject, InvalidRequest, RateLimited if it would have to wait for long.
        """
        header, png = self._ask(account_id, ({"matte": matte} | ({} if box is None else {"box": box}), picture))
        return png, header["notes"]

    def _ask(self, account_id: str, message: wire.Message) -> wire.Message:
        with self._place(account_id):
            decoder = self._free.get()
            try:
                return decoder.ask(message)
            finally:
                self._free.put(decoder)

    @contextmanager
    def _place(self, account_id: str) -> Iterator[None]:
        with self._changed:
            if not self._changed.wait_for(lambda: self._is_free(account_id), PATIENCE_S):
                raise RateLimited(
                    "Too many pictures are being decoded at the moment.",
                    retry_after=_BUSY_S,
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

    def __init__(self, hidden: Sequence[Path], task: Task) -> None:
        self._command = [sys.executable, "-m", "spherelinks.jobs.decoder", task, str(MEMORY_MB)]
        self._hidden = [*map(str, hidden)]
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, message: wire.Message) -> wire.Message:
        """The answer. Raises PictureError, NoObject, InvalidRequest; ServiceError if none starts, or each freezes."""
        answer = self._answer(message)
        if answer is None:
            self.close()
            raise PictureUnreadable(
                "Decoding the picture takes too much time or memory.", hint="Save a smaller one as JPEG, PNG or WebP."
            )
        header = answer[0]
        if "error" in header:
            kind: type[SphereLinksError] = getattr(errors, header.pop("error"))
            raise kind(header.pop("message"), **header)
        return answer

    def _answer(self, message: wire.Message) -> wire.Message | None:
        """Of this process or, if it freezes, of the next."""
        for _ in range(2):
            try:
                return _conversed(self._started(), message, LIMIT_S, STALL_S)
            except _Frozen:  # which says nothing of the picture
                self.close()
        raise _unable()

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
            if _conversed(self._process, ({"hidden": self._hidden}, b""), START_LIMIT_S, START_STALL_S) is None:
                self.close()
                raise _unable()
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


class _Frozen(Exception):
    """The process was killed because it did not run at all."""


def _unable() -> ServiceError:
    return ServiceError("Pictures cannot be decoded at the moment.", hint="The server's log says more.")


def _conversed(
    process: subprocess.Popen[bytes], message: wire.Message, limit_s: float, stall_s: float
) -> wire.Message | None:
    """What the process answers; None, and it is killed, if that is nothing in time. Raises _Frozen."""
    assert process.stdin is not None
    assert process.stdout is not None
    answered, frozen = threading.Event(), threading.Event()
    threading.Thread(target=_watch, args=(process, limit_s, stall_s, answered, frozen), daemon=True).start()
    try:
        wire.write(process.stdin, *message)
        answer = wire.read(process.stdout)
    except OSError:
        answer = None
    finally:
        answered.set()
    if answer is None and frozen.is_set():
        raise _Frozen
    return answer


def _watch(
    process: subprocess.Popen[bytes],
    limit_s: float,
    stall_s: float,
    answered: threading.Event,
    frozen: threading.Event,
) -> None:
    """Kill the process if it takes too long, or does not run at all."""
    began = since = time.monotonic()
    first = ran = _ran(process.pid)
    while not answered.wait(min(1.0, limit_s, stall_s)):
        now, last, ran = time.monotonic(), ran, _ran(process.pid)
        if ran is None or first is None:
            late = now - began >= limit_s
        else:
            late = (ran - first) / 1e9 >= limit_s or now - began >= WAIT_S
            since = now if ran != last else since
            if now - since >= stall_s:
                frozen.set()
        if late or frozen.is_set():
            process.kill()
            return


def _ran(pid: int) -> int | None:
    """Nanoseconds that a process has run so far; None where the system does not say."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
