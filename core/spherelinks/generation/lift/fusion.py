"""From the network's outputs for several pictures of one object to one upright shape.

With a picture from the left or the right, every view says of each place how likely it is solid, and none may see the
body outside its outline; what the front's own body has within all outlines goes only where two other views say so. With
the back alone the body stays as the front has it. Each picture colours what it sees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks import threads
from spherelinks.errors import PictureMismatch
from spherelinks.generation.lift import rim
from spherelinks.generation.lift.assembly import (
    BAND,
    OUTLINE,
    SKIN,
    Guess,
    Painter,
    assemble,
    camera,
    filled,
    outlined,
    resized,
)
from spherelinks.generation.lift.calibration import Doubles, Pose, Seen, calibrated, from_sides, sampled
from spherelinks.generation.lift.cleaning import SLAB, Floats, blurred, euler, joined, mended
from spherelinks.generation.lift.layout import BIN
from spherelinks.native import kernel
from spherelinks.report import Reason
from spherelinks.shape import Camera, Frame, View, Volume

#: By how much the body may stand out of an outline, half widths of its frame.
SLACK = 0.005
#: How well a view knows its depths, in the world's unit; how many times that counts against a place before what it
#: sees; how much for one behind, and against where its profile is empty or its thickness ends. What the front's own
#: body has goes where two other views say more than EMPTY against it, if all fit that body.
KNOWN, AGAINST, FOR, EMPTY = 0.03, 3.0, 0.5, 0.5
#: Every ray within an outline must meet the body, for cameras are off by a degree. By how much the likeliest place on
#: one is then solid, up to what the views may be against it, in the world's unit; and by what share of that more in
#: parts that are narrower than so many pixels of the outline: others' outlines miss those altogether.
MET, GIVEN, MORE, SLIM = 0.001, 0.1, 0.15, 5
#: The evidence is blurred by a Gaussian of so many samples.
BLUR = 1.0
#: Where the body has less than this share of what the front's own has within the outlines, or more handles than both so
#: many and so many times the front's, the pictures do not go together: the front's own it is.
LEAST, HANDLES, TIMES = 0.5, 20, 2
#: Room left round the points that the views see.
ROOM = 0.05
#: How well a picture's outline must fit the body to be taken for one of the same object from behind, where it is the
#: front's mirrored, and to be so without a word. From the sides it depends on depths that one picture only suggests.
REFUSED, DOUBTED = 0.6, 0.85
#: How much the colours at the outlines of front and back may differ (`rim`) without a word.
OTHER = 0.06
#: How much the front's colours, seen and guessed, count where another picture may show the surface.
OWN = 0.02

#: Rays, and points of a body, that a thread works on at a time.
RAYS, POINTS = 4096, 32768

_meet = kernel(
    "fusion_met", "field: f4[X,Y,Z]", "X", "Y", "Z", "start: f4[R,3]", "way: f4[R,3]", "R", "steps: f4[N]", "N",
    "best: f4[R]*", "first: int", "end: int",
)  # fmt: skip


def fused(guesses: Mapping[View, Guess], frames: Mapping[View, Frame], painter: Painter | None = None) -> Volume:
    """The shape that all pictures show, upright, in the front's frame of reference.

    guesses, frames : of two to four views, the front first; painter : as of :func:`assemble`
    """
    seen = {view: _seen(guess, frames[view]) for view, guess in guesses.items()}
    poses = calibrated(seen)
    front = poses["front"]
    others: dict[View, Pose] = {view: pose for view, pose in poses.items() if view != "front"}
    doubts = _doubts(others, frames)
    if from_sides(poses):
        volume = assemble(_deformed(guesses["front"], front), frames["front"], painter, _box(seen, poses))
        field, agreed = _body(volume, seen, poses)
        volume = replace(volume, field=field)
        if not agreed:
            doubts.append(_DISAGREED)
    else:
        volume = assemble(guesses["front"], frames["front"], painter)
    color = _colored(volume, frames, others)
    cameras: dict[View, Camera] = {view: _camera(pose) for view, pose in others.items()}
    return replace(volume, color=color, others=cameras, doubts=(*volume.doubts, *doubts))


_DISAGREED = Reason(
    code="view_unsure",
    level="medium",
    message="The pictures do not agree on the shape: it is the front's, cut to the outlines of all.",
    hint="Check that they show the same object, unmoved, each from its side.",
)


def _doubts(poses: Mapping[View, Pose], frames: Mapping[View, Frame]) -> list[Reason]:
    """Of pictures that fit badly, by outline or by colour; raises PictureMismatch for a back that cannot be of the same
    object."""
    doubts = []
    for view, pose in poses.items():
        if view == "back" and pose.fit < REFUSED:
            raise PictureMismatch(
                f"{view} is a picture that does not fit the front's: only {pose.fit:.0%} of the outlines agree.",
                hint="Give a picture of the same object, upright, from behind; or leave this one out.",
                field=view,
            )
        if pose.fit < DOUBTED:
            why = f"The picture fits the front's badly: {pose.fit:.0%} of the outlines agree."
        elif view == "back" and rim.apart(frames["front"], frames[view]) > OTHER:
            why = "At its outline the picture shows other colours than the front's."
        else:
            continue
        doubts.append(
            Reason(
                code="view_unsure",
                level="medium",
                message=f"{view}: {why}",
                hint="Check that it shows the same object, from that side.",
            )
        )
    return doubts


def _seen(guess: Guess, frame: Frame) -> Seen:
    inside, _, front, thickness, profile, _ = filled(guess, frame.matte)
    elevation = float(np.radians(guess.elevation))
    return Seen(outlined(frame.matte), inside, front, thickness, profile, elevation, guess.tangent)


def _deformed(guess: Guess, pose: Pose) -> Guess:
    """The front's guess as the other pictures want it."""
    at = (np.arange(len(guess.front)) + 0.5) / len(guess.front) * 2 - 1
    front = pose.relief(at[None], -at[:, None], guess.front.astype(np.float64)).astype(np.float32)
    return replace(guess, front=front, elevation=float(np.degrees(pose.elevation)), tangent=pose.tangent)


