"""What `batches.py` and `light.py` do, for whole batches on the device that trains.

Stored views become the network's input and truth: relit, repainted, with slightly wrong mattes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from spherelinks.generation.lift.layout import KNOWN

Fields = dict[str, Tensor]  # those of `training.data.fields`, (B, ...), on one device
CHAMFER = (0.955, 1.3693)  # straight and diagonal steps of OpenCV's 3 x 3 approximation of the Euclidean distance


def batch(fields: Fields, draw: torch.Generator | None) -> Fields:
    """Input `x` (B, CHANNELS, S, S) and the truth for `training.losses`, float32, channels first.

    draw: what randomness comes from; None leaves the views as they are, in plain light.
    """
    albedo, matte, back = (fields[name].float() / 255 for name in ("albedo", "cover", "back"))
    facing = fields["facing"].float() / 127
    if draw is not None:
        albedo, back = repainted(albedo, back, draw)
    rgb = lit(albedo, facing, fields["shadow"], fields["lamps"], fields["elevation"], draw).movedim(3, 1)
    if draw is not None:
        rgb, matte = blurred(rgb, matte, draw)
    seen = fields["seen"].float()
    coarse = (functional.avg_pool2d(seen[:, None], 2) >= 0.5).float()
    lean = fields["elevation"].deg2rad()[:, None, None]
    right, up, near = functional.avg_pool2d(facing.movedim(3, 1), 4).unbind(1)
    # in the object's upright axes, turned to face the camera
    normal = torch.stack([right, up * lean.cos() + near * lean.sin(), near * lean.cos() - up * lean.sin()], 1) * coarse
    out = {
        "x": channels(rgb, matte),
        "front": fields["front"].float(),
        "thickness": fields["thickness"].float(),
        "seen": seen,
        "back": back.movedim(3, 1),
        "normal": normal,
        # A wall fills about half a bin; a threshold of one half must not lose it.
        "profile": (fields["profile"].float() / 127).clamp(max=1).movedim(3, 1),
        "seen_coarse": coarse[:, 0],
    }
    if draw is not None:
        out = mirrored(out, uniform(draw, len(seen)) < 0.5)
    return out | {"elevation": fields["elevation"], "tangent": fields["tangent"]}


def uniform(draw: torch.Generator, *shape: int) -> Tensor:
    """Uniform in 0..1, on the generator's device."""
    return torch.rand(*shape, generator=draw, device=draw.device)


def normal(draw: torch.Generator, *shape: int) -> Tensor:
    """Standard normal, on the generator's device."""
    return torch.randn(*shape, generator=draw, device=draw.device)


def mirrored(batch: Fields, which: Tensor) -> Fields:
    """The batch with the views chosen by `which` (B,) bool mirrored left to right."""
    sign = torch.ones(batch["x"].shape[1], device=which.device)
    sign[4] = -1  # x
    sign[KNOWN : KNOWN + 4] = -1  # horizontal differences
    sign[KNOWN + 8 :] = -1  # and diagonal ones
    out = {}
    for name, field in batch.items():
        flipped = field.flip(-1)
        if name == "x":
            flipped = flipped * sign[:, None, None]
        if name == "normal":
            flipped = flipped * flipped.new_tensor([-1, 1, 1])[:, None, None]
        out[name] = torch.where(which.view(-1, *[1] * (field.ndim - 1)), flipped, field)
    return out


