"""Where an object's pictures were taken from, and how the depths that are guessed from each must change to agree.

One picture tells the camera's elevation within a few degrees, but depth only up to a factor and a slope (the bas-relief
ambiguity: Belhumeur, Kriegman & Yuille 1999). Pictures from the sides decide both: what one sees must keep within the
others' outlines, reach as far as they do, and lie where they see it. All of it is solved together, by Levenberg's and
Marquardt's method. The *world* is the upright frame of the front view, in the unit of `layout`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import permutations

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks.native import kernel
from spherelinks.shape import View

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

#: Degrees by which each view's camera stands to the right of the front's, as its viewer sees it.
AZIMUTHS: dict[View, float] = {"front": 0.0, "right": 90.0, "back": 180.0, "left": -90.0}
OPPOSITE: dict[View, View] = {"front": "back", "back": "front", "right": "left", "left": "right"}

#: Unknowns of each view: logarithm of its depths' gain, their slopes along y and x, elevation, logarithm of its
#: tangent, turn about +Y, logarithm of its unit in the world, and the move of its origin along its own axes. Then how
#: far each may be from its first guess, 0 if it is known: in a further view, in the front, and in a view from behind if
#: no side tells the depths.
_VIEW = ("gain", "slope", "skew", "elevation", "tangent", "turn", "unit", "x", "y", "depth")
_PRIOR = np.array([0.25, 0.12, 0.1, 0.03, 0.15, 0.06, 0.5, 0.5, 0.5, 0.4])
_FRONT = np.array([0.25, 0.12, 0.1, 0.01, 0.15, 0.0, 0.0, 0.0, 0.0, 0.0])
_RIGID = np.array([0.0, 0.0, 0.0, 0.05, 0.15, 0.06, 0.5, 0.5, 0.5, 0.4])
#: Pictures are taken from about the same height: by how much each one's own elevation counts against the median of all,
#: and how far from that it is believed, in radians.
_OWN, _BELIEVED = 0.35, 0.25
#: What is measured, how well it is known in half widths of a frame, from how many times that on it is taken for an
#: error, and how much it weighs: points outside an outline, how far an outline reaches, points that two views see,
#: points in front of what another sees, and how thick the body is.
_OUT, _REACH, _SEEN, _BEFORE, _THICK = (0.02, 3, 5.0), (0.02, 3, 0.7), (0.06, 2, 6.0), (0.05, 2, 4.0), (0.15, 2, 2.0)
#: Cosine from which a view's surface counts as seen by another, and how far before that one's it may lie.
_FACING, _SPARE = 0.15, 0.03
#: Radians by which a camera may be turned from where its view's name says: with more, a flat body seen from its edge
#: fits pictures of other things.
_TURNED = 0.35
_STEP = 1e-3
_DIRECTIONS = 32
_POINTS = 160
_ROUNDS = 20
#: Pixels of the maps across which outlines count as next to each other.
_BESIDE = 7

_sample = kernel(
    "calibration_sampled", "image: f4[S,S,C]", "S", "C", "x: f8[N]", "y: f8[N]", "N", "last: float", "out: f8[N,C]*"
)


@dataclass(frozen=True)
class Seen:
    """What is known of a view by itself.

    outline : (O, O), distance to its contour in half widths of the frame, negative inside
    inside : (N, N), where the object is
    front, thickness : (N, N), depth of the visible surface and from there to the last exit, continued everywhere
    profile : (M, M, B), log odds that stretches behind the visible surface are solid, continued everywhere
    elevation : radians; tangent : of half the field of view
    """

    outline: Floats
    inside: NDArray[np.bool_]
    front: Floats
    thickness: Floats
    profile: Floats
    elevation: float
    tangent: float


@dataclass(frozen=True)
class Pose:
    """A view's camera, and what its depths must become: gain * depth + slope * y + skew * x.

    A point of the world, less the offset, turned by -turn about +Y and divided by unit is one of the view's own upright
    frame. Angles in radians.

    fit : the lesser share of its outline and of the front's body, as it sees it, that lies within or next to the other
    """

    turn: float
    elevation: float
    tangent: float
    unit: float
    offset: Doubles
    gain: float = 1.0
    slope: float = 0.0
    skew: float = 0.0
    fit: float = 1.0

    @cached_property
    def upright(self) -> Doubles:
        """(4, 4): from the world to the view's own upright frame."""
        c, s = np.cos(self.turn), np.sin(self.turn)
        out = np.eye(4)
        out[:3, :3] = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]]) / self.unit
        out[:3, 3] = -out[:3, :3] @ self.offset
        return out

    @cached_property
    def axes(self) -> Doubles:
        """(3, 3): rows are the directions of x, y and depth in the world."""
        c, s = np.cos(self.elevation), np.sin(self.elevation)
        turned = np.array([[1, 0, 0], [0, c, -s], [0, -s, -c]]) @ self.upright[:3, :3] * self.unit
        return np.asarray(turned, np.float64)

    def project(self, points: Doubles) -> tuple[Doubles, Doubles, Doubles]:
        """x and y in the frame, both in -1..1 over it, and depth, of (..., 3) points of the world."""
        own = (points - self.offset) @ (self.axes.T / self.unit)
        scale = np.maximum(1 + own[..., 2] * self.tangent, 0.05)
        return own[..., 0] / scale, own[..., 1] / scale, own[..., 2]

    def place(self, x: Doubles, y: Doubles, depth: Doubles) -> Doubles:
        """(N, 3) points of the world that are seen at x and y at a depth, (N,) each."""
        scale = 1 + depth * self.tangent
        placed: Doubles = np.stack([x * scale, y * scale, depth], -1) @ self.axes * self.unit + self.offset
        return placed

    def relief(self, x: Doubles, y: Doubles, depth: Doubles) -> Doubles:
        """What becomes of depths at x and y."""
        return self.gain * depth + self.slope * y + self.skew * x


