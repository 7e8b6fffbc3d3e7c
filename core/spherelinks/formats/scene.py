"""Any glTF scene as a raw mesh with its colours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spherelinks import threads
from spherelinks.formats.cutout import cut
from spherelinks.formats.image import rgba
from spherelinks.gltf.document import Document, Matrix, matrix
from spherelinks.gltf.extensions import beyond, lost, unknown
from spherelinks.mesh.pose import single
from spherelinks.mesh.solid import MOST
from spherelinks.pixels.srgb import encoded
from spherelinks.shape import METALLIC, ROUGHNESS, Finish, Map, Material, Sampler, Surface, Wrap
from spherelinks.texture.carry import look_up

#: Total pixels of all textures, each first shrunk to MAX_SIDE.
MOST_TEXELS = 192_000_000
_WRAPS: dict[int, Wrap] = {10497: "repeat", 33071: "clamp", 33648: "mirror"}
_NEAREST = 9728
#: Light that a surface scatters, below which it is a metal by its specular colour.
_BLACK = 0.04


def read_scene(data: bytes, beside: Callable[[str], bytes | None], *, whole: bool = False) -> Surface:
    """The triangles of a GLB's or glTF's scene in place, with their materials.

    Nodes are where the file puts them: nested, mirrored, instanced; skins are posed by their joints, and morphs by
    their default weights. An alpha mask cuts the shape, unless it is to stay `whole`. What a material makes invisible
    (opacity 0), such as a collider, and nodes that are not visible are left out; what else is not kept is in the notes.
    Raises ValueError, KeyError, IndexError, TypeError or struct.error for what is no such file or needs an extension
    that is not known, and ValueError past MOST vertices or triangles and MOST_TEXELS.
    """
    return surface_of(Document(data, beside), whole=whole)


def surface_of(file: Document, *, whole: bool) -> Surface:
    """The same of a file that was opened before."""
    return _Scene(file, whole).surface()


class _Look(NamedTuple):
    """A material, and the texture coordinates that its maps are read at: the attribute and its transform."""

    material: Material
    coordinates: list[tuple[str, dict[str, Any]]]


class _Scene:
    def __init__(self, file: Document, whole: bool) -> None:
        self.file = file
        self.whole = whole
        self.document = file.json
        for name in beyond(self.document.get("extensionsRequired", ())):
            raise ValueError(f"it requires the extension {name}, which is not supported")
        used = self.document.get("extensionsUsed", ())
        self.notes: dict[str, None] = dict.fromkeys(unknown(used))
        materials = {name for each in self.document.get("materials", ()) for name in each.get("extensions", ())}
        self.dropped: dict[str, None] = dict.fromkeys(lost([*used, *sorted(materials)]))
        self.pictures: dict[int, tuple[NDArray[np.uint8], NDArray[np.uint8] | None]] = {}
        self.images: dict[tuple[int, Sampler], NDArray[np.uint8]] = {}
        self.looks: dict[tuple[int, frozenset[str]], _Look] = {}
        self.places: list[NDArray[np.float64]] = []
        self.faces: list[NDArray[np.int32]] = []
        self.colors: list[NDArray[np.uint8]] = []
        self.traits: list[NDArray[np.float32]] = []
        self.which: list[NDArray[np.int32]] = []
        self.materials: list[NDArray[np.int32]] = []
        self.vertices = self.triangles = 0
        self.parents = {
            int(child): number
            for number, node in enumerate(self.document.get("nodes", []))
            for child in node.get("children", ())
        }

    def surface(self) -> Surface:
        with threads.pool(1) as aside:
            self._add_all(aside)
        scenes = self.document.get("scenes", [])
        roots = {number for each in scenes for number in each.get("nodes", ())}
        if roots - {*(scenes[self.document.get("scene", 0)].get("nodes", ()) if scenes else ())}:
            self.notes["Of its scenes the first was read, or the one that it opens with."] = None
        if self.document.get("animations"):
            self.notes["Its animations are not kept: it is as the file poses it."] = None
        if self.dropped:
            self.notes[f"Not kept of its materials: {', '.join(self.dropped)}."] = None
        notes = tuple(self.notes)
        if not self.places:
            return Surface(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32), notes=notes)
        color = _one(self.colors)
        white = bool((color[:, :3] == 255).all())
        samplers = tuple(sampler for _, sampler in self.images)
        looks = list(self.looks.values())
        most = max(len(look.coordinates) for look in looks)
        width = max(rows.shape[1] for rows in self.traits)
        wide = (width - rows.shape[1] for rows in self.traits)
        traits = _one(
            [np.pad(rows, ((0, 0), (0, more))) if more else rows for rows, more in zip(self.traits, wide, strict=True)]
        )
        uvs = [np.ascontiguousarray(traits[:, 7 + 2 * k : 9 + 2 * k]) for k in range(most)]
        normals, tangents = np.ascontiguousarray(traits[:, :3]), np.ascontiguousarray(traits[:, 3:7])
        return Surface(
            single(_one(self.places)),
            _one(self.faces),
            None if white and (self.images or "materials" not in self.document) else color[:, :3].copy(),
            uvs[0] if uvs else None,
            tuple(self.images.values()),
            _one(self.which) if self.images else None,
            notes=notes,
            samplers=samplers if any(sampler != Sampler() for sampler in samplers) else (),
            materials=tuple(look.material if self.whole else _uncut(look.material) for look in looks),
            material_of=_one(self.materials),
            uvs=tuple(uvs[1:]),
            opacity=None if (color[:, 3] == 255).all() else np.ascontiguousarray(color[:, 3]),
            normals=normals if normals.any() else None,
            tangents=tangents if tangents.any() else None,
        )

    def _add_all(self, aside: ThreadPoolExecutor) -> None:
        """The primitives of all visible nodes; half of the work on each is done `aside`."""
        nodes = self.document.get("nodes", [])
        for number, place in self._nodes():
            node = nodes[number]
            if "mesh" not in node:
                continue
            mesh = self.document["meshes"][node["mesh"]]
            weights = node.get("weights", mesh.get("weights", ()))
            joints = self._joints(node["skin"]) if "skin" in node else None
            for each, tint in [(place, None)] if joints is not None else self._instances(node, place):
                for primitive in mesh["primitives"]:
                    self._add(primitive, each, weights, joints, tint, aside)

    def _nodes(self) -> Iterator[tuple[int, Matrix]]:
        """The scene's nodes that are visible, each with the way from its space to the scene's."""
        nodes = self.document.get("nodes", [])
        scenes = self.document.get("scenes")
        roots = (
            scenes[self.document.get("scene", 0)].get("nodes", [])
            if scenes
            else set(range(len(nodes))) - {*self.parents}
        )
        waiting = [(int(root), np.eye(4)) for root in roots]
        seen: set[int] = set()
        while waiting:
            number, above = waiting.pop()
            if number in seen:
                raise ValueError(f"node {number} has two parents")
            seen.add(number)
            node = nodes[number]
            if not node.get("extensions", {}).get("KHR_node_visibility", {}).get("visible", True):
                self.notes["Nodes that the file hides were left out."] = None
                continue
            place = above @ matrix(node)
            waiting += [(int(child), place) for child in node.get("children", ())]
            yield number, place

    def _instances(self, node: dict[str, Any], place: Matrix) -> Iterator[tuple[Matrix, NDArray[np.float64] | None]]:
        """Where the node's mesh stands: once, or as often as EXT_mesh_gpu_instancing says, and its colour there.

        Colours of instances are three.js's addition, and in light, as all factors are.
        """
        instancing = node.get("extensions", {}).get("EXT_mesh_gpu_instancing")
        if instancing is None:
            yield place, None
            return
        tints = (
            self.file.accessor(instancing["attributes"]["_COLOR_0"]) if "_COLOR_0" in instancing["attributes"] else None
        )
        names = {"TRANSLATION": "translation", "ROTATION": "rotation", "SCALE": "scale"}
        rows = {
            names[name]: self.file.accessor(accessor)
            for name, accessor in instancing["attributes"].items()
            if name in names
        }
        for number in range(min((len(each) for each in rows.values()), default=0)):
            tint = None if tints is None else np.resize(np.append(tints[number], 1.0), 4)
            yield place @ matrix({name: each[number] for name, each in rows.items()}), tint

    def _joints(self, number: int) -> NDArray[np.float64]:
        """(J, 4, 4): each joint's way from the mesh's rest to the scene."""
        skin = self.document["skins"][number]
        worlds = np.array([self._world(int(joint)) for joint in skin["joints"]])
        if "inverseBindMatrices" not in skin:
            return worlds
        inverse = self.file.accessor(skin["inverseBindMatrices"]).astype(np.float64)
        return worlds @ inverse[: len(worlds)].reshape(-1, 4, 4).transpose(0, 2, 1)

    def _world(self, number: int) -> Matrix:
        place = matrix(self.document["nodes"][number])
        for _ in range(len(self.document["nodes"])):
            if number not in self.parents:
                break
            number = self.parents[number]
            place = matrix(self.document["nodes"][number]) @ place
        return place

    def _add(
        self,
        primitive: dict[str, Any],
        place: Matrix,
        weights: Any,
        joints: NDArray[np.float64] | None,
        tint: NDArray[np.float64] | None,
        aside: ThreadPoolExecutor,
    ) -> None:
        attributes = primitive["attributes"]
        mode = primitive.get("mode", 4)
        if "POSITION" not in attributes:
            return
        if mode < 4:
            self.notes["Its points and lines were left out."] = None
            return
        look, number = self._look(primitive.get("material", -1), attributes)
        material = look.material
        mode_of_alpha = material.finish.alpha_mode
        if material.color[3] == 0 and mode_of_alpha != "OPAQUE":
            return
        count = self.document["accessors"][attributes["POSITION"]]["count"]
        many = self.document["accessors"][primitive["indices"]]["count"] if "indices" in primitive else count
        self.triangles += many if mode > 4 else many // 3
        if max(self.vertices + count, self.triangles) > MOST:
            raise ValueError(f"it has more than {MOST} vertices or triangles")
        mirrored = joints is None and bool(np.linalg.det(place[:3, :3]) < 0)
        turned = place if joints is None and not primitive.get("targets") else None
        further = aside.submit(self._traits, attributes, count, look.coordinates, turned, mirrored=mirrored)
        points = self._posed(primitive, weights)
        corners = self.file.accessor(primitive["indices"]) if "indices" in primitive else np.arange(count)
        faces = _triangles(corners if corners.dtype == np.uint32 else corners.astype(np.int64), mode)
        if len(faces) and faces.max() >= count:
            raise ValueError(f"a triangle has vertex {faces.max()} of {count}")
        plain = "COLOR_0" not in attributes
        color = np.broadcast_to(np.array(material.color, np.float64), (count, 4))
        if not plain:
            own = self.file.accessor(attributes["COLOR_0"])
            color = color.copy()
            color[:, : own.shape[1]] *= own
        if tint is not None:
            color, plain = color * tint, False
        points = _placed(points, place) if joints is None else self._skinned(points, attributes, joints)
        traits = further.result()
        if mirrored:
            faces = faces[:, ::-1]
        if mode_of_alpha == "MASK" and not self.whole:
            points, traits, color, faces = self._masked(points, traits, color, faces, material)
        base = -1
        if material.base is not None:
            source, sampler = self._source(self._base(primitive)["index"])
            self.images.setdefault((source, sampler), material.base.image)
            base = list(self.images).index((source, sampler))
        self.places.append(points)
        self.faces.append(faces.astype(np.int32) + np.int32(self.vertices))
        sheer = mode_of_alpha == "BLEND" or (mode_of_alpha == "MASK" and self.whole)
        opacity = color[:, 3].clip(0, 1) if sheer else np.ones(1)
        shown = np.empty((len(color), 4), np.uint8)
        shown[:, :3] = encoded(np.array([material.color[:3]]) if plain else color[:, :3])
        shown[:, 3] = opacity * 255 + 0.5
        self.colors.append(shown)
        self.traits.append(traits)
        self.which.append(np.full(len(faces), base, np.int32))
        self.materials.append(np.full(len(faces), number, np.int32))
        self.vertices += len(points)

    def _traits(
        self,
        attributes: dict[str, int],
        count: int,
        coordinates: list[tuple[str, dict[str, Any]]],
        place: Matrix | None,
        *,
        mirrored: bool,
    ) -> NDArray[np.float32]:
        """(count, 7 + 2 * U): normals and tangents in the scene, zeros where there are none or it is not known how they
        are posed; and the coordinates of each map."""
        # column by column, so that those without a value take no time
        traits = np.zeros((count, 7 + 2 * max(1, len(coordinates))), np.float32, order="F")
        for k, (name, moved) in enumerate(coordinates):
            traits[:, 7 + 2 * k : 9 + 2 * k] = _moved(self.file.accessor(attributes[name]), moved)
        if place is None:
            return traits
        if "NORMAL" in attributes:
            traits[:, :3] = _long_one(_linear(self.file.accessor(attributes["NORMAL"]), np.linalg.pinv(place[:3, :3])))
        if "TANGENT" in attributes:
            along = self.file.accessor(attributes["TANGENT"])
            traits[:, 3:6] = _long_one(along[:, :3] @ place[:3, :3].T)
            traits[:, 6] = along[:, 3] * (-1 if mirrored else 1)
        return traits

    def _posed(self, primitive: dict[str, Any], weights: Any) -> NDArray[np.float64]:
        """(V, 3) float64: the positions with the morph targets that the file's own weights add."""
        points = self.file.accessor(primitive["attributes"]["POSITION"]).astype(np.float64)
        for weight, target in zip(weights, primitive.get("targets", ()), strict=False):
            if weight and "POSITION" in target:
                points = points + weight * self.file.accessor(target["POSITION"])
        return points

    def _skinned(
        self, points: NDArray[np.float64], attributes: dict[str, int], joints: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        total, shares = np.zeros((len(points), 4, 4)), np.zeros(len(points))
        for number in range(8):
            if f"JOINTS_{number}" not in attributes:
                break
            which = self.file.accessor(attributes[f"JOINTS_{number}"]).astype(np.int64)
            share = self.file.accessor(attributes[f"WEIGHTS_{number}"]).astype(np.float64)
            for k in range(4):
                total += joints[which[:, k]] * share[:, k, None, None]
                shares += share[:, k]
        if not (shares > 0).all():
            raise ValueError("a vertex of a skin hangs on no joint")
        total /= shares[:, None, None]
        posed: NDArray[np.float64] = np.einsum("vij,vj->vi", total[:, :3, :3], points) + total[:, :3, 3]
        return posed

    def _look(self, number: int, attributes: dict[str, int]) -> tuple[_Look, int]:
        """A material as a primitive with these attributes shows it, and its place among those that are used."""
        key = number, frozenset(name for name in attributes if name.startswith(("TEXCOORD_", "COLOR_0")))
        if key not in self.looks:
            self.looks[key] = self._made(self.document["materials"][number] if number >= 0 else None, key[1])
        return self.looks[key], list(self.looks).index(key)

    def _made(self, material: dict[str, Any] | None, there: frozenset[str]) -> _Look:
        if material is None:
            return _Look(Material(), [])
        coordinates: list[tuple[str, dict[str, Any]]] = []

        def found(info: dict[str, Any] | None) -> tuple[int, int, Sampler] | None:
            """A map's image, coordinates and sampler."""
            if info is None:
                return None
            moved = dict(info.get("extensions", {}).get("KHR_texture_transform", {}))
            at = f"TEXCOORD_{moved.pop('texCoord', info.get('texCoord', 0))}", moved
            if at[0] not in there:
                self.notes[f"A texture is read at {at[0]}, which the mesh does not have: it was left out."] = None
                return None
            if at not in coordinates:
                coordinates.append(at)
            source, sampler = self._source(info["index"])
            return source, coordinates.index(at), sampler

        extensions = material.get("extensions", {})
        finish = Finish(
            material.get("alphaMode", "OPAQUE"),
            material.get("alphaCutoff", 0.5),
            material.get("doubleSided", False),
            "KHR_materials_unlit" in extensions,
        )
        rest = material.get("pbrMetallicRoughness", {})
        info, color = rest.get("baseColorTexture"), rest.get("baseColorFactor", (1, 1, 1, 1))
        metallic, roughness = rest.get("metallicFactor", 1.0), rest.get("roughnessFactor", 1.0)
        if finish.unlit and "metallicFactor" not in rest:
            metallic, roughness = METALLIC, ROUGHNESS  # which nobody sees, unless a program does not know the extension
        if glossy := extensions.get("KHR_materials_pbrSpecularGlossiness"):
            info, color = glossy.get("diffuseTexture"), glossy.get("diffuseFactor", (1, 1, 1, 1))
            metallic, roughness, rest = 0.0, 1.0 - glossy.get("glossinessFactor", 1.0), {}
            if "specularGlossinessTexture" in glossy:
                self.dropped["specular and glossiness map"] = None
            elif info is None and max(color[:3]) < _BLACK <= max(glossy.get("specularFactor", (0, 0, 0))):
                color, metallic = (*glossy["specularFactor"], *color[3:]), 1.0  # only metals scatter nothing
        relief, shade = material.get("normalTexture", {}), material.get("occlusionTexture", {})
        reflection = rest.get("metallicRoughnessTexture")
        where = [
            found(each) for each in (info, reflection, relief or None, shade or None, material.get("emissiveTexture"))
        ]
        self._decode(each[0] for each in where if each)
        base, metal, bumps, shadow, light = (
            Map(self.pictures[each[0]][0], *each[1:], bytes(self.file.image(each[0]))) if each else None
            for each in where
        )
        opacity = None
        if base is not None and finish.alpha_mode != "OPAQUE":
            alpha = self.pictures[self._source(info["index"])[0]][1]
            opacity = None if alpha is None else base._replace(image=np.repeat(alpha[..., None], 3, axis=2))
        sheer = opacity is not None or color[3] < 1 or "COLOR_0" in there
        if finish.alpha_mode == "BLEND" and not (sheer or self.whole):
            finish = replace(finish, alpha_mode="OPAQUE")  # BLEND is what exporters say of everything
        strength = extensions.get("KHR_materials_emissive_strength", {}).get("emissiveStrength", 1.0)
        red, green, blue = material.get("emissiveFactor", (0, 0, 0))
        made = Material(
            material.get("name", ""),
            tuple(float(part) for part in color),  # type: ignore[arg-type]
            base,
            opacity,
            metallic,
            roughness,
            metal,
            bumps,
            relief.get("scale", 1.0),
            shadow,
            shade.get("strength", 1.0),
            (strength * red, strength * green, strength * blue),
            light,
            finish,
        )
        return _Look(made, coordinates)

    def _base(self, primitive: dict[str, Any]) -> dict[str, Any]:
        """What a primitive's material says of its base colour's texture."""
        material = self.document["materials"][primitive["material"]]
        glossy = material.get("extensions", {}).get("KHR_materials_pbrSpecularGlossiness")
        info: dict[str, Any] = (
            glossy["diffuseTexture"] if glossy else material["pbrMetallicRoughness"]["baseColorTexture"]
        )
        return info

    def _source(self, index: int) -> tuple[int, Sampler]:
        """A texture's image and how it is read."""
        texture = self.document["textures"][index]
        extensions = texture.get("extensions", {})
        source = extensions.get("EXT_texture_webp", texture).get("source", texture.get("source"))
        if source is None:
            known = ", ".join(extensions) or "nothing"
            raise ValueError(f"texture {index} has an image by {known} alone, which is not read")
        sampler = self.document["samplers"][texture["sampler"]] if "sampler" in texture else {}
        u, v = (_WRAPS[sampler.get(name, 10497)] for name in ("wrapS", "wrapT"))
        return source, Sampler(u, v, sampler.get("magFilter") == _NEAREST)

    def _decode(self, sources: Iterable[int]) -> None:
        """Decode the images that are not yet, several at a time."""
        new = [source for source in dict.fromkeys(sources) if source not in self.pictures]
        files = [self.file.image(source) for source in new]
        with threads.pool() as pool:
            self.pictures.update(zip(new, pool.map(_picture, files, new), strict=True))
        if sum(each.size // 3 for each, _ in self.pictures.values()) > MOST_TEXELS:
            raise ValueError(f"its textures have more than {MOST_TEXELS} pixels")

    def _masked(
        self,
        points: NDArray[np.float64],
        traits: NDArray[np.float32],
        color: NDArray[np.float64],
        faces: NDArray[np.int64],
        material: Material,
    ) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float64], NDArray[np.int64]]:
        """What an alpha mask leaves of a primitive."""
        cutoff, alpha = material.finish.alpha_cutoff, material.opacity
        texels = np.zeros((len(points), 2))
        if alpha is not None:
            texels = traits[:, 7 + 2 * alpha.uv : 9 + 2 * alpha.uv] * np.array(alpha.image.shape[1::-1])

        def opacity(rows: NDArray[np.float64]) -> NDArray[np.float64]:
            own = rows[:, 6]
            if alpha is None:
                return own
            at = rows[:, 14 + 2 * alpha.uv : 16 + 2 * alpha.uv].astype(np.float32)
            return own * look_up(alpha.image, at, alpha.sampler)[:, 0] / 255

        if alpha is None and (color[:, 3] >= cutoff).all():
            return points, traits, color, faces
        rows, faces, _ = cut(np.hstack([points, color, traits]), faces, opacity, cutoff, texels)
        self.notes["Its alpha masks cut the shape."] = None
        return rows[:, :3], rows[:, 7:].astype(np.float32), rows[:, 3:7], faces


