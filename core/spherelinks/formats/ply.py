"""PLY: meshes with the colours that programs write into them; ours have them at the vertices."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spherelinks.formats.image import rgba
from spherelinks.gltf.read import Model
from spherelinks.mesh.polygon import triangulate
from spherelinks.mesh.pose import single
from spherelinks.mesh.solid import MOST
from spherelinks.mesh.weld import weld
from spherelinks.shape import Surface

_VERTEX = np.dtype([("position", "<f4", 3), ("normal", "<f4", 3), ("color", "u1", 3)])
_FACE = np.dtype([("corners", "u1"), ("vertices", "<i4", 3)])


_TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4",
    "float": "f4", "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2",
    "int32": "i4", "uint32": "u4", "float32": "f4", "float64": "f8",
}  # fmt: skip
_RED = (("red", "green", "blue"), ("diffuse_red", "diffuse_green", "diffuse_blue"), ("r", "g", "b"))
_UV = (("s", "t"), ("u", "v"), ("texture_u", "texture_v"), ("tx", "ty"))


@dataclass(frozen=True)
class _Property:
    """length : type of a list's length, "" for a single value; of NumPy's types, without byte order"""

    name: str
    kind: str
    length: str = ""


@dataclass(frozen=True)
class _Lists:
    """Rows of different lengths: all values one after the other, and how many each row has."""

    values: NDArray[np.float64]
    sizes: NDArray[np.int64]


_Columns = dict[str, "NDArray[np.float64] | _Lists"]


def read(data: bytes, beside: Callable[[str], bytes | None]) -> Surface:
    """The faces, or triangle strips, of an ASCII or binary PLY, with whatever other properties and elements.

    Colours are read at the vertices or the faces, as bytes, 16 bits or fractions; texture coordinates at the vertices
    or at the faces' corners, with the images that comments "TextureFile NAME" name and `beside` finds, the first for
    all faces that have no "texnumber": then colours are left. Raises
    ValueError, KeyError, IndexError or struct.error for what is no such file, and ValueError past 3 * MOST rows.
    """
    found = re.search(rb"[\r\n]end_header[ \t]*(?:\r\n|\r|\n)", data)
    if not data.startswith(b"ply") or not found:
        raise ValueError("it has no header")
    lines = re.split(r"\r\n|\r|\n", data[: found.start()].decode("utf-8", "replace"))
    form, elements = _header(lines)
    columns = _body(data[found.end() :], form, elements)
    kinds = {name: {each.name: each.kind for each in properties} for name, _, properties in elements}
    if not {"x", "y", "z"} <= columns.get("vertex", {}).keys():
        raise ValueError("its vertices have no places")
    vertex = columns["vertex"]
    points = np.stack([_scalars(vertex, axis) for axis in "xyz"], axis=1)
    face = columns.get("face", {})
    rings = next((face[name] for name in ("vertex_indices", "vertex_index") if name in face), None)
    if not isinstance(rings, _Lists):
        rings = _strips(columns)
    if not len(rings.sizes):
        raise ValueError("it has points, but no faces")
    corners = rings.values.astype(np.int64)
    loops, owner = triangulate(points, corners, rings.sizes)
    _check(len(loops))
    color, by_face = _colors(vertex, kinds["vertex"]), _colors(face, kinds.get("face", {}))
    uv, wedges = _uv(vertex), face.get("texcoord")
    numbers = face.get("texnumber")
    numbers = None if isinstance(numbers, _Lists) else numbers
    wanted = uv is not None or isinstance(wedges, _Lists)
    textures, which, notes = _textures(lines, beside, numbers, wanted=wanted)
    texture_of = None if which is None or not textures else which[owner].astype(np.int32)
    if textures and (color is not None or by_face is not None):  # of scans, for viewers that have no textures
        color = by_face = None
        notes += ("It has a texture, and colours, which were not read.",)
    if color is not None and by_face is not None:  # MeshLab writes both, and white for those that nobody painted
        if np.ptp(by_face, axis=0).any():
            notes += ("It has colours of vertices and of faces: those of faces were read.",) * bool(
                np.ptp(color, 0).any()
            )
        else:
            by_face = None
    notes += tuple(
        "The transparency of its colours was not read."
        for columns_of, kind in ((vertex, kinds["vertex"]), (face, kinds.get("face", {})))
        if _is_sheer(columns_of, kind)
    )[:1]
    if by_face is None and not (textures and isinstance(wedges, _Lists)):
        return Surface(
            single(points),
            corners[loops].astype(np.int32),
            color,
            uv if textures else None,
            textures,
            texture_of,
            notes=notes,
        )
    at = corners[loops].ravel()
    if by_face is not None:
        color = np.repeat(by_face[owner], 3, axis=0)
    elif color is not None:
        color = color[at]
    if textures and isinstance(wedges, _Lists):
        if not np.array_equal(wedges.sizes, 2 * rings.sizes):
            raise ValueError("its faces' texture coordinates are not two for each corner")
        uv = _down(wedges.values.reshape(-1, 2))[loops.ravel()]
    elif uv is not None:
        uv = uv[at]
    faces = np.arange(len(at), dtype=np.int32).reshape(-1, 3)
    return Surface(single(points)[at], faces, color, uv if textures else None, textures, texture_of, notes=notes)


def _header(lines: Sequence[str]) -> tuple[str, list[tuple[str, int, list[_Property]]]]:
    """The form, and the elements with their counts and properties."""
    form = ""
    elements: list[tuple[str, int, list[_Property]]] = []
    for line in lines:
        match line.split():
            case ["format", form, *_]:
                pass
            case ["element", name, count]:
                elements.append((name, int(count), []))
                _check(int(count))
            case ["property", "list", length, kind, name]:
                elements[-1][2].append(_Property(name, _type(kind), _type(length)))
            case ["property", kind, name]:
                elements[-1][2].append(_Property(name, _type(kind)))
    if form not in ("ascii", "binary_little_endian", "binary_big_endian"):
        raise ValueError(f"its format is {form!r}")
    return form, elements


def _type(name: str) -> str:
    if name not in _TYPES:
        raise ValueError(f"a property is of type {name}, which the format does not have")
    return _TYPES[name]


def _check(count: int) -> None:
    if not 0 <= count <= 3 * MOST:
        raise ValueError(f"it has more than {3 * MOST} vertices or triangles")


def _body(data: bytes, form: str, elements: Sequence[tuple[str, int, list[_Property]]]) -> dict[str, _Columns]:
    columns: dict[str, _Columns] = {}
    if form == "ascii":
        numbers = np.array(data.split(), np.float64)
        start = 0
        for name, count, properties in elements:
            columns[name], start = _ascii(numbers, start, count, properties)
        return columns
    order = ">" if "big" in form else "<"
    start = 0
    for name, count, properties in elements:
        columns[name], start = _binary(data, start, count, properties, order)
    return columns


def _ascii(
    numbers: NDArray[np.float64], start: int, count: int, properties: Sequence[_Property]
) -> tuple[_Columns, int]:
    """The columns of an element in text, and where it ends. Rows that all have the first one's form are read whole."""
    shape, width = [], 0
    for each in properties:
        size = int(numbers[start + width]) if each.length and count else 1
        shape.append((each, width, size))
        width += size + bool(each.length)
    if start + count * width <= len(numbers):
        rows = numbers[start : start + count * width].reshape(count, width)
        if all((rows[:, at] == size).all() for each, at, size in shape if each.length):
            return {each.name: _column(rows, at, size, each) for each, at, size in shape}, start + count * width
    values: dict[str, list[NDArray[np.float64]]] = {each.name: [] for each in properties}
    for _ in range(count):
        for each in properties:
            size = int(numbers[start]) if each.length else 1
            start += bool(each.length)
            if size < 0 or start + size > len(numbers):
                raise ValueError("it ends too soon")
            values[each.name].append(numbers[start : start + size])
            start += size
    return _gathered(values, properties), start


