"""Records the arguments of functions while something runs, and compares two functions bit by bit."""

from __future__ import annotations

import copy
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

Calls = dict[Callable[..., Any], list[tuple[Any, ...]]]


@contextmanager
def recorded(functions: list[Callable[..., Any]], most: int = 4) -> Iterator[Calls]:
    """Copies of the positional arguments of the first calls of each function, wherever SphereLinks calls it."""
    calls: Calls = defaultdict(list)

    def recording(function: Callable[..., Any]) -> Callable[..., Any]:
        def record(*arguments: Any) -> Any:
            if len(calls[function]) < most:
                calls[function].append(copy.deepcopy(arguments))
            return function(*arguments)

        return record

    places = [
        (module, name, value)
        for key, module in list(sys.modules.items())
        if key.startswith("spherelinks")
        for name, value in list(vars(module).items())
        if any(value is function for function in functions)
    ]
    replacement = {id(function): recording(function) for function in functions}
    try:
        for module, name, value in places:
            setattr(module, name, replacement[id(value)])
        yield calls
    finally:
        for module, name, value in places:
            setattr(module, name, value)


def assert_same_bits(one: Callable[..., Any], other: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """Both return the same, and leave the same in the arrays that they are given."""
    left, right = copy.deepcopy(arguments), copy.deepcopy(arguments)
    _assert_equal(one(*left), other(*right))
    _assert_equal(left, right)


def _assert_equal(left: Any, right: Any) -> None:
    if isinstance(left, tuple):
        assert len(left) == len(right)
        for a, b in zip(left, right, strict=True):
            _assert_equal(a, b)
    elif isinstance(left, np.ndarray):
        assert left.dtype == right.dtype
        assert left.shape == right.shape
        if left.tobytes() != right.tobytes():
            assert np.isnan(left).tolist() == np.isnan(right).tolist()  # whose bits mean nothing
            np.testing.assert_array_equal(left, right)
    else:
        assert left == right
