"""From the network's outputs for several pictures of one object to one upright shape.

The front's guess is the body. Where the sides' outlines contradict it and agree among themselves, they say how deep it
is and cut away what they do not show. Each picture colours what it sees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks.errors import InvalidRequest
from spherelinks.generation.lift.assembly import (
    BAND,
    OUTLINE,
    Floats,
    Guess,
    assemble,
    camera,
    filled,
    outlined,
    resized,
)
from spherelinks.generation.lift.calibration import Body, Pose, Seen, calibrated, sampled
from spherelinks.generation.lift.farside import Gate
from spherelinks.shape import Camera, Frame, View, Volume

#: By how much the body may stand out of another picture's outline, half widths of its frame.
SLACK = 0.02
#: How well a picture's outline must fit the body to be taken for one of the same object, and to be so without a word.
REFUSED, DOUBTED = 0.6, 0.85
#: How much the front's colours, seen and guessed, count where another picture may show the surface.
OWN = 0.02


def fused(guesses: Mapping[View, Guess], frames: Mapping[View, Frame], gate: Gate | None = None) -> Volume:
    """The shape that all pictures show, upright, in the front's frame of reference.

    guesses, frames : of two to four views, the front first; gate : as of :func:`assemble`
    """
    seen = {view: _seen(guess, frames[view]) for view, guess in guesses.items()}
    body, poses = calibrated(seen)
    guess = guesses["front"]
    volume = assemble(guess if body is None else _deformed(guess, body), frames["front"], gate)
    field = volume.field.copy()
    if body is not None:
        for view, pose in poses.items():
            np.maximum(field, _cut(seen[view].outline, pose, volume), out=field)
    color = _colored(volume, field, frames, poses)
    cameras = {view: _camera(pose) for view, pose in poses.items()}
    return replace(volume, field=field, color=color, others=cameras, notes=(*volume.notes, *_doubts(poses)))


def _doubts(poses: Mapping[View, Pose]) -> list[str]:
    """Of pictures that fit badly; raises InvalidRequest for one that cannot be of the same object."""
    notes = []
    for view, pose in poses.items():
        if pose.fit < REFUSED:
            raise InvalidRequest(
                f"{view} is a picture that does not fit the front's: only {pose.fit:.0%} of the outlines agree.",
                hint="Give pictures of one object, upright, from its front, back, left and right.",
                field=view,
            )
        if pose.fit < DOUBTED:
            notes.append(
                f"The picture {view} fits the front's badly: {pose.fit:.0%} of the outlines agree. Check that it shows "
                "the same object, from that side."
            )
    return notes


def _colored(
    volume: Volume, field: Floats, frames: Mapping[View, Frame], poses: Mapping[View, Pose]
) -> NDArray[np.uint8]:
    """The volume's colours, towards each further picture those that it shows."""
    slopes = np.stack([np.gradient(field, axis=axis) for axis in range(3)], -1)
    near = np.abs(field) < BAND * volume.spacing
    normal = slopes[near] / np.maximum(np.linalg.norm(slopes[near], axis=1, keepdims=True), 1e-12)
    points = _places(volume)[near]
    assert volume.camera is not None
    facing = np.maximum(normal @ _towards(volume.camera), 0) ** 2 + OWN
    own = np.asarray(volume.color)
    color, total = own[near] * facing[:, None], facing
    for view, pose in poses.items():
        x, y, _ = pose.project(points)
        shown = sampled(resized(frames[view].rgb.astype(np.float32), OUTLINE), x, y)
        facing = np.maximum(normal @ _towards(_camera(pose)), 0) ** 2
        color, total = color + shown * facing[:, None], total + facing
    out = own.copy()
    out[near] = (color / total[:, None] + 0.5).astype(np.uint8)
    return out


def _towards(eye: Camera) -> NDArray[np.float64]:
    """The direction in which a camera stands, seen from the world's middle."""
    way = eye.eye[:3]
    return way / np.linalg.norm(way)


def _seen(guess: Guess, frame: Frame) -> Seen:
    inside, _, front, thickness, _, _ = filled(guess, frame.matte)
    return Seen(outlined(frame.matte), inside, front, thickness, float(np.radians(guess.elevation)), guess.tangent)


def _deformed(guess: Guess, body: Body) -> Guess:
    """The front's guess as the other pictures want it."""
    at = (np.arange(len(guess.front)) + 0.5) / len(guess.front) * 2 - 1
    front = body.gain * guess.front + body.slope * -at[:, None] + body.skew * at
    bins = guess.profile.shape[2]
    places = (np.arange(bins) + 0.5) / body.thicker - 0.5
    first = np.clip(np.floor(places), 0, bins - 2).astype(int)
    share = np.clip(places - first, 0, 1).astype(np.float32)
    profile = guess.profile[..., first] * (1 - share) + guess.profile[..., first + 1] * share
    return replace(
        guess,
        front=front.astype(np.float32),
        thickness=(guess.thickness * body.thicker).astype(np.float32),
        profile=np.ascontiguousarray(profile, np.float32),
        elevation=float(np.degrees(body.elevation)),
        tangent=body.tangent,
    )


def _places(volume: Volume) -> NDArray[np.float64]:
    """(X, Y, Z, 3): where the samples are."""
    axes = [low + volume.spacing * np.arange(n) for low, n in zip(volume.origin, volume.field.shape, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1)


def _cut(outline: Floats, pose: Pose, volume: Volume) -> Floats:
    """How far each sample is outside a view's outline, in the world's unit."""
    x, y, d = pose.project(_places(volume))
    side = len(outline)
    u, v = ((x + 1) * (side / 2) - 0.5).astype(np.float32), ((1 - y) * (side / 2) - 0.5).astype(np.float32)
    out = np.stack(
        [cv2.remap(outline, a, b, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for a, b in zip(u, v, strict=True)]
    )
    return np.asarray((out - SLACK) * (1 + d * pose.tangent) * pose.unit, np.float32)


def _camera(pose: Pose) -> Camera:
    """The camera of a view over the world."""
    own = camera(float(np.degrees(pose.elevation)), pose.tangent)
    return Camera(own.world_to_clip @ pose.upright, np.asarray(np.linalg.solve(pose.upright, own.eye), np.float64))
