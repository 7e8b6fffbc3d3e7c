"""``generate``: one picture in, one asset out. The stages in order, with progress, cancellation and timings."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spherelinks import confidence, confinement, finishing, keeping, threads
from spherelinks.errors import (
    GeneratorFailed,
    InvalidOption,
    InvalidRequest,
    MeshUnreadable,
    NoObject,
    PictureError,
    PictureUnreadable,
)
from spherelinks.finishing import Finished
from spherelinks.formats import reading, writing
from spherelinks.generation import registry
from spherelinks.generation.card import Card
from spherelinks.gltf import names
from spherelinks.mesh.pose import single
from spherelinks.mesh.solid import check as check_mesh
from spherelinks.options import DEFAULT_GENERATOR, MESH_FACES, METRES, Dimensions, Options, OptionValues, Unit, chosen
from spherelinks.picture import drawing, mattes
from spherelinks.picture import mask as masks
from spherelinks.picture.decode import Picture, decode
from spherelinks.picture.frame import few_pixels, frame, touches_border
from spherelinks.picture.matte import matte
from spherelinks.render import notebook
from spherelinks.report import Maker, Reason, Report
from spherelinks.shape import Frame, Shape, Surface, View

MeshInput = str | Path | Surface | tuple[NDArray[np.floating], NDArray[np.integer]]
PictureInput = str | Path | bytes | Image.Image | NDArray[np.uint8]
OptionsInput = Options | Mapping[str, object] | None

Progress = Callable[[str, float], None]
"""Called with the stage's name and the overall progress, 0 to 1. To cancel, raise ``Cancelled``."""

STAGES = {"decode": 0.02, "matte": 0.10, "frame": 0.03, "generator": 0.45, "finishing": 0.40}
"""The stages in order, with each one's usual share of the time."""
MESH_STAGES = {"read": 0.1, "finishing": 0.9}
"""The same for finishing a mesh."""

#: The generator's name in the report of a finished mesh.
_MESH = Maker(name="mesh", version="1")


@dataclass(frozen=True)
class Asset:
    """A finished asset.

    glb : the file's bytes, glTF 2.0 binary
    thumbnail : a PNG of it, 512 px, with a transparent background; :meth:`save` and ``convert`` make the other files
    report : what was made and how; also a mapping of JSON values. docs/report.md names every field
    name : of its scene, and of its node and mesh with what docs/api.md adds; reserved ones are changed
    """

    glb: bytes
    thumbnail: bytes
    report: Report
    name: str = names.DEFAULT

    def __repr__(self) -> str:
        return f"<Asset {self}>"

    def __str__(self) -> str:
        size = self.report.dimensions
        sides = f"{size.width:.2f} × {size.height:.2f} × {size.depth:.2f} m"
        return f"{self.name}: {self.report.faces} faces, {sides}, {len(self.glb) / 1e6:.1f} MB"

    def _repr_html_(self) -> str:
        return notebook.page(self.glb, str(self))  # shown by notebooks; the picture if they show no HTML

    def _repr_png_(self) -> bytes:
        return self.thumbnail

    def save(self, path: str | Path, note: Callable[[str], object] | None = None) -> Path:
        """Write the GLB to ``path`` atomically, even when interrupted.

        Another extension than .glb, such as .usdz, .stl or .png, selects another of the asset's files; docs/cli.md
        lists them. ``note`` is called with a sentence for what such a file has no place for, by default a Python
        warning. Raises InvalidRequest for an unknown extension, FileNotFoundError if the folder does not exist.
        """
        target = Path(path)
        writing.save(writing.convert(self.glb, writing.kind_of(target), note), target)
        return target


