"""The foreground of a picture: its own alpha channel if that is meaningful, else what differs from the background."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from spherelinks import threads
from spherelinks.errors import NoObject
from spherelinks.picture import background, cutout, outline
from spherelinks.picture.decode import Picture
from spherelinks.picture.guided import Guide, guide_of, guided_filter
from spherelinks.picture.mattes import Find, Found

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Image = TypeVar("Image", Bytes, Floats)

_MIN_TRANSPARENT = 0.01  # share of the picture; rounded corners alone are no cut-out
_MIN_OPAQUE = 0.0005  # shares of the picture below which there is only a speck
_MIN_FOUND = 0.005
# shares of the border that an object, and one beyond doubt, may cover
_MAX_OUTLINE, _MAX_CERTAIN = 0.35, 0.5
_MIN_SIDE = 16
_FAINTEST = 24  # greatest alpha of a picture that still shows something
_INNER = 0.05  # least share of a picture within a frame that its object covers
_NOISE, _FAINT, _SHARP = 0.3, 1.2, 0.9  # Lab units: of a ground without noise, of what stands out from it; of its rim
_WORK = 256  # GrabCut is slow above this; the guided filter restores the detail
_REFINE = 512
_PAD = 0.2
_NEAR, _FAR, _SURE = 1.5, 4.0, 10.0  # Mahalanobis distances: certainly background; probably object; certainly object
_BUSY = 4.0  # scatter of the background above which no model of it is trusted
_LIKELY, _LINKED = 0.5, 0.25  # of the network: a pixel's likelihood to be object, or to hang on one
_CONFIDENT, _CERTAIN, _ABSENT = 0.75, 0.94, 0.1  # mean likelihood of an object, of one beyond doubt, of none
_UNMISTAKABLE = 0.965  # mean likelihood of an object that is believed even against what differs from a calm ground
_WHOLE = 0.9  # mean likelihood of an object that may touch all four sides of the picture
_AGREE, _DIFFER = 0.8, 0.5  # overlaps of what differs from the ground with what the network sees
_MOST, _MOST_SEEN = 0.7, 0.85  # shares of the picture above which an object, one that the network sees, is unlikely
_STRANGE = 0.02  # share of one side of a calm picture that is not background, from which an object may reach it
_COMPANION = 0.02  # a part is kept from this share of the largest part's area
_PINHOLE = 0.0015
_FAINTLY = 0.8  # what is expected of an object that hardly differs from its ground

_ADVICE = "Use a picture of one object, shown whole, on a plain or transparent background."


def matte(
    picture: Picture,
    say: Callable[[str], None] = lambda note: None,
    expect: Callable[[float], None] = lambda overlap: None,
    find: Find | None = None,
) -> Floats:
    """The foreground alpha, (H, W) float32 in 0..1. `say` is called with what the user should know.

    `expect` is called, where there is reason to doubt, with the overlap (IoU) to be expected of the alpha with the
    object, in 0..1: as the network sees each place, or as experience says of an object that hardly stands out.

    A picture's own alpha is returned as it is if it cuts something out: some pixels transparent, some opaque. Otherwise
    the object is what `find` finds, by default ``looked_for``: the background is modelled from the border
    (``background``), what differs is refined by two rounds of GrabCut (Rother, Kolmogorov, Blake 2004) at low
    resolution and then by a guided filter at full resolution. If the background is too busy for a model, a network
    (``outline``) finds the object, if it is confident; it is also asked where what differs from a calm background is in
    parts or touches the border, or where the border is not all background, and overrules it if it is sure. Only an
    object that the network sees may touch all four sides of the picture. Where nothing else is found, it is asked, too,
    and believed if it is beyond doubt.
    Deterministic.

    Raises NoObject if there is nothing to find: a uniform, noisy or textured picture, an object that fills the picture,
    specks, a picture of a few pixels.
    """
    if picture.alpha is not None:
        alpha = picture.alpha
        most = int(alpha.max())
        if _FAINTEST <= most < cutout.SOLID and float((alpha < cutout.CLEAR).mean()) >= _MIN_TRANSPARENT:
            say(f"The picture is nowhere more than {100 * most // 255} % opaque: what is most so was made solid.")
            solid = np.where(alpha >= most // 2, 255, alpha.astype(np.uint16) * 255 // most).astype(np.uint8)
            return matte(replace(picture, alpha=solid), say, expect, find)
        opaque = float((alpha >= cutout.SOLID).mean())
        if opaque == 0:
            raise NoObject("The picture is transparent everywhere.", hint=_ADVICE)
        if float((picture.alpha < cutout.CLEAR).mean()) >= _MIN_TRANSPARENT:
            if opaque < _MIN_OPAQUE:
                raise NoObject("The picture is transparent except for specks.", hint=_ADVICE)
            found = _cut_out(picture, picture.alpha, say)
            expect(found.overlap)
            return found.alpha
    found = (find or looked_for)(picture.rgb, say)
    expect(found.overlap)
    return found.alpha


def looked_for(rgb: Bytes, say: Callable[[str], None]) -> Found:
    """The object of an opaque picture, as ``mattes.Find``: on the whole picture, or within its frame or bars."""
    try:
        found = _stands_out(rgb)
    except NoObject:
        bars = _bars(rgb)
        if bars is not None and (inner := _within(rgb, bars)) is not None:
            say("The picture has plain bars at its sides: the object was looked for between them.")
            return inner
        if min(rgb.shape[:2]) >= _MIN_SIDE and (faint := _faint(rgb)) is not None:
            say("The object hardly differs from its background: check its outline.")
            return Found(faint, _FAINTLY)
        if min(rgb.shape[:2]) >= _MIN_SIDE and (seen := _seen(rgb)) is not None:
            return seen
        raise
    box = cutout.framed(found.alpha > 0.5)
    if box is not None and (inner := _within(rgb, box)) is not None:
        say("The picture is a photo in a plain frame: the object was looked for within it.")
        return inner
    return found


def _cut_out(picture: Picture, alpha: Bytes, say: Callable[[str], None]) -> Found:
    """A picture's own alpha that cuts something out, as the object it means."""
    box = cutout.framed(alpha >= cutout.SOLID)
    if box is not None and (found := _within(picture.rgb, box)) is not None:
        say("The picture is a photo with transparent padding: the object was looked for within it.")
        return found
    if (solid := cutout.filled(alpha)) is not None:
        say("What an opaque rim encloses is half transparent, and was made solid.")
        alpha = solid
    if (bare := cutout.unshadowed(picture.rgb, alpha)) is not None:
        say("A soft shadow at the object's foot was left out.")
        alpha = bare
    return Found(np.asarray(alpha / np.float32(255), np.float32))


