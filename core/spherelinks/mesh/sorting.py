"""Numbers put in order, in linear time and with little memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spherelinks.native import kernel

_ascending = kernel("sorting_ascending", "keys: i8[N]", "N", "order: i4[N]*")


def ascending(keys: NDArray[np.int64]) -> NDArray[np.int32]:
    """(N,) int32: where (N,) int64 keys, 0 and more, stand when they rise; equal ones keep their order."""
    order = np.empty(len(keys), np.int32)
    _ascending(np.ascontiguousarray(keys), order)
    return order


def distinct(keys: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Of (N,) int64 keys, 0 and more, the first place of each, in rising order, and (N,) int32 the number of each."""
    order = ascending(keys)
    fresh = np.ones(len(keys), np.bool_)
    fresh[1:] = keys[order[1:]] != keys[order[:-1]]
    number = np.empty(len(keys), np.int32)
    number[order] = np.cumsum(fresh, dtype=np.int32) - np.int32(1)
    return order[fresh], number
