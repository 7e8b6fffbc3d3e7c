"""Short tasks on threads, whose results are delivered on the main thread."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from .errors import Failure

T = TypeVar("T")

_done: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
_threads: set[threading.Thread] = set()


def run(work: Callable[[], T], then: Callable[[T], None], sorry: Callable[[Failure], None]) -> None:
    """Run `work` on a thread; `drain` then calls `then` with its result, or `sorry` with the Failure it raised."""

    def errand() -> None:
        try:
            result = work()
        except Failure as failure:
            refused = failure
            _done.put(lambda: sorry(refused))
        except Exception as error:  # a bug of ours must not vanish with its thread
            fault = Failure("internal_error", f"{type(error).__name__}: {error}", hint="Please report this.")
            _done.put(lambda: sorry(fault))
        else:
            _done.put(lambda: then(result))
        finally:
            _threads.discard(threading.current_thread())

    thread = threading.Thread(target=errand, name="SphereLinks errand", daemon=True)
    _threads.add(thread)
    thread.start()


def drain() -> bool:
    """Deliver the results that are due; returns whether there were any."""
    any_due = False
    while not _done.empty():
        any_due = True
        _done.get()()
    return any_due


def busy() -> bool:
    return bool(_threads) or not _done.empty()


def stop(wait_s: float = 5.0) -> None:
    """Wait briefly for running tasks, and discard their results."""
    deadline = time.monotonic() + wait_s
    for thread in list(_threads):
        thread.join(max(0.0, deadline - time.monotonic()))
    while not _done.empty():
        _done.get()