def _within(rgb: Bytes, box: cutout.Box) -> Found | None:
    """The matte of the picture in a box of another, or None if it shows no object before a ground."""
    left, top, right, bottom = box
    inset = max(2, round(0.01 * min(right - left, bottom - top)))
    place = np.s_[top + inset : bottom - inset, left + inset : right - inset]
    inside = np.ascontiguousarray(rgb[place])
    try:
        if min(inside.shape[:2]) < _MIN_SIDE or background.fit(_lab(_shrunk(inside, _WORK))).scatter > _BUSY:
            return None
        found = _stands_out(inside)
    except NoObject:
        return None
    share = float((found.alpha > 0.5).mean())
    if not _INNER < share < _MOST or cutout.framed(found.alpha > 0.5) is not None:
        return None
    out = np.zeros(rgb.shape[:2], np.float32)
    out[place] = found.alpha
    return Found(out, found.overlap)


def _bars(rgb: Bytes) -> cutout.Box | None:
    """What lies between plain bars at two opposite sides of a picture, or None."""
    height, width = rgb.shape[:2]
    plain = [np.ptp(rgb.astype(np.int16), axis=axis).max(axis=1) <= 4 for axis in (1, 0)]
    (top, bottom), (left, right) = (_run(each) for each in plain)
    if (top + bottom > 0.05 * height) == (left + right > 0.05 * width):
        return None
    return (0, top, width, height - bottom) if top + bottom > 0.05 * height else (left, 0, width - right, height)


def _run(plain: NDArray[np.bool_]) -> tuple[int, int]:
    """How many are plain at the start and at the end; none if all are."""
    other = np.flatnonzero(~plain)
    return (int(other[0]), len(plain) - 1 - int(other[-1])) if len(other) else (0, 0)


