"""The bitstreams of EXT_meshopt_compression: attributes (mode 0) and triangles (mode 1), both ways.

What is only read: indices (mode 2), and what KHR_meshopt_compression adds, its attributes and its filter for colours.

Written after the extensions' appendix A, https://github.com/KhronosGroup/glTF, Vendor/EXT_meshopt_compression and
Khronos/KHR_meshopt_compression.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spherelinks.native import kernel

_rows_bound = kernel("meshopt_rows_bound -> int", "count: int", "stride: int")
_write_rows = kernel("meshopt_pack_rows -> int", "rows: u1[N,S]", "N", "S", "out: u1[L]*")
_read_rows = kernel("meshopt_unpack_rows -> int", "stream: u1[L]", "L", "N", "S", "rows: u1[N,S]*")
_write_faces = kernel(
    "meshopt_pack_faces -> int", "faces: i8[F,3]", "F", "codes: i8[256]", "code: u1[F]*", "data: u1[L]*",
    "wanted: i8[256]*",
)  # fmt: skip
_read_faces = kernel("meshopt_unpack_faces -> int", "stream: u1[L]", "L", "F", "faces: i4[F,3]*")


def encode_rows(rows: NDArray[np.uint8]) -> bytes:
    """(N, stride) bytes of a vertex attribute, N at least 1, stride a multiple of 4 up to 256, as an attribute stream.

    Raises ValueError for others.
    """
    _check(*rows.shape)
    return bytes(_pack_rows(np.ascontiguousarray(rows)))


def decode_rows(data: bytes | memoryview, count: int, stride: int) -> NDArray[np.uint8]:
    """The (count, stride) bytes of an attribute stream.

    Raises ValueError for another kind of stream or another stride, IndexError for a corrupt one.
    """
    _check(count, stride)
    stream = np.frombuffer(data, np.uint8)
    if stream[0] not in (0xA0, 0xA1):
        raise ValueError(f"an attribute stream begins with {stream[0]:#x}")
    return _unpack_rows(stream, count, stride)


def unfiltered(rows: NDArray[np.uint8], name: str) -> NDArray[np.generic]:
    """The values of a decoded attribute stream, (N, stride) bytes, before the extension's filter of that name.

    Raises ValueError for a filter that is not known, or does not go with the stride.
    """
    stride = rows.shape[1]
    match name:
        case "NONE":
            return rows
        case "OCTAHEDRAL" if stride in (4, 8):
            return _from_octahedron(rows.view("<i1" if stride == 4 else "<i2"))
        case "QUATERNION" if stride == 8:
            return _from_three(rows.view("<i2"))
        case "COLOR" if stride in (4, 8):
            return _from_luma(rows.view("u1" if stride == 4 else "<u2"))
        case "EXPONENTIAL":
            values = rows.view("<i4")
            return np.asarray(np.ldexp((values << 8 >> 8).astype(np.float32), values >> 24), "<f4")
    raise ValueError(f"it is compressed with meshopt's filter {name} in {stride} bytes, which is not read")


def _from_octahedron(values: NDArray[np.signedinteger]) -> NDArray[np.generic]:
    """Unit vectors from places on an octahedron's unfolded faces; (N, 4), the third is what stands for 1."""
    x, y, one = (values[:, k].astype(np.float64) for k in range(3))
    x, y = x / np.maximum(one, 1), y / np.maximum(one, 1)
    z = 1 - np.abs(x) - np.abs(y)
    fold = np.minimum(z, 0)
    x, y = x + np.where(x >= 0, fold, -fold), y + np.where(y >= 0, fold, -fold)
    out = values.copy()
    whole = np.iinfo(values.dtype).max
    out[:, :3] = np.rint(np.stack([x, y, z], axis=1) * (whole / np.sqrt(x * x + y * y + z * z))[:, None])
    return out


def _from_luma(values: NDArray[np.unsignedinteger]) -> NDArray[np.generic]:
    """RGBA from YCoCg and alpha, (N, 4), whose highest bit says how many bits each part has."""
    whole = np.iinfo(values.dtype).max
    alpha = values[:, 3].astype(np.int64)
    most = alpha.copy()
    for shift in (1, 2, 4, 8):
        most |= most >> shift
    luma = values[:, 0].astype(np.int64)
    orange, green = (values[:, k].view(f"i{values.itemsize}").astype(np.int64) for k in (1, 2))
    alpha = alpha << 1 & most | alpha & 1
    parts = np.stack([luma + orange - green, luma + green, luma - orange - green, alpha], axis=1)
    scale = np.float32(whole) / np.maximum(most, 1).astype(np.float32)
    # to the nearest, as the decoder of the extension's author rounds
    return np.trunc(parts.astype(np.float32) * scale[:, None] + np.float32(0.5)).astype(np.int64).astype(values.dtype)


