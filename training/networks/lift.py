"""The network: from a picture to the visible surface, the solid behind it, the colour of its far side, and the camera.

Two-dimensional and pixel-aligned: a U-Net with attention at its coarse levels. Depth of the visible surface and
thickness behind it are predicted directly; what those two cannot express (gaps, handles, legs, undercuts) is a profile
of occupancy along each pixel's ray, predicted as a correction of what the thickness alone implies. Units and axes:
`training.view`.

Only training and export import this module: it needs torch, which the installed package does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from spherelinks.generation.lift.layout import BIN, BINS, CHANNELS, ELEVATIONS, KNOWN, SHARPNESS, TANGENTS


@dataclass(frozen=True)
class Shape:
    """Channels at 1/2, 1/4 and 1/8 of the input's side, and blocks at each on the way down and up."""

    widths: tuple[int, int, int] = (128, 192, 256)
    down: tuple[int, int, int] = (2, 4, 2)
    up: tuple[int, int] = (2, 4)
    head: int = 32  # channels per attention head


DROP = 0.1  # share of a batch's pictures that each block leaves unchanged in training


def kept(branch: Tensor, training: bool) -> Tensor:
    """A block's branch (B, ...), dropped for some pictures in training: stochastic depth (Huang et al. 2016)."""
    if not training:
        return branch
    some = torch.rand(len(branch), *[1] * (branch.ndim - 1), device=branch.device) >= DROP
    return branch * (some / (1 - DROP)).to(branch.dtype)


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.GroupNorm(8, width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.GroupNorm(8, width),
            nn.SiLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )
        nn.init.zeros_(self.body[-1].weight)

    def forward(self, x: Tensor) -> Tensor:
        return x + kept(self.body(x), self.training)


class Attention(nn.Module):
    """Self-attention among all pixels of a coarse map, and a feed-forward layer."""

    def __init__(self, width: int, heads: int, side: int) -> None:
        super().__init__()
        self.heads = heads
        self.place = nn.Parameter(torch.zeros(1, width, side, side))
        self.norm, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.ask = nn.Linear(width, 3 * width, bias=False)
        self.answer = nn.Linear(width, width)
        self.think = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        nn.init.normal_(self.place, std=0.02)
        nn.init.zeros_(self.answer.weight)
        nn.init.zeros_(self.think[-1].weight)

    def forward(self, x: Tensor) -> Tensor:
        batch, width, height, wide = x.shape
        tokens = x.flatten(2).transpose(1, 2)  # (B, H*W, C)
        place = functional.adaptive_avg_pool2d(self.place, (height, wide)).flatten(2).transpose(1, 2)
        q, k, v = (
            self.ask(self.norm(tokens) + place)
            .view(batch, height * wide, 3, self.heads, width // self.heads)
            .permute(2, 0, 3, 1, 4)
        )
        seen = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, height * wide, width)
        tokens = tokens + kept(self.answer(seen), self.training)
        tokens = tokens + kept(self.think(self.norm2(tokens)), self.training)
        return tokens.transpose(1, 2).reshape(batch, width, height, wide)


