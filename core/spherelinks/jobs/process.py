"""The worker's side of its child process: starting, requests, monitoring, killing, replacing."""

from __future__ import annotations

import math
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from spherelinks import confinement
from spherelinks.errors import GeneratorFailed
from spherelinks.jobs import wire
from spherelinks.jobs.attempts import Failure
from spherelinks.jobs.wire import Message

PULSE_S = 0.2
TAKE_LIMIT_S = 20.0
"""Seconds in which a child that is ready takes a job up. One that is frozen does not, and is replaced."""


@dataclass(frozen=True)
class Success:
    """The pipeline's result: the bytes of the GLB and of its thumbnail (PNG), and the report."""

    glb: bytes
    thumbnail: bytes
    report: dict[str, Any]


class ChildCrashed(Exception):
    """The child exited without an answer; the text completes "Its process …"."""


class ChildProcess:
    """A lasting process that runs ``runner``. One job at a time; not for use by two threads at once.

    first : the generator that it loads when it starts; the others are loaded when a job wants them
    hidden : files and folders that it must not reach
    """

    def __init__(
        self, runner: str, memory_limit_mb: int, first: str | None = None, hidden: Sequence[Path] = ()
    ) -> None:
        # -P: a file in the current folder is no module of ours, whatever its name
        python = [sys.executable, "-P", "-m", "spherelinks.jobs.child"]
        self._command = [*python, runner, str(memory_limit_mb), first or ""]
        self._hidden = [*map(str, hidden)]
        self._process: subprocess.Popen[bytes] | None = None
        self._inbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._ready = False

    @property
    def pid(self) -> int | None:
        """The process id; None if the process is not running."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process unless it is running, so that it loads before the first job."""
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        self._inbox = queue.SimpleQueue()
        self._ready = False
        started: Future[subprocess.Popen[bytes]] = Future()
        # the system kills the child when the thread that has started it ends: so that is the one that listens to it
        threading.Thread(target=_listen, args=(self._command, self._hidden, started, self._inbox), daemon=True).start()
        self._process = started.result()

    def run(
        self,
        picture: bytes,
        options: dict[str, Any],
        *,
        mask: bytes | None = None,
        sides: Mapping[str, bytes] = types.MappingProxyType({}),
        limit_s: float,
        pulse: Callable[[str | None, float], None],
    ) -> Success | Failure:
        """Run one job to its end and return the pipeline's answer.

        picture : the file's bytes
        options : as :class:`spherelinks.options.Options` takes them
        mask : the bytes of the file of the picture's mask, if it has one
        sides : those of the pictures of the object's other sides, by name
        limit_s : seconds after which the child is killed and the job fails
        pulse : called several times a second with the stage and the progress; an error it raises kills the child and
            is propagated

        Raises ChildCrashed.
        """
        self.start()
        try:
            return self._converse(wire.pictures({"options": options}, picture, mask, sides), limit_s, pulse)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Kill the process, if it is running, and its children."""
        process, self._process = self._process, None
        if process is None:
            return
        _kill(process)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):  # unflushed data is lost
                    pipe.close()

    def _converse(self, job: Message, limit_s: float, pulse: Callable[[str | None, float], None]) -> Success | Failure:
        assert self._process is not None
        assert self._process.stdin is not None
        deadline = time.monotonic() + limit_s
        stage: str | None = None
        share = 0.0
        taken_by = self._ask(self._process.stdin, job) if self._ready else math.inf
        while True:
            pulse(stage, share)
            if time.monotonic() > taken_by:
                raise ChildCrashed("did not take the job up")
            if time.monotonic() > deadline:
                self.close()
                return Failure(
                    GeneratorFailed.code,
                    f"The job took longer than {limit_s:g} s, in stage '{stage or 'start'}'.",
                    "Ask for fewer steps or a smaller texture; an operator can raise SPHERELINKS_JOB_TIME_LIMIT.",
                )
            try:
                message = self._inbox.get(timeout=PULSE_S)
            except queue.Empty:
                continue
            if message is None:
                raise ChildCrashed(_ending(self._process))
            header, payload = message
            match header["type"]:
                case "ready":
                    self._ready = True
                    taken_by = self._ask(self._process.stdin, job)
                case "taken":
                    taken_by = math.inf
                case "progress":
                    stage, share = header["stage"], header["share"]
                case "failed":
                    return Failure(header["code"], header["message"], header["hint"])
                case "done":
                    size = header["glb"]
                    return Success(payload[:size], payload[size:], header["report"])

    def _ask(self, pipe: IO[bytes], job: Message) -> float:
        """Send the job; the moment by which it must be taken up. A child that is frozen does not empty the pipe, so a
        thread waits for that; it ends with the child."""
        threading.Thread(target=_send, args=(pipe, job), daemon=True).start()
        return time.monotonic() + TAKE_LIMIT_S


def _send(pipe: IO[bytes], job: Message) -> None:
    with suppress(OSError, ValueError):  # the end of its answers tells that a child is gone
        wire.write(pipe, *job)


def _listen(
    command: list[str],
    hidden: list[str],
    started: Future[subprocess.Popen[bytes]],
    inbox: queue.SimpleQueue[Message | None],
) -> None:
    """Start the child, then hand its messages on until there are no more."""
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=confinement.environment(), **_own_group()
        )
        assert process.stdin is not None
        with suppress(OSError):  # it has ended already
            wire.write(process.stdin, {"hidden": hidden})
    except BaseException as error:
        started.set_exception(error)
        return
    started.set_result(process)
    assert process.stdout is not None
    try:
        while (message := wire.read(process.stdout)) is not None:
            inbox.put(message)
    except (OSError, ValueError):
        pass  # closed under our hands, or not a message
    inbox.put(None)


def _ending(process: subprocess.Popen[bytes]) -> str:
    """How a process ended, in words."""
    try:
        code = process.wait(5)
    except subprocess.TimeoutExpired:
        return "closed its answers"
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def _own_group() -> dict[str, Any]:
    """Arguments for subprocess that shield the child from a terminal's Ctrl-C and let us kill its children, too."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def _kill(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        process.kill()
    else:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
