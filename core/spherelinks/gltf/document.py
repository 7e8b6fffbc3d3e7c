"""The parts of any glTF or GLB file: its document, accessors and images."""

from __future__ import annotations

import base64
import binascii
import json
import struct
from collections.abc import Callable
from importlib.util import find_spec
from threading import RLock
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

import numpy as np
from numpy.typing import NDArray

from spherelinks.gltf import meshopt

_COLUMNS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
Matrix = NDArray[np.float64]

_DRACO = "KHR_draco_mesh_compression"
_PACKED = ("EXT_meshopt_compression", "KHR_meshopt_compression")
#: Bytes of a compressed view once it is unpacked.
_MOST_UNPACKED = 1 << 30


class Document:
    """A document and its buffers.

    Raises ValueError, KeyError, IndexError, TypeError or struct.error for what is no such file.
    """

    def __init__(self, data: bytes, beside: Callable[[str], bytes | None]) -> None:
        self._beside = beside
        self._blob: memoryview | None = None
        text: bytes | memoryview = data
        if data[:4] == b"glTF":
            if len(data) < 20:
                raise ValueError(f"it is cut short: {len(data)} bytes are there, fewer than its header has")
            _, version, length = struct.unpack_from("<4sII", data)
            if version != 2:
                raise ValueError(f"it is glTF {version}, not 2")
            if length > len(data):
                raise ValueError(f"it is cut short: its header says {length} bytes, and {len(data)} are there")
            size = struct.unpack_from("<I", data, 12)[0]
            text, self._blob = data[20 : 20 + size], memoryview(data)[28 + size :]
        elif not data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
            raise ValueError("it has no glTF 2.0 header")
        self.json: dict[str, Any] = json.loads(bytes(text).decode("utf-8-sig"))
        self._draco = _compressed(self.json)
        self._decoded: dict[int, Any] = {}
        self._buffers: dict[int, memoryview] = {}
        self._views: dict[int, memoryview] = {}
        self._unpacking = RLock()  # threads that read at a time wait for what one of them unpacks

    def accessor(self, index: int) -> NDArray[Any]:
        """(count,) or (count, columns) values; normalised integers as float32."""
        accessor = self.json["accessors"][index]
        if accessor["componentType"] not in _TYPES or accessor["type"] not in _COLUMNS:
            raise ValueError(
                f"accessor {index} is of component type {accessor['componentType']}, {accessor['type']}: not supported"
            )
        kind, columns = np.dtype(_TYPES[accessor["componentType"]]), _COLUMNS[accessor["type"]]
        count = accessor["count"]
        if index in self._draco:
            rows = self._from_draco(*self._draco[index])
            if rows.shape != (count, columns):
                raise ValueError(f"accessor {index} has {count} rows of {columns}, and Draco {rows.shape}")
        elif "bufferView" in accessor:
            view = self.json["bufferViews"][accessor["bufferView"]]
            packed = _packed(view)
            stride = (packed or view).get("byteStride", columns * kind.itemsize)
            rows = np.array(
                self._rows(accessor["bufferView"], accessor.get("byteOffset", 0), count, kind, columns, stride)
            )
        elif "sparse" in accessor:
            rows = np.zeros((count, columns), kind)
        else:
            raise ValueError(f"accessor {index} has neither data nor sparse values")
        if "sparse" in accessor:
            sparse = accessor["sparse"]
            where, what = sparse["indices"], sparse["values"]
            number = np.dtype(_TYPES[where["componentType"]])
            at = self._rows(
                where["bufferView"], where.get("byteOffset", 0), sparse["count"], number, 1, number.itemsize
            )
            new = self._rows(
                what["bufferView"], what.get("byteOffset", 0), sparse["count"], kind, columns, columns * kind.itemsize
            )
            rows[at[:, 0]] = new
        values = rows[:, 0] if columns == 1 else rows
        if accessor.get("normalized"):
            return np.maximum(values / np.float32(np.iinfo(kind).max), np.float32(-1))
        return values

    def image(self, index: int) -> bytes | memoryview:
        """The file of an image."""
        image = self.json["images"][index]
        if "bufferView" in image:
            return self.view(image["bufferView"])
        return self._fetched(image["uri"], f"image {index}")

    def view(self, index: int) -> memoryview:
        """A view's bytes, decompressed if necessary."""
        with self._unpacking:
            if index not in self._views:
                view = self.json["bufferViews"][index]
                packed = _packed(view)
                layout = packed or view
                start, length = layout.get("byteOffset", 0), layout["byteLength"]
                buffer = self._buffer(layout.get("buffer", 0))
                if start < 0 or length < 0 or start + length > len(buffer):
                    raise ValueError(f"buffer view {index} reaches past the end of the file")
                data = buffer[start : start + length]
                self._views[index] = _unpacked(packed, data) if packed else data
            return self._views[index]

    def _from_draco(self, view: int, attribute: int | None) -> NDArray[Any]:
        """(count, columns) values of an attribute, or the corners where that is None."""
        if find_spec("DracoPy") is None:
            raise ValueError(f"it is compressed with {_DRACO}, which needs: pip install 'spherelinks[formats]'")
        import DracoPy

        with self._unpacking:
            if view not in self._decoded:
                try:
                    self._decoded[view] = DracoPy.decode(bytes(self.view(view)))
                except (DracoPy.FileTypeException, RuntimeError) as error:
                    raise ValueError(f"its {_DRACO} data is damaged") from error
        mesh = self._decoded[view]
        if attribute is None:
            return np.asarray(mesh.faces).reshape(-1, 1)
        found = mesh.get_attribute_by_unique_id(attribute)
        if found is None:
            raise ValueError(f"its {_DRACO} data has no attribute {attribute}")
        rows = np.asarray(found["data"])
        return rows.reshape(len(rows), -1)

    def _rows(self, view: int, offset: int, count: int, kind: np.dtype[Any], columns: int, stride: int) -> NDArray[Any]:
        return np.ndarray((count, columns), kind, self.view(view), offset, (stride, kind.itemsize))

    def _buffer(self, index: int) -> memoryview:
        if index not in self._buffers:
            uri = self.json["buffers"][index].get("uri")
            if uri is not None:
                self._buffers[index] = memoryview(self._fetched(uri, f"buffer {index}"))
            elif index == 0 and self._blob is not None:
                self._buffers[index] = self._blob
            else:
                raise ValueError(f"buffer {index} has no data")
        return self._buffers[index]

    def _fetched(self, uri: str, what: str) -> bytes:
        """What a data URI holds, or the file it names."""
        if uri.startswith("data:"):
            head, _, body = uri.partition(",")
            try:
                return base64.b64decode(unquote(body)) if head.endswith(";base64") else unquote_to_bytes(body)
            except binascii.Error as error:
                raise ValueError(f"{what} is not base64") from error
        data = self._beside(unquote(uri))
        if data is None:
            raise ValueError(f"it keeps data in other files, and {uri[:80]} is not beside it")
        return data