def _picture(data: bytes | memoryview, source: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """(H, W, 3) uint8 of an image, and its (H, W) alpha unless it is opaque."""
    picture = rgba(data, str(source))
    alpha = None if (picture[..., 3] == 255).all() else np.ascontiguousarray(picture[..., 3])
    return np.ascontiguousarray(picture[..., :3]), alpha


def _one(rows: list[NDArray[Any]]) -> NDArray[Any]:
    """Arrays one after the other, without a copy of a single one."""
    return rows[0] if len(rows) == 1 else np.concatenate(rows)


def _placed(points: NDArray[np.float64], place: Matrix) -> NDArray[np.float64]:
    """(V, 3) float64 points, which may be written to, where a matrix takes them."""
    if np.array_equal(place[:3, :3], np.eye(3)):
        points += place[:3, 3] + 0.0  # no zero is negative, as after a product
        return points
    placed: NDArray[np.float64] = points @ place[:3, :3].T + place[:3, 3]
    return placed


def _linear(rows: NDArray[Any], by: NDArray[Any]) -> NDArray[np.float64]:
    """(N, 3) rows times a matrix, which takes long and most often is the identity."""
    if np.array_equal(by, np.eye(3)):
        return rows + np.zeros(1)  # no zero is negative, as in a product
    product: NDArray[np.float64] = rows @ by
    return product


def _uncut(material: Material) -> Material:
    """A material without its alpha mask, which has cut the shape."""
    if material.finish.alpha_mode != "MASK":
        return material
    return replace(material, opacity=None, finish=replace(material.finish, alpha_mode="OPAQUE"))


def _long_one(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of length 1, but for zeros."""
    length = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return np.asarray(rows / np.maximum(length, 1e-30)[:, None])


def _moved(uv: NDArray[Any], transform: dict[str, Any]) -> NDArray[Any]:
    """Texture coordinates after KHR_texture_transform: scaled, turned, shifted."""
    if not transform:
        return uv
    u, v = (uv.astype(np.float64) * np.array(transform.get("scale", (1, 1)))).T
    turn = transform.get("rotation", 0.0)
    cosine, sine = np.cos(turn), np.sin(turn)
    turned = np.stack([cosine * u + sine * v, cosine * v - sine * u], axis=1)
    moved: NDArray[np.float64] = turned + np.array(transform.get("offset", (0, 0)))
    return moved


def _triangles(corners: NDArray[np.int64], mode: int) -> NDArray[np.int64]:
    """(F, 3) triangles of a list (4), a strip (5) or a fan (6)."""
    if mode == 4:
        return corners[: len(corners) // 3 * 3].reshape(-1, 3)
    if mode == 5:
        faces = np.stack([corners[:-2], corners[1:-1], corners[2:]], axis=1)
        faces[1::2] = faces[1::2, ::-1]
        return faces
    return np.stack([np.repeat(corners[:1], max(len(corners) - 2, 0)), corners[1:-1], corners[2:]], axis=1)