def _faint(rgb: Bytes) -> Floats | None:
    """The object where a picture without any noise shows it a little off its ground, with a sharp edge; else None."""
    work = _shrunk(rgb, _REFINE)
    lab = _lab(work)
    ring = np.concatenate(
        [lab[:3].reshape(-1, 3), lab[-3:].reshape(-1, 3), lab[:, :3].reshape(-1, 3), lab[:, -3:].reshape(-1, 3)]
    )
    ground = np.median(ring, axis=0)
    if np.abs(ring - ground).max() > _NOISE:
        return None
    away = np.linalg.norm(lab - ground, axis=2)
    mask = _opened(away > _FAINT)
    _, outside, _, _ = cv2.connectedComponentsWithStats(1 - mask, connectivity=4)
    reached = np.unique(np.concatenate([outside[0], outside[-1], outside[:, 0], outside[:, -1]]))
    solid = (~np.isin(outside, reached[reached > 0])).astype(np.uint8)
    labels, _ = _parts(solid)
    solid = (labels > 0).astype(np.uint8)
    share = float(solid.mean())
    if not _MIN_FOUND < share < _MOST:
        return None
    kernel = np.ones((3, 3), np.uint8)
    rim = (solid > 0) & (cv2.erode(solid, kernel, iterations=2) == 0)
    if float(np.median(away[rim])) < _FAINT or float((away[rim] > _FAINT).mean()) < _SHARP:
        return None
    found = _refined(*_guide(rgb), solid)
    return None if _is_cropped(found) else found


def _stands_out(rgb: Bytes) -> Found:
    height, width = rgb.shape[:2]
    if min(height, width) < _MIN_SIDE:
        raise NoObject(
            f"The picture has {width} × {height} pixels: too few to separate an object from its background.",
            hint=f"Send at least {_MIN_SIDE} pixels per side; 512 or more give a good texture.",
        )
    small = _lab(_shrunk(rgb, _WORK))
    model = background.fit(small)
    distance, shadow = model.compare(small)
    if model.scatter <= _BUSY:
        interrupted = _interrupted(distance, shadow)
        try:
            return _confirmed(rgb, _differing(rgb, distance, shadow, model), interrupted)
        except NoObject:
            if not interrupted:
                raise
            likely = outline.glanced(rgb)
            found = _recognised(rgb, likely, _CONFIDENT)
            if found is None:
                raise
            return _expected(found, likely)
    likely = outline.likely(rgb)
    found = _recognised(rgb, likely, _CONFIDENT)
    if found is not None:
        return _expected(found, likely)
    differing, unsure = _differing(rgb, distance, shadow, model), _recognised(rgb, likely, 0)
    guesses = [differing] if unsure is None else [differing, unsure]
    return max((_expected(each, likely) for each in guesses), key=lambda each: each.overlap)


def _expected(found: Floats, likely: Floats) -> Found:
    return Found(found, outline.overlap(_at_network(found), likely))


def _seen(rgb: Bytes) -> Found | None:
    """The object that the network sees beyond doubt where nothing differs from the ground, as a calf before rocks."""
    likely = outline.glanced(rgb)
    found = _recognised(rgb, likely, _CERTAIN)
    return None if found is None else _expected(found, likely)


def _at_network(found: Floats) -> NDArray[np.bool_]:
    """Where the object is, at the size at which the network sees the picture."""
    size = (outline.SIDE, outline.SIDE)
    return np.asarray(cv2.resize(found, size, interpolation=cv2.INTER_AREA), np.float32) > 0.5


def _interrupted(distance: Floats, shadow: background.Mask) -> bool:
    """Whether one side of the picture is not all background or shadow: an object of about its colour may reach it."""
    strange = (distance > _FAR) & ~shadow
    ring = background.ring_depth(*distance.shape)
    sides = (strange[:ring], strange[-ring:], strange[:, :ring], strange[:, -ring:])
    return max(float(side.mean()) for side in sides) > _STRANGE


def _differing(rgb: Bytes, distance: Floats, shadow: background.Mask, model: background.Ground) -> Floats:
    """What differs from the background; `distance` and `shadow` are the model's for the whole picture, small."""
    height, width = rgb.shape[:2]
    left, top, right, bottom = _surroundings(distance, shadow, width, height)
    crop = rgb[top:bottom, left:right]
    work = _shrunk(crop, _WORK)
    box = (left / width, top / height, right / width, bottom / height)
    with threads.pool(1) as aside:  # a graph cut keeps only one core busy
        guide = aside.submit(_guide, crop)
        distance, shadow = model.compare(_lab(work), box)
        coarse = _cleaned(_grab_cut(work, distance, shadow), distance)
        found = np.zeros((height, width), np.float32)
        found[top:bottom, left:right] = _refined(*guide.result(), coarse)
    share = float((found > 0.5).mean())
    if share < _MIN_FOUND:
        raise NoObject("The picture shows only specks on its background.", hint=f"{_ADVICE} Move closer, or crop.")
    if _is_cropped(found):
        raise NoObject("No background is visible along the picture's edges.", hint=_ADVICE)
    return found