def _blocks(width: int, count: int, attention: Shape | None, side: int) -> nn.Sequential:
    parts: list[nn.Module] = []
    for _ in range(count):
        parts.append(Residual(width))
        if attention is not None:
            parts.append(Attention(width, width // attention.head, side))
    return nn.Sequential(*parts)


class Camera(nn.Module):
    """Scores of the bins of elevation and field of view, from attention pooling over the coarsest map."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.look = nn.Linear(width, 4)
        self.read = nn.Sequential(
            nn.LayerNorm(5 * width), nn.Linear(5 * width, 256), nn.GELU(), nn.Linear(256, ELEVATIONS[2] + TANGENTS[2])
        )

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(2).transpose(1, 2)  # (B, H*W, C)
        looks = self.look(tokens).softmax(1).transpose(1, 2) @ tokens  # (B, 4, C)
        scores: Tensor = self.read(torch.cat([looks.flatten(1), tokens.mean(1)], 1))
        return scores


def walked(
    y: Tensor,
    down: nn.ModuleList,
    shrink: nn.ModuleList,
    grow: nn.ModuleList,
    up: nn.ModuleList,
    seen: Sequence[Tensor] = (),
) -> tuple[Tensor, Tensor]:
    """(B, C, H, W) down a U-Net and up again (Ronneberger et al. 2015). Returns the map of that size, and the coarsest.

    down : the blocks at each size, one more than of the others; shrink : from each size to the next
    grow : merges the enlarged coarser map with the one from the way down; up : the blocks after that
    seen : what is added to the map of each size on the way down, before the blocks
    """
    skips = []
    for level, blocks in enumerate(down):
        y = blocks(y + seen[level] if seen else y)
        if level < len(shrink):
            skips.append(y)
            y = shrink[level](y)
    coarsest = y
    for larger, blocks in zip(grow, up, strict=True):
        y = functional.interpolate(y, scale_factor=2.0, mode="nearest")
        y = blocks(larger(torch.cat([y, skips.pop()], 1)))
    return y, coarsest


class Network(nn.Module):
    """(B, CHANNELS, S, S) as `layout.channels` makes it -> the dictionary of `forward`.

    S is 64 or 128: the same weights fit both, and a network trained at 64 is a starting point for 128.
    """

    #: What the names of parameters outside the trunk contain (first and last layers and the like): another optimiser's.
    ends = ("stem", "coarse", "fine", "camera", "place", "gains")

    def __init__(self, shape: Shape | None = None) -> None:
        super().__init__()
        shape = shape or Shape()
        a, b, c = shape.widths
        self.stem = nn.Conv2d(4 * CHANNELS, a, 3, padding=1)
        self.down = nn.ModuleList(
            [
                _blocks(a, shape.down[0], None, 32),
                _blocks(b, shape.down[1], shape, 16),
                _blocks(c, shape.down[2], shape, 8),
            ]
        )
        self.shrink = nn.ModuleList([nn.Conv2d(m, n, 3, stride=2, padding=1) for m, n in ((a, b), (b, c))])
        self.grow = nn.ModuleList([nn.Conv2d(m + n, n, 1) for m, n in ((c, b), (b, a))])
        self.up = nn.ModuleList([_blocks(b, shape.up[0], None, 16), _blocks(a, shape.up[1], None, 32)])
        self.camera = Camera(c)
        self.norm = nn.GroupNorm(8, a)
        self.coarse = nn.Conv2d(a, 2 + BINS + 3 + 3, 1)
        self.spread = nn.Conv2d(a, 4 * 16, 1)
        self.fine = nn.Sequential(nn.Conv2d(16 + CHANNELS, 32, 3, padding=1), nn.SiLU(), nn.Conv2d(32, 2, 3, padding=1))
        self.gains = nn.Parameter(torch.ones(2))
        nn.init.zeros_(self.fine[-1].weight)

    def seen(self, x: Tensor) -> Sequence[Tensor]:
        """Further maps of the picture, as `walked` takes them; none."""
        return ()

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """
        front, thickness : (B, S, S)
        profile : (B, BINS, S / 2, S / 2), log odds that the middle of the bin is solid
        back : (B, 3, S / 2, S / 2), about 0..1
        normal : (B, 3, S / 2, S / 2), not normalised; a training aid
        camera : (B, ELEVATIONS[2] + TANGENTS[2]), scores of the bins
        """
        y = self.stem(functional.pixel_unshuffle(x, 2))
        y, coarsest = walked(y, self.down, self.shrink, self.grow, self.up, self.seen(x))
        camera = self.camera(coarsest)
        y = functional.silu(self.norm(y))
        depths, profile, back, normal = self.coarse(y).float().split([2, BINS, 3, 3], 1)
        fine = functional.pixel_shuffle(self.spread(y), 2)
        fine = self.fine(torch.cat([fine, x.to(fine.dtype)], 1)).float()
        depths = functional.interpolate(depths, scale_factor=2.0, mode="bilinear", align_corners=False) + fine
        balloon = x[:, KNOWN - 1].float()
        front = depths[:, 0] - self.gains[0] * balloon
        thickness = functional.softplus(4 * (depths[:, 1] + 2 * self.gains[1] * balloon)) / 4
        middle = (torch.arange(BINS, device=x.device) + 0.5).view(1, -1, 1, 1) * BIN
        implied = SHARPNESS * (functional.avg_pool2d(thickness[:, None], 2) - middle)
        return {
            "front": front,
            "thickness": thickness,
            "profile": implied.clamp(-6, 6) + profile,
            "back": back + 0.5,
            "normal": normal,
            "camera": camera.float(),
        }
