"""What the gate learns from: the true far side of each view, and the sources it can choose from.

    python -m training.farsides data

adds to a data set made by `training.data`, for every finished view, the sources that
`spherelinks.generation.lift.farside` derives from the installed `lift`'s prediction for a picture of that view. It can
be stopped and resumed.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks.generation.lift import assembly, farside
from spherelinks.generation.lift.generator import Lift
from spherelinks.options import Options
from spherelinks.picture.frame import continued
from spherelinks.shape import Frame
from training.batches import Views
from training.data import opened
from training.light import shone
from training.view import pooled

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

SIDE = farside.CELLS  # of all maps here, pixels
PICTURE = 2 * SIDE  # side of the sources before they are averaged down
FIELDS: dict[str, tuple[tuple[int, ...], type]] = {
    "sources": ((len(farside.SOURCES), 3, SIDE, SIDE), np.uint8),
    "given": ((farside.CHANNELS, SIDE, SIDE), np.float16),
    "looked": ((), np.bool_),
}


def arrays(folder: Path, mode: str) -> dict[str, NDArray[np.generic]]:
    return {name: np.load(folder / f"{name}.npy", mmap_mode=mode) for name in FIELDS}  # type: ignore[call-overload]


def look(lift: Lift, view: dict[str, Any], rng: np.random.Generator) -> farside.Sources:
    """The sources for a picture of the view, lit by one or two random lamps, at PICTURE px."""
    lamps = len(view["lamps"])
    power = np.zeros(lamps, np.float32)
    some = rng.permutation(lamps)[: rng.integers(1, 3)]
    power[some] = rng.uniform(0.4, 0.9, len(some))
    rgb = shone(view["albedo"], view["facing"], view["shadow"], view["lamps"], power, rng.uniform(0.3, 0.55))
    matte = view["cover"].astype(np.float32) / 255
    frame = Frame((continued(rgb * np.float32(255), matte) + 0.5).clip(0, 255).astype(np.uint8), matte)
    return assembly.sources(lift.guess(frame, Options(), lambda share: None), frame, PICTURE)


class FarSides(Views):
    """As `Views`, of the views that have sources. A folder's weight is the square root of its number of views.

    x : the gate's input
    sources : (K, 3, SIDE, SIDE) in 0..1; far : (3, SIDE, SIDE) in 0..1, the truth
    seen : (SIDE, SIDE), 1 where a pixel shows nothing but the object
    """

    def __init__(self, folders: list[Path], without: tuple[str, ...], only: bool = False) -> None:
        self.known = [arrays(folder, "r") for folder in folders]
        super().__init__(folders, without, only)

    def refresh(self) -> None:
        super().refresh()
        looked = np.array([bool(self.known[folder]["looked"][row]) for folder, row in self.index], bool)
        self.index, weight = self.index[looked], self.weight[looked]
        for folder in range(len(self.known)):
            there = self.index[:, 0] == folder
            weight[there] *= np.sqrt(there.sum()) / max(weight[there].sum(), 1e-9)
        self.weight = weight / max(weight.sum(), 1e-9)

    def one(self, i: int, rng: np.random.Generator, vary: bool) -> dict[str, Any]:
        folder, row = self.index[i]
        a = {name: np.array(array[row]) for name, array in self.known[folder].items()}
        far, cover = (np.array(self.arrays[folder][name][row]) for name in ("far", "cover"))
        x, sources = a["given"].astype(np.float32), a["sources"].astype(np.float32) / 255
        far, seen = pooled(far, 2) / 255, (pooled(cover, 2) >= 253).astype(np.float32)
        if vary and rng.random() < 0.5:
            order = rng.permutation(3)
            colors = farside.CHANNELS - farside.KNOWN
            x[:colors] = x[:colors].reshape(-1, 3, SIDE, SIDE)[:, order].reshape(-1, SIDE, SIDE)
            sources, far = sources[:, order], far[..., order]
        if vary and rng.random() < 0.5:
            x = farside.mirrored(x)
            sources, far, seen = sources[..., ::-1], far[:, ::-1], seen[:, ::-1]
        return {"x": x.transpose(1, 2, 0), "sources": sources, "far": far, "seen": seen}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="+")
    a = parser.parse_args()
    cv2.setNumThreads(1)
    lift = Lift()
    for folder in a.data:
        views = opened(folder)
        for name, (shape, dtype) in FIELDS.items():
            if not (folder / f"{name}.npy").exists():
                np.lib.format.open_memmap(folder / f"{name}.npy", "w+", dtype, (len(views["done"]), *shape))
        out = arrays(folder, "r+")
        for row in np.flatnonzero(views["done"] & ~out["looked"]):
            view = {name: np.array(array[row]) for name, array in views.items()}
            seen = look(lift, view, np.random.default_rng(int(row)))
            small = [pooled(color, PICTURE // SIDE) for color in seen.colors]
            out["sources"][row] = np.rint(small).clip(0, 255).transpose(0, 3, 1, 2)
            out["given"][row] = seen.x
            out["looked"][row] = True
        print(f"{folder}: {int(out['looked'].sum())} views", flush=True)


if __name__ == "__main__":
    main()
