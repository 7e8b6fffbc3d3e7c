"""Small pictures as icons, loaded once from their files."""

from __future__ import annotations

from pathlib import Path

import bpy.utils.previews

from .shared import MARK

_loaded: bpy.utils.previews.ImagePreviewCollection | None = None


def icon(path: Path) -> int:
    """The icon of a picture file; 0 if there is no such file."""
    if _loaded is None or not path.is_file():
        return 0
    name = f"{path} {path.stat().st_mtime_ns}"
    if name not in _loaded:
        _loaded.load(name, str(path), "IMAGE")
    return int(_loaded[name].icon_id)


def mark() -> int:
    """The icon of SphereLinks."""
    return icon(MARK)


def register() -> None:
    global _loaded
    _loaded = bpy.utils.previews.new()


def clear() -> None:
    global _loaded
    if _loaded is not None:
        bpy.utils.previews.remove(_loaded)
    _loaded = None