def repainted(albedo: Tensor, back: Tensor, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """(B, ..., 3) each: random repaint, the same on both sides: channels permuted, or a single colour, so that only
    shading shows the shape."""
    count = len(albedo)
    kind = uniform(draw, count)
    order = torch.where((kind < 0.55)[:, None], uniform(draw, count, 3).argsort(1), torch.arange(3, device=kind.device))
    flat = 0.16 + 0.84 * uniform(draw, count, 3)
    out = []
    for paint in (albedo, back):
        paint = paint.gather(3, order[:, None, None].expand(paint.shape))
        out.append(torch.where((kind < 0.1)[:, None, None, None], flat[:, None, None], paint))
    return out[0], out[1]


def lit(
    albedo: Tensor, facing: Tensor, shadow: Tensor, lamps: Tensor, elevation: Tensor, draw: torch.Generator | None
) -> Tensor:
    """(B, P, P, 3) in 0..1, sRGB: as `light.lit`, for a batch; plain light if `draw` is None.

    albedo: sRGB in 0..1; elevation: (B,) of the camera, degrees; it decides where up, and so the sky, is.
    """
    count, places, device = len(lamps), lamps.shape[1], lamps.device
    if draw is None:
        power = 0.6 * functional.one_hot(torch.zeros(count, dtype=torch.long, device=device), places)
        ambient, sky, gloss, sharp = 0.45, 0.0, None, 1.0
    else:
        on = uniform(draw, count, places).argsort(1) < (1 + (3 * uniform(draw, count, 1)).floor())
        power = on * (0.25 + 0.65 * uniform(draw, count, places))
        ambient = _wide(0.25 + 0.4 * uniform(draw, count))
        sky = _wide(0.4 * uniform(draw, count) * (uniform(draw, count) < 0.3))
        gloss = _wide((0.05 + 0.45 * uniform(draw, count)) * (uniform(draw, count) < 0.25))
        sharp = _wide((1.5 + 3.5 * uniform(draw, count)).exp())
    lean = elevation.deg2rad()
    above = facing[..., 1] * _wide(lean.cos()) + facing[..., 2] * _wide(lean.sin())
    shade = ambient * (1 + sky * above)
    shine = torch.zeros_like(shade)
    halfway = functional.normalize(lamps + lamps.new_tensor([0, 0, 1]), dim=2)
    for k in range(places):
        reached = _wide(power[:, k]) * ((shadow >> k) & 1 == 0)
        toward = torch.einsum("bhwc,bc->bhw", facing, lamps[:, k]).clamp(min=0)
        shade = shade + reached * toward
        if gloss is not None:
            half = torch.einsum("bhwc,bc->bhw", facing, halfway[:, k]).clamp(min=0)
            shine = shine + reached * gloss * half**sharp * (toward > 0)
    light = (to_linear(albedo) * shade[..., None] + shine[..., None]).clamp(0, 1)
    rgb = to_srgb(light)
    if draw is None:
        return rgb
    gain = (0.12 * normal(draw, count, 3) + 0.15 * normal(draw, count, 1)).exp()[:, None, None]
    gamma = (0.2 * normal(draw, count)).exp()[:, None, None, None]
    rgb = (rgb.clamp(min=1e-4) ** gamma * gain).clamp(0, 1)
    grain = 0.03 * uniform(draw, count) * (uniform(draw, count) < 0.5)
    return (rgb + normal(draw, *rgb.shape) * grain[:, None, None, None]).clamp(0, 1)


def _wide(value: Tensor) -> Tensor:
    return value[:, None, None]


def to_linear(srgb: Tensor) -> Tensor:
    return torch.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def to_srgb(linear: Tensor) -> Tensor:
    return torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055)


