"""What the children of these tests run instead of the pipeline: the picture says what happens.

Imported in real child processes, by name: the crashes, hangs and failures are real ones.
"""

import contextlib
import ctypes
import os
import signal
import sys
import time
from pathlib import Path
from typing import NamedTuple

from spherelinks.errors import NoObject


class Asset(NamedTuple):
    """As the pipeline's, without the seconds that importing the pipeline takes."""

    glb: bytes
    thumbnail: bytes
    report: dict


def hang(picture, options, progress, **beside):
    """Never end, whatever is sent."""
    progress("generator", 0.25)
    time.sleep(3600)


def obey(picture, options, progress, mask=None, **sides):
    """Do what the picture says: a word, and for some a value."""
    word, _, value = picture.decode().partition(" ")
    progress("generator", 0.25)
    match word:
        case "succeed":
            pass
        case "work":
            for step in range(10):
                time.sleep(float(value) / 10)
                progress("generator", 0.25 + 0.07 * step)
        case "wait":  # until there is a file at value
            while not Path(value).exists():
                time.sleep(0.01)
        case "refuse":
            raise NoObject("The picture shows nothing.", hint="Show something.")
        case "break":
            raise ValueError("a secret detail")
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "die-until":  # the file at value counts down
            left = int(Path(value).read_text())
            if left:
                Path(value).write_text(str(left - 1))
                os.kill(os.getpid(), signal.SIGKILL)
        case "exit":
            os._exit(3)
        case "hang":
            Path(value).write_text(str(os.getpid()))
            time.sleep(3600)
        case "fork-and-hang":
            child = os.fork()
            if child:
                Path(value).write_text(f"{os.getpid()} {child}")
            time.sleep(3600)
        case "hold":  # the interpreter's lock
            Path(value).write_text(str(os.getpid()))
            ctypes.PyDLL(None).sleep(3600)
        case "devour":
            held = []
            while True:
                held.append(bytes(16 << 20))
        case "print":
            print("not a message " * 1000, flush=True)  # noqa: T201
            os.write(1, b"\x00" * 10_000)
        case "spy":  # on the files at value, one a line, and on its parent
            reached = []
            for path in [*Path(value).read_text().splitlines(), f"/proc/{os.getppid()}/environ"]:
                with contextlib.suppress(OSError):
                    Path(path).read_bytes()
                    reached.append(path)
            return Asset(b"glb", b"png", {"reached": reached})
        case "environment":
            return Asset(b"glb", b"png", {"environment": dict(os.environ), "arguments": sys.argv})
    if sides:
        return Asset(b"glTF" + picture, b"png", {view: side.decode() for view, side in sides.items()})
    if mask is not None:
        return Asset(b"glTF" + picture, b"png", {"mask": mask.decode()})
    report = {"options": options.model_dump(), "process": os.getpid(), "letters": "äöü 漢"}
    return Asset(b"glTF" + picture, b"PNG of " + picture, report)
