"""Several pictures of one object in one light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]

#: Trust from which a point counts as shown by a picture, and as shown so clearly that a picture is believed by itself;
#: how many points two must share, and the darkest colour, 0..1, that is told from darker ones.
SHARED, CLEAR, FEWEST, DARK = 0.4, 0.6, 40, 0.1
#: How far exposures and the light's slope, as two pictures show it, are held to nothing, per point of the surface, so
#: that a few points tell little; and the slope as single ones do, per point that they show.
_EXPOSED, _BETWEEN, _WITHIN = 1e-4, 5e-3, 0.01
#: Logarithms: from which disagreements, such as of gloss, cast shadows and other paint, count less; by which shade is
#: darkened and brightened at most; by which a channel is.
_OUTLIER, BOUNDS, _BALANCED = 0.1, (-0.1, 0.5), 0.32
#: Share of the pictures' disagreement that light must explain to count fully: errors of the shape explain some, too.
_TOLD = 0.02
#: Cosine between the ways, seen from above, of two cameras below which they share only a rim and what lies level: no
#: light is told from that.
_OPPOSITE = -0.7
#: Paint of one hue is taken for one paint: the steps, of red and of green of the whole, by which hues are told apart,
#: and the darkest colour, 0..1, whose hue is more than noise.
_HUES, _BLACK = 24, 0.12
#: How much brighter things must be towards one hand of the camera to be lit, and to be so without a doubt: as two
#: pictures show it, and as single ones do.
_ASIDE, _ASIDE_ALONE = (0.015, 0.095), (0.012, 0.052)
#: How much brighter things may be towards the other hand in a single picture before no light is from either.
_OTHERWISE = 0.03
#: Shares of the variation within hues that a slope must explain to be light even if it is not to one hand, to count at
#: all and fully; and how much of it must be level: paint that is paler on top is common, lamps straight above are rare.
_SHADED, _LEVEL = (0.3, 0.5), (0.4, 0.7)
#: How much light comes from above where the pictures do not say, and at most.
_ABOVE, _HIGHEST = 0.2, 0.6
#: Share of what a picture shows that is lit less than what counts as fully lit.
_LIT = 0.9
_ROUNDS = 8


@dataclass(frozen=True)
class Light:
    """What a picture's sRGB values are to be multiplied by. They follow a power of the light: so do these factors.

    balance : (3,) of each channel, everywhere
    slope, full : (3,) logarithm of the light that a unit normal's x, y and z add, and of full light
    """

    balance: Floats
    slope: Floats
    full: float

    def evened(self, colors: Floats, normals: NDArray[np.floating]) -> Floats:
        """(N, 3) colours, 0..255, that the picture shows at (N, 3) unit normals, as they are in the full light."""
        shade = np.clip(self.full - normals.astype(np.float32) @ self.slope, *BOUNDS)
        evened: Floats = np.minimum(colors * np.exp(shade)[:, None] * self.balance, np.float32(255))
        return evened


EVEN = Light(np.ones(3, np.float32), np.zeros(3, np.float32), 0.0)
"""That of a picture which stays as it is."""


def lights(
    colors: Sequence[Floats], trusts: Sequence[Floats], normals: NDArray[np.floating], towards: Sequence[Doubles]
) -> list[Light]:
    """The light of each picture, from what two or more show of the same points.

    colors : (N, 3) each, 0..255, that a picture shows at the points; trusts : (N,) each, how far that may be trusted
    normals : (N, 3), unit; towards : (3,) each, the direction of the camera, the first one's picture the measure

    Matt paint looks the same from everywhere: what differs between two pictures is light. Its logarithm is taken for
    linear in the normal and for the same in all pictures as seen from the camera, as for an object that is turned in
    front of it. Of light from above, which all of them show alike, that tells nothing, and of any light if they show
    front and back alone, which share hardly more than a rim. So within each picture, too, paint of one hue counts as
    one paint. What tells light from paint is that things are brighter towards the same hand of the camera in every
    picture: paint goes along with the object. If they are, light is taken to come from above, too; if not, only a slope
    that explains much of how hues vary, and that is not all from above, is light. Shade is brightened to full light, so
    that pictures which show none stay as they are. Then each channel is balanced with the first picture's.
    """
    seen = np.stack([trust > SHARED for trust in trusts])
    turns = [_facing(way) for way in towards]
    clear = np.stack([trust > CLEAR for trust in trusts])
    slope = _slope(colors, seen, clear, [normals.astype(np.float64) @ turn.T for turn in turns], turns)
    slopes = np.stack([slope @ turn for turn in turns])
    shades = normals @ slopes.T
    pairs = zip(shades.T, seen, strict=True)
    full = [float(np.quantile(shade[own], _LIT)) if own.any() else 0.0 for shade, own in pairs]
    even = np.ones(3, np.float32)
    plain = [Light(even, slope.astype(np.float32), lit) for slope, lit in zip(slopes, full, strict=True)]
    evened = np.stack([light.evened(color, normals) for light, color in zip(plain, colors, strict=True)])
    balances = _balances(_logarithms(evened), seen)
    return [replace(light, balance=balance.astype(np.float32)) for light, balance in zip(plain, balances, strict=True)]


def _logarithms(colors: Floats) -> Doubles:
    return np.asarray(np.log(np.maximum(colors / np.float32(255), np.float32(DARK))), np.float64)


def _slope(
    colors: Sequence[Floats],
    seen: NDArray[np.bool_],
    clear: NDArray[np.bool_],
    sight: Sequence[Doubles],
    turns: Sequence[Doubles],
) -> Doubles:
    """(3,): how the logarithm of the light in all pictures grows to the right, up and towards the camera.

    seen, clear : (K, N), which points each picture shows, and shows clearly
    sight : (N, 3) each, normals as its camera sees them; turns : (3, 3) each, of :func:`_facing`
    """
    log = _logarithms(np.stack(colors)).mean(-1)
    alone, explained = _within(colors, log, clear, sight)
    for own in np.eye(len(clear), dtype=bool):
        aside = _within(colors, log, clear & own[:, None], sight)[0][0]
        if aside * np.sign(alone[0]) < -_OTHERWISE:
            alone[0] = 0  # paint, darker on one side of the object
    level = float(np.hypot(alone[0], alone[2])) / max(abs(float(alone[1])), 1e-3)
    shaded = _share(explained, _SHADED) * _share(level, _LEVEL)
    slope = alone.copy()
    if (told := _between(log, seen, sight, turns)) is None:
        sure = _share(abs(float(alone[0])), _ASIDE_ALONE)
    else:
        between, explained = told
        sure = _share(abs(float(between[0])), _ASIDE) * _share(explained, (0.0, _TOLD))
        by = 1.0 if sure >= shaded else sure / shaded
        slope += by * (between - alone)
    slope[1] = np.clip(shaded * alone[1] + (1 - shaded) * _ABOVE, 0, _HIGHEST)
    return max(sure, shaded) * slope


def _share(value: float, bounds: tuple[float, float]) -> float:
    """How far a value is from the lower to the upper bound, 0..1."""
    return float(np.clip((value - bounds[0]) / (bounds[1] - bounds[0]), 0, 1))


def _between(
    log: Doubles, seen: NDArray[np.bool_], sight: Sequence[Doubles], turns: Sequence[Doubles]
) -> tuple[Doubles, float] | None:
    """The slope (3,) of the light by what two pictures show of the same points, and the share of how they differ that
    it explains; None if no two share enough."""
    count = len(seen)
    rows, differences = [], []  # unknowns: the slope, the exposure of each picture
    for i, j in combinations(range(count), 2):
        both = np.flatnonzero(seen[i] & seen[j])
        if len(both) < FEWEST or (turns[i] @ turns[j].T)[2, 2] < _OPPOSITE:
            continue
        row = np.zeros((len(both), 3 + count))
        row[:, :3] = sight[i][both] - sight[j][both]
        row[:, [3 + i, 3 + j]] = 1, -1
        rows.append(row)
        differences.append(log[i][both] - log[j][both])
    if not rows:
        return None
    system, wanted = np.concatenate(rows), np.concatenate(differences)
    held = log.shape[1] * np.array([_BETWEEN] * 3 + [_EXPOSED] * count)
    found, left = _solved(system, wanted, held)
    _, apart = _solved(system[:, 3:], wanted, held[3:])
    return found[:3], 1 - left / max(apart, 1e-12)


def _within(
    colors: Sequence[Floats], log: Doubles, clear: NDArray[np.bool_], sight: Sequence[Doubles]
) -> tuple[Doubles, float]:
    """The slope (3,) of the light by what each picture shows by itself, if paint of one hue is one paint, and the share
    of how that varies which it explains."""
    picture, point = np.nonzero(clear & (log > np.log(_BLACK)))
    if len(point) < FEWEST:
        return np.zeros(3), 0.0
    squares = np.square(np.stack(colors)[picture, point].astype(np.float64))  # about in proportion to light
    steps = (squares[:, :2] / squares.sum(1, keepdims=True) * _HUES).astype(np.int64)
    hue = np.unique((picture * (_HUES + 1) + steps[:, 0]) * (_HUES + 1) + steps[:, 1], return_inverse=True)[1]
    values = np.column_stack([np.stack(sight)[picture, point], log[picture, point]])
    held = _WITHIN * len(point) * np.eye(3)
    weight, slope, apart, left = np.ones(len(point)), np.zeros(3), values, values[:, 3]
    for _ in range(_ROUNDS):
        total = np.bincount(hue, weight)
        means = np.column_stack([np.bincount(hue, weight * value) / total for value in values.T])
        apart = values - means[hue]
        weighted = apart[:, :3].T * weight
        slope = np.asarray(np.linalg.solve(weighted @ apart[:, :3] + held, weighted @ apart[:, 3]), np.float64)
        left = apart[:, 3] - apart[:, :3] @ slope
        weight = 1 / (1 + np.square(left / _OUTLIER))
    varies = float(weight @ np.square(apart[:, 3]))
    return slope, 1 - float(weight @ np.square(left)) / max(varies, 1e-9)


def _solved(system: Doubles, wanted: Doubles, held: Doubles) -> tuple[Doubles, float]:
    """The robust solution of a system whose unknowns are held to zero, and how much of what is wanted it leaves."""
    found, weight, left = np.zeros(system.shape[1]), np.ones(len(wanted)), wanted
    for _ in range(_ROUNDS):
        weighted = system.T * weight
        found = np.asarray(np.linalg.solve(weighted @ system + np.diag(held), weighted @ wanted), np.float64)
        left = wanted - system @ found
        weight = 1 / (1 + np.square(left / _OUTLIER))
    return found, float(np.log1p(np.square(left / _OUTLIER)).sum())


def _facing(way: Doubles) -> Doubles:
    """(3, 3): the turn about +Y that brings the camera in that direction to +Z."""
    far = float(np.hypot(way[0], way[2]))
    s, c = (way[0] / far, way[2] / far) if far > 1e-9 else (0.0, 1.0)
    return np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])


def _balances(log: Doubles, seen: NDArray[np.bool_]) -> Doubles:
    """(K, 3): a factor for each channel of each picture, that makes it as bright as the first where two are seen."""
    count, points, _ = log.shape
    normal, wanted = np.eye(count) * 1e-3, np.zeros((count, 3))
    normal[0, 0] += 1e6
    for i, j in combinations(range(count), 2):
        both = seen[i] & seen[j]
        if (shared := np.count_nonzero(both)) < FEWEST:
            continue
        apart = np.median(log[i][both] - log[j][both], axis=0)
        weight = min(shared / points, 0.1)
        normal[[i, j], [i, j]] += weight
        normal[[i, j], [j, i]] -= weight
        wanted[j] += weight * apart
        wanted[i] -= weight * apart
    return np.asarray(np.exp(np.clip(np.linalg.solve(normal, wanted), -_BALANCED, _BALANCED)))
