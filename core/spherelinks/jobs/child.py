"""The process that generates: lasts over many jobs, so that models load once; nothing lasting is entrusted to it.

Run by :mod:`spherelinks.jobs.process` as ``python -m spherelinks.jobs.child RUNNER MEMORY_MB FIRST``. It knows no
database, no storage and no credentials, and where the system can see to it, reaches no file that the first message
names as hidden. Requests come in on standard input, answers go out on what was standard output; when standard input
ends, the worker is gone, and so is this process, whatever it is doing; on Linux the system itself sees to that.
"""

from __future__ import annotations

import importlib
import logging
import os
import queue
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from spherelinks import confinement
from spherelinks.errors import GeneratorFailed, SphereLinksError
from spherelinks.generation import registry
from spherelinks.jobs import wire

logger = logging.getLogger(__name__)

_IDLE_S = 1.0
"""Seconds without a job after which memory that is free goes back to the system, which takes the next job some ms."""

Runner = Callable[..., Any]
"""Of the picture's bytes, the options and what is told the progress; by name, of the bytes of the mask and of the other
sides' pictures, if there are any."""


def main(runner: str, memory_limit_mb: int, first: str) -> None:
    """Serve requests until standard input ends.

    ``runner`` names a function, as ``package.module:function``; the module's ``warm_up``, if any, is given the
    generator that is to be loaded first, unless there is none.
    """
    confinement.die_with_parent()
    # Prints by libraries must not mix with the messages: standard output becomes standard error.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    requests: queue.SimpleQueue[wire.Message] = queue.SimpleQueue()
    # our own stream: Python would flush its own, and block on it, while exiting after a crash
    stream = os.fdopen(os.dup(sys.stdin.fileno()), "rb")
    told = wire.read(stream)
    if told is None:
        return
    confinement.hide([Path(path) for path in told[0]["hidden"]])  # before there are threads
    confinement.drop_capabilities()
    threading.Thread(target=_receive, args=(stream, requests), daemon=True).start()
    confinement.limit_memory(memory_limit_mb)

    name, _, function = runner.partition(":")
    module = importlib.import_module(name)
    generate: Runner = getattr(module, function)
    if first and hasattr(module, "warm_up"):
        _warm_up(module.warm_up, first)
    wire.write(answers, {"type": "ready"})
    while True:
        try:
            request = requests.get(timeout=_IDLE_S)
        except queue.Empty:
            confinement.give_memory_back()
            request = requests.get()
        wire.write(answers, {"type": "taken"})
        wire.write(answers, *_answer(generate, request, answers))


def _warm_up(warm_up: Callable[[str], None], first: str) -> None:
    """Load what the first job should not wait for; what is wrong with it, the jobs that want it are told."""
    try:
        warm_up(first)
    except MemoryError:
        raise
    except Exception:
        logger.exception("the generator %s could not be loaded", first)


def _receive(stream: BinaryIO, requests: queue.SimpleQueue[wire.Message]) -> None:
    while (message := wire.read(stream)) is not None:
        requests.put(message)
    os._exit(0)


def _answer(generate: Runner, request: wire.Message, answers: BinaryIO) -> wire.Message:
    def progress(stage: str, share: float) -> None:
        wire.write(answers, {"type": "progress", "stage": stage, "share": share})

    options = request[0]["options"]
    picture, beside = wire.pictures_of(request)
    try:
        asset = generate(picture, registry.card(options["generator"]).options(**options), progress, **beside)
    except SphereLinksError as error:
        return {"type": "failed", "code": error.code, "message": error.message, "hint": error.hint}, b""
    except MemoryError:
        raise  # the next process starts with its memory whole
    except Exception as error:
        logger.exception("the pipeline broke")
        message = f"The pipeline broke unexpectedly ({type(error).__name__})."
        hint = "The server's log has the details; please report them."
        return {"type": "failed", "code": GeneratorFailed.code, "message": message, "hint": hint}, b""
    return {"type": "done", "report": dict(asset.report), "glb": len(asset.glb)}, asset.glb + asset.thumbnail


if __name__ == "__main__":
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
