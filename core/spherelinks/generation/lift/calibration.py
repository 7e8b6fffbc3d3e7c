"""Where further pictures of an object were taken from, and how the front's depths must change to agree with them.

One picture tells the camera's elevation within a few degrees, but depth only up to a factor and a slope (the bas-relief
ambiguity: Belhumeur, Kriegman & Yuille 1999). Other pictures' outlines decide both: seen from there, the body must fill
them. The *world* is the upright frame of the front view, in the unit of `layout`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks.shape import View

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

#: Degrees by which each view's camera stands to the right of the front's, as its viewer sees it.
AZIMUTHS: dict[View, float] = {"front": 0.0, "right": 90.0, "back": 180.0, "left": -90.0}

#: Unknowns of the body: logarithms of the gains of its depths and its thickness, slopes of its depths along y and x,
#: and the front camera's elevation (radians) and logarithm of its tangent. How far each may be from its first guess, if
#: sides are shown, and if not.
_BODY = ("gain", "thicker", "slope", "skew", "elevation", "tangent")
_BODY_PRIOR = np.array([0.25, 0.15, 0.12, 0.03, 0.03, 0.1])
_KNOWN = np.full(len(_BODY), 1e-5)
#: Unknowns of each further view: turn about +Y, elevation, logarithms of its tangent and of its unit in the world, and
#: where its axis passes the body's middle, in its own unit.
_VIEW = ("turn", "elevation", "tangent", "unit", "x", "y")
_VIEW_PRIOR = np.array([0.06, 0.05, 0.15, 0.5, 0.5, 0.5])
_STEP = 1e-3
#: How well outlines are known, and how well the body's points must keep within them, in half widths of a frame.
_REACH, _WITHIN = 0.015, 0.04
_DIRECTIONS = 32
_POINTS = 700
_ROUNDS = 25
#: The sides change the body if it is as far as the first from their outlines, and then nearer than the second.
LOOSE, TIGHT = 0.04, 0.022
#: Pixels of the maps across which outlines count as next to each other.
_BESIDE = 7


@dataclass(frozen=True)
class Seen:
    """What is known of a view by itself.

    outline : (O, O), distance to its contour in half widths of the frame, negative inside
    inside : (N, N), where the object is
    front, thickness : (N, N), depth of the visible surface and from there to the last exit, continued everywhere
    elevation : radians; tangent : of half the field of view
    """

    outline: Floats
    inside: NDArray[np.bool_]
    front: Floats
    thickness: Floats
    elevation: float
    tangent: float


@dataclass(frozen=True)
class Body:
    """What becomes of the front view: depths d = gain * front + slope * y + skew * x, and how much thicker it is."""

    gain: float
    thicker: float
    slope: float
    skew: float
    elevation: float
    tangent: float


@dataclass(frozen=True)
class Pose:
    """A view's camera: a point of the world is turned by -turn about +Y, moved by -offset and divided by unit, which
    makes it one of the view's own upright frame. Angles in radians.

    fit : the lesser share of its outline and of the body's, as it sees it, that lies within or next to the other
    """

    turn: float
    elevation: float
    tangent: float
    unit: float
    offset: Doubles
    fit: float = 1.0

    @property
    def upright(self) -> Doubles:
        """(4, 4): from the world to the view's own upright frame."""
        c, s = np.cos(self.turn), np.sin(self.turn)
        out = np.eye(4)
        out[:3, :3] = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]]) / self.unit
        out[:3, 3] = -self.offset / self.unit
        return out

    def project(self, points: Doubles) -> tuple[Doubles, Doubles, Doubles]:
        """x and y in the frame, both in -1..1 over it, and depth, of (..., 3) points of the world."""
        matrix = self.upright
        own = points @ matrix[:3, :3].T + matrix[:3, 3]
        c, s = np.cos(self.elevation), np.sin(self.elevation)
        y, d = own[..., 1] * c - own[..., 2] * s, -(own[..., 1] * s + own[..., 2] * c)
        scale = np.maximum(1 + d * self.tangent, 0.05)
        return own[..., 0] / scale, y / scale, d