@threads.kept()
def generate(
    picture: PictureInput,
    options: OptionsInput = None,
    progress: Progress | None = None,
    *,
    mask: PictureInput | None = None,
    back: PictureInput | None = None,
    left: PictureInput | None = None,
    right: PictureInput | None = None,
    **values: Unpack[OptionValues],
) -> Asset:
    """Turn one picture of an object, or up to four from its sides, into a textured, game-ready GLB.

    Parameters
    ----------
    picture : a path, the bytes of a JPEG, PNG or WebP file, a Pillow image, or an (H, W), (H, W, 3) or (H, W, 4)
        uint8 sRGB array
    options : an :class:`Options`, or a mapping with its names; None is the defaults
    progress : called with (stage, overall progress); raise ``Cancelled`` in it to stop between stages
    mask : a second picture of the same size or proportions that says where the object is, instead of looking for it:
        white is the object and black the rest; a mask with transparent pixels says it by its alpha alone. The picture's
        own alpha is then ignored
    back, left, right : further pictures of the same object, as of ``picture``, which then shows its front: from behind,
        from the left and from the right of who faces the front, and from about the same height. A generator that takes
        one picture leaves them out, and the report says so
    **values : options by name, such as ``texture_size=2048``; they override those in ``options``. The ``name`` of the
        asset defaults to that of the picture's file, or "asset" without a file

    Returns
    -------
    The asset: glTF axes (+Y up, right-handed), photographed side towards +Z, base on y = 0, centred in x and z,
    longest side 1 m, unless ``options.pivot`` and ``options.dimensions`` say otherwise.

    Raises
    ------
    InvalidRequest : the picture has an unsupported type; the mask has other proportions, shows no object or no
        background, or is not black and white
    InvalidOption : an option is unknown, of the wrong type or out of range, or there is no such generator
    PictureError : a picture, or the mask, cannot be read
    NoObject : no object could be separated from a picture's background
    PictureMismatch : the picture of a side cannot be of the object that the front's shows
    GeneratorFailed : no shape could be made
    """
    installed = registry.look()
    wanted = chosen(options, values, lambda generator: installed.card(generator).options)
    name = _name(wanted, picture)
    card = installed.card(wanted.generator)
    clock = _Clock(progress)

    with clock.stage("decode"):
        data = _encoded(picture)
        decoded = decode(data)
        given = None if mask is None else masks.read(_encoded(mask, masks.FIELD))
        notes, overlaps, doubts = [*decoded.notes], [1.0], list[Reason]()
        sides: dict[View, PictureInput | None] = {"back": back, "left": left, "right": right}
        further = {view: _decoded(view, side) for view, side in sides.items() if side is not None}
    with clock.stage("matte"):
        looking = _Looking(mattes.named(wanted.matte))
        if given is None:
            alpha = matte(decoded, notes.append, overlaps.append, looking.find)
        else:
            alpha = masks.matte(decoded, given, notes.append)
    with clock.stage("frame"):
        framed = frame(decoded, alpha)
        if note := few_pixels(alpha):
            notes.append(note)
        if card.views:
            framed = replace(framed, others=_others(further, notes, doubts, looking.find))
            doubts += _repeated({"front": decoded, **further})
        elif further:
            notes.append(_unused(card, further))
    with threads.pool(1) as aside, clock.stage("generator"):
        drawn = aside.submit(drawing.is_drawing, framed.rgb, framed.matte)
        card, volume = _shape(card, framed, wanted, clock.within)
    if drawn.result():
        notes.append(drawing.NOTE)
    if looking.by is None and wanted.matte != mattes.DEFAULT:
        notes.append(f"The matte {wanted.matte} had no effect: {'the mask' if given else 'transparency'} decided.")
    with clock.stage("finishing"):
        finished = finishing.finish(
            volume,
            framed,
            wanted,
            source={"sha256": decoded.sha256}
            | ({"maskSha256": given.sha256} if given else {})
            | {f"{view}Sha256": each.sha256 for view, each in further.items()},
            name=name,
            generator=Maker(name=card.name, version=card.version),
            progress=clock.within,
        )

    doubts = [*confidence.of_picture(cut=touches_border(alpha), overlap=min(overlaps)), *doubts]
    notes += [*(doubt.message for doubt in doubts), *_ignored(card, wanted)]
    doubts += [*volume.doubts, *confidence.of_body(finished.report)]
    return _asset(finished, clock, name, notes, doubts, looking.by)