def blurred(rgb: Tensor, matte: Tensor, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """(B, 3, P, P), (B, P, P): the picture out of focus, its matte eroded or dilated by a pixel or two, so that a
    little background shows."""
    count = len(rgb)
    rgb = torch.where(matte[:, None] > 0, rgb, uniform(draw, count, 3)[:, :, None, None])
    sigma = (0.4 + 1.6 * uniform(draw, count)) * (uniform(draw, count) < 0.4)
    reach = 6
    away = torch.arange(-reach, reach + 1, device=rgb.device)
    kernel = torch.exp(-0.5 * (away / sigma.clamp(min=0.1)[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).T[..., None, None, None]  # (K, B, 1, 1, 1)
    for axis in (2, 3):
        padded = functional.pad(rgb, (0, 0, reach, reach) if axis == 2 else (reach, reach, 0, 0), "reflect")
        rgb = torch.zeros_like(rgb)
        for i, share in enumerate(kernel):
            rgb = rgb + share * padded.narrow(axis, i, rgb.shape[axis])
    change = (uniform(draw, count) < 0.3) * (1 - 2 * (uniform(draw, count) < 0.5).float())
    twice = uniform(draw, count) < 0.5
    return rgb, _resized(matte, change, twice)


def _resized(matte: Tensor, change: Tensor, twice: Tensor) -> Tensor:
    """(B, P, P): dilated where `change` (B,) is 1, eroded where it is -1, by a 3 x 3 cross, twice where `twice`."""
    sign = torch.where(change == 0, 1.0, change)[:, None, None]
    for again in (torch.ones_like(twice), twice):
        signed = (matte * sign)[:, None]
        across = functional.max_pool2d(signed, (1, 3), 1, (0, 1))
        along = functional.max_pool2d(signed, (3, 1), 1, (1, 0))
        matte = torch.where(((change != 0) & again)[:, None, None], torch.maximum(across, along)[:, 0] * sign, matte)
    return matte


def channels(rgb: Tensor, matte: Tensor) -> Tensor:
    """`layout.channels` for (B, 3, 2 S, 2 S) pictures and (B, 2 S, 2 S) mattes, equal to within rounding."""
    both = torch.cat([(rgb - 0.5) * matte[:, None] * 2, matte[:, None] * 2 - 1], 1)
    left, right = both[..., ::2], both[..., 1::2]
    across, along = left - right, (left + right) / 2
    mean = (along[:, :, ::2] + along[:, :, 1::2]) / 2
    detail = [
        (across[:, :, ::2] + across[:, :, 1::2]) / 2,
        along[:, :, ::2] - along[:, :, 1::2],
        across[:, :, ::2] - across[:, :, 1::2],
    ]
    side = mean.shape[-1]
    inside = mean[:, 3] > 0
    x = (torch.arange(side, device=rgb.device) + 0.5) / side * 2 - 1
    place = torch.stack([x.expand(side, side), -x[:, None].expand(side, side)]).expand(len(rgb), -1, -1, -1)
    known = torch.cat([place, (distance(inside) * (4 / side))[:, None], balloon(inside)[:, None]], 1)
    return torch.cat([mean, known, *detail], 1)


def distance(inside: Tensor) -> Tensor:
    """(B, S, S): approximate distance to the nearest pixel outside, in pixels, as by OpenCV's distanceTransform."""
    far = torch.where(inside, 1e4, 0.0)
    nearer = _fused(_nearer, inside.device)
    for _ in range(inside.shape[-1] // 2):
        far = nearer(far)
    return far


def _nearer(far: Tensor) -> Tensor:
    padded = functional.pad(far, (1, 1, 1, 1), value=1e4)
    across, along = padded[:, 1:-1], padded[:, :, 1:-1]
    straight = torch.minimum(
        torch.minimum(across[:, :, :-2], across[:, :, 2:]), torch.minimum(along[:, :-2], along[:, 2:])
    )
    up, down = padded[:, :-2], padded[:, 2:]
    diagonal = torch.minimum(torch.minimum(up[:, :, :-2], up[:, :, 2:]), torch.minimum(down[:, :, :-2], down[:, :, 2:]))
    return torch.minimum(far, torch.minimum(straight + CHAMFER[0], diagonal + CHAMFER[1]))


def balloon(inside: Tensor) -> Tensor:
    """(B, S, S): `layout.balloon` of a matte, by the same relaxation in checkerboard order (Young 1954)."""
    side = inside.shape[-1]
    cells = min(side, 64)
    there = functional.interpolate(inside[:, None].float(), size=(cells, cells), mode="area")[:, 0] > 0.5
    x = torch.arange(cells, device=inside.device)
    black = (x + x[:, None]) % 2 == 0
    factor, pressure = 2 / (1 + math.sin(math.pi / (cells / 2 + 1))), 4 * (2 / cells) ** 2
    u = torch.zeros(there.shape, device=inside.device)
    gains = (factor * (there & black), factor * (there & ~black))
    relaxed = _fused(_relaxed, inside.device)
    for _ in range(100):
        for gain in gains:
            u = relaxed(u, gain, pressure)
    high = functional.interpolate(u[:, None], size=(side, side), mode="bilinear", align_corners=False)[:, 0]
    return high.clamp(min=0).sqrt()


def _relaxed(u: Tensor, gain: Tensor, pressure: float) -> Tensor:
    p = functional.pad(u, (1, 1, 1, 1))
    around = p[:, :-2, 1:-1] + p[:, 2:, 1:-1] + p[:, 1:-1, :-2] + p[:, 1:-1, 2:]
    return u + gain * ((around + pressure) / 4 - u)


@cache
def _fused(step: Callable[..., Tensor], device: torch.device) -> Callable[..., Tensor]:
    """The step, on a GPU compiled into one kernel, since it is repeated often."""
    return torch.compile(step) if device.type == "cuda" else step
