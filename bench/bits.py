"""Which kernels and whole assets come out with the same bits on another processor.

    python bench/bits.py record CALLS          what the kernels are called with for samples, with all options
    python bench/bits.py digest CALLS MESHES   a line for each kernel and asset with the digest of what it gives

Run the second on both machines, with the same CALLS, and compare: bench/arm64.sh does so with an emulated arm64.
"""

from __future__ import annotations

import copy
import hashlib
import pickle
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import arguments
import numpy as np
from samples import MUG

import spherelinks.native as native

MOST = 2
"""Calls that are kept of each kernel."""

VARIANTS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "all options": {
        "textureSize": 512, "targetFaces": 3000, "lods": [0.5], "normalMap": True, "occlusion": True, "delight": True,
        "collider": "decomposed",
    },
    "meshopt": {"textureSize": 512, "compression": "meshopt"},
    "quantized": {"textureSize": 512, "compression": "quantized"},
}  # fmt: skip


def main() -> None:
    parser = arguments.parser(__doc__)
    parser.add_argument("what", choices=["record", "digest"])
    parser.add_argument("calls", type=Path)
    parser.add_argument("meshes", type=Path, nargs="*", help="meshes to finish")
    a = parser.parse_args()
    if a.what == "record":
        record(a.calls)
    else:
        digest(a.calls, a.meshes)


def record(file: Path) -> None:
    """Every call is kept as (declaration, arguments before it)."""
    calls: dict[tuple[str, ...], list[tuple[Any, ...]]] = defaultdict(list)
    plain = native.kernel

    def recording(*declaration: str) -> Callable[..., Any]:
        function = plain(*declaration)

        def call(*given: Any) -> Any:
            if len(calls[declaration]) < MOST:
                calls[declaration].append(copy.deepcopy(given))
            return function(*given)

        return call

    native.kernel = recording
    import spherelinks

    for options in VARIANTS.values():
        for generator in ("lift", "inflate"):
            chosen = spherelinks.Options.model_validate({**options, "generator": generator})
            spherelinks.generate(MUG, chosen)
    with file.open("wb") as out:
        pickle.dump(dict(calls), out, protocol=5)
    print(f"{sum(map(len, calls.values()))} calls of {len(calls)} kernels")


def digest(file: Path, meshes: list[Path]) -> None:
    calls = pickle.loads(file.read_bytes())  # our own file
    for declaration, some in sorted(calls.items()):
        function = native.kernel(*declaration)
        found = hashlib.sha256()
        for given in some:
            returned = function(*given)
            for value in (*given, returned):
                found.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
        print(f"kernel {declaration[0].split()[0]}: {found.hexdigest()[:16]}")
    import spherelinks

    for name, options in VARIANTS.items():
        chosen = spherelinks.Options.model_validate(options)
        for mesh in meshes:
            asset = spherelinks.finish(mesh, chosen)
            print(f"finish {mesh.name}, {name}: {hashlib.sha256(asset.glb).hexdigest()[:16]}")
        asset = spherelinks.generate(MUG, chosen.model_copy(update={"generator": "inflate"}))
        print(f"inflate mug.jpg, {name}: {hashlib.sha256(asset.glb).hexdigest()[:16]}")


if __name__ == "__main__":
    main()