def calibrated(seen: Mapping[View, Seen]) -> tuple[Body | None, dict[View, Pose]]:
    """The body, and the poses of all views but the front; `seen` has the front first.

    The body is None if it is best left as the front shows it: where the sides agree with it well enough, or where no
    change makes them agree, changing it makes it worse more often than better.
    """
    told = np.zeros(len(_BODY))
    poses: dict[View, Pose] = {}
    changed = False
    # from behind, the outline is the front's and says little of the depth: only the sides shape the body
    sides: dict[View, Seen] = {view: each for view, each in seen.items() if view != "back"}
    if len(sides) > 1:
        problem = _Problem(sides, told, _KNOWN)
        unknowns = _fitted(problem)
        before = problem.apart(unknowns)
        if before > LOOSE:
            freed = _Problem(sides, told, _BODY_PRIOR)
            tried = _fitted(freed)
            if changed := freed.apart(tried) < min(TIGHT, before / 2):
                problem, unknowns = freed, tried
        told = unknowns[: len(_BODY)]
        poses |= problem.poses(unknowns)
    if "back" in seen:
        problem = _Problem({view: each for view, each in seen.items() if view in ("front", "back")}, told, _KNOWN)
        poses |= problem.poses(_fitted(problem))
    return problem.body(told) if changed else None, {view: poses[view] for view in seen if view != "front"}


