"""The network that chooses what the far side shows: from its sources to the share of each in the colour.

Only training and export import this module: it needs torch, which the installed package does not.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from spherelinks.generation.lift.farside import CHANNELS, SOURCES
from training.networks.lift import Residual, walked


class Gate(nn.Module):
    """(B, CHANNELS, S, S) as `farside.sources` makes it -> (B, SOURCES, S / 2, S / 2), shares that sum to 1."""

    #: As in `training.networks.lift.Network`.
    ends = ("stem", "last")

    def __init__(self, widths: tuple[int, int] = (16, 24)) -> None:
        super().__init__()
        a, b = widths
        self.stem = nn.Conv2d(CHANNELS, a, 3, stride=2, padding=1)
        self.down = nn.ModuleList([Residual(a), nn.Sequential(Residual(b), Residual(b))])
        self.shrink = nn.ModuleList([nn.Conv2d(a, b, 3, stride=2, padding=1)])
        self.grow = nn.ModuleList([nn.Conv2d(a + b, a, 1)])
        self.up = nn.ModuleList([Residual(a)])
        self.last = nn.Conv2d(a, len(SOURCES), 3, padding=1)
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = walked(self.stem(x), self.down, self.shrink, self.grow, self.up)
        shares: Tensor = self.last(functional.silu(y)).float().softmax(1)
        return shares
