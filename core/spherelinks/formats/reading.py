"""Mesh files as raw meshes: GLB with its colours, OBJ, PLY and STL."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from spherelinks.errors import InvalidRequest
from spherelinks.formats.scene import read_scene
from spherelinks.mesh.solid import MOST
from spherelinks.shape import Surface

#: Larger files are refused before they are read.
MAX_BYTES = 512 * 1024 * 1024


def read(path: Path) -> Surface:
    """The triangles of a GLB, OBJ, PLY or STL file, recognised by its suffix; larger faces are triangulated.

    OBJ and PLY may have vertex colours; materials in other files are not read. Raises InvalidRequest for a file that
    has another suffix, is damaged, or exceeds MAX_BYTES or MOST vertices or triangles.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise InvalidRequest(
            f"{path.name} is not in a supported format.", hint=f"Give one of {', '.join(_READERS)}.", field="mesh"
        )
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InvalidRequest(
                f"{path.name} has {size / 1e6:.0f} MB; {MAX_BYTES / 1e6:.0f} MB is the limit.",
                hint="Simplify it, or shrink its textures.",
                field="mesh",
            )
        data = path.read_bytes()
    except OSError as error:
        raise InvalidRequest(
            f"{path} cannot be read: {error.strerror or error}.", hint="Give the path of a mesh file.", field="mesh"
        ) from error
    try:
        return reader(data)
    except (ValueError, KeyError, IndexError, TypeError, struct.error, OverflowError) as error:
        raise InvalidRequest(
            f"{path.name} cannot be read as {path.suffix[1:].upper()}: {error}.",
            hint="Open it in a modelling program and export it again.",
            field="mesh",
        ) from error


def _obj(data: bytes) -> Surface:
    places: list[list[float]] = []
    faces: list[tuple[int, int, int]] = []
    for line in data.decode("utf-8", "replace").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "v":
            places.append([float(number) for number in rest.split()])
        elif word == "f":
            corners = [int(corner.partition("/")[0]) for corner in rest.split()]
            ring = [corner - 1 if corner > 0 else len(places) + corner for corner in corners]
            faces += [(ring[0], ring[i], ring[i + 1]) for i in range(1, len(ring) - 1)]
        _check_count(max(len(places), len(faces)))
    rows = np.array(places or np.zeros((0, 3)), np.float32)
    color = (rows[:, 3:6] * 255 + 0.5).clip(0, 255).astype(np.uint8) if rows.shape[1] >= 6 else None
    return Surface(rows[:, :3], np.array(faces or np.zeros((0, 3)), np.int32), color)


def _stl(data: bytes) -> Surface:
    count = struct.unpack_from("<I", data, 80)[0] if len(data) >= 84 else -1
    if len(data) == 84 + 50 * count:
        _check_count(3 * count)
        kind = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("rest", "<u2")])
        corners = np.frombuffer(data, kind, count, 84)["corners"].reshape(-1, 3)
    elif data.lstrip()[:5].lower() == b"solid":
        corners = np.array([line.split()[1:4] for line in data.splitlines() if line.strip()[:6] == b"vertex"], "f4")
        _check_count(len(corners))
        corners = corners.reshape(-1, 3)
    else:
        raise ValueError("its length does not match its header")
    return Surface(corners.copy(), np.arange(len(corners), dtype=np.int32).reshape(-1, 3))


_PLY_TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4",
    "float": "f4", "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2",
    "int32": "i4", "uint32": "u4", "float32": "f4", "float64": "f8",
}  # fmt: skip


def _ply(data: bytes) -> Surface:
    """Vertices with scalar properties, then faces with one list, as most programs write it."""
    end = re.search(rb"end_header\r?\n", data)
    if not data.startswith(b"ply") or not end:
        raise ValueError("it has no header")
    header = data[: end.start()].decode("ascii", "replace")
    kind = re.search(r"format (\S+)", header)
    elements = re.findall(r"element (\w+) (\d+)((?:\s+(?:property|comment) [^\n]*)*)", header)
    if not kind or [name for name, _, _ in elements][:2] != ["vertex", "face"]:
        raise ValueError("it does not start with vertices and faces")
    order = ">" if "big" in kind[1] else "<"
    count, many = int(elements[0][1]), int(elements[1][1])
    _check_count(max(count, many))
    scalars = re.findall(r"property (\w+) (\w+)", elements[0][2])
    lists = re.findall(r"property list (\w+) (\w+) \w+", elements[1][2])
    if "property list" in elements[0][2] or len(lists) != 1 or elements[1][2].count("property") != 1:
        raise ValueError("its vertices or faces have unknown properties")
    names = [name for _, name in scalars]
    if kind[1] == "ascii":
        lines = data[end.end() :].split(b"\n")
        rows = np.array([line.split()[: len(names)] for line in lines[:count]], np.float64).reshape(count, len(names))
        rings = [[int(word) for word in line.split()][1:] for line in lines[count : count + many]]
        column = {name: rows[:, i] for i, name in enumerate(names)}
    else:
        row = np.dtype([(name, order + _PLY_TYPES[type_]) for type_, name in scalars])
        table = np.frombuffer(data, row, count, end.end())
        column = {name: table[name].astype(np.float64) for name in names}
        rings = _rings(data, end.end() + table.nbytes, many, *(np.dtype(order + _PLY_TYPES[t]) for t in lists[0]))
    faces = [(ring[0], ring[i], ring[i + 1]) for ring in rings for i in range(1, len(ring) - 1)]
    _check_count(len(faces))
    places = np.stack([column[axis] for axis in "xyz"], axis=1).astype(np.float32)
    color = None
    if "red" in column:
        shown = np.stack([column[name] for name in ("red", "green", "blue")], axis=1)
        whole = {name: kind for kind, name in scalars}["red"] in ("uchar", "uint8")
        color = (shown if whole else shown * 255).clip(0, 255).astype(np.uint8)
    return Surface(places, np.array(faces or np.zeros((0, 3)), np.int32), color)


def _rings(data: bytes, start: int, many: int, length: np.dtype[Any], index: np.dtype[Any]) -> list[list[int]]:
    """The faces' corners, three or more each."""
    row = np.dtype([("length", length), ("corners", index, 3)])
    if start + many * row.itemsize <= len(data):
        table = np.frombuffer(data, row, many, start)
        if (table["length"] == 3).all():
            return table["corners"].tolist()  # type: ignore[no-any-return]
    rings: list[list[int]] = []
    for _ in range(many):
        corners = int(np.frombuffer(data, length, 1, start)[0])
        rings.append(np.frombuffer(data, index, corners, start + length.itemsize).tolist())
        start += length.itemsize + corners * index.itemsize
    return rings


def _check_count(count: int) -> None:
    if count > 3 * MOST:
        raise ValueError(f"it has more than {3 * MOST} vertices or triangles")


_READERS: dict[str, Callable[[bytes], Surface]] = {".glb": read_scene, ".obj": _obj, ".ply": _ply, ".stl": _stl}