class _Problem:
    """What is minimised: the residuals of a vector of unknowns, the body's first."""

    def __init__(self, seen: Mapping[View, Seen], told: Doubles, prior_of_body: Doubles) -> None:
        """told : first guess of the body's unknowns, and prior_of_body how far they may be from it."""
        self.seen = seen
        self.front = next(iter(seen.values()))
        self.others: list[View] = [view for view in seen if view != "front"]
        side = len(self.front.outline)
        self.front_depth, self.front_thickness = (
            np.asarray(cv2.resize(m, (side, side), interpolation=cv2.INTER_LINEAR), np.float64).ravel()
            for m in (self.front.front, self.front.thickness)
        )
        self.chosen = _spots(self.front.outline < 0)
        angles = np.arange(_DIRECTIONS) * (2 * np.pi / _DIRECTIONS)
        self.directions = np.stack([np.cos(angles), np.sin(angles)])
        self.supports = {view: (_contour(seen[view].outline) @ self.directions).max(0) for view in self.others}
        #: the body's middle lies half its thickness behind what a view sees
        self.middles = {view: float(each.thickness[each.inside].mean()) / 2 for view, each in seen.items()}
        self.first = np.zeros(len(_BODY) + len(_VIEW) * len(self.others))
        self.first[: len(_BODY)] = told
        prior = [prior_of_body]
        points = self.points(self.body(self.first), self.chosen)
        for n, view in enumerate(self.others):
            # of the same height, where the outlines' boxes lie on each other
            row = self._row(self.first, n)
            x, y, _ = self.pose(view, row, points).project(points)
            box = _contour(seen[view].outline)
            size = np.ptp(y) / np.ptp(box[:, 1])
            row[3] = np.log(size)
            row[4] = (box[:, 0].max() + box[:, 0].min()) / 2 - (x.max() + x.min()) / 2 / size
            row[5] = (box[:, 1].max() + box[:, 1].min()) / 2 - (y.max() + y.min()) / 2 / size
            prior.append(_VIEW_PRIOR)
        self.prior = np.concatenate(prior)

    def _row(self, unknowns: Doubles, n: int) -> Doubles:
        start = len(_BODY) + len(_VIEW) * n
        return unknowns[start : start + len(_VIEW)]

    def body(self, unknowns: Doubles) -> Body:
        gain, thicker, slope, skew, elevation, tangent = unknowns[: len(_BODY)].tolist()
        return Body(
            float(np.exp(gain)), float(np.exp(thicker)), slope, skew, self.front.elevation + elevation,
            float(self.front.tangent * np.exp(tangent)),
        )  # fmt: skip

    def points(self, body: Body, chosen: NDArray[np.intp]) -> Doubles:
        """(2 n, 3): places of the world on the body's near and far side."""
        side = len(self.front.outline)
        rows, columns = np.divmod(chosen, side)
        x, y = (columns + 0.5) / side * 2 - 1, 1 - (rows + 0.5) / side * 2
        near = body.gain * self.front_depth[chosen] + body.slope * y + body.skew * x
        far = near + body.thicker * self.front_thickness[chosen]
        x, y, d = np.tile(x, 2), np.tile(y, 2), np.concatenate([near, far])
        scale = 1 + d * body.tangent
        s, c = np.sin(body.elevation), np.cos(body.elevation)
        return np.stack([x * scale, y * scale * c - d * s, -(y * scale * s + d * c)], 1)

    def pose(self, view: View, row: Doubles, points: Doubles) -> Pose:
        """The camera whose axis passes the middle of the points at (x, y), as far away as the view says."""
        each = self.seen[view]
        turn, elevation, tangent, unit, x, y = row.tolist()
        turn, elevation, unit = np.radians(AZIMUTHS[view]) + turn, each.elevation + elevation, float(np.exp(unit))
        middle = (points.min(0) + points.max(0)) / 2
        c, s = np.cos(turn), np.sin(turn)
        middle = np.array([middle[0] * c - middle[2] * s, middle[1], middle[0] * s + middle[2] * c])
        d = self.middles[view]
        c, s = np.cos(elevation), np.sin(elevation)
        own = np.array([x, y * c - d * s, -(y * s + d * c)])
        return Pose(turn, elevation, float(each.tangent * np.exp(tangent)), unit, middle - unit * own)

    def poses(self, unknowns: Doubles) -> dict[View, Pose]:
        body = self.body(unknowns)
        points = self.points(body, self.chosen)
        poses = {view: self.pose(view, self._row(unknowns, n), points) for n, view in enumerate(self.others)}
        return {view: replace(pose, fit=self.fit(body, view, pose)) for view, pose in poses.items()}

    def apart(self, unknowns: Doubles) -> float:
        """How far the body's outlines are from the views', half widths of a frame, in the root mean square."""
        points = self.points(self.body(unknowns), self.chosen)
        reach = [
            (np.stack(self.pose(view, self._row(unknowns, n), points).project(points)[:2], 1) @ self.directions).max(0)
            - self.supports[view]
            for n, view in enumerate(self.others)
        ]
        return float(np.sqrt(np.mean(np.square(reach))))

    def residuals(self, unknowns: Doubles) -> Doubles:
        points = self.points(self.body(unknowns), self.chosen)
        parts = [(unknowns - self.first) / self.prior]
        for n, view in enumerate(self.others):
            x, y, _ = self.pose(view, self._row(unknowns, n), points).project(points)
            reach = (np.stack([x, y], 1) @ self.directions).max(0) - self.supports[view]
            parts.append(_robust(reach / _REACH, 4) / 2)
            out = np.maximum(_distance(self.seen[view].outline, x, y), 0)
            parts.append(_robust(out / _WITHIN, 3) * (4 / np.sqrt(len(out))))
        return np.concatenate(parts)

    def fit(self, body: Body, view: View, pose: Pose) -> float:
        """The lesser share of a view's outline and of the body's that lies within or next to the other's."""
        inside = self.seen[view].inside
        side = len(inside)
        x, y, _ = pose.project(self.points(body, np.flatnonzero(self.front.outline < 0)))
        columns, rows = np.floor((x + 1) / 2 * side).astype(int), np.floor((1 - y) / 2 * side).astype(int)
        known = (columns >= 0) & (columns < side) & (rows >= 0) & (rows < side)
        drawn = np.zeros((side, side), bool)
        drawn[rows[known], columns[known]] = True
        drawn = np.asarray(cv2.morphologyEx(drawn.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))) > 0
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_BESIDE, _BESIDE))
        covered = float(known.mean())
        for one, other in ((drawn, inside), (inside, drawn)):
            beside = cv2.dilate(other.astype(np.uint8), disc) > 0
            covered = min(covered, float((one & beside).sum() / max(one.sum(), 1)))
        return covered


