"""The process that decodes pictures to see whether they can be: with few rights, little memory, and nothing to lose.

Run by :mod:`spherelinks.jobs.decoding` as ``python -m spherelinks.jobs.decoder MEMORY_MB``. The first message names
what is hidden, and is answered once the process is ready; then one comes for each picture, its bytes and its mask's as
payload. The answer is empty, or the error's class, message, hint and field.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from spherelinks import confinement
from spherelinks.errors import InvalidRequest, PictureError
from spherelinks.jobs import wire


def main(memory_limit_mb: int) -> None:
    """Serve until standard input ends."""
    if hasattr(os, "nice"):
        os.nice(5)
    first = wire.read(sys.stdin.buffer)
    if first is None:
        return
    confinement.hide([Path(path) for path in first[0]["hidden"]])  # before libraries start threads
    prove = _loaded()
    confinement.limit_memory(memory_limit_mb)
    _limit_files()
    confinement.leave_root()
    confinement.seal()

    wire.write(sys.stdout.buffer, {})
    while (message := wire.read(sys.stdin.buffer)) is not None:
        answer: dict[str, Any] = {}
        try:
            prove(*wire.pictures_of(message))
        except (PictureError, InvalidRequest) as error:
            answer = {
                "error": type(error).__name__,
                **{name: getattr(error, name) for name in ("message", "hint", "field")},
            }
        wire.write(sys.stdout.buffer, answer)


def _loaded() -> Any:
    """The judge of a picture and its mask, with all that it would load later."""
    from PIL import (  # noqa: F401
        ExifTags,
        Image,
        ImageCms,
        JpegImagePlugin,
        JpegPresets,
        MpoImagePlugin,
        PngImagePlugin,
        TiffImagePlugin,
        TiffTags,
        WebPImagePlugin,
    )

    from spherelinks.picture import mask as masks
    from spherelinks.picture.decode import decode

    def prove(picture: bytes, mask: bytes | None) -> None:
        decoded = decode(picture)
        if mask is not None:
            masks.check(decoded, masks.read(mask))

    Image.preinit()
    return prove


def _limit_files() -> None:
    """Have this process write no file, and hold few open."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main(int(sys.argv[1]))