def _box(seen: Mapping[View, Seen], poses: Mapping[View, Pose]) -> tuple[Doubles, Doubles]:
    """Lowest and highest corner of the box round all that the views see."""
    points = []
    for view, each in seen.items():
        side = len(each.front)
        rows, columns = np.nonzero(each.inside)
        x, y = (columns + 0.5) / side * 2 - 1, 1 - (rows + 0.5) / side * 2
        near = poses[view].relief(x, y, each.front[each.inside].astype(np.float64))
        points += [poses[view].place(x, y, depth) for depth in (near, near + each.thickness[each.inside])]
    both = np.concatenate(points)
    # single pixels at a rim may be anywhere
    low, high = np.quantile(both, (0.002, 0.998), axis=0)
    return low - ROOM, high + ROOM


def _body(volume: Volume, seen: Mapping[View, Seen], poses: Mapping[View, Pose]) -> tuple[Floats, bool]:
    """The field of the grid: the likeliest body within all outlines that every ray within one of them meets, True; or
    the volume's own within them, False, where that one is in pieces."""
    axes = [low + volume.spacing * np.arange(n) for low, n in zip(volume.origin, volume.field.shape, strict=True)]
    field, hull = np.empty_like(volume.field), np.empty_like(volume.field)
    # where a picture fits it badly, the front's body is what may be wrong
    fits = all(pose.fit >= DOUBTED for pose in poses.values())
    kept = volume.field if fits else np.full_like(volume.field, np.inf)

    def fill(first: int) -> None:
        part = slice(first, first + SLAB)
        hull[part], solid = _evidence([axes[0][part], *axes[1:]], kept[part], seen, poses)
        np.multiply(solid, np.float32(-KNOWN / 2), out=field[part])

    threads.each(fill, range(0, len(hull), SLAB))
    both = np.maximum(field, hull)
    lacking = {view: _lacking(both, volume, seen[view], pose) for view, pose in poses.items()}

    def give(first: int) -> None:
        part = slice(first, first + SLAB)
        wanted = np.zeros_like(field[part])
        for view, pose in poses.items():
            x, y, _ = _projected([axes[0][part], *axes[1:]], pose)
            np.maximum(wanted, _at(lacking[view], x, y), out=wanted)
        field[part] -= wanted
        hull[part] -= wanted

    threads.each(give, range(0, len(hull), SLAB))
    field = np.maximum(hull, mended(blurred(field, BLUR), field, volume.spacing))
    own = np.maximum(hull, volume.field)
    if not (agreed := _whole(field, own)):
        field = own
    joined(field, volume.spacing)
    for axis in range(3):
        ends = np.moveaxis(field, axis, 0)[:: len(axes[axis]) - 1]
        np.maximum(ends, np.float32(volume.spacing), out=ends)
    return field, agreed


