"""Batches of views from a data set, augmented: mirrored, relit, repainted, with slightly wrong mattes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from spherelinks.generation.lift.layout import channels, mirrored
from training.data import opened
from training.light import lit
from training.view import pooled

# Share of each kind in a batch. Real pictures look like scans and realistic models; most training objects are neither.
MIX = {
    "scan": 0.12,
    "realistic": 0.24,
    "furniture": 0.21,
    "mixed": 0.03,
    "stylised": 0.26,
    "voxel": 0.03,
    "procedural": 0.11,
}


class Views:
    """The finished rows of one or more data folders, of all sources except `without` (with `only`, of these alone).

    A source matches if its name starts with one of `without`.
    """

    def __init__(self, folders: list[Path], without: tuple[str, ...], only: bool = False) -> None:
        self.arrays = [opened(folder) for folder in folders]
        rows = [json.loads((folder / "rows.json").read_text()) for folder in folders]
        self.kinds = [np.array([row["kind"] for row in part]) for part in rows]
        self.wanted = [np.array([row["source"].startswith(without) == only for row in part]) for part in rows]
        self.refresh()

    def refresh(self) -> None:
        """Take in the rows that the builder has finished since the last call."""
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

    def one(self, i: int, rng: np.random.Generator, vary: bool) -> dict[str, NDArray[np.float32]]:
        folder, row = self.index[i]
        a: dict[str, Any] = {name: np.array(array[row]) for name, array in self.arrays[folder].items()}
        albedo, matte, back = a["albedo"], a["cover"].astype(np.float32) / 255, a["back"].astype(np.float32) / 255
        if vary:
            albedo, back = _repainted(albedo, back, rng)
        rgb = lit(albedo, a["facing"], a["shadow"], a["lamps"], float(a["elevation"]), rng if vary else None)
        if vary:
            rgb, matte = _blurred(rgb, matte, rng)
        coarse = pooled(a["seen"], 2) >= 0.5
        s, c = np.sin(np.radians(a["elevation"])), np.cos(np.radians(a["elevation"]))
        right, up, near = np.moveaxis(pooled(a["facing"], 4) / np.float32(127), -1, 0)
        out = {
            "front": a["front"].astype(np.float32),
            "thickness": a["thickness"].astype(np.float32),
            "seen": a["seen"].astype(np.float32),
            "back": back,
            # in the object's upright axes, turned to face the camera
            "normal": np.stack([right, up * c + near * s, near * c - up * s], -1) * coarse[..., None],
            # A wall fills about half a bin; a threshold of one half must not lose it.
            "profile": np.minimum(a["profile"].astype(np.float32) / 127, 1),
            "seen_coarse": coarse.astype(np.float32),
        }
        x = channels(rgb, matte)
        if vary and rng.random() < 0.5:
            x = mirrored(x)
            out = {name: field[:, ::-1] for name, field in out.items()}
            out["normal"] = out["normal"] * np.array([-1, 1, 1], np.float32)
        return out | {"x": x.transpose(1, 2, 0), "elevation": a["elevation"], "tangent": a["tangent"]}


class Batches(IterableDataset[dict[str, Tensor]]):
    """Endless batches of `views`, drawn by the seed and, in a loader with several processes, the process's number."""

    def __init__(self, views: Views, count: int, seed: tuple[int, ...]) -> None:
        self.views, self.count, self.seed = views, count, seed

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        worker = get_worker_info()
        rng = np.random.default_rng([*self.seed, worker.id if worker else 0])
        while True:
            self.views.refresh()
            for _ in range(200):
                yield self.views.some(self.count, rng)


def _repainted(
    albedo: NDArray[np.uint8], back: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Repainted, both sides alike: channels permuted, or a single colour, so that only shading shows the shape."""
    kind = rng.random()
    if kind < 0.1:
        flat = rng.integers(40, 256, 3)
        return np.broadcast_to(flat.astype(np.uint8), albedo.shape), np.full_like(back, 1) * (flat / 255)
    if kind < 0.55:
        order = rng.permutation(3)
        return np.ascontiguousarray(albedo[..., order]), back[..., order]
    return albedo, back


def _blurred(
    rgb: NDArray[np.float32], matte: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The picture out of focus, its matte eroded or dilated by a pixel or two, so that a little background shows."""
    rgb = np.where(matte[..., None] > 0, rgb, rng.random(3, np.float32))
    if rng.random() < 0.4:
        rgb = cv2.GaussianBlur(rgb, (0, 0), rng.uniform(0.4, 2.0))
    if rng.random() < 0.3:
        cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
        change = cv2.erode if rng.random() < 0.5 else cv2.dilate
        matte = change(matte, cross, iterations=int(rng.integers(1, 3)))
    return rgb, matte


def collated(views: list[dict[str, NDArray[np.float32]]]) -> dict[str, Tensor]:
    """The views stacked into tensors, channels first (in channels-last memory format)."""
    out = {}
    for name in views[0]:
        stack = torch.from_numpy(np.stack([view[name] for view in views]).astype(np.float32))
        out[name] = stack.permute(0, 3, 1, 2) if stack.ndim == 4 else stack
    return out
