"""Batches of views out of the data set, varied: flipped, recoloured, their mattes a little wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from spherelinks.generators.lift.layout import channels
from training.data import opened

# What a picture of the world shows is scans and realistic models; most of what there is to learn from is neither.
MIX = {"scan": 0.25, "realistic": 0.25, "mixed": 0.03, "stylised": 0.42, "voxel": 0.05, "procedural": 0.10}


class Views:
    """The finished rows of one or more data folders, from all sources but `without` (or only from these)."""

    def __init__(self, folders: list[Path], side: int, without: tuple[str, ...], only: bool = False) -> None:
        self.side = side
        self.kept: dict[tuple[int, int], dict[str, NDArray[np.generic]]] = {}
        self.arrays = [opened(folder) for folder in folders]
        rows = [json.loads((folder / "rows.json").read_text()) for folder in folders]
        self.kinds = [np.array([row["kind"] for row in part]) for part in rows]
        self.wanted = [np.array([row["source"].startswith(without) == only for row in part]) for part in rows]
        self.refresh()

    def refresh(self) -> None:
        """See what the builder has finished since."""
        ready = [np.flatnonzero(a["done"] & w) for a, w in zip(self.arrays, self.wanted, strict=True)]
        self.index = np.concatenate([np.stack([np.full(len(r), i), r], 1) for i, r in enumerate(ready)])
        kinds = np.concatenate([k[r] for k, r in zip(self.kinds, ready, strict=True)])
        names, inverse, counts = np.unique(kinds, return_inverse=True, return_counts=True)
        weight = np.array([MIX[name] for name in names]) / counts
        self.weight = weight[inverse] / weight[inverse].sum()

    def __len__(self) -> int:
        return len(self.index)

    def some(self, count: int, rng: np.random.Generator, vary: bool = True) -> dict[str, Tensor]:
        return collated([self.one(i, rng, vary) for i in rng.choice(len(self), count, p=self.weight)])

    def stored(self, i: int) -> dict[str, NDArray[np.generic]]:
        """One row's maps at this set's side; kept, small, for the next time."""
        folder, row = self.index[i]
        if (folder, row) in self.kept:
            return self.kept[folder, row]
        a = {name: np.array(array[row]) for name, array in self.arrays[folder].items()}
        seen, seen_coarse = ~np.isnan(a["front"]), (a["normal"] != 0).any(-1)
        fine = {name: np.where(seen, a[name], 0).astype(np.float32) for name in ("front", "thickness")}
        coarse = {name: a[name].astype(np.float32) for name in ("back", "normal", "profile")}
        matte = a["picture"][..., 3].astype(np.float32)
        rgb = a["picture"][..., :3].astype(np.float32)
        while len(matte) > self.side:
            fine = {name: _halved(field, seen) for name, field in fine.items()}
            coarse = {name: _halved(field, seen_coarse) for name, field in coarse.items()}
            rgb, matte = _halved(rgb, matte), _halved(matte)
            seen, seen_coarse = _halved(seen) >= 0.5, _halved(seen_coarse) >= 0.5
        fine["front"] -= (fine["front"] * seen).sum() / max(seen.sum(), 1)
        small: dict[str, NDArray[np.generic]] = {
            "rgb": rgb.astype(np.uint8),
            "matte": matte.astype(np.uint8),
            "front": (fine["front"] * seen).astype(np.float16),
            "thickness": (fine["thickness"] * seen).astype(np.float16),
            "back": coarse["back"].astype(np.uint8),
            "normal": np.rint(coarse["normal"]).astype(np.int8),
            "profile": coarse["profile"].astype(np.uint8),
            "seen": seen,
            "seen_coarse": seen_coarse,
            "elevation": a["elevation"],
            "tangent": a["tangent"],
        }
        self.kept[folder, row] = small
        return small

    def one(self, i: int, rng: np.random.Generator, vary: bool) -> dict[str, NDArray[np.float32]]:
        out = {name: field.astype(np.float32) for name, field in self.stored(i).items()}
        elevation, tangent = out.pop("elevation"), out.pop("tangent")
        rgb, matte = out.pop("rgb") / 255, out.pop("matte") / 255
        out["back"] /= 255
        out["normal"] /= 127
        # A wall fills about half a bin; it must not be lost where half is the threshold.
        out["profile"] = np.minimum(out["profile"] / 127, 1)
        if vary:
            rgb, out["back"], matte = _recoloured(rgb, out["back"], matte, rng)
        out["x"] = channels(rgb, matte).transpose(1, 2, 0)
        if vary and rng.random() < 0.5:
            out = {name: field[:, ::-1] for name, field in out.items()}
            x = out["x"].copy()
            x[..., 4] *= -1
            normal = out["normal"].copy()
            normal[..., 0] *= -1
            out |= {"x": x, "normal": normal}
        return out | {"elevation": elevation, "tangent": tangent}


class Batches(IterableDataset[dict[str, Tensor]]):
    """Endless batches of `views`, drawn by the seed and, where several processes make them, by the process."""

    def __init__(self, views: Views, count: int, seed: tuple[int, ...]) -> None:
        self.views, self.count, self.seed = views, count, seed

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        worker = get_worker_info()
        rng = np.random.default_rng([*self.seed, worker.id if worker else 0])
        while True:
            self.views.refresh()
            for _ in range(200):
                yield self.views.some(self.count, rng)


def _halved(values: NDArray[np.generic], weight: NDArray[np.generic] | None = None) -> NDArray[np.float32]:
    """(2 H, 2 W, ...) -> (H, W, ...): means, by an (2 H, 2 W) weight where there is one; 0 where all of it is 0."""
    if weight is not None:
        weight = weight[..., None] if values.ndim == 3 else weight
        return _halved(values * weight) / np.maximum(_halved(weight), 1e-6)
    v = values.astype(np.float32)
    return (v[::2, ::2] + v[1::2, ::2] + v[::2, 1::2] + v[1::2, 1::2]) / 4


def _recoloured(
    rgb: NDArray[np.float32], back: NDArray[np.float32], matte: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Other paint (both sides alike), another exposure (the picture alone), a matte eaten or spread by a pixel."""
    if rng.random() < 0.5:
        order = rng.permutation(3)
        rgb, back = rgb[..., order], back[..., order]
    gain, gamma = np.exp(rng.normal(0, 0.12, 3) + rng.normal(0, 0.15)), np.exp(rng.normal(0, 0.2))
    rgb = np.clip(np.clip(rgb, 1e-4, 1) ** gamma * gain, 0, 1)
    if rng.random() < 0.3:
        rgb = cv2.GaussianBlur(rgb, (0, 0), rng.uniform(0.3, 1.0))
    if rng.random() < 0.5:
        rgb = np.clip(rgb + rng.normal(0, rng.uniform(0, 0.03), rgb.shape), 0, 1)
    if rng.random() < 0.25:
        cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
        matte = cv2.erode(matte, cross) if rng.random() < 0.5 else cv2.dilate(matte, cross)
    return rgb.astype(np.float32), back, matte


def collated(views: list[dict[str, NDArray[np.float32]]]) -> dict[str, Tensor]:
    """Stacked, channels first (in channels-last memory)."""
    out = {}
    for name in views[0]:
        stack = torch.from_numpy(np.stack([view[name] for view in views]))
        out[name] = stack.permute(0, 3, 1, 2) if stack.ndim == 4 else stack
    return out
