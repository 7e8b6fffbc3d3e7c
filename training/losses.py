"""What the network is told, and how far off it was."""

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
AWAY = (1, 4, 16)  # pixels between the ends of the slopes that are compared, at 64 px
NEAR = 0.05  # error of either surface, as a share of the object's half extent, past which it hardly matters how far off


def losses(said: dict[str, Tensor], truth: dict[str, Tensor]) -> dict[str, Tensor]:
    """Each of WEIGHTS, a mean over the batch's object pixels; `truth` as `training.batches` makes it."""
    seen = truth["seen"]  # (B, S, S) in {0, 1}
    # Errors count as shares of the object's own size, so that what reaches far back does not drown the rest.
    reach = ((truth["front"] + truth["thickness"]).amax((1, 2)) - truth["front"].amin((1, 2))) / (2 * FILL)
    own = (1 / reach.clamp(min=1))[:, None, None]
    front = said["front"] - mean(said["front"], seen)
    error = (front - truth["front"]) * seen * own
    slope = torch.zeros((), device=seen.device)
    for axis, away in itertools.product((1, 2), AWAY):
        count = seen.shape[axis] - away
        pair = seen.narrow(axis, away, count) * seen.narrow(axis, 0, count)
        apart = (error.narrow(axis, away, count) - error.narrow(axis, 0, count)).abs()
        slope = slope + (apart * pair).sum() / (pair.sum() + 1) / away**0.5
    far = error + (said["thickness"] - truth["thickness"]) * seen * own
    extents = (
        (spread(front, seen), spread(truth["front"], seen)),
        (spread(front + said["thickness"], seen), spread(truth["front"] + truth["thickness"], seen)),
        (mean(said["thickness"], seen) + NEAR, mean(truth["thickness"], seen) + NEAR),
    )
    coarse = truth["seen_coarse"][:, None]  # (B, 1, S / 2, S / 2)
    count = coarse.sum()
    profile = functional.binary_cross_entropy_with_logits(said["profile"], truth["profile"], reduction="none")
    elevation, tangent = said["camera"].split([ELEVATIONS[2], TANGENTS[2]], 1)
    return {
        "front": error.abs().sum() / seen.sum(),
        "slope": slope,
        "near": (missed(error, seen) + missed(far, seen)) / 2,
        "extent": torch.stack([(ours / theirs).log().abs() for ours, theirs in extents]).mean(),
        "thickness": ((said["thickness"] - truth["thickness"]).abs() * seen * own).sum() / seen.sum(),
        "profile": (profile.mean(1, keepdim=True) * coarse).sum() / count,
        "back": ((said["back"] - truth["back"]).abs().mean(1, keepdim=True) * coarse).sum() / count,
        "normal": ((said["normal"] - truth["normal"]).abs().mean(1, keepdim=True) * coarse).sum() / count,
        "elevation": functional.cross_entropy(elevation, bell(truth["elevation"], ELEVATIONS)),
        "tangent": functional.cross_entropy(tangent, bell(truth["tangent"].log(), TANGENTS)),
    }


def missed(error: Tensor, seen: Tensor) -> Tensor:
    """About the share of a surface that lies off the true one, wherever the whole is best moved along the view: of
    several answers that may be right, one of them, where a mean absolute error wants their middle."""
    middle = error.detach().masked_fill(seen == 0, torch.nan).flatten(1).nanmedian(1).values[:, None, None]
    return 1 - (torch.exp(-(error - middle).abs() / NEAR) * seen).sum() / seen.sum()


def mean(values: Tensor, seen: Tensor) -> Tensor:
    """(B, S, S) -> (B, 1, 1): over the object."""
    return (values * seen).sum((1, 2), keepdim=True) / seen.sum((1, 2), keepdim=True)


def spread(depth: Tensor, seen: Tensor) -> Tensor:
    """(B, S, S) -> (B, 1, 1): standard deviation of a surface's depth, never next to nothing. Each pixel at the middle
    of all that may be true makes a whole that is flatter than any of it."""
    return (mean((depth - mean(depth, seen)) ** 2, seen) + NEAR**2).sqrt()


def bell(value: Tensor, bins: tuple[float, float, int]) -> Tensor:
    """(B,) -> (B, bins): a bell one bin wide round the value."""
    low, high, count = bins
    away = (torch.from_numpy(centres(bins)).to(value.device) - value[:, None]) * ((count - 1) / (high - low))
    return (-0.5 * away**2).softmax(1)


def camera_errors(said: dict[str, Tensor], truth: dict[str, Tensor]) -> dict[str, Tensor]:
    """Mean absolute error of the elevation in degrees, and of the field of view as a share."""
    elevation, tangent = said["camera"].split([ELEVATIONS[2], TANGENTS[2]], 1)
    e = elevation.softmax(1) @ torch.from_numpy(centres(ELEVATIONS)).to(elevation.device)
    t = tangent.softmax(1) @ torch.from_numpy(centres(TANGENTS)).to(tangent.device)
    return {
        "degrees": (e - truth["elevation"]).abs().mean(),
        "field": (t - truth["tangent"].log()).abs().mean(),
    }