@threads.kept()
@confinement.kept_memory()  # outside: by then all that it held is free
def finish(
    mesh: MeshInput,
    options: OptionsInput = None,
    progress: Progress | None = None,
    *,
    up: reading.Up | None = None,
    unit: Unit | None = None,
    keep_mesh: bool = False,
    keep_uv: bool = False,
    **values: Unpack[OptionValues],
) -> Asset:
    """Turn any mesh into a game-ready GLB: closed, simplified, unwrapped, with its materials baked into one atlas.

    Parameters
    ----------
    mesh : the path of a GLB, glTF, OBJ, PLY, STL, COLLADA, 3MF or USD file, or of a ZIP with one; (V, 3) vertices and
        (F, 3) faces; or a :class:`Surface`; docs/formats.md says what is read. It may be open, branching, doubled,
        inside out or in parts
    up : the mesh's upward axis, "y" or "z", whatever a file says; None for what a file says or its format has as a rule
        (STL: z), else y
    unit : "m", "cm", "mm", "in" or "ft": that of the mesh's coordinates, whatever a file says. None for what a file
        says or its format has as a rule: mm for STL, else m
    keep_mesh : whether its triangles and normals stay as they are, open or not: it is unwrapped anew, and its materials
        are baked into one atlas
    keep_uv : whether its texture coordinates, materials and images stay, too: images byte for byte, each material by
        itself
    options, **values : as of :func:`generate`, the name too; generator, diffusion_steps and seed have no say. With
        neither simplify_ratio nor target_faces the mesh keeps at most 20,000 faces
    progress : called with (stage, share of the whole done); raise ``Cancelled`` in it to stop between stages

    Returns
    -------
    The asset, standing as :func:`generate` says, as large as the mesh unless ``dimensions`` say otherwise. A closed
    mesh keeps its edges; any other is made anew from a distance field, see :func:`spherelinks.mesh.solid.solid`; the
    report's warnings say which, and what was lost.

    Raises
    ------
    MeshUnreadable : the mesh has an unknown format, or is damaged, empty, too large or not finite
    InvalidRequest : up is not an axis, or the mesh is none of what is taken
    InvalidOption : as for :func:`generate`; unit is unknown, given with dimensions, or makes an asset out of range
    """
    wanted = chosen(options, values)
    name = _name(wanted, mesh)
    clock = _Clock(progress, MESH_STAGES)
    try:
        with clock.stage("read"):
            sized = unit is not None or wanted.dimensions is not None
            surface, own = _surface(mesh, up, unit, whole=keep_mesh or keep_uv, sized=sized)
            if unit is not None:
                _check_unit(unit, wanted, surface)
        with clock.stage("finishing"):
            made = wanted.model_copy(update={"generator": _MESH.name})
            known: _Known = {
                "source": {"sha256": surface.sha256},
                "name": name,
                "generator": _MESH,
                "progress": clock.within,
                "scale": METRES[unit or own],
            }
            if keep_mesh or keep_uv:
                finished = keeping.keep(surface, made, uv=keep_uv, **known)
            else:
                finished = finishing.finish(surface, None, made, most_faces=MESH_FACES, **known)
    except GeneratorFailed as error:
        raise MeshUnreadable(error.message, hint=error.hint, field="mesh") from error
    return _asset(finished, clock, name)


def _decoded(view: View, picture: PictureInput) -> Picture:
    """A further picture."""
    with _told_of(view):
        return decode(_encoded(picture, view))


def _framed(view: View, picture: Picture, notes: list[str], doubts: list[Reason], find: mattes.Find) -> Frame:
    """The frame of a further picture; what is to be said of it, and doubted, is said by its name."""
    notes += [f"{view}: {note}" for note in picture.notes]
    overlaps = [1.0]
    with _told_of(view):
        alpha = matte(picture, lambda note: notes.append(f"{view}: {note}"), overlaps.append, find)
        doubts += confidence.of_picture(cut=touches_border(alpha), overlap=min(overlaps), view=view)
        if note := few_pixels(alpha):
            notes.append(f"{view}: {note}")
        return frame(picture, alpha)


def _others(
    pictures: Mapping[View, Picture], notes: list[str], doubts: list[Reason], find: mattes.Find
) -> dict[View, Frame]:
    """The frames of further pictures, several at a time; what is said of them is in their order."""
    told: dict[View, tuple[list[str], list[Reason]]] = {view: ([], []) for view in pictures}
    with threads.pool() as pool:
        coming = {view: pool.submit(_framed, view, each, *told[view], find) for view, each in pictures.items()}
    frames = {}
    for view, each in coming.items():
        frames[view] = each.result()
        notes += told[view][0]
        doubts += told[view][1]
    return frames


