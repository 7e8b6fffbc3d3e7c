"""The loops, as one C-ABI library of the C++ sources beside this file, and checked calls of what is in it.

Each source is named after the Python module that calls it, and each kernel after both and its function. A kernel is
declared where it is called, its parameters in the order of the C function:

    _spans = kernel("packing_spans -> int", "mask: u1[M]", "first: i8[K] < M", "size: i8[K,2]", "K", "runs: i4[R,3]*")

An array is declared by numpy's abbreviation of its type and by its shape. Capital letters stand for lengths, which must
agree among a call's arrays; 3F is three times F. A * marks arrays that are written. "< V" says that an array contains
indices below V (a length, or the number of that name), and "| -1" also allows -1 for none. A letter by itself passes
that length, "x: float" and "x: int" pass numbers. A call that does not match raises a TypeError or a ValueError before
anything is read.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np

_ARRAY = re.compile(r"(\w+): (\w\d)\[([^\]]*)\](\*?)(?: < (\w+))?( \| -1)?")
_NUMBER = re.compile(r"(\w+): (int|float)")


def kernel(name: str, *parameters: str) -> Callable[..., Any]:
    """A function of the library that takes the declared arrays and numbers, without the lengths.

    It returns an int if its name ends in "-> int", else None. The GIL is released while it runs.
    """
    symbol, _, returned = name.partition(" -> ")
    declared = [_declared(text) for text in parameters]
    taken = [parameter for parameter in declared if not isinstance(parameter, _Length)]
    indices = [(place, each) for place, each in enumerate(taken) if isinstance(each, _Array) and each.below]
    lone = [parameter.name if isinstance(parameter, _Length) else "" for parameter in declared]
    types = tuple(parameter.c_type for parameter in declared)

    def call(*arguments: Any) -> Any:
        lengths: dict[str, int] = {}
        given = zip(taken, arguments, strict=True)
        values = iter([parameter.checked(symbol, argument, lengths) for parameter, argument in given])
        for place, parameter in indices:
            parameter.check_indices(symbol, arguments[place], lengths)
        passed = [lengths[name] if name else next(values) for name in lone]
        return _function(symbol, bool(returned), types)(*passed)

    call.__name__ = symbol
    return call


@dataclass(frozen=True)
class _Length:
    name: str
    c_type = ctypes.c_int64


@dataclass(frozen=True)
class _Number:
    name: str
    kind: type[int] | type[float]

    @property
    def c_type(self) -> Any:
        return ctypes.c_int64 if self.kind is int else ctypes.c_double

    def checked(self, symbol: str, value: Any, lengths: dict[str, int]) -> int | float:
        if not isinstance(value, (int, np.integer) if self.kind is int else (int, float, np.number)):
            raise TypeError(f"{symbol}: {self.name} is {value!r}, not a number of type {self.kind.__name__}")
        lengths[self.name] = int(value) if self.kind is int else 0
        return self.kind(value)


@dataclass(frozen=True)
class _Array:
    name: str
    dtype: np.dtype[Any]
    shape: tuple[str, ...]
    written: bool
    below: str | None
    none: bool
    c_type = ctypes.c_void_p

    @cached_property
    def sides(self) -> list[tuple[int, str]]:
        """Of each axis a number and a letter: the axis is as long as the number, times the letter's length if any."""
        return [
            (int(length[:-1] or 1), length[-1]) if length[-1].isalpha() else (int(length), "") for length in self.shape
        ]

    def checked(self, symbol: str, array: Any, lengths: dict[str, int]) -> int:
        """The array's address; records the lengths in its shape."""
        if not isinstance(array, np.ndarray) or array.dtype != self.dtype or array.ndim != len(self.shape):
            found = f"{array.dtype} of shape {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
            raise TypeError(f"{symbol}: {self.name} is {found}, not {self.dtype} with {len(self.shape)} axes")
        if not array.flags.c_contiguous or (self.written and not array.flags.writeable):
            raise ValueError(f"{symbol}: {self.name} is not {'writable' if array.flags.c_contiguous else 'contiguous'}")
        for (times, letter), size in zip(self.sides, array.shape, strict=True):
            if letter:
                if size != times * lengths.setdefault(letter, size // times):
                    length = f"{times}{letter}" if times > 1 else letter
                    raise ValueError(f"{symbol}: {self.name} has {size} for {length}, but {lengths} are known")
            elif size != times:
                raise ValueError(f"{symbol}: {self.name} has shape {array.shape}, not [{','.join(self.shape)}]")
        return int(array.__array_interface__["data"][0])

    def check_indices(self, symbol: str, array: np.ndarray[Any, Any], lengths: dict[str, int]) -> None:
        if not array.size:
            return
        assert self.below is not None
        times, name = self.below.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), self.below.lstrip("0123456789")
        count, least = (int(times) if times.isdigit() else 1) * lengths[name], -1 if self.none else 0
        within = _function(f"indices_within_{self.dtype.str[1:]}", True, (ctypes.c_void_p, *[ctypes.c_int64] * 3))
        if within(array.__array_interface__["data"][0], array.size, least, count):
            return
        low, high = int(array.min()), int(array.max())
        if low < least or high >= count:
            wrong = low if low < least else high
            raise ValueError(f"{symbol}: {self.name} contains {wrong}, which is not an index below {count}")


def _declared(text: str) -> _Length | _Number | _Array:
    if len(text) == 1:
        return _Length(text)
    if number := _NUMBER.fullmatch(text):
        return _Number(number[1], int if number[2] == "int" else float)
    array = _ARRAY.fullmatch(text)
    assert array is not None, text
    shape = tuple(length.strip() for length in array[3].split(","))
    return _Array(array[1], np.dtype(array[2]), shape, bool(array[4]), array[5], bool(array[6]))


@cache
def _function(symbol: str, returns: bool, types: tuple[Any, ...]) -> Any:
    function = getattr(_library(), symbol)
    function.argtypes, function.restype = types, ctypes.c_int64 if returns else None
    return function


@cache
def _library() -> ctypes.CDLL:
    from spherelinks.native.build import LIBRARY, digest, sources  # which may itself be what runs

    how = "Build it with `python -m spherelinks.native.build`, or install SphereLinks again."
    if not LIBRARY.exists():
        raise ImportError(f"SphereLinks' native library is missing: {LIBRARY}. {how}")
    library = ctypes.CDLL(str(LIBRARY))
    library.sources_digest.restype = ctypes.c_char_p
    if sources() and library.sources_digest() != digest().encode():
        raise ImportError(f"SphereLinks' native library was built from other sources. {how}")
    return library