def from_sides(views: Mapping[View, object]) -> bool:
    """Whether pictures from the left or the right tell how deep the body is: a back's outline is the front's."""
    return "left" in views or "right" in views


def calibrated(seen: Mapping[View, Seen]) -> dict[View, Pose]:
    """The poses of all views; `seen` has the front first."""
    problem = _Problem(seen)
    return problem.told(_fitted(problem))


class _Looked:
    """Points of a view, along its rim and within, with what is known of each: (n,) arrays, and (n, 3) normals."""

    def __init__(self, seen: Seen) -> None:
        side = len(seen.front)
        rim = seen.inside & (cv2.erode(seen.inside.astype(np.uint8), _SQUARE, borderValue=0) == 0)
        along, within = np.flatnonzero(rim), np.flatnonzero(seen.inside & ~rim)
        most = _POINTS // 2
        chosen = np.concatenate([some[:: max(1, -(-len(some) // most))] for some in (along, within)])
        at = (np.arange(side) + 0.5) / side * 2 - 1
        rows, columns = np.divmod(chosen, side)
        self.x, self.y = at[columns], -at[rows]
        self.depth, self.thickness = (m.astype(np.float64).ravel()[chosen] for m in (seen.front, seen.thickness))
        down, across = np.gradient(cv2.GaussianBlur(seen.front, (0, 0), 1.0).astype(np.float64), 2 / side)
        normal = np.stack([across, -down, -np.ones_like(down)], -1).reshape(-1, 3)[chosen]
        self.normal = normal / np.linalg.norm(normal, axis=1, keepdims=True)
        self.known = ~rim.ravel()[chosen]  # a rim's depth and normal are nobody's
        self.contour = _contour(seen.outline)
        self.middle = float(seen.thickness[seen.inside].mean()) / 2  # of the body, behind what the view sees


class _Problem:
    """What is minimised: the residuals of a vector of unknowns, those of each view in turn."""

    def __init__(self, seen: Mapping[View, Seen]) -> None:
        self.seen, self.views = seen, list(seen)
        self.looked = {view: _Looked(each) for view, each in seen.items()}
        angles = np.arange(_DIRECTIONS) * (2 * np.pi / _DIRECTIONS)
        self.directions = np.stack([np.cos(angles), np.sin(angles)])
        # points are at the middles of pixels, half a one within what they stand for
        self.supports = {
            view: (each.contour @ self.directions).max(0) + 1 / len(seen[view].outline) - 1 / len(seen[view].inside)
            for view, each in self.looked.items()
        }
        self.sides = from_sides(seen)
        self.first = self._first()
        further = _PRIOR if self.sides else _RIGID
        front = _FRONT if self.sides else np.zeros(len(_VIEW))
        prior = np.concatenate([front if view == "front" else further for view in self.views])
        self.free = np.flatnonzero(prior)
        self.prior = prior[self.free]
        self.facing: dict[tuple[View, View], Doubles] = {}

    def _first(self) -> dict[View, Pose]:
        """The front's as it says, the others round its body's middle, of the same height."""
        elevation = {view: each.elevation for view, each in self.seen.items()}
        if self.sides:
            middle = float(np.median([*elevation.values()]))
            elevation = {
                view: _OWN * float(np.clip(own, middle - _BELIEVED, middle + _BELIEVED)) + (1 - _OWN) * middle
                for view, own in elevation.items()
            }
        poses: dict[View, Pose] = {"front": Pose(0.0, elevation["front"], self.seen["front"].tangent, 1.0, np.zeros(3))}
        points = np.concatenate(self.points(poses["front"], "front"))
        middle_of_body = (points.min(0) + points.max(0)) / 2
        for view in self.views[1:]:
            box = self.looked[view].contour
            pose = Pose(np.radians(AZIMUTHS[view]), elevation[view], self.seen[view].tangent, 1.0, np.zeros(3))
            for _ in range(2):
                pose = replace(pose, offset=middle_of_body - self.looked[view].middle * pose.axes[2] * pose.unit)
                y = pose.project(points)[1]
                pose = replace(pose, unit=pose.unit * float(np.ptp(y) / np.ptp(box[:, 1])))
                pose = replace(pose, offset=middle_of_body - self.looked[view].middle * pose.axes[2] * pose.unit)
                x, y, _ = pose.project(points)
                move = np.array([np.ptp(v) / 2 + v.min() for v in (x, y)]) - (box.max(0) + box.min(0)) / 2
                pose = replace(pose, offset=pose.offset + move @ pose.axes[:2] * pose.unit)
            poses[view] = pose
        return poses

    def poses(self, unknowns: Doubles) -> dict[View, Pose]:
        """unknowns : those that are not known, as steps from the first guess."""
        steps = np.zeros(len(self.views) * len(_VIEW))
        steps[self.free] = unknowns
        poses: dict[View, Pose] = {}
        for view, row in zip(self.views, steps.reshape(-1, len(_VIEW)), strict=True):
            gain, slope, skew, elevation, tangent, turn, unit = row[:7].tolist()
            elevation, turn = (_TURNED * float(np.tanh(angle / _TURNED)) for angle in (elevation, turn))
            first = self.first[view]
            poses[view] = Pose(
                first.turn + turn, first.elevation + elevation, first.tangent * float(np.exp(tangent)),
                first.unit * float(np.exp(unit)), first.offset + row[7:] @ first.axes * first.unit,
                float(np.exp(gain)), slope, skew,
            )  # fmt: skip
        return poses

    def told(self, unknowns: Doubles) -> dict[View, Pose]:
        poses = self.poses(unknowns)
        return {view: replace(pose, fit=self.fit(poses["front"], view, pose)) for view, pose in poses.items()}

    def points(self, pose: Pose, view: View) -> tuple[Doubles, Doubles]:
        """(n, 3) each: points of the world on the body's near and far side."""
        each = self.looked[view]
        depth = pose.relief(each.x, each.y, each.depth)
        return pose.place(each.x, each.y, depth), pose.place(each.x, each.y, depth + each.thickness)

    def look(self, unknowns: Doubles) -> None:
        """Work out anew how far each view's points face the others."""
        poses = self.poses(unknowns)
        for one, other in permutations(self.views, 2):
            cosine = -(self.looked[one].normal @ poses[one].axes @ poses[other].axes[2])
            self.facing[one, other] = np.where(self.looked[one].known, np.clip(cosine - _FACING, 0, 0.5) * 2, 0)

    def residuals(self, unknowns: Doubles) -> Doubles:
        poses = self.poses(unknowns)
        placed = {view: self.points(pose, view) for view, pose in poses.items()}
        parts = [unknowns / self.prior]
        for view, pose in poses.items():
            each, reach = self.seen[view], []
            for other in self.views:
                if other == view:
                    continue
                near, far = placed[other]
                share = 1 / np.sqrt(len(near))
                x, y, depth = pose.project(near)
                reach.append((np.stack([x, y], 1) @ self.directions).max(0))
                parts.append(_robust(_distance(each.outline, x, y), _OUT) * share)
                behind = depth - pose.relief(x, y, sampled(each.front, x, y))
                facing = self.facing[other, view]
                parts.append(_robust(behind, _SEEN) * (facing * share))
                parts.append(_robust(np.minimum(behind + _SPARE, 0), _BEFORE) * ((1 - facing) * share))
                if OPPOSITE[other] == view:
                    parts.append(_robust(behind - sampled(each.thickness, x, y), _THICK) * share)
                if OPPOSITE[other] not in self.seen or not self.sides:
                    x, y, _ = pose.project(far)
                    reach.append((np.stack([x, y], 1) @ self.directions).max(0))
                    parts.append(_robust(_distance(each.outline, x, y) / 2, _OUT) * (share / 2))
            parts.append(_robust(np.max(reach, 0) - self.supports[view], _REACH))
        return np.concatenate(parts)

    def fit(self, front: Pose, view: View, pose: Pose) -> float:
        """The lesser share of a view's outline and of the front's body that lies within or next to the other's."""
        inside, first = self.seen[view].inside, self.seen["front"]
        side = len(inside)
        at = (np.arange(len(first.front)) + 0.5) / len(first.front) * 2 - 1
        rows, columns = np.nonzero(first.inside)
        near = front.relief(at[columns], -at[rows], first.front[first.inside].astype(np.float64))
        far = near + first.thickness[first.inside]
        x, y, _ = pose.project(np.concatenate([front.place(at[columns], -at[rows], d) for d in (near, far)]))
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
    unknowns = np.zeros(len(problem.free))
    damping = 1e-2
    for _ in range(_ROUNDS):
        problem.look(unknowns)
        said = problem.residuals(unknowns)
        cost = float(said @ said)
        slopes = np.empty((len(said), len(unknowns)))
        for k in range(len(unknowns)):
            moved = unknowns.copy()
            moved[k] += _STEP
            slopes[:, k] = (problem.residuals(moved) - said) / _STEP
        normal, towards = slopes.T @ slopes, slopes.T @ said
        gained = 0.0
        for _ in range(5):
            tried = unknowns - np.linalg.solve(normal + damping * np.diag(np.diag(normal)), towards)
            then = problem.residuals(tried)
            gained = cost - float(then @ then)
            if gained > 0:
                unknowns, damping = tried, max(damping / 5, 1e-6)
                break
            damping *= 5
        if gained <= 1e-3 * cost:
            break
    return unknowns


_SQUARE = np.ones((3, 3), np.uint8)


def _robust(x: Doubles, how: tuple[float, float, float]) -> Doubles:
    """x over how well it is known, growing like its root beyond so many times that, times its weight."""
    known, reach, weight = how
    out: Doubles = x * (weight / known) / np.sqrt(np.sqrt(1 + np.square(x / (known * reach))))
    return out


def _contour(outline: Floats) -> Doubles:
    """(n, 2): x and y of the pixels along the outline."""
    inside = (outline < 0).astype(np.uint8)
    rim = np.argwhere((inside > 0) & (cv2.erode(inside, _SQUARE, borderValue=0) == 0))
    side = len(outline)
    return np.stack([(rim[:, 1] + 0.5) / side * 2 - 1, 1 - (rim[:, 0] + 0.5) / side * 2], 1)


def _distance(outline: Floats, x: Doubles, y: Doubles) -> Doubles:
    """How far places are outside an outline, in half widths of its frame; some may be out of that."""
    beyond = np.hypot(np.maximum(np.abs(x) - 1, 0), np.maximum(np.abs(y) - 1, 0))
    out: Doubles = np.maximum(sampled(outline, x, y) + beyond, 0)
    return out


def sampled(image: Floats, x: Doubles, y: Doubles) -> Doubles:
    """(n,) or (n, C): an (S, S) or (S, S, C) image of a frame, bilinear, at places in -1..1, clamped."""
    side, shape = len(image), (len(x), *image.shape[2:])
    out = np.empty((len(x), int(np.prod(shape[1:]))))
    _sample(image.reshape(side, side, -1), x, y, side - 1.001, out)
    return out.reshape(shape)