def _column(rows: NDArray[np.float64], at: int, size: int, each: _Property) -> NDArray[np.float64] | _Lists:
    if not each.length:
        return rows[:, at]
    return _Lists(rows[:, at + 1 : at + 1 + size].ravel(), np.full(len(rows), size, np.int64))


def _binary(data: bytes, start: int, count: int, properties: Sequence[_Property], order: str) -> tuple[_Columns, int]:
    """The same of a binary element."""
    fields: list[tuple[str, str] | tuple[str, str, int]] = []
    at = start
    for number, each in enumerate(properties):
        if each.length and count:
            size = int(np.frombuffer(data, order + each.length, 1, at)[0])
            if not 0 <= size < 1 << 16:
                raise ValueError(f"a list has {size} values")
            fields += [(f"n{number}", order + each.length), (f"v{number}", order + each.kind, size)]
        else:
            fields.append((f"v{number}", order + each.kind))
        at = start + np.dtype(fields).itemsize
    row = np.dtype(fields)
    if start + count * row.itemsize <= len(data):
        table = np.frombuffer(data, row, count, start)
        same = all(
            (table[f"n{i}"] == table.dtype[f"v{i}"].shape[0]).all() for i, p in enumerate(properties) if p.length
        )
        if same or not count:
            found: _Columns = {}
            for number, each in enumerate(properties):
                values = table[f"v{number}"].astype(np.float64)
                sizes = np.full(count, values.shape[1] if values.ndim > 1 else 0, np.int64)
                found[each.name] = _Lists(values.ravel(), sizes) if each.length else values
            return found, start + count * row.itemsize
    lists: dict[str, list[NDArray[np.float64]]] = {each.name: [] for each in properties}
    readers = [
        (each.name, each.length and np.dtype(order + each.length), np.dtype(order + each.kind)) for each in properties
    ]
    for _ in range(count):
        for name, length, kind in readers:
            size = 1
            if length:
                size = int(np.frombuffer(data, length, 1, start)[0])
                start += length.itemsize
            lists[name].append(np.frombuffer(data, kind, size, start).astype(np.float64))
            start += size * kind.itemsize
    return _gathered(lists, properties), start


