"""Any glTF scene as a raw mesh with its colours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spherelinks.formats.cutout import cut
from spherelinks.formats.image import rgba
from spherelinks.gltf.document import Document, Matrix, matrix
from spherelinks.mesh.pose import single
from spherelinks.mesh.solid import MOST
from spherelinks.pixels.srgb import encoded
from spherelinks.shape import Sampler, Surface, Wrap
from spherelinks.texture.carry import look_up

#: What an extension is to us. A file that needs any other to be understood is refused, by that one's name.
HONOURED = frozenset(
    {
        "EXT_mesh_gpu_instancing",
        "EXT_meshopt_compression",
        "EXT_texture_webp",
        "KHR_materials_pbrSpecularGlossiness",
        "KHR_mesh_quantization",
        "KHR_meshopt_compression",
        "KHR_node_visibility",
        "KHR_texture_transform",
    }
)
#: These change nothing that is kept: base colours on a surface.
HARMLESS = frozenset(
    {
        "EXT_lights_image_based",
        "KHR_animation_pointer",
        "KHR_lights_punctual",
        "KHR_materials_emissive_strength",
        "KHR_materials_ior",
        "KHR_materials_unlit",
        "KHR_materials_variants",
        "KHR_xmp_json_ld",
        "MSFT_lod",
    }
)
#: Pictures that are not read: the one that stands in for them is.
REPLACED = frozenset({"EXT_texture_avif", "KHR_texture_basisu", "MSFT_texture_dds"})
#: These change how a surface looks, beyond its base colour.
NOTED = {
    "KHR_materials_anisotropy": "anisotropy",
    "KHR_materials_clearcoat": "clear coat",
    "KHR_materials_diffuse_transmission": "transmission",
    "KHR_materials_dispersion": "dispersion",
    "KHR_materials_iridescence": "iridescence",
    "KHR_materials_sheen": "sheen",
    "KHR_materials_specular": "specular",
    "KHR_materials_transmission": "transmission",
    "KHR_materials_volume": "volume",
}
#: Total pixels of all textures, each first shrunk to MAX_SIDE.
MOST_TEXELS = 64_000_000
_WRAPS: dict[int, Wrap] = {10497: "repeat", 33071: "clamp", 33648: "mirror"}
_NEAREST = 9728


def read_scene(data: bytes, beside: Callable[[str], bytes | None]) -> Surface:
    """The triangles of a GLB's or glTF's scene in place, with base colours: factor, vertex colours and texture.

    Nodes are where the file puts them: nested, mirrored, instanced; skins are posed by their joints, and morphs by
    their default weights. An alpha mask cuts the shape. What a material makes invisible (opacity 0), such as a
    collider, and nodes that are not visible are left out; what else is not kept is in the notes. Raises ValueError,
    KeyError, IndexError, TypeError or struct.error for what is no such file or needs an extension that is not known,
    and ValueError past MOST vertices or triangles and MOST_TEXELS.
    """
    return _Scene(Document(data, beside)).surface()


class _Paint(NamedTuple):
    """A material's base: linear factor with alpha, and the texture's information."""

    factor: NDArray[np.float64]
    texture: dict[str, Any] | None


class _Scene:
    def __init__(self, file: Document) -> None:
        self.file = file
        self.document = file.json
        for name in self.document.get("extensionsRequired", ()):
            if name not in HONOURED | HARMLESS | NOTED.keys():
                raise ValueError(f"it requires the extension {name}, which is not supported")
        self.notes: dict[str, None] = {}
        self.dropped: dict[str, None] = {}
        for name in self.document.get("extensionsUsed", ()):
            if name in NOTED:
                self.dropped[NOTED[name]] = None
            elif name not in HONOURED | HARMLESS | REPLACED:
                self.notes[f"The extension {name} is not known, and what it says was not read."] = None
        self.images: dict[tuple[int, Sampler], NDArray[np.uint8]] = {}
        self.places: list[NDArray[np.float64]] = []
        self.faces: list[NDArray[np.int64]] = []
        self.colors: list[NDArray[np.uint8]] = []
        self.uvs: list[NDArray[np.float32]] = []
        self.which: list[NDArray[np.int32]] = []
        self.vertices = self.triangles = 0
        self.parents = {
            int(child): number
            for number, node in enumerate(self.document.get("nodes", []))
            for child in node.get("children", ())
        }

    def surface(self) -> Surface:
        nodes = self.document.get("nodes", [])
        for number, place in self._nodes():
            node = nodes[number]
            if "mesh" not in node:
                continue
            mesh = self.document["meshes"][node["mesh"]]
            weights = node.get("weights", mesh.get("weights", ()))
            joints = self._joints(node["skin"]) if "skin" in node else None
            for each in [place] if joints is not None else self._instances(node, place):
                for primitive in mesh["primitives"]:
                    self._add(primitive, each, weights, joints)
        if self.document.get("animations"):
            self.notes["Its animations are not kept: it is as the file poses it."] = None
        if self.dropped:
            self.notes[f"Only base colours are kept: not its {', '.join(self.dropped)}."] = None
        notes = tuple(self.notes)
        if not self.places:
            return Surface(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32), notes=notes)
        plain = not self.images and all((color == 255).all() for color in self.colors)
        samplers = tuple(sampler for _, sampler in self.images)
        return Surface(
            single(np.concatenate(self.places)),
            np.concatenate(self.faces).astype(np.int32),
            None if plain and "materials" not in self.document else np.concatenate(self.colors),
            np.concatenate(self.uvs) if self.images else None,
            tuple(self.images.values()),
            np.concatenate(self.which) if self.images else None,
            notes=notes,
            samplers=samplers if any(sampler != Sampler() for sampler in samplers) else (),
        )

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

    def _instances(self, node: dict[str, Any], place: Matrix) -> Iterator[Matrix]:
        """Where the node's mesh stands: once, or as often as EXT_mesh_gpu_instancing says."""
        instancing = node.get("extensions", {}).get("EXT_mesh_gpu_instancing")
        if instancing is None:
            yield place
            return
        names = {"TRANSLATION": "translation", "ROTATION": "rotation", "SCALE": "scale"}
        rows = {
            names[name]: self.file.accessor(accessor)
            for name, accessor in instancing["attributes"].items()
            if name in names
        }
        for number in range(min((len(each) for each in rows.values()), default=0)):
            yield place @ matrix({name: each[number] for name, each in rows.items()})

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

    def _add(self, primitive: dict[str, Any], place: Matrix, weights: Any, joints: NDArray[np.float64] | None) -> None:
        attributes = primitive["attributes"]
        mode = primitive.get("mode", 4)
        if "POSITION" not in attributes:
            return
        if mode < 4:
            self.notes["Its points and lines were left out."] = None
            return
        material = self.document["materials"][primitive["material"]] if "material" in primitive else {}
        paint = self._paint(material)
        if paint.factor[3] == 0 and material.get("alphaMode", "OPAQUE") != "OPAQUE":
            return
        count = self.document["accessors"][attributes["POSITION"]]["count"]
        many = self.document["accessors"][primitive["indices"]]["count"] if "indices" in primitive else count
        self.triangles += many if mode > 4 else many // 3
        if max(self.vertices + count, self.triangles) > MOST:
            raise ValueError(f"it has more than {MOST} vertices or triangles")
        points = self._posed(primitive, weights)
        corners = (
            self.file.accessor(primitive["indices"]).astype(np.int64) if "indices" in primitive else np.arange(count)
        )
        faces = _triangles(corners, mode)
        if len(faces) and faces.max() >= count:
            raise ValueError(f"a triangle has vertex {faces.max()} of {count}")
        color = np.ones((count, 4)) * paint.factor
        if "COLOR_0" in attributes:
            own = self.file.accessor(attributes["COLOR_0"])
            color[:, : own.shape[1]] *= own
        uv, image = np.zeros((count, 2)), None
        if paint.texture is not None:
            moved = paint.texture.get("extensions", {}).get("KHR_texture_transform", {})
            name = f"TEXCOORD_{moved.get('texCoord', paint.texture.get('texCoord', 0))}"
            if name in attributes:
                uv, image = _moved(self.file.accessor(attributes[name]), moved), paint.texture["index"]
        if joints is None:
            points = points @ place[:3, :3].T + place[:3, 3]
            mirrored = np.linalg.det(place[:3, :3]) < 0
        else:
            points, mirrored = self._skinned(points, attributes, joints), False
        if mirrored:
            faces = faces[:, ::-1]
        mode_of_alpha = material.get("alphaMode", "OPAQUE")
        number = -1 if image is None else self._texture(image)
        if mode_of_alpha == "MASK":
            points, uv, color, faces = self._masked(points, uv, color, faces, image, material.get("alphaCutoff", 0.5))
        elif mode_of_alpha == "BLEND":
            self.notes["Its see-through parts were made solid, in their colours."] = None
        self.places.append(points)
        self.faces.append(faces + self.vertices)
        self.colors.append(encoded(color[:, :3]))
        self.uvs.append(uv.astype(np.float32))
        self.which.append(np.full(len(faces), number, np.int32))
        self.vertices += len(points)

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

    def _paint(self, material: dict[str, Any]) -> _Paint:
        extensions = material.get("extensions", {})
        glossy = extensions.get("KHR_materials_pbrSpecularGlossiness")
        if glossy is None:
            base = material.get("pbrMetallicRoughness", {})
            factor, texture = base.get("baseColorFactor", (1, 1, 1, 1)), base.get("baseColorTexture")
            rest = "metallicRoughnessTexture" in base
        else:
            factor, texture = glossy.get("diffuseFactor", (1, 1, 1, 1)), glossy.get("diffuseTexture")
            rest = "specularGlossinessTexture" in glossy
        for there, what in (
            ("normalTexture" in material, "normal map"),
            (rest, "metal and roughness maps"),
            ("occlusionTexture" in material, "occlusion map"),
        ):
            if there:
                self.dropped[what] = None
        factor = np.array(factor, np.float64)
        glow = np.array(material.get("emissiveFactor", (0, 0, 0)), np.float64)
        if glow.any():
            if not factor[:3].any():  # it is dark but for its own light
                return _Paint(np.append(glow.clip(0, 1), factor[3]), material.get("emissiveTexture"))
            self.dropped["emission"] = None
        return _Paint(factor, texture)

    def _texture(self, index: int) -> int:
        """The place of a texture among those that are used."""
        key = self._source(index)
        if key not in self.images:
            picture = self._picture(key[0])
            self.images[key] = np.ascontiguousarray(picture[..., :3])
            if sum(each.size // 3 for each in self.images.values()) > MOST_TEXELS:
                raise ValueError(f"its textures have more than {MOST_TEXELS} pixels")
        return list(self.images).index(key)

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

    def _picture(self, source: int) -> NDArray[np.uint8]:
        return rgba(self.file.image(source), str(source))

    def _masked(
        self,
        points: NDArray[np.float64],
        uv: NDArray[np.float64],
        color: NDArray[np.float64],
        faces: NDArray[np.int64],
        image: int | None,
        cutoff: float,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
        """What an alpha mask leaves of a primitive."""
        texels = np.zeros_like(uv)
        alpha = None
        if image is not None:
            source, sampler = self._source(image)
            alpha = np.repeat(self._picture(source)[..., 3:], 3, axis=2)
            texels = uv * alpha.shape[1::-1]
            if (alpha == 255).all():
                alpha = None

        def opacity(rows: NDArray[np.float64]) -> NDArray[np.float64]:
            own = rows[:, 8]
            if alpha is None:
                return own
            return own * look_up(alpha, rows[:, 3:5].astype(np.float32), sampler)[:, 0] / 255

        if alpha is None and (color[:, 3] >= cutoff).all():
            return points, uv, color, faces
        rows, faces, _ = cut(np.hstack([points, uv, color]), faces, opacity, cutoff, texels)
        self.notes["Its alpha masks cut the shape."] = None
        return rows[:, :3], rows[:, 3:5], rows[:, 5:9], faces


def _moved(uv: NDArray[Any], transform: dict[str, Any]) -> NDArray[np.float64]:
    """Texture coordinates after KHR_texture_transform: scaled, turned, shifted."""
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