def _compressed(document: dict[str, Any]) -> dict[int, tuple[int, int | None]]:
    """Of the accessors that Draco's data stands for: the view, and the attribute's number in it, None for corners."""
    found: dict[int, tuple[int, int | None]] = {}
    if _DRACO not in document.get("extensionsUsed", ()):
        return found
    for mesh in document.get("meshes", ()):
        for primitive in mesh["primitives"]:
            packed = primitive.get("extensions", {}).get(_DRACO)
            if packed is None:
                continue
            view = packed["bufferView"]
            if "indices" in primitive:
                found[primitive["indices"]] = view, None
            for name, number in packed["attributes"].items():
                found[primitive["attributes"][name]] = view, number
    return found


def _packed(view: dict[str, Any]) -> dict[str, Any] | None:
    return next((view["extensions"][name] for name in _PACKED if name in view.get("extensions", {})), None)


def _unpacked(packed: dict[str, Any], data: memoryview) -> memoryview:
    count, stride = packed["count"], packed["byteStride"]
    if not 0 < count * stride <= _MOST_UNPACKED:
        raise ValueError(f"a compressed view has {count} rows of {stride} bytes")
    if packed["mode"] == "TRIANGLES":
        return memoryview(meshopt.decode_faces(data, count // 3).astype(f"<u{stride}").tobytes())
    if packed["mode"] == "INDICES":
        return memoryview(meshopt.decode_indices(data, count).astype(f"<u{stride}").tobytes())
    if packed["mode"] == "ATTRIBUTES":
        rows = meshopt.decode_rows(data, count, stride)
        return memoryview(meshopt.unfiltered(rows, packed.get("filter", "NONE")).tobytes())
    raise ValueError(f"it is compressed with meshopt's mode {packed['mode']}, which is not read")


def matrix(node: dict[str, Any]) -> Matrix:
    """(4, 4) from the node's space to its parent's."""
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    x, y, z, w = (float(part) for part in node.get("rotation", (0, 0, 0, 1)))
    turn = np.array(
        [
            (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
            (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
            (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
        ]
    )
    place = np.eye(4)
    place[:3, :3] = turn * np.array(node.get("scale", (1, 1, 1)), np.float64)
    place[:3, 3] = node.get("translation", (0, 0, 0))
    return place