def _gathered(values: dict[str, list[NDArray[np.float64]]], properties: Sequence[_Property]) -> _Columns:
    found: _Columns = {}
    for each in properties:
        rows = values[each.name]
        joined = np.concatenate(rows) if rows else np.zeros(0)
        found[each.name] = _Lists(joined, np.array([len(row) for row in rows], np.int64)) if each.length else joined
    return found


def _scalars(columns: _Columns, name: str) -> NDArray[np.float64]:
    values = columns[name]
    if isinstance(values, _Lists):
        raise ValueError(f"its {name} is a list")
    return values


def _strips(columns: dict[str, _Columns]) -> _Lists:
    """The faces of triangle strips, which -1 ends."""
    rings = [
        (strip[i], strip[i + 1 + i % 2], strip[i + 2 - i % 2])
        for lists in columns.get("tristrips", {}).values()
        if isinstance(lists, _Lists)
        for strip in np.split(lists.values, np.flatnonzero(lists.values < 0))
        for strip in [strip[strip >= 0]]
        for i in range(len(strip) - 2)
    ]
    return _Lists(np.array(rings, np.float64).ravel(), np.full(len(rings), 3, np.int64))


def _colors(columns: _Columns, kinds: dict[str, str]) -> NDArray[np.uint8] | None:
    """(rows, 3) uint8, whatever the colours' type."""
    names = next((names for names in _RED if set(names) <= columns.keys()), None)
    if names is None:
        return None
    shown = np.nan_to_num(np.stack([_scalars(columns, name) for name in names], axis=1), nan=1.0)
    kind = kinds[names[0]]
    if kind == "u2":
        shown = shown / 257
    elif kind != "u1" and shown.size and shown.max() <= 1:
        shown = shown * 255
    return (shown + 0.5 * (kind != "u1")).clip(0, 255).astype(np.uint8)