def _from_three(values: NDArray[np.int16]) -> NDArray[np.generic]:
    """Unit quaternions, (N, 4) of 16 bits, from all but their largest part, whose place the last two bits say."""
    whole = (values[:, 3] | 3).astype(np.float64)
    three = values[:, :3] / np.maximum(whole, 1)[:, None] / np.sqrt(2)
    largest = np.sqrt(np.maximum(0, 1 - (three**2).sum(axis=1)))
    parts = np.column_stack([largest, three])
    out = np.empty_like(values)
    for k in range(4):
        out[np.arange(len(values)), ((values[:, 3] & 3) + k) % 4] = np.rint(parts[:, k] * 32767)
    return out


def _check(count: int, stride: int) -> None:
    if count < 1 or stride not in range(4, 257, 4):
        raise ValueError(f"{count} rows of {stride} bytes: rows have a multiple of 4 bytes up to 256, and there is one")


def encode_faces(faces: NDArray[np.int32]) -> bytes:
    """(F, 3) int32 as a triangle stream; a face's corners may come back rotated, with the same orientation."""
    corners = np.ascontiguousarray(faces, np.int64)
    _, _, wanted = _pack_faces(corners, np.full(256, -1, np.int64))
    # the most common starts of faces without a known edge get short codes
    common = np.argsort(-wanted, kind="stable")[:14]
    common = common[wanted[common] > 0]
    codes = np.full(256, -1, np.int64)
    codes[common] = np.arange(len(common))
    table = np.zeros(16, np.uint8)
    table[: len(common)] = common
    code, data, _ = _pack_faces(corners, codes)
    return b"\xe1" + bytes(code) + bytes(data) + bytes(table)


def decode_faces(data: bytes | memoryview, count: int) -> NDArray[np.int32]:
    """The (count, 3) faces of a triangle stream.

    Raises ValueError for another kind of stream, IndexError for a corrupt one.
    """
    stream = np.frombuffer(data, np.uint8)
    if stream[0] != 0xE1:
        raise ValueError(f"a triangle stream begins with {stream[0]:#x}")
    return _unpack_faces(stream, count)


def decode_indices(data: bytes | memoryview, count: int) -> NDArray[np.int32]:
    """The (count,) indices of an index stream, each a difference to the last of one of two runs.

    Raises ValueError for another kind of stream, IndexError for a corrupt one.
    """
    stream = np.frombuffer(data, np.uint8)
    if stream[0] != 0xD1:
        raise ValueError(f"an index stream begins with {stream[0]:#x}")
    body = stream[1:-4]
    ends = np.flatnonzero(body < 128)[:count]
    sizes = np.diff(ends, prepend=-1)
    if len(ends) < count or sizes.max(initial=0) > 5:
        raise IndexError(f"the index stream of {len(stream)} bytes is broken or too short for {count} indices")
    place = np.arange(ends[-1] + 1) - np.repeat(ends - sizes + 1, sizes)
    values = np.add.reduceat((body[: ends[-1] + 1].astype(np.int64) & 127) << 7 * place, ends - sizes + 1)
    steps = values >> 2 ^ -(values >> 1 & 1)
    found = np.empty(count, np.int64)
    for run in (0, 1):
        found[values & 1 == run] = np.cumsum(steps[values & 1 == run])
    return found.astype(np.int32)


# --- attributes -----------------------------------------------------------------------------------------------------


def _pack_rows(rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    out = np.zeros(_rows_bound(*rows.shape), np.uint8)
    return out[: _write_rows(rows, out)]


def _unpack_rows(stream: NDArray[np.uint8], count: int, stride: int) -> NDArray[np.uint8]:
    rows = np.empty((count, stride), np.uint8)
    if not _read_rows(stream, rows):
        raise IndexError(f"the attribute stream of {len(stream)} bytes is too short for {count} rows of {stride} bytes")
    return rows


# --- triangles ------------------------------------------------------------------------------------------------------


def _pack_faces(
    faces: NDArray[np.int64], codes: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int64]]:
    """Codes, data, and how often each pair of nibbles began a face without a known edge; codes[pair] or -1."""
    code, data = np.empty(len(faces), np.uint8), np.empty(1 + 16 * len(faces), np.uint8)
    wanted = np.zeros(256, np.int64)
    length = _write_faces(faces, codes, code, data, wanted)
    return code, data[:length], wanted


def _unpack_faces(stream: NDArray[np.uint8], count: int) -> NDArray[np.int32]:
    faces = np.empty((count, 3), np.int32)
    if not _read_faces(stream, faces):
        raise IndexError(f"the triangle stream of {len(stream)} bytes is broken or too short for {count} faces")
    return faces
