"""Waiting that shows what happens, and for how long so far. With the standard library only, so it runs by itself:

python3 core/spherelinks/cli/elapsed.py "Installing, about a minute" pip install …
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

_LOOK_S = 0.5


@contextmanager
def elapsed(text: str, stream: TextIO = sys.stderr) -> Iterator[None]:
    """Context manager: on a terminal, a line with the text and the seconds so far, which goes away at the end.

    Elsewhere, such as in a log, nothing is written.
    """
    if not stream.isatty():
        yield
        return
    begun, done = time.monotonic(), threading.Event()

    def show() -> None:
        while not done.is_set():
            stream.write(f"\r\x1b[K{text} … {time.monotonic() - begun:.0f} s")
            stream.flush()
            done.wait(_LOOK_S)

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        stream.write("\r\x1b[K")
        stream.flush()


def main(text: str, *command: str) -> int:
    """Run the command; its output is shown only if it fails."""
    begun = time.monotonic()
    with elapsed(text):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.stderr.buffer.write(done.stdout)
    print(f"{text}: {'failed after' if done.returncode else 'done in'} {time.monotonic() - begun:.0f} s", flush=True)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
