"""A data set in a GPU's memory, or as much of it as fits. Batches are drawn and lit there.

A CPU core takes 7 ms to make the picture of a view, so even sixteen cores would keep a GPU waiting; the GPU itself
needs a hundredth of that.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from training import pictures
from training.batches import MIX, Views

SHARE = 0.65  # of the device's free memory that views may take
MORE = 4096  # views copied at a time
OFTEN = 40  # batches between refreshes


class Resident:
    """`views` on a device; if they do not all fit, a random part of them, exchanged gradually."""

    def __init__(self, views: Views, device: torch.device, seed: int, room: int | None = None) -> None:
        """room: the most views to hold; default: all, or on a GPU as many as fit SHARE of its free memory."""
        self.views, self.device = views, device
        self.names = [name for name in views.arrays[0] if name != "done"]
        self.rng = np.random.default_rng(seed)
        self.draw = torch.Generator(device).manual_seed(seed)
        sample = {name: views.arrays[0][name][0] for name in self.names}
        if room is None and device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(device)
            room = int(SHARE * free / sum(field.nbytes for field in sample.values()))
        rows = sum(len(array["done"]) for array in views.arrays)
        self.room = rows if room is None else min(room, rows)
        self.fields = {
            name: torch.empty((self.room, *field.shape), dtype=torch.from_numpy(np.array(field)).dtype, device=device)
            for name, field in sample.items()
        }
        self.kinds = np.zeros(self.room, np.int64)  # indices into MIX
        self.held = 0
        self.brought = [np.zeros(len(array["done"]), bool) for array in views.arrays]
        self.refresh()

    def __len__(self) -> int:
        return self.held

    def refresh(self) -> None:
        """Copy some of the finished views that are not here yet, replacing others if there is no room."""
        left, missing = (min(MORE, self.room) if self.held else self.room), 0
        for array, kinds, wanted, brought in zip(
            self.views.arrays, self.views.kinds, self.views.wanted, self.brought, strict=True
        ):
            finished = np.asarray(array["done"]) & wanted
            rows = np.sort(self.rng.permutation(np.flatnonzero(finished & ~brought))[:left])
            left -= len(rows)
            brought[rows] = True
            missing += int((finished & ~brought).sum())
            fresh = np.arange(self.held, min(self.room, self.held + len(rows)))
            places = np.concatenate([fresh, self.rng.choice(self.held, len(rows) - len(fresh), replace=False)])
            self.held += len(fresh)
            at = torch.from_numpy(places).to(self.device)
            for name in self.names:
                self.fields[name][at] = torch.from_numpy(np.array(array[name][rows])).to(self.device)
            self.kinds[places] = [list(MIX).index(kind) for kind in kinds[rows]]
        if not missing and sum(brought.sum() for brought in self.brought) > self.room:
            for brought in self.brought:  # all have been here: start over
                brought[:] = False
        kinds = self.kinds[: self.held]
        weight = np.array(list(MIX.values()))[kinds] / np.bincount(kinds)[kinds]
        self.reach = torch.from_numpy(weight.cumsum() / weight.sum()).to(self.device)

    def some(self, count: int) -> dict[str, Tensor]:
        """A random batch, of the same form as that of `training.batches.Views.some`."""
        at = torch.searchsorted(self.reach, pictures.uniform(self.draw, count).double()).clamp(max=self.held - 1)
        return pictures.batch({name: field[at] for name, field in self.fields.items()}, self.draw)

    def batches(self, count: int) -> Iterator[dict[str, Tensor]]:
        """Endless batches, made four at a time."""
        made = 0
        while True:
            several = self.some(4 * count)
            for i in range(4):
                yield {name: field[i * count : (i + 1) * count] for name, field in several.items()}
            made += 4
            if made % OFTEN == 0:
                self.refresh()
