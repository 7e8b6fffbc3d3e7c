"""The network that tells an object from a busy ground: a picture's pixels to log odds of being object.

Small, two-dimensional, of the parts of `generators.lift.network`. Only training and export import this module: it needs
torch, which the installed package does not.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from spherelinks.picture.outline import CHANNELS
from training.networks.lift import Attention, Residual, walked


class Outline(nn.Module):
    """(B, CHANNELS, S, S) as `outline.channels` makes it -> (B, S, S) log odds; S a multiple of 16."""

    #: As of `generators.lift.network.Network`.
    ends = ("first", "last", "place")

    def __init__(self, widths: tuple[int, int, int] = (40, 80, 160)) -> None:
        super().__init__()
        a, b, c = widths
        self.first = nn.Conv2d(4 * CHANNELS, 16, 3, padding=1)
        self.stem = nn.Conv2d(4 * 16, a, 1)
        self.down = nn.ModuleList(
            [
                Residual(a),
                Residual(b),
                nn.Sequential(Residual(c), Attention(c, c // 32, 8), Residual(c), Attention(c, c // 32, 8)),
            ]
        )
        self.shrink = nn.ModuleList([nn.Conv2d(m, n, 3, stride=2, padding=1) for m, n in ((a, b), (b, c))])
        self.grow = nn.ModuleList([nn.Conv2d(m + n, n, 1) for m, n in ((c, b), (b, a))])
        self.up = nn.ModuleList([Residual(b), Residual(a)])
        self.spread = nn.Conv2d(a, 4 * 16, 1)
        self.join = nn.Conv2d(2 * 16, 16, 3, padding=1)
        self.last = nn.Conv2d(16, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        first = functional.silu(self.first(functional.pixel_unshuffle(x, 2)))  # (B, 16, S / 2, S / 2)
        y = self.stem(functional.pixel_unshuffle(first, 2))
        y, _ = walked(y, self.down, self.shrink, self.grow, self.up)
        y = functional.pixel_shuffle(self.spread(y), 2)
        y = functional.silu(self.join(torch.cat([y, first], 1)))
        odds: Tensor = functional.pixel_shuffle(self.last(y), 2)[:, 0].float()
        return odds
