"""Work that goes on beside a test, in a thread."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any


@contextlib.contextmanager
def running(stop: threading.Event, work: Callable[..., object], *arguments: Any) -> Iterator[None]:
    """Work with these arguments, which ends soon after ``stop`` is set."""
    thread = threading.Thread(target=work, args=arguments)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(120)
        assert not thread.is_alive()
