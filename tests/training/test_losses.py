"""Properties of the losses: the truth costs nothing, a shape that is too flat does."""

import itertools

import pytest

pytest.importorskip("torch", reason="training needs torch: training/requirements.txt")

import torch
from torch import Tensor

from spherelinks.generation.lift.layout import BINS, ELEVATIONS, TANGENTS
from training.losses import WEIGHTS, losses

SIDE = 32


def _told(depth: float, moved: float = 0.0) -> dict[str, Tensor]:
    """The losses of a guess at half a ball: as deep as that share of it, and moved along the view."""
    x = (torch.arange(SIDE) + 0.5) / SIDE * 2 - 1
    square = 0.8**2 - x[:, None] ** 2 - x[None] ** 2
    seen = (square > 0).float()[None]
    ball = square.clamp(min=0).sqrt()[None]
    front = (ball[seen > 0].mean() - ball) * seen
    half = seen[:, ::2, ::2][:, None]
    maps = {name: torch.zeros(1, count, *half.shape[2:]) for name, count in (("back", 3), ("normal", 3))}
    truth = {"front": front, "thickness": 2 * ball * seen, "seen": seen, "seen_coarse": half[:, 0]}
    truth |= maps | {"profile": half.expand(-1, BINS, -1, -1) * 0}
    truth |= {"elevation": torch.tensor([20.0]), "tangent": torch.tensor([0.25])}
    predicted = {"front": depth * front + moved, "thickness": depth * truth["thickness"]} | maps
    predicted |= {
        "profile": torch.full_like(truth["profile"], -20),
        "camera": torch.zeros(1, ELEVATIONS[2] + TANGENTS[2]),
    }
    return losses(predicted, truth)


def test_the_truth_costs_nothing_wherever_it_stands_along_the_view() -> None:
    for moved in (0.0, 0.7):
        told = _told(1.0, moved)
        assert set(told) == set(WEIGHTS)
        for name in set(WEIGHTS) - {"elevation", "tangent"}:
            assert float(told[name]) == pytest.approx(0, abs=1e-4), name


@pytest.mark.parametrize("name", ["front", "slope", "near", "extent", "thickness"])
def test_the_flatter_the_guess_the_more_it_costs(name: str) -> None:
    costs = [float(_told(depth)[name]) for depth in (1.0, 0.8, 0.5, 0.2)]
    assert all(after > before + 0.01 for before, after in itertools.pairwise(costs)), costs


def test_extent_counts_ratios() -> None:
    """Half as deep and twice as deep cost about the same."""
    assert float(_told(0.5)["extent"]) == pytest.approx(float(_told(2.0)["extent"]), rel=0.25)