def _repeated(pictures: Mapping[View, Picture]) -> Iterator[Reason]:
    """One file given for several sides."""
    views = list(pictures)
    for number, view in enumerate(views):
        for other in views[:number]:
            if pictures[view].sha256 == pictures[other].sha256:
                yield Reason(
                    code="view_unsure",
                    level="medium",
                    message=f"{view}: It is the same picture as {other}.",
                    hint="Give a picture of that side, or leave it out.",
                )
                break


@contextmanager
def _told_of(view: View) -> Iterator[None]:
    """What is wrong with a further picture is said by its name."""
    try:
        yield
    except (PictureError, NoObject, InvalidRequest) as error:
        message = error.message if error.field == view else f"{view}: {error.message}"
        raise type(error)(message, hint=error.hint, field=view) from error


class _Looking:
    """A matte, and whether a picture had to be looked at with it."""

    def __init__(self, matte: mattes.Matte) -> None:
        self.by: Maker | None = None
        self._matte = matte

    def find(self, rgb: NDArray[np.uint8], say: Callable[[str], None]) -> mattes.Found:
        self.by = Maker(name=self._matte.name, version=self._matte.version)
        return self._matte.find(rgb, say)


class _Known(TypedDict):
    """What finishing and keeping a mesh are both told of it."""

    source: dict[str, str]
    name: str
    generator: Maker
    progress: Callable[[float], None]
    scale: float


def _name(options: Options, source: object) -> str:
    """The asset's name: as requested, else that of its source file."""
    return names.safe(options.name or (Path(source).stem if isinstance(source, str | Path) else names.DEFAULT))


def _asset(
    finished: Finished,
    clock: _Clock,
    name: str,
    warnings: Sequence[str] = (),
    doubts: Sequence[Reason] | None = None,
    matte: Maker | None = None,
) -> Asset:
    """The finished asset, with all stages' timings in the report, these warnings before its own, what is doubted, None
    if there was no picture, and what found the object."""
    told: dict[str, Any] = {
        "matte": matte,
        "timings": clock.milliseconds | {"finishing": finished.report.timings},
        # a dict keeps the first of those that are the same
        "warnings": [*dict.fromkeys([*warnings, *finished.report.warnings, *(each.message for each in doubts or ())])],
        "confidence": None if doubts is None else confidence.judged(doubts),
    }
    return Asset(finished.glb, finished.thumbnail, finished.report.model_copy(update=told), name)


def _surface(
    mesh: MeshInput, up: reading.Up | None, unit: Unit | None, *, whole: bool, sized: bool
) -> tuple[Surface, Unit]:
    """The mesh with +Y up, and the unit that its coordinates have unless the request has `sized` it."""
    if up not in (None, "y", "z"):
        raise InvalidRequest(f"up is {up!r}.", hint='Give "y" or "z".', field="up")
    match mesh:
        case Surface():
            return reading.turned(mesh, up or "y"), "m"
        case str() | Path():
            file = reading.read_file(Path(mesh), whole=whole)
            surface = reading.upright(file, up)
            if unit is not None:
                surface = reading.unscaled(surface, file)
            return surface if sized else reading.measured(surface, file), file.unit
        case (vertices, faces):
            return reading.turned(_of_arrays(vertices, faces), up or "y"), "m"
    raise InvalidRequest(
        f"mesh is a {type(mesh).__name__}.", hint="Give a path, (vertices, faces) or a Surface.", field="mesh"
    )


def _of_arrays(vertices: Any, faces: Any) -> Surface:
    """Raises InvalidRequest for what are no numbers, GeneratorFailed for numbers that are no mesh."""
    try:
        places, given = np.asarray(vertices), np.asarray(faces)
        corners = given.astype(np.int64)
        if places.dtype.kind not in "fiu" or (corners != given).any():
            raise ValueError
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidRequest(
            "mesh is a pair, but not of numbers for vertices and whole numbers for faces.",
            hint="Give arrays: (V, 3) floats and (F, 3) integers.",
            field="mesh",
        ) from error
    check_mesh(places, corners)
    return Surface(single(places), corners.astype(np.int32))


def _check_unit(unit: Unit, options: Options, surface: Surface) -> None:
    """Raise InvalidOption for a unit that is unknown, given with dimensions, or makes an asset out of range."""
    if unit not in METRES:
        raise InvalidOption(f"unit is {unit!r}.", hint=f"Give one of {', '.join(METRES)}.", field="unit")
    if options.dimensions is not None:
        raise InvalidOption(
            f"unit is {unit!r} and dimensions are given: both set the size.", hint="Give one of the two.", field="unit"
        )
    if not len(surface.vertices):
        return
    longest = float(np.ptp(surface.vertices, axis=0).max())
    try:
        Dimensions(longest=longest, unit=unit)
    except InvalidOption as error:
        raise InvalidOption(
            f"The mesh is {longest:g} {unit} long: sizes range from 1 mm to 1000 m.",
            hint="Give another unit, or dimensions.",
            field="unit",
        ) from error


