"""The sampler's network: a rectified flow from noise to what the picture leaves open, the far side.

Rectified flow (Liu et al. 2023, arXiv 2209.03003): along a straight line from noise at time 0 to data at time 1, this
network says the velocity, given what `network.Network` says of the same picture. Its state is what has many plausible
answers, as a correction of that one answer: thickness and the far side's colour. Units and axes: `layout`.

Only training and export import this module: it needs torch, which the installed package does not.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from spherelinks.generators.lift.layout import BINS, CHANNELS, STATE
from spherelinks.generators.lift.network import Attention, Residual

POOLED = 4  # bins of the profile that count as one
GIVEN = 4 * CHANNELS + 4 + 4 + BINS // POOLED + 3
WAVES = 16  # of the embedding of time


class Velocity(nn.Module):
    """A U-Net over the coarse maps, (S / 2)²; see `forward`."""

    #: As of `network.Network`.
    ends = ("outline", "last", "place")

    def __init__(self, widths: tuple[int, int, int] = (64, 128, 192)) -> None:
        super().__init__()
        a, b, c = widths
        self.outline = nn.Conv2d(STATE + GIVEN, a, 3, padding=1)
        self.time = nn.ModuleList(
            [nn.Sequential(nn.Linear(2 * WAVES, w), nn.SiLU(), nn.Linear(w, w)) for w in (a, b, c)]
        )
        middle = [part for _ in range(2) for part in (Residual(c), Attention(c, c // 32, 8))]
        self.down = nn.ModuleList([Residual(a), nn.Sequential(Residual(b), Residual(b)), nn.Sequential(*middle)])
        self.shrink = nn.ModuleList([nn.Conv2d(m, n, 3, stride=2, padding=1) for m, n in ((a, b), (b, c))])
        self.grow = nn.ModuleList([nn.Conv2d(m + n, n, 1) for m, n in ((c, b), (b, a))])
        self.up = nn.ModuleList([nn.Sequential(Residual(b), Residual(b)), nn.Sequential(Residual(a), Residual(a))])
        self.last = nn.Conv2d(a, STATE, 3, padding=1)
        nn.init.zeros_(self.last.weight)

    def forward(
        self, state: Tensor, time: Tensor, x: Tensor, front: Tensor, thickness: Tensor, profile: Tensor, back: Tensor
    ) -> Tensor:
        """
        state : (B, STATE, S / 2, S / 2); time : (B,) in 0..1; x : (B, CHANNELS, S, S), as `layout.channels` makes it
        front, thickness, profile, back : as `Network.forward` says them of x

        Returns the velocity, (B, STATE, S / 2, S / 2).
        """
        occupied = functional.avg_pool3d(torch.sigmoid(profile)[:, None], (POOLED, 1, 1))[:, 0]
        halves = [functional.pixel_unshuffle(m, 2) for m in (x, front[:, None], thickness[:, None])]
        covered = functional.avg_pool2d(x[:, 3:4], 2) / 2 + 0.5
        y = self.outline(torch.cat([state * covered, *halves, occupied, back], 1))
        angle = time[:, None] * torch.linspace(0, 5, WAVES, device=x.device).exp()
        waves = torch.cat([angle.sin(), angle.cos()], 1)
        skips = []
        for i, (blocks, clock) in enumerate(zip(self.down, self.time, strict=True)):
            y = blocks(y + clock(waves)[..., None, None])
            if i < 2:
                skips.append(y)
                y = self.shrink[i](y)
        for grow, blocks in zip(self.grow, self.up, strict=True):
            y = functional.interpolate(y, scale_factor=2.0, mode="nearest")
            y = blocks(grow(torch.cat([y, skips.pop()], 1)))
        velocity: Tensor = self.last(y).float()
        return velocity