def _whole(field: Floats, own: Floats) -> bool:
    """Whether a body is not in pieces, next to the front's own."""
    size, had = (np.count_nonzero(each < 0) for each in (field, own))
    handles, few = (-int(euler(each).sum()) for each in (field, own))
    return bool(size >= LEAST * had and handles <= max(HANDLES, TIMES * few))


def _projected(axes: list[Doubles], pose: Pose) -> tuple[Floats, Floats, Floats]:
    """x, y and depth, (X, Y, Z) each, of the grid's points in a view."""
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    x, y, depth = pose.project(points)
    return x.astype(np.float32), y.astype(np.float32), depth.astype(np.float32)


def _evidence(
    axes: list[Doubles], kept: Floats, seen: Mapping[View, Seen], poses: Mapping[View, Pose]
) -> tuple[Floats, Floats]:
    """(X, Y, Z) each, of a grid's points: how far they are outside the outlines, in the world's unit, and the sum of
    what the views say for a solid there.

    kept : (X, Y, Z), the field of a body that no single view takes anything away from
    """
    outside, solid = np.full(kept.shape, -np.inf, np.float32), np.zeros(kept.shape, np.float32)
    least, second = np.full(kept.shape, FOR, np.float32), np.full(kept.shape, FOR, np.float32)
    for view, pose in poses.items():
        each = seen[view]
        x, y, depth = _projected(axes, pose)
        out = (_at(each.outline, x, y) - np.float32(SLACK)) * (1 + depth * np.float32(pose.tangent))
        np.maximum(outside, out * np.float32(pose.unit), out=outside)
        behind = depth - (
            _at(each.front, x, y) * np.float32(pose.gain) + y * np.float32(pose.slope) + x * np.float32(pose.skew)
        )
        says = np.clip(behind * np.float32(pose.unit / KNOWN), -AGAINST, FOR)
        # before its last exit the body has a skin, as where it is entered: a vessel's far wall
        ahead = _at(each.thickness, x, y) - behind
        within = np.where(ahead > SKIN, _in_profile(each.profile, x, y, behind), np.float32(FOR))
        empty = np.clip(np.minimum(within, ahead * np.float32(pose.unit / KNOWN)), -EMPTY, FOR)
        says = np.where(behind > SKIN, np.minimum(says, empty), says)
        solid += says
        if view != "front":
            # depths are guesses: one view alone takes nothing away
            second = np.minimum(second, np.maximum(least, says))
            least = np.minimum(least, says)
    stays = np.minimum(kept * np.float32(-2 / KNOWN), FOR) + np.minimum(second + np.float32(EMPTY), 0)
    return outside, np.maximum(solid, stays)


def _lacking(field: Floats, volume: Volume, seen: Seen, pose: Pose) -> Floats:
    """(OUTLINE, OUTLINE): by how much the field must fall along each ray of a view within its outline, so that the ray
    meets the body."""
    rows, columns = np.nonzero(seen.outline < 0)
    x, y = (columns + 0.5) / OUTLINE * 2 - 1, 1 - (rows + 0.5) / OUTLINE * 2
    top = volume.origin + volume.spacing * np.array(field.shape)
    depths = pose.project(np.array(list(product(*zip(volume.origin, top, strict=True)))))[2]
    # a ray is a straight line in the grid's own coordinates
    start, unit = (
        ((pose.place(x, y, np.full(len(x), depth)) - volume.origin) / volume.spacing).astype(np.float32)
        for depth in (0.0, 1.0)
    )
    way = unit - start
    best = np.full(len(x), GIVEN, np.float32)
    steps = np.arange(float(depths.min()), float(depths.max()), volume.spacing / pose.unit).astype(np.float32)

    def meet(first: int) -> None:
        _meet(field, start, way, steps, best, first, first + RAYS)

    threads.each(meet, range(0, len(best), RAYS))
    inside = (seen.outline < 0).astype(np.uint8)
    slender = inside > cv2.morphologyEx(inside, cv2.MORPH_OPEN, np.ones((SLIM, SLIM), np.uint8))
    more = 1 + np.float32(MORE) * slender[rows, columns]
    lacking = np.zeros((OUTLINE, OUTLINE), np.float32)
    lacking[rows, columns] = np.where((best > 0) & (best < GIVEN), best * more + np.float32(MET), 0)
    return lacking


