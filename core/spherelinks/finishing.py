"""From a generator's volume to the asset: the same stages for every generator, in one order."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spherelinks import __version__, threads
from spherelinks.errors import GeneratorFailed
from spherelinks.gltf.check import check
from spherelinks.gltf.pack import Collider, Mesh, pack
from spherelinks.mesh.box import sides
from spherelinks.mesh.collider import bodies_of
from spherelinks.mesh.components import Removed, clean
from spherelinks.mesh.deviation import deviation
from spherelinks.mesh.distance import signed
from spherelinks.mesh.nearest import Tree, nearest, tree
from spherelinks.mesh.normals import fan_normals, vertex_normals
from spherelinks.mesh.pose import Pose, stand
from spherelinks.mesh.repair import apart
from spherelinks.mesh.simplify import SMALLEST, TOLERANCE, simplify
from spherelinks.mesh.solid import check as check_mesh
from spherelinks.mesh.solid import solid
from spherelinks.mesh.surface import extract
from spherelinks.mesh.topology import Faces, Vertices, examine, twins
from spherelinks.options import Collider as ColliderKind
from spherelinks.options import Options
from spherelinks.pixels.padding import fill
from spherelinks.render.images import portrait
from spherelinks.report import Checks, ColliderReport, Extent, Level, Maker, Report, TextureSizes
from spherelinks.shape import Camera, Frame, Progress, Shape, Surface, View, Volume
from spherelinks.texture.bake import Sight, bake, look, picture_strength
from spherelinks.texture.carry import seek
from spherelinks.texture.delight import delit
from spherelinks.texture.detail import normal_map, occlusion
from spherelinks.texture.maps import Tangents, fitted, skin, tangents_ahead
from spherelinks.texture.tangents import tangents
from spherelinks.texture.unwrap import Atlas, unwrap


@dataclass(frozen=True)
class Finished:
    """The asset.

    glb : its bytes; thumbnail : a PNG of it
    report : what was made; its timings are those of the finishing stages
    """

    glb: bytes
    thumbnail: bytes
    report: Report


#: A deviation of simplification above this share of the longest side and this multiple of the mean deviation is worth
#: a warning: something thin may be gone. Above the last share, whatever the
#: mean.
STRAYED, OUTSTANDING, GONE = 0.01, 5, 0.1
#: Floaters with less than this share of the surface are removed without a warning.
TRIFLE = 0.001
#: Minimum side of a coarse level's texture, px: below it, charts are less than a texel apart.
SMALLEST_TEXTURE = 256

#: What asset.generator says.
SOFTWARE = f"SphereLinks {__version__}"

#: Progress at the end of each stage, from its share of the time.
_DONE = {
    "surface": 0.12,
    "clean": 0.16,
    "simplify": 0.5,
    "delight": 0.51,
    "unwrap": 0.85,
    "bake": 0.95,
    "normalMap": 0.955,
    "occlusion": 0.96,
    "lods": 0.97,
    "pack": 0.975,
    "check": 0.98,
    "thumbnail": 1.0,
}


def finish(
    shape: Shape,
    frame: Frame | None,
    options: Options,
    *,
    source: dict[str, Any],
    name: str,
    generator: Maker,
    progress: Progress,
    most_faces: int | None = None,
    scale: float | None = None,
) -> Finished:
    """Surface, clean-up, simplification, unwrapping, baking and packing of a volume or a raw mesh.

    frame : what the shape's camera saw; None if there is no picture
    source : JSON values about the picture, such as its sha256, stored in asset.extras
    name : as :func:`spherelinks.gltf.pack.pack` takes it
    most_faces : faces to keep if options give neither simplify_ratio nor target_faces
    scale : the shape's unit in metres, used if options give no dimensions; None for a shape without a size of its own,
        whose longest side becomes 1 m
    progress : called after each stage, and within long ones, with the share done; an exception it raises, such as
        Cancelled, ends the work

    The mesh and each level of detail are closed, 2-manifold, and placed in the common frame or as options.dimensions
    and options.pivot say. The same input gives the same bytes, in any process of the same engine version on the same
    kind of machine. Raises GeneratorFailed for a volume without a shape and for an invalid mesh.
    """
    timings: dict[str, float] = {}
    warnings = list(shape.notes)

    done = 0.0

    @contextmanager
    def stage(label: str) -> Iterator[Progress]:
        nonlocal done
        start, before = time.perf_counter(), done
        yield lambda share: progress(before + share * (_DONE[label] - before))
        timings[label] = round((time.perf_counter() - start) * 1000, 1)
        done = _DONE[label]
        progress(done)

    ahead: Future[_Ground] | None = None
    strength: Future[NDArray[np.float32]] | None = None
    waiting = ThreadPoolExecutor(1)  # until baking: what comes before keeps hardly more than one core busy
    with stage("surface") as within:
        if isinstance(shape, Surface):
            check_mesh(shape.vertices, shape.faces)
            ahead = waiting.submit(_ground, shape)
            body = solid(shape.vertices, shape.faces, progress=within)
            vertices, faces = body.vertices, body.faces
            warnings += body.notes
        else:
            if frame is not None:
                strength = waiting.submit(picture_strength, frame.matte)
            vertices, faces, cut = extract(shape.field, shape.origin, shape.spacing)
            if cut:
                warnings.append("The shape reached the border of the generator's grid and was closed flat there.")
    waiting.shutdown(wait=False)
    with stage("clean"):
        vertices, faces, removed = clean(vertices, faces, touching=isinstance(shape, Surface))
        if removed.share > TRIFLE:
            warnings.append(_lost(removed))
    full = vertices, faces
    with stage("simplify") as within:
        extracted = len(faces)
        wanted = options.target_faces or round(extracted * (1 - options.simplify_ratio))
        if most_faces and not options.model_fields_set & {"simplify_ratio", "target_faces"}:
            wanted = min(extracted, most_faces)
        vertices, faces = simplify(vertices, faces, wanted, within, keep_box=isinstance(shape, Surface))
        if abs(len(faces) - wanted) > TOLERANCE * wanted:
            warnings.append(_missed(extracted, wanted, len(faces)))
        with threads.pool(1) as aside:
            smooth = aside.submit(vertex_normals, vertices, faces)
            opposite = twins(faces)
            fans, normals = fan_normals(vertices, faces, opposite)
            whole = smooth.result()
    if options.delight:
        with stage("delight"):
            if shape.camera is None or frame is None:
                warnings.append("The shape has no camera, so there was no picture to remove the lighting from.")
            else:
                rgb = delit(frame.rgb, vertices, whole, faces, shape.camera, frame.matte)
                others = {
                    view: replace(other, rgb=delit(other.rgb, vertices, whole, faces, camera, other.matte))
                    for view, (other, camera) in _others(frame, shape).items()
                }
                frame = replace(frame, rgb=rgb, others=others)
    # on the other core: growing and packing charts keep only one busy, and parts of what follows do, too
    with threads.pool(1) as aside:
        with stage("unwrap"):
            looked = aside.submit(
                lambda: look(
                    vertices, whole, faces, shape, frame, ahead.result().tree if ahead else None,
                    strength=strength.result() if strength else None,
                )
            )  # fmt: skip
            strayed = aside.submit(deviation, full[0], vertices, faces)
            examined = aside.submit(examine, vertices, faces, opposite)
            atlas, sight = unwrap(vertices, faces, fans, opposite), looked.result()
        with stage("bake"):
            ground = ahead.result() if ahead else None
            made = _skinned(vertices, faces, normals, atlas, options.texture_size, shape, frame, sight, ground)
            away, topology = strayed.result(), examined.result()
            if away.share > GONE or (away.share > STRAYED and away.largest > OUTSTANDING * away.mean):
                warnings.append(_strayed(away.share))
    along, relief, shade = made.tangents, made.normal_map, made.occlusion
    if options.normal_map and relief is None:
        with stage("normalMap"):
            along = tangents(vertices[atlas.source], normals[atlas.fan], atlas.uv, atlas.faces)
            relief = normal_map(vertices, normals, along, atlas, options.texture_size, full)
    if options.occlusion:
        with stage("occlusion"):
            shade = occlusion(vertices, normals, faces, atlas, options.texture_size // 2)
    pose = posed(vertices, options, scale)
    lods = []
    if options.lods:
        with stage("lods") as within:
            for level, ratio in enumerate(options.lods, 1):
                fewer = round(len(faces) * ratio)
                lod = _level(vertices, faces, fewer, options.texture_size >> level, shape, frame, pose, ground, sight)
                if abs(len(lod.faces) - fewer) > TOLERANCE * fewer:
                    warnings.append(f"LOD{level}: {_missed(len(faces), fewer, len(lod.faces))}")
                lods.append(lod)
                within(level / len(options.lods))
    with threads.pool(1) as aside:
        with stage("pack"):
            positions, _ = apart(pose.place(vertices), faces)
            colliders = [Collider(options.collider, *each) for each in bodies_of(options.collider, positions, faces)]
            mesh = replace(made, positions=positions[atlas.source], tangents=along, normal_map=relief, occlusion=shade)
            picture = aside.submit(portrait, mesh)
            glb = pack(
                mesh,
                name=name,
                software=SOFTWARE,
                extras=provenance(options, source, generator),
                lods=lods,
                colliders=colliders,
                texture_format=options.texture_format,
                compression=options.compression,
            )
        with stage("check"):
            assert_valid(glb)
        with stage("thumbnail"):
            thumbnail = picture.result()

    report = Report(
        generator=generator,
        faces=len(faces),
        faces_extracted=extracted,
        deviation=round(away.largest * pose.scale, 6),
        vertices=len(atlas.uv),
        bytes=len(glb),
        texture_size=options.texture_size,
        textures=TextureSizes(
            base_color=len(made.texture),
            normal=None if relief is None else len(relief),
            occlusion=None if shade is None else len(shade),
            metallic_roughness=_side(made.paint.metallic_roughness),
            emissive=_side(made.paint.emissive),
        ),
        dimensions=extent(positions),
        watertight=topology.closed,
        manifold=topology.manifold,
        genus=topology.genus,
        parts=topology.parts,
        parts_removed=removed.floaters + removed.hidden,
        lods=[Level(faces=len(lod.faces), vertices=len(lod.uv), texture_size=len(lod.texture)) for lod in lods],
        collider=collider_report(options.collider, colliders),
        checks=Checks(passed=True, errors=[]),
        timings=dict(timings),
        warnings=warnings,
    )
    return Finished(glb, thumbnail, report)


@dataclass(frozen=True)
class _Ground:
    """Of a surface that is made anew, what its points are found and its normals are read by."""

    tree: Tree
    tangents: Tangents | None


def _ground(surface: Surface) -> _Ground:
    known = tree(surface.vertices, surface.faces)
    _ = known.fours  # which are made when first asked for
    return _Ground(known, tangents_ahead(surface))


def _others(frame: Frame, shape: Shape) -> dict[View, tuple[Frame, Camera]]:
    """The further pictures that are projected, and their cameras."""
    cameras = shape.others if isinstance(shape, Volume) else {}
    return {view: (frame.others[view], camera) for view, camera in cameras.items()}


def _side(image: NDArray[np.uint8] | None) -> int | None:
    return None if image is None else len(image)


def _skinned(
    vertices: Vertices,
    faces: Faces,
    normals: NDArray[np.float32],
    atlas: Atlas,
    size: int,
    shape: Shape,
    frame: Frame | None,
    sight: Sight,
    ground: _Ground | None,
) -> Mesh:
    """The mesh in the shape's unit with all its textures: base colour, and what the shape's materials have."""
    if not isinstance(shape, Surface):
        texture = fill(*bake(vertices, normals, atlas, size, shape, frame, sight))
        return Mesh(vertices[atlas.source], normals[atlas.fan], atlas.uv, atlas.faces, texture)
    assert sight.tree is not None
    found = seek(vertices[atlas.source], atlas.uv, atlas.faces, size, sight.tree)
    source = np.zeros(0, np.int32)
    if len({each.finish for each in shape.materials}) > 1:
        source = nearest(vertices[faces].mean(axis=1), sight.tree).face
    shape = fitted(shape, len(found.texel))
    texture, covered = bake(vertices, normals, atlas, size, shape, frame, sight, found)
    return skin(
        vertices, normals, atlas, fill(texture, covered), shape, found, source, ground.tangents if ground else None
    )


def provenance(options: Options, source: dict[str, Any], generator: Maker) -> dict[str, Any]:
    """What asset.extras say of how an asset was made."""
    return {
        "generator": generator.model_dump(),
        "engine": {"name": "spherelinks", "version": __version__},
        "options": options.model_dump(by_alias=True, mode="json", exclude={"name"}),  # it is the scene's
        "seed": options.seed,
        "source": source,
    }


def assert_valid(glb: bytes) -> None:
    """Raises GeneratorFailed for a GLB that our own check finds fault with."""
    if wrong := check(glb):
        raise GeneratorFailed(f"The asset is invalid: {' '.join(wrong)}", hint="Please report this.")


def extent(positions: Vertices) -> Extent:
    """The sides of the box round (V, 3) positions, m: to 1 µm, and to a thousandth of the longest."""
    lengths = [float(side) for side in sides(positions)]
    digits = max(6, 3 - math.floor(math.log10(max(*lengths, 1e-30))))
    width, height, depth = (round(length, digits) for length in lengths)
    return Extent(width=width, height=height, depth=depth, unit="m")


def collider_report(kind: ColliderKind, colliders: Sequence[Collider]) -> ColliderReport | None:
    """The collision bodies of an asset; None if it has none."""
    if kind == "none" or not colliders:
        return None
    return ColliderReport(
        kind=kind,
        bodies=len(colliders),
        faces=sum(len(each.faces) for each in colliders),
        vertices=sum(len(each.positions) for each in colliders),
    )


def posed(vertices: Vertices, options: Options, scale: float | None) -> Pose:
    """Where and how large the asset of (V, 3) vertices is; scale as of :func:`finish`."""
    if options.dimensions:
        return stand(vertices, *options.dimensions.measure, pivot=options.pivot)
    return stand(vertices, scale=scale, pivot=options.pivot)


def _level(
    vertices: Vertices,
    faces: Faces,
    target: int,
    texture_size: int,
    shape: Shape,
    frame: Frame | None,
    pose: Pose,
    ground: _Ground | None,
    finest: Sight,
) -> Mesh:
    """A coarser version of a closed manifold, with `target` faces and its own texture.

    The level cannot share the finest one's texture: collapses ignore seams, so its vertices have no place in that
    atlas. Its own texture has half the side and a quarter of the memory of the level above, and is sharp enough for the
    size at which the level is seen.
    """
    vertices, faces = simplify(vertices, faces, target, keep_box=isinstance(shape, Surface))
    opposite = twins(faces)
    fans, normals = fan_normals(vertices, faces, opposite)
    atlas = unwrap(vertices, faces, fans, opposite)
    sight = look(vertices, vertex_normals(vertices, faces), faces, shape, frame, finer=finest)
    made = _skinned(vertices, faces, normals, atlas, max(texture_size, SMALLEST_TEXTURE), shape, frame, sight, ground)
    positions, _ = apart(pose.place(vertices), faces)
    return replace(made, positions=positions[atlas.source])


def _lost(removed: Removed) -> str:
    """The visible parts that clean-up removed."""
    some = "part" if removed.floaters == 1 else "parts"
    return f"Removed {removed.floaters} small {some} apart from the object, {_percent(removed.share)} % of the surface."


def _strayed(share: float) -> str:
    """The parts that simplification may have lost."""
    return (
        f"A thin part may be lost at this ratio: the surface moved by up to {_percent(share)} % of the longest side. "
        "Keep more faces: a lower simplify_ratio, or more target_faces."
    )


def _percent(share: float) -> str:
    """In whole per cent; below one, to one significant digit."""
    return f"{100 * share:.0f}" if share >= 0.01 else f"{100 * share:.1g}"


def _missed(extracted: int, wanted: int, got: int) -> str:
    """Why the mesh does not have the number of faces requested by target_faces or simplify_ratio."""
    if extracted < wanted:
        return f"The shape has only {extracted} faces, fewer than the {wanted} requested, and was not simplified."
    if got == extracted:
        return f"The mesh was kept at its {got} faces: {wanted} are too few to hold a closed body of this shape."
    least = f"a closed body needs {SMALLEST} faces" if wanted < SMALLEST else "fewer would break the shape apart"
    return f"The mesh has {got} faces instead of {wanted}: {least}."


def warm_up() -> None:
    """Load what every stage and option needs by finishing a small ball, as a volume and as a raw mesh with a hole.

    Call it before the first request.
    """
    side = np.linspace(-1, 1, 16, dtype=np.float32)
    ball = np.sqrt(side[:, None, None] ** 2 + side[:, None] ** 2 + side**2) - np.float32(0.7)
    frame = Frame(np.full((64, 64, 3), 128, np.uint8), np.ones((64, 64), np.float32))
    camera = Camera(np.diag((1.0, 1.0, -1.0, 1.0)), np.array((0.0, 0.0, 1.0, 0.0)))
    color = np.full((16, 16, 16, 3), 128, np.uint8)
    volume = Volume(ball, np.full(3, -1.0), 2 / 15, color, camera)
    vertices, faces, _ = extract(ball, volume.origin, volume.spacing)
    square = np.maximum(np.abs(side)[:, None], np.abs(side))
    extract(np.maximum(square, np.abs(side)[:, None, None]) - np.float32(0.7), volume.origin, volume.spacing)  # edges
    image, uv = np.full((4, 4, 3), 128, np.uint8), np.zeros((len(vertices), 2), np.float32)
    surface = Surface(vertices, faces[1:], uv=uv, textures=(image,), camera=camera)
    plain = Options(texture_size=512, simplify_ratio=0.5, compression="meshopt")
    details = {"normal_map": True, "occlusion": True, "delight": True, "collider": "decomposed"}
    maker = Maker(name="warm-up", version="0")
    for shape, options in ((volume, plain.model_copy(update=details)), (surface, plain)):
        finish(shape, frame, options, source={}, name="ball", generator=maker, progress=lambda _: None)
    signed(vertices, faces, len(side))  # the path of a mesh that cannot be closed
