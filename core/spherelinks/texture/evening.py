"""Several pictures of one object in one light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]

#: Trust from which a point counts as shown by a picture, how many points two must share, and the darkest colour, 0..1,
#: that is told from darker ones.
SHARED, FEWEST, DARK = 0.4, 40, 0.1
#: How far exposures, the light that goes along with the camera, and each picture's own light are held to nothing, per
#: point of the surface.
_EXPOSED, _ALONG, _OWN = 1e-4, 0.002, 0.3
#: Logarithms: from which disagreements, such as of gloss and cast shadows, count less; by which shade is darkened and
#: brightened at most; by which a channel is.
_OUTLIER, BOUNDS, _BALANCED = 0.3, (-0.1, 0.5), 0.32
#: Share of the pictures' disagreement that light must explain to count fully: errors of the shape explain some, too.
_TOLD = 0.06
#: Cosine between the ways, seen from above, of two cameras below which they share only a rim and what lies level: no
#: light is told from that.
_OPPOSITE = -0.7
#: Paint of one hue is taken for one paint: the steps, of red and of green of the whole, by which hues are told apart;
#: how far the light is then held to nothing, per point; the shares of the variation within hues that it must explain to
#: count at all, and to count fully, for paint may vary with the normal, too; and how much a point within a picture
#: counts beside one that two pictures show.
_HUES, _HELD, _SHADED, _WITHIN = 8, 0.02, (0.4, 0.6), 0.1
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
    linear in the normal, for all pictures the same as seen from the camera, as for an object that is turned in front of
    it, but for a small part of each picture's own. Of light from above, which all of them show alike, that tells
    nothing, and of any light if they show front and back alone, which share hardly more than a rim. So within each
    picture, too, paint of one hue counts as one paint, if the light explains much of how it varies. Shade is brightened
    to full light, so that pictures which show none stay as they are. Then each channel is balanced with the first
    picture's.
    """
    seen = np.stack([trust > SHARED for trust in trusts])
    slopes = _slopes(colors, seen, normals.astype(np.float64), towards)
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


def _slopes(colors: Sequence[Floats], seen: NDArray[np.bool_], normals: Doubles, towards: Sequence[Doubles]) -> Doubles:
    """(K, 3): how the logarithm of the light in each of K pictures grows along x, y and z of the normal."""
    count, points = seen.shape
    turns = [_facing(way) for way in towards]
    sight = [normals @ turn.T for turn in turns]
    log = _logarithms(np.stack(colors)).mean(-1)
    slope, lit, within, shade = _within(colors, log, seen, sight)
    # unknowns: exposure of each picture; the light that goes along with the camera; each picture's own
    rows, differences = [], []
    for i, j in combinations(range(count), 2):
        both = np.flatnonzero(seen[i] & seen[j])
        if len(both) < FEWEST or (turns[i] @ turns[j].T)[2, 2] < _OPPOSITE:
            continue
        row = np.zeros((len(both), count + 3 + 3 * count))
        for k, sign in ((i, 1.0), (j, -1.0)):
            row[:, k] = sign
            row[:, count : count + 3] += sign * sight[k][both]
            row[:, count + 3 + 3 * k : count + 6 + 3 * k] = sign * sight[k][both]
        rows.append(row)
        differences.append(log[i][both] - log[j][both])
    if not rows:
        return np.stack([lit * slope @ turn for turn in turns])
    system, wanted = np.concatenate(rows), np.concatenate(differences)
    held = points * np.array([_EXPOSED] * count + [_ALONG] * 3 + [_OWN] * (3 * count))
    every = np.ones(len(wanted))
    _, left = _solved(system, wanted, held, every)
    _, apart = _solved(system[:, :count], wanted, held[:count], every)
    counts = np.concatenate([every, np.full(len(shade), _WITHIN * lit)])
    found, _ = _solved(np.concatenate([system, within]), np.concatenate([wanted, shade]), held, counts)
    found *= np.clip((1 - left / max(apart, 1e-12)) / _TOLD, 0, 1)
    along, own = found[count : count + 3], found[count + 3 :].reshape(count, 3)
    return np.stack([(along + mine) @ turn for mine, turn in zip(own, turns, strict=True)])


def _within(
    colors: Sequence[Floats], log: Doubles, seen: NDArray[np.bool_], sight: Sequence[Doubles]
) -> tuple[Doubles, float, Doubles, Doubles]:
    """What each picture by itself says of the light, if paint of one hue is one paint.

    log, seen : (K, N), of the colours, and whether a picture shows a point; sight : (N, 3) each, normals as it sees
        them

    Returns the slope (3,), for all pictures the same as seen from the camera; how far it counts, 0..1; and of M points
    that pictures show the rows (M, 4 K + 3) of :func:`_slopes`' system and the logarithms (M,), both less the means of
    their hues.
    """
    count = len(seen)
    picture, point = np.nonzero(seen)
    if len(point) < FEWEST:
        return np.zeros(3), 0.0, np.zeros((0, 4 * count + 3)), np.zeros(0)
    squares = np.square(np.stack(colors)[seen].astype(np.float64))  # about in proportion to light
    share = squares[:, :2] / np.maximum(squares.sum(1, keepdims=True), 1e-4)
    steps = (share * _HUES).astype(np.int64)
    hue = np.unique((picture * (_HUES + 1) + steps[:, 0]) * (_HUES + 1) + steps[:, 1], return_inverse=True)[1]
    values = np.column_stack([np.stack(sight)[seen], log[seen]])
    weight, slope, apart = np.ones(len(point)), np.zeros(3), values
    for _ in range(_ROUNDS):
        total = np.bincount(hue, weight)
        means = np.column_stack([np.bincount(hue, weight * value) / total for value in values.T])
        apart = values - means[hue]
        weighted = apart[:, :3].T * weight
        held = _HELD * len(point) * np.eye(3)
        slope = np.asarray(np.linalg.solve(weighted @ apart[:, :3] + held, weighted @ apart[:, 3]), np.float64)
        left = apart[:, 3] - apart[:, :3] @ slope
        weight = 1 / (1 + np.square(left / _OUTLIER))
    told = 1 - float(weight @ np.square(left)) / max(float(weight @ np.square(apart[:, 3])), 1e-9)
    least, fully = _SHADED
    rows = np.zeros((len(point), 4 * count + 3))
    rows[:, count : count + 3] = apart[:, :3]
    for k in range(count):
        own = picture == k
        rows[own, count + 3 + 3 * k : count + 6 + 3 * k] = apart[own, :3]
    return slope, float(np.clip((told - least) / (fully - least), 0, 1)), rows, apart[:, 3]


def _solved(system: Doubles, wanted: Doubles, held: Doubles, counts: Doubles) -> tuple[Doubles, float]:
    """The robust solution of a system whose unknowns are held to zero, and how much of what is wanted it leaves; each
    row counts so often."""
    found, weight, left = np.zeros(system.shape[1]), counts, wanted
    for _ in range(_ROUNDS):
        weighted = system.T * weight
        found = np.asarray(np.linalg.solve(weighted @ system + np.diag(held), weighted @ wanted), np.float64)
        left = wanted - system @ found
        weight = counts / (1 + np.square(left / _OUTLIER))
    return found, float((weight * np.square(left)).sum())


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