def _at(image: Floats, x: Floats, y: Floats) -> Floats:
    """An (S, S) image of a frame at (X, Y, Z) places in -1..1, bilinear, clamped."""
    side = len(image)
    return _mapped(image, (x + 1) * (side / 2) - np.float32(0.5), (1 - y) * (side / 2) - np.float32(0.5))


def _in_profile(profile: Floats, x: Floats, y: Floats, behind: Floats) -> Floats:
    """The profile, (M, M, B), at places of the frame and so far behind the visible surface, trilinear, clamped."""
    side, _, bins = profile.shape
    tall = np.ascontiguousarray(profile.transpose(2, 0, 1)).reshape(bins * side, side)
    u = (x + 1) * (side / 2) - np.float32(0.5)
    v = np.clip((1 - y) * (side / 2) - np.float32(0.5), 0, side - 1)
    place = np.clip(behind / np.float32(BIN) - np.float32(0.5), 0, bins - 1)
    first = np.minimum(np.floor(place), bins - 2)
    near, far = (_mapped(tall, u, (first + k) * side + v) for k in (0, 1))
    between: Floats = near + (far - near) * (place - first)
    return between


def _mapped(image: Floats, u: Floats, v: Floats) -> Floats:
    """An image at (X, Y, Z) pixels."""
    planes = [
        cv2.remap(image, a, b, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for a, b in zip(u, v, strict=True)
    ]
    return np.asarray(np.stack(planes), np.float32)


def _colored(volume: Volume, frames: Mapping[View, Frame], poses: Mapping[View, Pose]) -> NDArray[np.uint8]:
    """The volume's colours, towards each further picture those that it shows."""
    near = np.abs(volume.field) < BAND * volume.spacing
    with threads.pool() as pool:
        slopes = np.stack(list(pool.map(lambda axis: np.gradient(volume.field, axis=axis)[near], range(3))), -1)
    at = np.argwhere(near)
    assert volume.camera is not None
    front = _towards(volume.camera)
    shown = [
        (pose, _towards(_camera(pose)), resized(frames[view].rgb.astype(np.float32), OUTLINE))
        for view, pose in poses.items()
    ]
    out = np.asarray(volume.color).copy()

    def mix(first: int) -> None:
        part = slice(first, first + POINTS)
        normal = slopes[part] / np.maximum(np.linalg.norm(slopes[part], axis=1, keepdims=True), 1e-12)
        points = volume.origin + volume.spacing * at[part]
        place = tuple(at[part].T)
        facing = np.maximum(normal @ front, 0) ** 2 + OWN
        color, total = out[place] * facing[:, None], facing
        for pose, towards, picture in shown:
            x, y, _ = pose.project(points)
            facing = np.maximum(normal @ towards, 0) ** 2
            color, total = color + sampled(picture, x, y) * facing[:, None], total + facing
        out[place] = (color / total[:, None] + 0.5).astype(np.uint8)

    threads.each(mix, range(0, len(at), POINTS))
    return out


def _towards(eye: Camera) -> NDArray[np.float64]:
    """The direction in which a camera stands, seen from the world's middle."""
    way = eye.eye[:3]
    return way / np.linalg.norm(way)


def _camera(pose: Pose) -> Camera:
    """The camera of a view over the world."""
    own = camera(float(np.degrees(pose.elevation)), pose.tangent)
    return Camera(own.world_to_clip @ pose.upright, np.asarray(np.linalg.solve(pose.upright, own.eye), np.float64))