def _shape(card: Card, framed: Frame, options: Options, progress: Callable[[float], None]) -> tuple[Card, Shape]:
    """The shape, and the generator that made it: the requested one or its fallback."""
    try:
        return card, registry.instance(card).generate(framed, options, progress)
    except GeneratorFailed as error:
        if card.fallback is None:
            raise
        note = f"{card.name} failed and {card.fallback} was used instead: {error.message}"
    stand_in = registry.card(card.fallback)
    asked = options.model_fields_set & Options.model_fields.keys()
    shared = stand_in.options(**{name: getattr(options, name) for name in asked})
    shape = registry.instance(stand_in).generate(framed, shared, progress)
    doubts = (confidence.of_fallback(note), *shape.doubts)
    notes = [note, *([_unused(stand_in, framed.others)] if framed.others and not stand_in.views else [])]
    return stand_in, replace(shape, notes=(*notes, *shape.notes), doubts=doubts)


def _unused(card: Card, views: Iterable[View]) -> str:
    return f"{card.name} uses one picture: {' and '.join(views)} had no effect."


def _ignored(card: Card, options: Options) -> Iterator[str]:
    """Warnings about shared options, set to other than their defaults, that have no effect on the generator."""
    for name, info in Options.model_fields.items():
        value = getattr(options, name)
        if info.alias in card.ignores and value != info.default:
            yield f"{card.name} does not use {name}: {value} had no effect."


def warm_up(generator: str = DEFAULT_GENERATOR) -> None:
    """Load a generator, the default one unless named, and every library by generating from a picture of a disc.

    Call it when a long-running process starts, so that its first request is not slow.
    """
    x, y = np.meshgrid(*2 * [np.linspace(-1, 1, 64, dtype=np.float32)])
    disc = np.full((64, 64, 4), 128, np.uint8)
    disc[..., 3] = 255 * (np.hypot(x, y) < 0.8)
    generate(disc, texture_size=512, generator=generator)


class _Clock:
    """Times the stages and reports the overall progress."""

    def __init__(self, progress: Progress | None, stages: dict[str, float] = STAGES) -> None:
        self.milliseconds: dict[str, Any] = {}
        self._progress = progress
        self._stages = stages
        self._stage = ""
        self._before = 0.0
        self._shown = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self._stage = name
        self.within(0.0)
        start = time.perf_counter()
        yield
        self.milliseconds[name] = round((time.perf_counter() - start) * 1000, 1)
        self.within(1.0)
        self._before += self._stages[name]

    def within(self, share: float) -> None:
        # a fallback generator starts again at 0: never report less than before
        self._shown = max(self._shown, min(self._before + self._stages[self._stage] * share, 1.0))
        if self._progress:
            self._progress(self._stage, self._shown)


def _encoded(picture: PictureInput, field: str = "picture") -> bytes:
    """Any kind of picture as a file's bytes, so that all pass the same checks and have a source hash."""
    match picture:
        case bytes():
            return picture
        case str() | Path():
            try:
                return Path(picture).read_bytes()
            except OSError as error:
                raise PictureUnreadable(
                    f"{picture} cannot be read: {error.strerror or error}.", hint="Give the path of a picture file."
                ) from error
        case np.ndarray():
            if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or picture.shape[2:] not in ((), (3,), (4,)):
                raise InvalidRequest(
                    f"{field} is an array of {picture.dtype} {picture.shape}.",
                    hint="Give uint8 (0 to 255) of shape (H, W), (H, W, 3) or (H, W, 4).",
                    field=field,
                )
            picture = Image.fromarray(picture)
        case Image.Image():
            pass
        case _:
            raise InvalidRequest(
                f"{field} is a {type(picture).__name__}.",
                hint="Give a path, bytes, a Pillow image or a NumPy array.",
                field=field,
            )
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=1, icc_profile=picture.info.get("icc_profile"))
    return buffer.getvalue()