def _is_sheer(columns: _Columns, kinds: dict[str, str]) -> bool:
    """Whether alpha lets anything through; scanners write 0 everywhere, and mean nothing by it."""
    alpha = columns.get("alpha", columns.get("a"))
    if alpha is None or isinstance(alpha, _Lists) or not alpha.any():
        return False
    kind = kinds["alpha" if "alpha" in columns else "a"]
    return bool(alpha.min() < {"u1": 255, "u2": 65535}.get(kind, 1))


def _uv(vertex: _Columns) -> NDArray[np.float32] | None:
    names = next((names for names in _UV if set(names) <= vertex.keys()), None)
    return None if names is None else _down(np.stack([_scalars(vertex, name) for name in names], axis=1))


def _down(uv: NDArray[np.float64]) -> NDArray[np.float32]:
    """With v downwards, as glTF has it."""
    return (uv * (1, -1) + (0, 1)).astype(np.float32)


def _textures(
    lines: Sequence[str],
    beside: Callable[[str], bytes | None],
    numbers: NDArray[np.float64] | None,
    *,
    wanted: bool,
) -> tuple[tuple[NDArray[np.uint8], ...], NDArray[np.int64] | None, tuple[str, ...]]:
    """The images that the header names, each face's among them if it has several, and what is to be said about it.

    numbers : (F,) each face's among the names, or None
    """
    names = [line.partition("TextureFile")[2].strip() for line in lines if line.startswith("comment TextureFile")]
    if not names:
        return (), None, ("It has texture coordinates, but names no texture: none was read.",) if wanted else ()
    if not wanted:
        return (), None, ("It names a texture, but has no texture coordinates that are known: none was read.",)
    chosen = names if numbers is not None else names[:1]
    notes = [] if len(chosen) == len(names) else [f"Of its {len(names)} textures only {names[0]} was read."]
    pictures: list[NDArray[np.uint8]] = []
    place = np.full(len(chosen) + 1, -1, np.int64)  # the last is for numbers that are none of them
    for number, name in enumerate(chosen):
        data = beside(name)
        if data is None:
            notes.append(f"Its texture {name} is not beside it, and was not read.")
        else:
            place[number] = len(pictures)
            pictures.append(rgba(data, name)[..., :3])
    if numbers is None:
        return tuple(pictures), None, tuple(notes)
    which = numbers.astype(np.int64)
    which = np.where((which >= 0) & (which < len(names)), which, len(names))
    return tuple(pictures), place[which], tuple(notes)


def write(model: Model) -> bytes:
    """A binary PLY in metres with +Y up; a vertex on a texture seam is written once, with one of its colours."""
    mesh = model.mesh
    kept, welded = weld(mesh.positions)
    height, width = mesh.texture.shape[:2]
    column, row = np.clip((mesh.uv[kept] * (width, height)).astype(int), 0, (width - 1, height - 1)).T
    vertices = np.empty(len(kept), _VERTEX)
    vertices["position"], vertices["normal"] = mesh.positions[kept], mesh.normals[kept]
    vertices["color"] = mesh.texture[row, column]
    faces = np.empty(len(mesh.faces), _FACE)
    faces["corners"], faces["vertices"] = 3, welded[mesh.faces]
    header = [
        "ply",
        "format binary_little_endian 1.0",
        "comment SphereLinks, metres, +Y up",
        f"element vertex {len(vertices)}",
        *(f"property float {name}" for name in ("x", "y", "z", "nx", "ny", "nz")),
        *(f"property uchar {name}" for name in ("red", "green", "blue")),
        f"element face {len(faces)}",
        "property list uchar int vertex_indices",
        "end_header\n",
    ]
    return "\n".join(header).encode() + vertices.tobytes() + faces.tobytes()