def _recognised(rgb: Bytes, likely: Floats, confident: float) -> Floats | None:
    """The object that the network sees, its border moved onto the picture's edges; None if it is not so confident."""
    object_ = _linked(likely)
    if not _MIN_FOUND < object_.mean() < _MOST_SEEN:
        return None
    confidence = float(likely[object_ & (likely > _LIKELY)].mean())
    if confidence < confident:
        return None
    found = _traced(rgb, likely, object_)
    most = _MAX_OUTLINE if confidence < _CERTAIN else _MAX_CERTAIN
    return None if _is_cropped(found, most, whole=confidence >= _WHOLE) else found


def _traced(rgb: Bytes, likely: Floats, object_: NDArray[np.bool_]) -> Floats:
    """What the network sees at the picture's size, float32 in 0..1, its border moved onto the picture's edges.

    Legs, struts and strokes that are narrower than the filter sees around it stay as the network sees them.
    """
    height, width = rgb.shape[:2]
    full, guide = _guide(rgb)
    fine = _refined(full, guide, likely, epsilon=1e-4)
    size = (guide.colors.shape[1], guide.colors.shape[0])
    inside = (cv2.resize(likely, size, interpolation=cv2.INTER_LINEAR) > _LIKELY).astype(np.uint8)
    near = np.ones((3, 3), np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3 * guide.radius + 1, 3 * guide.radius + 1))
    thick = cv2.dilate(cv2.morphologyEx(inside, cv2.MORPH_OPEN, disc), near)
    thin = cv2.dilate(np.minimum(inside, 1 - thick), near)
    part = cv2.dilate(object_.astype(np.uint8), np.ones((5, 5), np.uint8))
    narrow, kept = (
        cv2.resize(each.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) for each in (thin, part)
    )
    seen = _steeper(np.asarray(cv2.resize(likely, (width, height), interpolation=cv2.INTER_CUBIC), np.float32))
    return np.asarray((fine + narrow * (np.maximum(seen, fine) - fine)) * kept, np.float32)


def _linked(likely: Floats) -> NDArray[np.bool_]:
    """The parts that the network sees, with what hangs on them by less likely places, such as a rail by its posts."""
    core, _ = _parts((likely > _LIKELY).astype(np.uint8))
    _, labels = cv2.connectedComponents((likely > _LINKED).astype(np.uint8))
    return np.isin(labels, np.unique(labels[core > 0])) & (labels > 0)


def _confirmed(rgb: Bytes, found: Floats, interrupted: bool) -> Found:
    """What differs from a calm background, or what the network sees instead.

    It is asked only where there is reason to doubt: several parts, or one at the picture's border, are as often a cloud
    or a wave as an object; and a border that is not all background may be an object's, as a pale shirt before a wall.
    """
    small = _at_network(found)
    labels, _ = _parts(small.astype(np.uint8))
    parts = [labels == label for label in np.unique(labels[labels > 0])]
    reaching = any(side.any() for side in (small[0], small[-1], small[:, 0], small[:, -1]))
    if len(parts) < 2 and not reaching and not interrupted:
        return Found(found)
    likely = outline.glanced(rgb)
    seen = likely > _LIKELY
    overlap = float((small & seen).sum()) / max(1, int((small | seen).sum()))
    if overlap < _AGREE or interrupted:
        enough = _CONFIDENT if overlap < _DIFFER else _CERTAIN if overlap < _AGREE else _UNMISTAKABLE
        recognised = _recognised(rgb, likely, enough)
        if recognised is not None:
            return _expected(recognised, likely)
    absent = [part for part in parts if likely[part].mean() < _ABSENT]
    if not absent or len(absent) == len(parts):
        return _expected(found, likely)
    out = cv2.dilate(np.any(absent, axis=0).astype(np.uint8), np.ones((5, 5), np.uint8))
    height, width = found.shape
    kept = np.where(cv2.resize(out, (width, height), interpolation=cv2.INTER_NEAREST) > 0, 0, found)
    return _expected(kept.astype(np.float32), likely)


def _is_cropped(found: Floats, most: float = _MAX_OUTLINE, *, whole: bool = False) -> bool:
    """Whether the picture shows no background around what was found, which covers more than `most` of its border.

    Nor may it touch all four sides, unless it is known to be a `whole` object.
    """
    sides = [float((side > 0.5).mean()) for side in (found[0], found[-1], found[:, 0], found[:, -1])]
    return float(np.mean(sides)) > most or (min(sides) > 0 and not whole)


