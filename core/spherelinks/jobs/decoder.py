"""The process that decodes strangers' pictures for a server: with few rights, little memory, and nothing to lose.

Run by :mod:`spherelinks.jobs.decoding` as ``python -m spherelinks.jobs.decoder TASK MEMORY_MB``. The first message
names what is hidden, and is answered once the process is ready; then one comes for each picture, its bytes as payload.
To ``prove`` is to see whether it can be decoded, and its mask if one comes with it: the answer is empty. To ``cut`` is
to preview its matte: the answer is notes, and a PNG as payload. An error is answered with its class, message, hint and
field.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from spherelinks import confinement
from spherelinks.errors import InvalidRequest, NoObject, PictureError
from spherelinks.jobs import wire


def main(task: str, memory_limit_mb: int) -> None:
    """Serve until standard input ends."""
    if hasattr(os, "nice"):
        os.nice(5)
    first = wire.read(sys.stdin.buffer)
    if first is None:
        return
    confinement.hide([Path(path) for path in first[0]["hidden"]])  # before libraries start threads
    work = _loaded(task)
    confinement.limit_memory(memory_limit_mb)
    _limit_files()
    confinement.leave_root()
    confinement.seal()

    wire.write(sys.stdout.buffer, {})
    while (message := wire.read(sys.stdin.buffer)) is not None:
        answer: dict[str, Any] = {}
        made = b""
        try:
            answer, made = work(message)
        except (PictureError, NoObject, InvalidRequest) as error:
            answer = {
                "error": type(error).__name__,
                **{name: getattr(error, name) for name in ("message", "hint", "field")},
            }
        wire.write(sys.stdout.buffer, answer, made)


def _loaded(task: str) -> Callable[[wire.Message], wire.Message]:
    """What does the task, with all that it would load later."""
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

    def prove(message: wire.Message) -> wire.Message:
        picture, beside = wire.pictures_of(message)
        decoded = decode(picture)
        if (mask := beside.pop(masks.FIELD, None)) is not None:
            masks.check(decoded, masks.read(mask))
        return {}, b""

    Image.preinit()
    return prove if task == "prove" else _cutter()


def _cutter() -> Callable[[wire.Message], wire.Message]:
    import cv2
    import numpy as np

    from spherelinks.picture import mattes, outline
    from spherelinks.picture.preview import preview

    # rehearsed: libraries import, and the network is read, when they are first needed
    plain = np.full((96, 96, 3), 230, np.uint8)
    plain[30:70, 25:65] = (30, 90, 160)
    noise = np.random.default_rng(0).integers(0, 255, (96, 96, 3)).astype(np.uint8)
    for picture in (plain, noise):
        for box in (None, (0.2, 0.2, 0.8, 0.8)):
            with suppress(NoObject):
                preview(cv2.imencode(".png", picture)[1].tobytes(), box)
    outline.likely(plain)

    def cut(message: wire.Message) -> wire.Message:
        header, picture = message
        box = header.get("box")
        find = outline.find if header.get("matte") == mattes.U2NETP.name else None
        made, notes = preview(picture, None if box is None else (box[0], box[1], box[2], box[3]), find)
        return {"notes": notes}, made

    return cut


def _limit_files() -> None:
    """Have this process write no file, and hold few open."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
