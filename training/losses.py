"""The losses of `lift`'s network, and the errors that are reported beside them."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor
from torch.nn import functional

from spherelinks.generation.lift.layout import ELEVATIONS, FILL, TANGENTS, centres

WEIGHTS = {
    "front": 4.0,
    "slope": 3.0,
    "near": 4.0,
    "extent": 1.0,
    "thickness": 1.0,
    "profile": 1.5,
    "back": 0.7,
    "normal": 0.5,
    "elevation": 0.15,
    "tangent": 0.05,
}
AWAY = (1, 4, 16)  # distances over which slopes are compared, pixels of a 64 px map
NEAR = 0.05  # error of a surface, as a share of the object's half extent, beyond which its size hardly matters


def losses(predicted: dict[str, Tensor], truth: dict[str, Tensor]) -> dict[str, Tensor]:
    """The losses named in WEIGHTS, means over the batch's object pixels; `truth` is a batch of `training.batches`."""
    seen = truth["seen"]  # (B, S, S) in {0, 1}
    # Errors are relative to the object's own size, so that deep objects do not dominate.
    reach = ((truth["front"] + truth["thickness"]).amax((1, 2)) - truth["front"].amin((1, 2))) / (2 * FILL)
    own = (1 / reach.clamp(min=1))[:, None, None]
    front = predicted["front"] - mean(predicted["front"], seen)
    error = (front - truth["front"]) * seen * own
    slope = torch.zeros((), device=seen.device)
    for axis, away in itertools.product((1, 2), AWAY):
        count = seen.shape[axis] - away
        pair = seen.narrow(axis, away, count) * seen.narrow(axis, 0, count)
        apart = (error.narrow(axis, away, count) - error.narrow(axis, 0, count)).abs()
        slope = slope + (apart * pair).sum() / (pair.sum() + 1) / away**0.5
    far = error + (predicted["thickness"] - truth["thickness"]) * seen * own
    extents = (
        (spread(front, seen), spread(truth["front"], seen)),
        (spread(front + predicted["thickness"], seen), spread(truth["front"] + truth["thickness"], seen)),
        (mean(predicted["thickness"], seen) + NEAR, mean(truth["thickness"], seen) + NEAR),
    )
    coarse = truth["seen_coarse"][:, None]  # (B, 1, S / 2, S / 2)
    count = coarse.sum()
    profile = functional.binary_cross_entropy_with_logits(predicted["profile"], truth["profile"], reduction="none")
    elevation, tangent = predicted["camera"].split([ELEVATIONS[2], TANGENTS[2]], 1)
    return {
        "front": error.abs().sum() / seen.sum(),
        "slope": slope,
        "near": (missed(error, seen) + missed(far, seen)) / 2,
        "extent": torch.stack([(ours / theirs).log().abs() for ours, theirs in extents]).mean(),
        "thickness": ((predicted["thickness"] - truth["thickness"]).abs() * seen * own).sum() / seen.sum(),
        "profile": (profile.mean(1, keepdim=True) * coarse).sum() / count,
        "back": ((predicted["back"] - truth["back"]).abs().mean(1, keepdim=True) * coarse).sum() / count,
        "normal": ((predicted["normal"] - truth["normal"]).abs().mean(1, keepdim=True) * coarse).sum() / count,
        "elevation": functional.cross_entropy(elevation, bell(truth["elevation"], ELEVATIONS)),
        "tangent": functional.cross_entropy(tangent, bell(truth["tangent"].log(), TANGENTS)),
    }


def missed(error: Tensor, seen: Tensor) -> Tensor:
    """Roughly the share of a surface that misses the true one, the whole being shifted along the view to fit best.

    Among several plausible answers it favours one of them, where a mean absolute error favours their median.
    """
    middle = error.detach().masked_fill(seen == 0, torch.nan).flatten(1).nanmedian(1).values[:, None, None]
    return 1 - (torch.exp(-(error - middle).abs() / NEAR) * seen).sum() / seen.sum()


def mean(values: Tensor, seen: Tensor) -> Tensor:
    """(B, S, S) -> (B, 1, 1): mean over the object's pixels."""
    return (values * seen).sum((1, 2), keepdim=True) / seen.sum((1, 2), keepdim=True)


def spread(depth: Tensor, seen: Tensor) -> Tensor:
    """(B, S, S) -> (B, 1, 1): standard deviation of a surface's depth, bounded away from 0.

    It is compared with the truth's because pixels that are each the median of all plausible answers make a surface that
    is flatter than any of them.
    """
    return (mean((depth - mean(depth, seen)) ** 2, seen) + NEAR**2).sqrt()


def bell(value: Tensor, bins: tuple[float, float, int]) -> Tensor:
    """(B,) -> (B, bins): a Gaussian around the value, with a standard deviation of one bin."""
    low, high, count = bins
    away = (torch.from_numpy(centres(bins)).to(value.device) - value[:, None]) * ((count - 1) / (high - low))
    return (-0.5 * away**2).softmax(1)


def camera_errors(predicted: dict[str, Tensor], truth: dict[str, Tensor]) -> dict[str, Tensor]:
    """Mean absolute error of the elevation, in degrees, and mean relative error of the field of view."""
    elevation, tangent = predicted["camera"].split([ELEVATIONS[2], TANGENTS[2]], 1)
    e = elevation.softmax(1) @ torch.from_numpy(centres(ELEVATIONS)).to(elevation.device)
    t = tangent.softmax(1) @ torch.from_numpy(centres(TANGENTS)).to(tangent.device)
    return {
        "degrees": (e - truth["elevation"]).abs().mean(),
        "field": (t - truth["tangent"].log()).abs().mean(),
    }
