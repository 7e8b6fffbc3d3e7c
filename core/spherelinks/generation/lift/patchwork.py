"""The far side's colours, decided region by region: copied whole from the picture, or filled by what is around.

A half-faded copy looks worse than a full one or none. So what the gate (`farside`) says of each place is averaged over
regions of one material of the picture, and each region is kept or left out. What is left out, as faces, screens and
cushions are, gets the materials that are around it, those of the outline, where front and back meet, and of the regions
kept, with clean borders. The colours of both are then moved, by blurred means, towards those that the gate's shares
make of the sources, which err least, but not by what they are next to faces and screens left out, for there they show
their ghosts.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks.generation.lift import farside
from spherelinks.generation.lift.farside import CELLS, Floats, Sources, from_cells, in_cells, inwards, within

Mask = NDArray[np.bool_]
Labels = NDArray[np.int32]

#: The most materials, and the distance (of `_features`) up to which a colour is one of those found.
_MATERIALS, _ALIKE = 8, 14.0
_ROUNDS = 5  # of Lloyd's algorithm
#: Weights of shade and hue; light, of 255, that is added before hues are compared, as those of dark colours are noise.
_SHADE, _HUE, _DIM = np.float32(0.2), np.float32(0.7), np.float32(64)
_SAME_HUE, _SAME_SHADE = 20.0, 80.0  # up to which materials differ by shade alone
#: From which mean share of copies a region is kept, and how much more it must be of figures, which have faces.
_KEPT, _FIGURE = 0.55, 0.12
#: What is taken off that share on fronts, of what is odd, and of what is odd on figures.
_FRONT, _ODD, _ODDER = np.float32(0.15), 0.25, 0.25
#: A material is foreign where it is a smaller share of what is carried there from the outline.
_SHARED = 0.1
#: Regions of less than a share of the object are small; from which share of them on an object is motley, and all so.
_SMALL, _SOME, _ALL = 0.02, 0.6, 0.75
_EVEN = 2.0  # deviation of the blur of the gate's shares, cells
_RIM = 2.0  # what lies up to so many cells within the outline is the far side's, too
_SURE, _SURER = 0.3, np.float32(0.6)  # from and up to which share of copies that is believed
#: Deviations along rows and columns, cells, of the blurs that carry materials inwards, and their weights.
_CARRIED = ((2.0, 1.0, 1.0), (5.0, 2.0, 0.4), (12.0, 3.0, 0.1), (24.0, 8.0, 0.01))
#: Weight in the fill of a region left out, unless it is odd, small, or enclosed and a smaller share of all.
_OWN, _LARGE = np.float32(0.15), 0.25
_SPECK = 0.015  # share of the object up to which holes are closed in what is kept
_ROUND = 2.5  # so far round what is odd nothing is kept, px of 256
#: From and up to which mean view of its points' twins (`farside`) an object without limbs is taken for a round one.
_SEEN, _ROUNDED = 0.4, 0.5
_SHIFTED = 3.0  # deviation of the blur of the shift of what is copied, cells
_STRETCHED = 0.3  # rows of the picture for one of the copy, below which a copy would be streaks
_BROADLY = 2.7  # deviation of the blur of what colours are moved by, cells
_COPIES = slice(1, 5)  # the sources whose colours are the picture's
_LIKELY, _LIKELIEST = 0.5, 0.9  # from and up to which share of them colours are less moved
_BELIEVED = np.float32(0.5)  # by so much at most
#: How little the colours that the shares make count where something odd or a front was left out, next to that, and what
#: is kept for the colours of what is not.
_GHOST, _NEAR, _BESIDE = np.float32(0.02), np.float32(0.05), np.float32(0.1)


class Decision(NamedTuple):
    """colors : (S, S, 3) float32, 0..255, what would be copied; keep : (S, S) where it is; fill : (S, S, 3) float32,
    what is there else; bare : (S, S) in 0..1, where it is for what is odd or a front"""

    colors: Floats
    keep: Mask
    fill: Floats
    bare: Floats


class _Object(NamedTuple):
    """matte : (S, S); near : (S, S), deep : (CELLS, CELLS), how far within the outline, cells; limbs : in 0..1"""

    matte: Mask
    near: Floats
    deep: Floats
    limbs: float


def painted(given: Sources, shares: Floats) -> Floats:
    """(S, S, 3) float32, 0..255: the far side's colours along each ray.

    shares : (len(SOURCES), N, N), the gate's of each source, which sum to one
    """
    colors, keep, fill, bare = decided(given, shares)
    mean = farside.mixed(given._replace(colors=np.stack([given.colors[0], colors, *given.colors[2:]])), shares)
    side = len(keep)
    matte = from_cells(given.x[farside.MATTE], side) > 0
    gone = np.where(keep, np.float32(0), (1 - _GHOST) * bare)
    near = from_cells((2 * farside.blurred(in_cells(gone))).clip(0, 1), side)
    known = matte * (1 - (1 - _NEAR) * near)
    cell = (given.x[farside.MATTE] > 0).astype(np.float32)
    copies = np.asarray(shares[_COPIES].sum(0), np.float32)
    sure = within(from_cells(copies, CELLS), cell, _EVEN, _EVEN)
    moved = from_cells(1 - _BELIEVED * ((sure - _LIKELY) / (_LIKELIEST - _LIKELY)).clip(0, 1), side)[..., None]
    copy = colors + moved * _apart(in_cells(mean), colors, known * keep)
    calm = in_cells(farside.calmed(given, mean))
    rest = fill + moved * _apart(calm, fill, known * np.where(keep, _BESIDE, 1 - gone))
    share = cv2.GaussianBlur(keep.astype(np.float32), (0, 0), 0.8)[..., None]  # jagged borders need no more
    out: Floats = np.clip(rest + share * (copy - rest), 0, 255).astype(np.float32)
    return out


def _apart(expected: Floats, colors: Floats, known: Floats) -> Floats:
    """(S, S, 3): what is expected, (CELLS, CELLS, 3), less colours, (S, S, 3), blurred as far as known, (S, S)."""
    weight = in_cells(known)[..., None]
    sums = np.dstack([expected * weight - in_cells(colors * known[..., None]), weight])
    sums = cv2.GaussianBlur(sums, (0, 0), _BROADLY, borderType=cv2.BORDER_CONSTANT)
    apart = np.asarray(sums[..., :3] / np.maximum(sums[..., 3:], np.float32(1e-6)), np.float32)
    return from_cells(apart, len(known))


def decided(given: Sources, shares: Floats) -> Decision:
    """What would be copied, where it is, and what fills the rest."""
    picture, side = given.colors[1], given.colors.shape[1]
    cell = given.x[farside.MATTE] > 0
    matte = from_cells(given.x[farside.MATTE], side) > 0
    limbs = float(farside.limbs(cell.astype(np.uint8)))
    thing = _Object(matte, inwards(matte) * np.float32(CELLS / side), inwards(cell), limbs)
    copied, whole = _copied(given, thing)
    centres = _materials(_features(in_cells(copied)[thing.deep > 1]))
    if not len(centres):  # nothing of it is so far within the outline
        return Decision(copied, matte, copied, np.zeros(matte.shape, np.float32))
    label = _labelled(copied, centres, matte)
    own = _labelled(picture, centres, matte)
    share = within(1 - from_cells(shares[0], CELLS), cell.astype(np.float32), _EVEN, _EVEN)
    # a face that is seen from its side is at the outline as well, and not on the other side
    sure = from_cells(((share - _SURE) / (_SURER - _SURE)).clip(0, 1) + np.float32(0.02), side)
    rim = matte & (thing.near <= _RIM)
    known = np.where(rim & (thing.near > 0.25), sure, 0).astype(np.float32)
    votes, _ = _carried(picture, known, own, len(centres))
    shared = np.zeros((side, side), np.float32)
    for k, vote in enumerate(votes):
        shared[label == k] = from_cells(vote, side)[label == k]
    keep, bare, stays = _kept(given, thing, label, share, shared, copied, whole)
    base = np.where((rim & ~keep)[..., None], picture, copied)
    known = np.where(keep, np.float32(1), np.maximum(known, _OWN * stays))
    votes, colors = _carried(base, known, np.where(rim & ~keep, own, label), len(centres))
    return Decision(copied, keep, _filled(votes, colors, _groups(centres), side), bare)


def _copied(given: Sources, thing: _Object) -> tuple[Floats, Mask]:
    """(S, S, 3): what a copy would show; (S, S): where it is not stretched.

    It is the same pixel, or of round things, so that a pattern runs round a vessel, one at the same height: a camera
    that looks down sees what is far above what is near.
    """
    picture, side = given.colors[1], len(thing.matte)
    inside = thing.deep > 0
    seen = float(given.x[farside.TWIN_SEEN][inside].mean()) if inside.any() else 0.0
    share = min(max((seen - _SEEN) / (_ROUNDED - _SEEN), 0), 1) * (1 - thing.limbs)
    if share == 0:
        return picture, np.ones(thing.matte.shape, np.bool_)
    rows = np.arange(side, dtype=np.float32)[:, None]
    shift = within(in_cells(given.row - rows), inside.astype(np.float32), _SHIFTED, _SHIFTED)
    shift *= (thing.deep / 5).clip(0, 1)
    first, last = np.argmax(thing.matte, 0), side - 1 - np.argmax(thing.matte[::-1], 0)
    v = rows + from_cells(shift * np.float32(share), side)
    v = np.clip(v, np.minimum(first + 3, rows), np.maximum(last - 3, rows)).astype(np.float32)
    v = np.maximum.accumulate(v, 0)  # nothing twice
    u = np.broadcast_to(np.arange(side, dtype=np.float32), v.shape).copy()
    stretched = cv2.blur(np.gradient(v, axis=0), (5, 5))
    return np.asarray(cv2.remap(picture, u, v, cv2.INTER_LINEAR), np.float32), stretched > _STRETCHED


def _kept(
    given: Sources, thing: _Object, label: Labels, share: Floats, shared: Floats, copied: Floats, whole: Mask
) -> tuple[Mask, Floats, Mask]:
    """(S, S): where the copy is kept; (S, S) in 0..1: where no detail of it may stay; (S, S): where its material may.

    share : (CELLS, CELLS) of copies; shared : (S, S) of the place's material among what the outline brings there
    """
    matte, side, limbs = thing.matte, len(label), thing.limbs
    region, number = _regions(label)
    area = np.maximum(np.bincount(region.ravel(), minlength=number), 1)

    def mean(values: Floats) -> NDArray[np.float64]:
        large: Floats = values if len(values) == side else from_cells(values, side)
        return np.asarray(np.bincount(region.ravel(), large.ravel().astype(np.float64), number) / area)

    frontal = farside.frontal(given.x)
    strange = farside.strange(in_cells(copied), thing.deep) * ((thing.deep - 0.8) / 1.2).clip(0, 1)
    enclosed = np.bincount(region[matte & (thing.near <= 1)], minlength=number) == 0
    foreign = enclosed * (1 - (mean(shared) / _SHARED).clip(0, 1))
    small = float(area[1:][area[1:] < _SMALL * matte.sum()].sum() / area[1:].sum())
    # of what is motley all over nothing is odd
    odd = np.maximum(foreign, mean(strange * np.maximum(frontal, np.float32(limbs))))
    odd *= np.clip((_ALL - small) / (_ALL - _SOME), 0, 1)
    score = mean(share - _FRONT * frontal) - (_ODD + _ODDER * limbs) * odd
    kept = (score > _KEPT + _FIGURE * limbs)[region] & matte & whole
    oddly = (odd > 0.5)[region] & matte
    reach = _ROUND * side / 256
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(reach) + 1,) * 2)
    kept &= cv2.dilate((oddly & ~kept).astype(np.uint8), disc) == 0  # outlines of what is left out
    _, hole, stats, _ = cv2.connectedComponentsWithStats((~kept & matte).astype(np.uint8), connectivity=4)
    size = stats[:, cv2.CC_STAT_AREA]
    closed = (np.bincount(hole.ravel(), oddly.ravel(), len(size)) < 0.3 * size) & (size < _SPECK * matte.sum())
    closed[0] = False
    kept |= closed[hole]
    # front and back are one at the outline, so what is an island on the front is on the front alone
    count, part = cv2.connectedComponents(kept.astype(np.uint8), connectivity=4)
    reaching = np.bincount(part[matte & (thing.near <= 0.5)], minlength=count) > 0
    reaching[0] = False
    around = cv2.dilate(oddly.astype(np.uint8), disc).astype(np.float32)
    bare = np.maximum(cv2.GaussianBlur(around, (0, 0), reach), from_cells(frontal, side))
    plain = (~enclosed & (area > _SMALL * matte.sum())) | (area > _LARGE * matte.sum())
    stays = plain[region] & matte & whole & ~oddly
    return reaching[part], np.asarray(bare, np.float32), stays


def _regions(label: Labels) -> tuple[Labels, int]:
    """Connected regions of one label each, from 1, 0 where there is none; and one more than the last."""
    region, number = np.zeros(label.shape, np.int32), 1
    for k in range(int(label.max()) + 1):
        count, own = cv2.connectedComponents((label == k).astype(np.uint8), connectivity=4)
        region += np.where(own > 0, own + (number - 1), 0).astype(np.int32)
        number += count - 1
    return region, number


def _carried(base: Floats, known: Floats, label: Labels, materials: int) -> tuple[Floats, Floats]:
    """(K, CELLS, CELLS): each material's share of all that is carried to a cell from where it is known, (S, S), mostly
    along rows; (K, CELLS, CELLS, 3): its colour there."""
    totals, channels = [], cv2.split(base)
    for k in range(materials):
        own = known * (label == k)
        given = in_cells(cv2.merge([*(channel * own for channel in channels), own]))
        total = np.zeros_like(given)
        for across, along, share in _CARRIED:
            spread = cv2.GaussianBlur(given, (0, 0), sigmaX=across, sigmaY=along, borderType=cv2.BORDER_CONSTANT)
            total += np.float32(share) * spread
        totals.append(total)
    all_ = np.stack(totals)
    votes, colors = all_[..., 3], all_[..., :3] / np.maximum(all_[..., 3:], np.float32(1e-9))
    return np.asarray(votes / np.maximum(votes.sum(0), np.float32(1e-9)), np.float32), np.asarray(colors, np.float32)


def _filled(votes: Floats, colors: Floats, group: list[int], side: int) -> Floats:
    """(S, S, 3): at each place the colour of the group of materials with most votes; borders are hardly blurred."""
    soft = []
    for first in sorted(set(group)):
        own = [k for k, g in enumerate(group) if g == first]
        vote = votes[own].sum(0)
        color = (votes[own][..., None] * colors[own]).sum(0) / np.maximum(vote, np.float32(1e-9))[..., None]
        large = from_cells(np.asarray(cv2.GaussianBlur(vote, (0, 0), _EVEN), np.float32), side)
        soft.append((np.maximum(large, np.float32(1e-6)), from_cells(color, side)))
    best = np.maximum.reduce([vote for vote, _ in soft])
    total, out = np.zeros((side, side), np.float32), np.zeros((side, side, 3), np.float32)
    for vote, color in soft:
        eighth = np.square(np.square(np.square(vote / best)))
        weight = eighth * eighth * eighth
        total += weight
        out += weight[..., None] * color
    return np.asarray(out / total[..., None], np.float32)


def _groups(centres: Floats) -> list[int]:
    """For each material the first of those from which it differs by shade alone."""
    group = list(range(len(centres)))
    for i, one in enumerate(centres):
        for k, other in enumerate(centres[:i]):
            shade, *hue = np.abs(one - other)
            if np.square(hue).sum() < _SAME_HUE**2 and shade < _SHADE * _SAME_SHADE:
                group = [group[k] if g == group[i] else g for g in group]
    return group


def _features(color: Floats) -> Floats:
    """(..., 3) of (..., 3) colours: what tells materials apart."""
    red, green, blue = np.moveaxis(color, -1, 0)
    light = (red + green + blue) / np.float32(3)
    scale = 128 * _HUE / (light + _DIM)
    return np.stack([_SHADE * light, (red - green) * scale, (blue - (red + green) / 2) * scale], -1)


def _materials(points: Floats) -> Floats:
    """(K, 3), the centres of features, (N, 3): of each next one what was farthest from all, but for outliers."""
    if not len(points):
        return np.zeros((0, 3), np.float32)
    found = [np.median(points, 0)]
    apart = np.square(points - found[0]).sum(-1)
    while len(found) < _MATERIALS and np.quantile(apart, 0.98) > _ALIKE**2:
        found.append(points[np.argsort(apart, kind="stable")[int(0.985 * (len(points) - 1))]])
        apart = np.minimum(apart, np.square(points - found[-1]).sum(-1))
    centres = np.array(found, np.float32)
    for _ in range(_ROUNDS):
        own = _nearest(points, centres)
        for k in range(len(centres)):
            if (own == k).any():
                centres[k] = points[own == k].mean(0)
    return centres


def _nearest(points: Floats, centres: Floats) -> Labels:
    """(N,): which centre each is nearest to."""
    x, y, z = points.T.copy()
    apart = [np.square(x - a) + np.square(y - b) + np.square(z - c) for a, b, c in centres]
    nearest: Labels = np.stack(apart).argmin(0).astype(np.int32)
    return nearest


def _labelled(color: Floats, centres: Floats, matte: Mask) -> Labels:
    """(S, S): the material of each pixel, -1 beyond the matte."""
    smooth = np.asarray(cv2.GaussianBlur(color, (0, 0), 1.2 * len(color) / 256), np.float32)
    label = np.full(matte.shape, -1, np.int32)
    label[matte] = _nearest(_features(smooth[matte]), centres)
    return label
