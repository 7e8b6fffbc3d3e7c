"""The sampler's network: a rectified flow from noise to what the picture leaves open, the far side.

Rectified flow (Liu et al. 2023, arXiv 2209.03003): this network predicts the velocity along a straight line from noise
at time 0 to data at time 1, given the outputs of `training.networks.lift.Network` for the same picture. Its state is
what has many plausible values, thickness and the far side's colour, as corrections of those outputs. Units and axes:
`spherelinks.generation.lift.layout`.

Only training and export import this module: it needs torch, which the installed package does not.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from spherelinks.generation.lift.layout import BINS, COARSE, KNOWN, STATE
from training.networks.lift import Attention, Residual

POOLED = 4  # bins of the profile that are averaged into one
GIVEN = COARSE**2 * (KNOWN + 2) + BINS // POOLED + 3
WAVES = 16  # frequencies of the time embedding


class Velocity(nn.Module):
    """A two-level U-Net over maps of (S / COARSE)²; see `forward`."""

    #: As in `training.networks.lift.Network`.
    ends = ("outline", "last", "place")

    def __init__(self, widths: tuple[int, int] = (96, 192)) -> None:
        super().__init__()
        a, b = widths
        self.outline = nn.Conv2d(STATE + GIVEN, a, 3, padding=1)
        self.time = nn.ModuleList([nn.Sequential(nn.Linear(2 * WAVES, w), nn.SiLU(), nn.Linear(w, w)) for w in (a, b)])
        self.down = nn.Sequential(Residual(a), Residual(a))
        self.shrink = nn.Conv2d(a, b, 3, stride=2, padding=1)
        self.middle = nn.Sequential(*(part for _ in range(2) for part in (Residual(b), Attention(b, b // 32, 8))))
        self.grow = nn.Conv2d(a + b, a, 1)
        self.up = nn.Sequential(Residual(a), Residual(a))
        self.last = nn.Conv2d(a, STATE, 3, padding=1)
        nn.init.zeros_(self.last.weight)

    def forward(
        self, state: Tensor, time: Tensor, x: Tensor, front: Tensor, thickness: Tensor, profile: Tensor, back: Tensor
    ) -> Tensor:
        """
        state : (B, STATE, S / COARSE, S / COARSE), in units of UNIT; time : (B,) in 0..1
        x : (B, CHANNELS, S, S), as `layout.channels` makes it
        front, thickness, profile, back : outputs of `training.networks.lift.Network` for x

        Returns the velocity, in the shape of `state`.
        """
        half = COARSE // 2
        occupied = functional.avg_pool3d(torch.sigmoid(profile)[:, None], (POOLED, half, half))[:, 0]
        fine = [functional.pixel_unshuffle(m, COARSE) for m in (x[:, :KNOWN], front[:, None], thickness[:, None])]
        covered = functional.avg_pool2d(x[:, 3:4], COARSE) / 2 + 0.5
        y = self.outline(torch.cat([state * covered, *fine, occupied, functional.avg_pool2d(back, half)], 1))
        angle = time[:, None] * torch.linspace(0, 5, WAVES, device=x.device).exp()
        waves = torch.cat([angle.sin(), angle.cos()], 1)
        skip = self.down(y + self.time[0](waves)[..., None, None])
        y = self.middle(self.shrink(skip) + self.time[1](waves)[..., None, None])
        y = functional.interpolate(y, scale_factor=2.0, mode="nearest")
        y = self.up(self.grow(torch.cat([y, skip], 1)))
        velocity: Tensor = self.last(y).float()
        return velocity