def _fitted(problem: _Problem) -> Doubles:
    """Levenberg's and Marquardt's method, with differences for derivatives."""
    unknowns = problem.first.copy()
    said = problem.residuals(unknowns)
    cost, damping = float(said @ said), 1e-2
    for _ in range(_ROUNDS):
        slopes = np.empty((len(said), len(unknowns)))
        for k in range(len(unknowns)):
            moved = unknowns.copy()
            moved[k] += _STEP
            slopes[:, k] = (problem.residuals(moved) - said) / _STEP
        normal, towards = slopes.T @ slopes, slopes.T @ said
        gained = 0.0
        for _ in range(6):
            tried = unknowns - np.linalg.solve(normal + damping * np.diag(np.diag(normal)), towards)
            then = problem.residuals(tried)
            gained = cost - float(then @ then)
            if gained > 0:
                unknowns, said, cost, damping = tried, then, cost - gained, max(damping / 5, 1e-6)
                break
            damping *= 5
        if gained <= 1e-3 * cost:
            break
    return unknowns


def _robust(x: Doubles, reach: float) -> Doubles:
    """x where it is small, growing like its root beyond `reach`."""
    out: Doubles = x / np.sqrt(np.sqrt(1 + np.square(x / reach)))
    return out


def _contour(outline: Floats) -> Doubles:
    """(n, 2): x and y of the pixels along the outline."""
    inside = (outline < 0).astype(np.uint8)
    rim = np.argwhere((inside > 0) & (cv2.erode(inside, np.ones((3, 3), np.uint8), borderValue=0) == 0))
    side = len(outline)
    return np.stack([(rim[:, 1] + 0.5) / side * 2 - 1, 1 - (rim[:, 0] + 0.5) / side * 2], 1)


def _spots(inside: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Pixels of the object, all along its rim and some within."""
    rim = inside & (cv2.erode(inside.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0) == 0)
    within = np.flatnonzero(inside & ~rim)
    most = _POINTS // 2
    along = np.flatnonzero(rim)
    return np.concatenate([along[:: max(1, len(along) // most)], within[:: max(1, -(-len(within) // most))]])


def _distance(outline: Floats, x: Doubles, y: Doubles) -> Doubles:
    """Distance outside an outline, in half widths of its frame, at places of which some may be out of it."""
    beyond: Doubles = np.hypot(np.maximum(np.abs(x) - 1, 0), np.maximum(np.abs(y) - 1, 0))
    return np.add(sampled(outline, x, y), beyond)


def sampled(image: Floats, x: Doubles, y: Doubles) -> Doubles:
    """(n,) or (n, C): an (S, S) or (S, S, C) image of a frame, bilinear, at places in -1..1, clamped."""
    side = len(image)
    u = np.clip((x + 1) * (side / 2) - 0.5, 0, side - 1.001)
    v = np.clip((1 - y) * (side / 2) - 0.5, 0, side - 1.001)
    left, top = u.astype(np.int64), v.astype(np.int64)
    shape = (len(x),) + (1,) * (image.ndim - 2)
    u, v = (u - left).reshape(shape), (v - top).reshape(shape)
    above = image[top, left] * (1 - u) + image[top, left + 1] * u
    below = image[top + 1, left] * (1 - u) + image[top + 1, left + 1] * u
    out: Doubles = above * (1 - v) + below * v
    return out
