"""A mesh as it is, as an asset: placed, checked and named; its triangles stay, and, if wanted, its textures too."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from spherelinks.errors import InvalidOption
from spherelinks.finishing import SOFTWARE, Finished, assert_valid, collider_report, extent, posed, provenance
from spherelinks.gltf.carried import carry
from spherelinks.gltf.pack import Collider, Mesh, pack
from spherelinks.mesh.collider import bodies_of
from spherelinks.mesh.nearest import Nearest
from spherelinks.mesh.pose import Pose
from spherelinks.mesh.solid import check
from spherelinks.mesh.topology import Vertices, examine
from spherelinks.options import Options
from spherelinks.pixels.visible import visible
from spherelinks.render.camera import look
from spherelinks.render.images import THUMBNAIL_SIZE, portrait
from spherelinks.report import Checks, Maker, Report, TextureSizes
from spherelinks.shape import Map, Material, Progress, Surface
from spherelinks.texture import carry as base
from spherelinks.texture.carry import Found
from spherelinks.texture.detail import occlusion
from spherelinks.texture.maps import skin
from spherelinks.texture.rebake import Welded, baked, weld_surface, with_materials
from spherelinks.texture.texels import locate
from spherelinks.texture.unwrap import Atlas, unwrap

#: Options that a mesh which is kept has no use for, and those that its textures have none for.
_OF_MESHES = ("simplify_ratio", "target_faces", "lods", "normal_map", "delight")
_OF_TEXTURES = ("texture_size", "texture_format", "occlusion")
#: Side of the texture that a thumbnail is drawn with, px.
_SHOWN = 2048


def keep(
    surface: Surface,
    options: Options,
    *,
    uv: bool,
    source: dict[str, Any],
    name: str,
    generator: Maker,
    progress: Progress,
    scale: float | None = None,
) -> Finished:
    """The surface's own triangles, in the common frame, as an asset.

    uv : whether its texture coordinates, materials and image files are kept, too, each material by itself; else it is
        unwrapped anew, and all its materials become one, baked in one atlas. Faces whose alpha is read in different
        ways, or that are drawn from both sides or not, have materials of their own in either case
    Other arguments are those of :func:`spherelinks.finishing.finish`.

    Nothing is closed, turned or removed but triangles that have a corner twice. Raises InvalidOption for options that
    need another mesh, GeneratorFailed for a mesh without triangles, or with places or numbers that are none.
    """
    check(surface.vertices, surface.faces)
    warnings = [*surface.notes, *_idle(options, uv)]
    timings: dict[str, float] = {}
    done = 0.0

    @contextmanager
    def stage(label: str, share: float) -> Iterator[None]:
        nonlocal done
        start = time.perf_counter()
        yield
        timings[label] = round((time.perf_counter() - start) * 1000, 1)
        done = share
        progress(done)

    surface = with_materials(surface)
    with stage("clean", 0.1):
        welded = weld_surface(surface)
        topology = examine(welded.vertices, welded.faces)
        pose = posed(welded.vertices, options, scale)
        placed = pose.place(welded.vertices)
        if options.collider == "decomposed" and not topology.manifold:
            raise InvalidOption(
                "collider is 'decomposed', which needs a closed mesh: this one is kept open.",
                hint="Give convex or box, or leave out keep_mesh and keep_uv.",
                field="collider",
            )
        colliders = [Collider(options.collider, *each) for each in bodies_of(options.collider, placed, welded.faces)]
    packed: dict[str, Any] = {
        "name": name,
        "software": SOFTWARE,
        "extras": provenance(options, source, generator),
        "colliders": colliders,
        "compression": options.compression,
    }
    if uv:
        with stage("pack", 0.6):
            whole = _placed(surface, welded, pose)
            glb = carry(whole, **packed)
            corners = sum(len(np.unique(whole.faces[whole.material_of == k])) for k in range(len(whole.materials)))
        sizes = _file_sizes(surface.materials)
        with stage("thumbnail", 0.9):
            thumbnail = portrait(_sketch(surface, welded, placed))
    else:
        with stage("unwrap", 0.5):
            atlas = unwrap(welded.vertices, welded.faces, welded.fans)
        with stage("bake", 0.8):
            made = baked(surface, welded, atlas, options.texture_size)
            if options.occlusion:
                shade = occlusion(welded.vertices, welded.normals, welded.faces, atlas, options.texture_size // 2)
                made = replace(made, occlusion=shade)
            made = replace(made, positions=placed[atlas.source])
        with stage("pack", 0.85):
            glb = pack(made, **packed, texture_format=options.texture_format)
            corners = len(atlas.uv)
        side = options.texture_size
        there = {
            "base_color": side,
            "normal": made.normal_map,
            "occlusion": made.occlusion,
            "metallic_roughness": made.paint.metallic_roughness,
            "emissive": made.paint.emissive,
        }
        sizes = {role: len(each) if isinstance(each, np.ndarray) else each for role, each in there.items()}
        with stage("thumbnail", 0.9):
            thumbnail = portrait(made)
    with stage("check", 1.0):
        assert_valid(glb)
    return Finished(
        glb,
        thumbnail,
        Report(
            generator=generator,
            faces=len(welded.faces),
            faces_extracted=len(surface.faces),
            deviation=0.0,
            vertices=corners,
            bytes=len(glb),
            texture_size=sizes["base_color"] or 0,
            textures=TextureSizes(**{**sizes, "base_color": sizes["base_color"] or 0}),
            dimensions=extent(placed),
            watertight=topology.closed,
            manifold=topology.manifold,
            genus=topology.genus,
            parts=topology.parts,
            parts_removed=0,
            lods=[],
            collider=collider_report(options.collider, colliders),
            checks=Checks(passed=True, errors=[]),
            timings=dict(timings),
            warnings=warnings,
        ),
    )


def _idle(options: Options, uv: bool) -> Iterator[str]:
    """Warnings about options without effect. Raises InvalidOption for those that ask for another mesh."""
    for name, info in Options.model_fields.items():
        if getattr(options, name) == info.default:
            continue
        if name in _OF_MESHES:
            raise InvalidOption(
                f"{name} is given, and the mesh is to be kept as it is.",
                hint="Leave it out, or keep_mesh and keep_uv.",
                field=name,
            )
        if uv and name in _OF_TEXTURES:
            yield f"{name} had no effect: the textures are kept as they are."


def _placed(surface: Surface, welded: Welded, pose: Pose) -> Surface:
    """The surface in metres, without the faces that have no three corners."""
    faces = np.ascontiguousarray(surface.faces[welded.face])
    which = surface.material_of if surface.material_of is not None else np.zeros(len(surface.faces), np.int32)
    return replace(surface, vertices=pose.place(surface.vertices), faces=faces, material_of=which[welded.face])


def _sketch(surface: Surface, welded: Welded, placed: Vertices) -> Mesh:
    """What a thumbnail shows of the mesh, each face with a tile of its own: the files may be read at any place."""
    both = any(material.finish.double_sided for material in surface.materials)
    faces, fans = welded.faces, welded.fans
    if both:
        faces, fans = np.concatenate([faces, faces[:, ::-1]]), np.concatenate([fans, fans[:, ::-1]])
    faces, fans = np.ascontiguousarray(faces), np.ascontiguousarray(fans)
    (view,) = look(placed)
    ids = visible(view.project(placed, 2 * THUMBNAIL_SIZE), faces, 2 * THUMBNAIL_SIZE)
    seen = np.unique(ids[ids >= 0])
    rows = max(1, int(np.ceil(np.sqrt(len(seen)))))
    tile = max(2, _SHOWN // rows)
    size = rows * tile
    corner = np.stack([np.arange(len(seen)) % rows, np.arange(len(seen)) // rows], axis=1)[:, None] * tile
    places = corner + np.array(((0, 0), (tile, 0), (0, tile)), np.float32)
    numbers = np.arange(3 * len(seen), dtype=np.int32).reshape(-1, 3)
    uv = np.asarray(places.reshape(-1, 2) / size, np.float32)
    texel, face, weights = locate(uv, numbers, size)
    source = welded.face[seen % len(welded.faces)]
    turned = seen >= len(welded.faces)
    own = np.where(turned[face, None], weights[:, ::-1], weights)
    at = Nearest(np.zeros(len(face), np.float32), source[face].astype(np.int32), np.ascontiguousarray(own))
    found = Found(size, texel, face, weights, at)
    lit = np.where(turned[:, None, None], -1, 1) * welded.normals[fans[seen]]
    plain = replace(surface, materials=tuple(replace(each, normal=None) for each in surface.materials))
    order = np.arange(len(numbers) * 3, dtype=np.int32)
    atlas = Atlas(uv, numbers, order, order)
    points, normals = placed[faces[seen].ravel()], lit.reshape(-1, 3).astype(np.float32)
    return skin(points, normals, atlas, found.image(base.colors(surface, at)), plain, found, source.astype(np.int32))


def _file_sizes(materials: tuple[Material, ...]) -> dict[str, int | None]:
    """The longest side of the images of each role, px; None where there are none."""
    sizes: dict[str, int | None] = {}
    roles = {"base_color": "base"} | {role: role for role in ("normal", "occlusion", "metallic_roughness", "emissive")}
    for role, field in roles.items():
        sides = [_longest_side(each) for material in materials if (each := getattr(material, field)) is not None]
        sizes[role] = max(sides, default=None)
    return sizes


def _longest_side(each: Map) -> int:
    if each.file is None:
        return int(max(each.image.shape[:2]))
    with Image.open(io.BytesIO(each.file)) as image:
        side: int = max(image.size)
        return side