def _surroundings(distance: Floats, shadow: background.Mask, width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom, px of the full picture: where the object is, with a margin."""
    labels, stats = _parts(_opened((distance > _FAR) & ~shadow))
    kept = stats[np.unique(labels[labels > 0])]
    if not len(kept):
        raise NoObject("Nothing in the picture can be separated from its background.", hint=_ADVICE)
    scale = np.array([width / distance.shape[1], height / distance.shape[0]])
    low = kept[:, :2].min(axis=0) * scale
    high = (kept[:, :2] + kept[:, 2:4]).max(axis=0) * scale
    pad = _PAD * float((high - low).max())
    left, top = np.maximum(np.floor(low - pad), 0).astype(int).tolist()
    right, bottom = np.minimum(np.ceil(high + pad), [width, height]).astype(int).tolist()
    return left, top, right, bottom


def _grab_cut(rgb: Bytes, distance: Floats, shadow: background.Mask) -> Bytes:
    """(H, W) uint8 0 or 1: two rounds of graph cut between colours near the background's and colours far from it."""
    likely = _opened((distance > _FAR) & ~shadow) > 0
    state = np.where(likely, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    state[distance < _NEAR] = cv2.GC_BGD
    state[(distance > _SURE) & ~shadow] = cv2.GC_FGD
    if not likely.any() or not (state == cv2.GC_BGD).any():
        raise NoObject("Nothing in the picture can be separated from its background.", hint=_ADVICE)
    models = np.zeros((2, 1, 65))
    cv2.setRNGSeed(0)  # the colour clustering starts at random, from a generator per thread
    cv2.grabCut(rgb[..., ::-1].copy(), state, (0, 0, 1, 1), models[0], models[1], 2, cv2.GC_INIT_WITH_MASK)
    return np.isin(state, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)


def _cleaned(mask: Bytes, distance: Floats) -> Bytes:
    """The mask without small parts, and without holes that are less clearly background than their rims are object."""
    labels, _ = _parts(mask)
    mask = (labels > 0).astype(np.uint8)
    area = int(mask.sum())
    count, holes, stats, _ = cv2.connectedComponentsWithStats(1 - mask, connectivity=4)
    height, width = mask.shape
    for hole in range(1, count):
        left, top, across, down, size = stats[hole].tolist()
        if left == 0 or top == 0 or left + across == width or top + down == height:
            continue
        around = np.s_[max(0, top - 2) : top + down + 2, max(0, left - 2) : left + across + 2]
        inside = holes[around] == hole
        rim = (cv2.dilate(inside.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0) & (mask[around] > 0)
        depth = max(1.0, float(np.median(distance[around][inside])))
        if size < _PINHOLE * area or float(np.quantile(distance[around][rim], 0.25)) < 3 * depth:
            mask[around][inside] = 1
    return mask


def _guide(rgb: Bytes) -> tuple[Floats, Guide]:
    """A picture (H, W, 3) as float32 in 0..1, and what refining a mask of it needs, which takes no mask."""
    full: Floats = np.divide(rgb, np.float32(255), dtype=np.float32)
    return full, guide_of(_shrunk(full, _REFINE), radius=4)


def _refined(full: Floats, guide: Guide, mask: Bytes | Floats, epsilon: float = 1e-3) -> Floats:
    """The mask (h, w) at the picture's size, its border moved onto the picture's edges; float32 in 0..1."""
    size = (guide.colors.shape[1], guide.colors.shape[0])
    soft = np.asarray(cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_LINEAR), np.float32)
    return _steeper(guided_filter(guide, soft, epsilon=epsilon, onto=full))


def _steeper(soft: Floats) -> Floats:
    """Without the haze that resampling and filtering leave beside an edge."""
    return np.asarray(np.clip(2 * soft - 0.5, 0, 1), np.float32)


def _parts(mask: Bytes) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Labels of the connected parts, 0 for the rest and for small parts, and OpenCV's statistics by label."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    area = stats[:, cv2.CC_STAT_AREA]
    kept = area >= _COMPANION * max(1, int(area[1:].max(initial=0)))
    kept[0] = False
    return np.where(kept[labels], labels, 0).astype(np.int32), np.asarray(stats, np.int32)


def _opened(mask: NDArray[np.bool_]) -> Bytes:
    return np.asarray(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8)


def _lab(rgb: Bytes) -> Floats:
    return np.asarray(cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2Lab), np.float32)


def _shrunk(image: Image, side: int) -> Image:
    """The image averaged down so that its longest side is at most ``side``."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cast(Image, cv2.resize(image, size, interpolation=cv2.INTER_AREA))
