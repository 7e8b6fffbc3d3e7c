"""Sources of pictures in Blender: each gives a name and the bytes of a file."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import bpy
import numpy as np

from . import settings
from .client import png
from .client.errors import Failure
from .client.server import MAX_PICTURE
from .text import words

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


def _any(value: Any) -> Any:
    """For values whose type is wrong in the stubs."""
    return value


class Picture(NamedTuple):
    """name : for the object; data : a JPEG, PNG or WebP file's bytes"""

    name: str
    data: bytes


def chosen(context: bpy.types.Context) -> Picture:
    """The picture that the panel shows. Raises Failure."""
    wanted = settings.chosen(context.scene)
    if wanted.source == "IMAGE":
        return from_image(wanted.image)
    if wanted.source == "RENDER":
        return from_render(context)
    if wanted.source == "VIEW":
        return from_view(context)
    if not wanted.filepath:
        raise Failure("picture_unreadable", words("No picture is chosen."), hint=words("Choose a file, or paste one."))
    return from_file(Path(bpy.path.abspath(wanted.filepath)))


def from_file(path: Path) -> Picture:
    """A picture file as it is; the server checks its content. Raises Failure."""
    try:
        if path.stat().st_size > MAX_PICTURE:
            raise Failure("picture_too_large", words("{name} is larger than 10 MB.").format(name=path.name))
        return Picture(path.stem, path.read_bytes())
    except OSError as error:
        raise Failure(
            "picture_unreadable",
            words("{path} cannot be read: {reason}.").format(path=path, reason=error.strerror or error),
            hint=words("Choose another file."),
        ) from error


def from_image(image: bpy.types.Image | None) -> Picture:
    """An image of this file: its packed or saved bytes if they are current, else its pixels. Raises Failure."""
    if image is None:
        raise Failure("picture_unreadable", words("No image is chosen."), hint=words("Choose an image, or a file."))
    if image.type == "RENDER_RESULT":
        return from_render(bpy.context)
    name = Path(image.name).stem if Path(image.name).suffix.lower() in SUFFIXES else image.name
    if image.source == "FILE" and not image.is_dirty and Path(image.filepath).suffix.lower() in SUFFIXES:
        if image.packed_file is not None and image.packed_file.size <= MAX_PICTURE:
            return Picture(name, bytes(_any(image.packed_file.data)))
        path = Path(bpy.path.abspath(image.filepath, library=image.library))
        if path.is_file() and path.stat().st_size <= MAX_PICTURE:
            return Picture(name, path.read_bytes())
    width, height = image.size
    if not width * height * image.channels:
        raise Failure("picture_unreadable", words("The image {name} is empty.").format(name=image.name))
    pixels = np.empty(width * height * image.channels, np.float32)
    _any(image.pixels).foreach_get(pixels)
    return Picture(name, png.encode(pixels.reshape(height, width, image.channels), linear=image.is_float))


def from_render(context: bpy.types.Context) -> Picture:
    """The last render, as it would be saved. Raises Failure."""
    result: bpy.types.Image | None = bpy.data.images.get("Render Result")
    with _as_png(context.scene) as path:
        try:
            if result is None:
                raise RuntimeError
            result.save_render(str(path), scene=context.scene)
            return Picture("Render", path.read_bytes())
        except (RuntimeError, OSError) as error:
            raise Failure(
                "picture_unreadable", words("There is no render yet."), hint=words("Render an image first.")
            ) from error


def from_view(context: bpy.types.Context) -> Picture:
    """What the 3D viewport shows, with a transparent background if possible. Raises Failure."""
    area = context.area if context.area and context.area.type == "VIEW_3D" else None
    if area is None:
        area = next((a for w in context.window_manager.windows for a in w.screen.areas if a.type == "VIEW_3D"), None)
    if area is None or bpy.app.background:
        raise Failure("picture_unreadable", words("There is no 3D viewport."), hint=words("Choose a file instead."))
    region = next(r for r in area.regions if r.type == "WINDOW")
    with _as_png(context.scene) as path:
        context.scene.render.filepath = str(path)
        context.scene.render.film_transparent = True
        with context.temp_override(area=area, region=region, space_data=area.spaces.active):
            bpy.ops.render.opengl(view_context=True, write_still=True)
        return Picture("View", path.read_bytes())


def from_clipboard(context: bpy.types.Context) -> Picture:
    """The picture on the clipboard, or the picture file whose path is on it. Raises Failure."""
    text = context.window_manager.clipboard.strip().removeprefix("file://")
    if text and "\n" not in text and Path(text).suffix.lower() in SUFFIXES and Path(text).is_file():
        return from_file(Path(text))
    data = _clipboard_by_program() if sys.platform == "linux" else b""
    if data:
        return Picture("Clipboard", data)
    image = _clipboard_by_blender(context)
    if image is None:
        raise Failure(
            "picture_unreadable",
            words("There is no picture on the clipboard."),
            hint=words("Copy a picture, or the path of one; on Linux this needs wl-paste or xclip."),
        )
    try:
        return Picture("Clipboard", from_image(image).data)
    finally:
        bpy.data.images.remove(image)


def _clipboard_by_program() -> bytes:
    for command in (["wl-paste", "--type", "image/png"], ["xclip", "-selection", "clipboard", "-t", "image/png", "-o"]):
        program = shutil.which(command[0])
        if program is None:
            continue
        try:
            done = subprocess.run([program, *command[1:]], capture_output=True, timeout=5, check=True)
        except (OSError, subprocess.SubprocessError):
            continue
        if done.stdout.startswith(b"\x89PNG"):
            return done.stdout
    return b""


def _clipboard_by_blender(context: bpy.types.Context) -> bpy.types.Image | None:
    """Blender pastes pictures only in an image editor, so the area briefly becomes one."""
    area = context.area
    if area is None:
        return None
    kind, known = area.ui_type, set(bpy.data.images)
    try:
        area.ui_type = "IMAGE_EDITOR"
        with context.temp_override(area=area):
            bpy.ops.image.clipboard_paste()
    except (AttributeError, RuntimeError):
        return None
    finally:
        area.ui_type = kind
    return next((image for image in bpy.data.images if image not in known), None)


@contextmanager
def _as_png(scene: bpy.types.Scene) -> Iterator[Path]:
    """A path for a PNG with alpha to be written by Blender; restores the scene's own settings afterwards."""
    form = scene.render.image_settings
    kept: list[tuple[Any, str, Any]] = [
        (holder, name, getattr(holder, name))
        for holder, names in (
            (form, ("media_type", "file_format", "color_mode", "color_depth")),
            (scene.render, ("filepath", "film_transparent", "use_file_extension")),
        )
        for name in names
        if hasattr(holder, name)  # media_type came with Blender 5
    ]
    with tempfile.TemporaryDirectory() as folder:
        try:
            if hasattr(form, "media_type"):
                form.media_type = "IMAGE"
            form.file_format, form.color_mode, form.color_depth = "PNG", "RGBA", "8"
            yield Path(folder) / "picture.png"
        finally:
            for holder, name, value in kept:
                setattr(holder, name, value)
