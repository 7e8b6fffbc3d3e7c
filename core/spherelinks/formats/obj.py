"""OBJ, which every program reads: a mesh with its materials and textures in other files, ours in one archive."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spherelinks.formats.asset import factored
from spherelinks.formats.pieces import picture, reflection, without_maps
from spherelinks.gltf.read import ImageFile, Model
from spherelinks.mesh.polygon import triangulate
from spherelinks.mesh.pose import single
from spherelinks.mesh.solid import MOST
from spherelinks.mesh.weld import weld
from spherelinks.pixels.srgb import encoded, to_linear
from spherelinks.shape import METALLIC, ROUGHNESS, Map, Material, Sampler, Surface, Wrap

_EPOCH = (1980, 1, 1, 0, 0, 0)


_WHITE = (1.0, 1.0, 1.0)
_CURVES = frozenset(("curv", "curv2", "surf"))
_LINES = frozenset(("l", "p"))
_NUMBER = re.compile(r"[-+.\deE]+")


class _Picture(NamedTuple):
    """A map's file, "" for none; what its coordinates are multiplied by and moved by, v upwards; and whether it ends at
    its border; strength : of its relief.
    """

    file: str = ""
    scale: tuple[float, ...] = (1.0, 1.0)
    shift: tuple[float, ...] = (0.0, 0.0)
    clamped: bool = False
    strength: float = 1.0


_NO_PICTURE = _Picture()


@dataclass
class _Material:
    """color : Kd, as sRGB; picture : of map_Kd; maps : the others that are read, by statement
    values : Pr, Pm and Ke, where they are given; rest : what it says that is not read
    """

    color: tuple[float, ...] = _WHITE
    picture: _Picture = _NO_PICTURE
    maps: dict[str, _Picture] = field(default_factory=dict)
    values: dict[str, tuple[float, ...]] = field(default_factory=dict)
    rest: frozenset[str] = frozenset()


def read(data: bytes, beside: Callable[[str], bytes | None]) -> Surface:
    """The faces of an OBJ with their colours: at the vertices, else of the materials and textures that `beside` finds.

    A vertex without a colour among others that have one has its material's, or is white; colours are fractions or
    bytes. Raises ValueError for what is no such file, and past 3 * MOST vertices or triangles.
    """
    places: list[tuple[float, ...]] = []
    paints: list[tuple[float, ...] | None] = []
    uvs: list[tuple[float, float]] = []
    corners: list[int] = []
    seen: list[int] = []
    sizes: list[int] = []
    used: list[int] = []
    names: list[str] = []
    libraries: list[str] = []
    polypaint: list[tuple[float, ...]] = []
    material, curved, lined = -1, False, False
    for words in _lines(data):
        match words[0].lower():
            case "v":
                numbers = tuple(map(float, words[1:]))
                places.append(numbers[:3])
                paints.append(numbers[3:6] if len(numbers) >= 6 else None)
            case "vt":
                uvs.append((float(words[1]), float(words[2]) if len(words) > 2 else 0.0))
            case "f" | "fo":
                for word in words[1:]:
                    parts = word.split("/")
                    corners.append(_index(parts[0], len(places)))
                    seen.append(_index(parts[1], len(uvs)) if len(parts) > 1 and parts[1] else -1)
                sizes.append(len(words) - 1)
                used.append(material)
                if len(sizes) % 100_000 == 0:
                    _check(len(sizes))
            case "usemtl":
                name = " ".join(words[1:])
                if name not in names:
                    names.append(name)
                material = names.index(name)
            case "mtllib":
                libraries.append(" ".join(words[1:]))
            case "#mrgb":  # ZBrush: four bytes in hexadecimal for each vertex, the first a mask
                digits = words[1] if len(words) > 1 else ""
                polypaint += [tuple(bytes.fromhex(digits[i + 2 : i + 8])) for i in range(0, len(digits) // 8 * 8, 8)]
            case word if word in _CURVES:
                curved = True
            case word if word in _LINES:
                lined = True
    _check(max(len(places), len(corners)))
    if any(len(place) < 3 for place in places):
        raise ValueError("a vertex has fewer than three numbers")
    points = np.array(places or np.zeros((0, 3)), np.float64)
    rings, owners = np.array(corners, np.int64), np.array(used, np.int64)
    loops, owner = triangulate(points, rings, np.array(sizes, np.int64))
    _check(len(loops))
    notes = ["Its curves and free-form surfaces were not read."] if curved else []
    notes += ["Its points and lines were left out."] if lined else []
    known = polypaint if len(polypaint) == len(places) else paints
    color = _painted(known)
    materials, said = _materials(libraries, names, beside, painted=color is not None)
    notes += said
    missing: list[str] = []
    files: dict[tuple[str, Sampler], Map] = {}
    made = [_made(each, beside, files, missing) for each in materials]
    rich = any(map(_is_rich, made))
    if rest := ", ".join(sorted(set().union(*(each.rest for each in materials)))):
        notes.append(
            f"Not read of its materials: {rest}."
            if rich
            else f"Only the base colours of its materials were read: not {rest}."
        )
    notes += dict.fromkeys(missing)
    faces, at = rings[loops].astype(np.int32), owners[owner]
    if color is not None and (color == 255).all() and any(each.color != _WHITE for each in materials):
        color = None  # MeshLab's, which writes colours of faces as materials, and white for vertices that have none
    bare = np.array([color is None or paint is None for paint in known], np.bool_)
    textured = any(each.base is not None for each in made)
    if not materials or (color is not None and not textured and not bare.any() and not rich):
        return Surface(single(points), faces, color, notes=tuple(notes))
    # each face its material's colour, and each corner its own place in the texture
    place = np.array(seen, np.int64)[loops]
    if len(place) and place.max() >= len(uvs):
        raise ValueError(f"a face has texture coordinate {place.max() + 1} of {len(uvs)}")
    placed = (place >= 0).all(axis=1)
    has_map = np.array([*(each.base is not None for each in made), False])
    if (has_map[at] & ~placed).any():
        notes.append("Faces without texture coordinates have the plain colours of their materials.")
    images = {(id(each.base.image), each.base.sampler): each.base for each in made if each.base is not None}
    which = [-1 if each.base is None else list(images).index((id(each.base.image), each.base.sampler)) for each in made]
    pictured = np.where(placed, np.array([*which, -1])[at], -1).astype(np.int32)
    tints = np.array([*(each.color for each in materials), _WHITE])
    shown = np.where((pictured < 0)[:, None], tints[at], 1.0)
    shown = (np.repeat(shown, 3, axis=0) * 255 + 0.5).clip(0, 255).astype(np.uint8)
    if color is not None:
        painted = np.repeat(pictured < 0, 3) & ~bare[faces.ravel()]
        shown[painted] = color[faces.ravel()[painted]]
        if textured:  # of scans, for viewers that have no textures: a photograph shows more
            notes.append("It has textures, and colours at its vertices, which were read where there is no texture.")
    scale = np.array([*(each.picture.scale for each in materials), (1.0, 1.0)])[at]
    shift = np.array([*(each.picture.shift for each in materials), (0.0, 0.0)])[at]
    coordinates = np.array([*uvs, (0.0, 0.0)])[place] * scale[:, None] + shift[:, None]
    uv = (coordinates.reshape(-1, 2) * (1, -1) + (0, 1)).astype(np.float32)
    vertices = single(points)[faces.ravel()]
    spread = np.arange(len(vertices), dtype=np.int32).reshape(-1, 3)
    samplers = tuple(each.sampler for each in images.values())
    return Surface(
        vertices,
        spread,
        shown,
        uv if images or rich else None,
        tuple(each.image for each in images.values()),
        pictured if images else None,
        notes=tuple(notes),
        samplers=samplers if any(sampler != Sampler() for sampler in samplers) else (),
        materials=(*made, *map(without_maps, made), Material()) if rich else (),
        # faces without a material have the last, those without coordinates have theirs without its maps
        material_of=np.where(at < 0, 2 * len(made), at + len(made) * ~placed).astype(np.int32) if rich else None,
    )


def _is_rich(material: Material) -> bool:
    """Whether it says more than a base colour."""
    plain = replace(material, name="", color=(1.0, 1.0, 1.0, 1.0), base=None)
    return plain != Material()


def _lines(data: bytes) -> Iterator[list[str]]:
    """The words of each line: a backslash at its end goes on in the next, and a comment is none."""
    form = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    text = data.decode(form, "replace").replace("\r\n", "\n").replace("\r", "\n")
    for line in re.sub(r"\\[ \t]*\n", " ", text).split("\n"):
        words = (line if line.startswith("#MRGB") else line.partition("#")[0]).split()
        if words:
            yield words


def _index(word: str, count: int) -> int:
    """From 0; in the file from 1, or from the last backwards."""
    number = int(word)
    if not number:
        raise ValueError("a face has the number 0: numbers begin at 1")
    return number - 1 if number > 0 else count + number


def _check(count: int) -> None:
    if count > 3 * MOST:
        raise ValueError(f"it has more than {3 * MOST} vertices or triangles")


def _painted(paints: Sequence[tuple[float, ...] | None]) -> NDArray[np.uint8] | None:
    """(V, 3) uint8, or None if no vertex has a colour."""
    known = [paint for paint in paints if paint is not None]
    if not known:
        return None
    most = np.nanmax(np.array(known), initial=0)
    whole = 255.0 if most > 1 else 1.0
    rows = np.array([(whole,) * 3 if paint is None else paint for paint in paints]) / whole
    return (np.nan_to_num(rows, nan=1.0) * 255 + 0.5).clip(0, 255).astype(np.uint8)


def _materials(
    libraries: list[str], names: list[str], beside: Callable[[str], bytes | None], *, painted: bool
) -> tuple[list[_Material], list[str]]:
    """The materials that the faces use, in the order of their names, and what is to be said about them."""
    known: dict[str, _Material] = {}
    notes = []
    for library in libraries:
        # one name with spaces, or several names
        files = [library] if beside(library) is not None else library.split()
        for file in files:
            data = beside(file)
            if data is None:
                notes.append(f"Its materials' file {file} is not beside it, and was not read.")
            else:
                known |= _library(data)
    if names and not libraries and not painted:
        notes.append(f"It uses materials, such as {names[0] or 'one without a name'}, but names no file that has them.")
    if not known or not names:
        return [], notes
    if missing := [name for name in names if name and name not in known]:
        notes.append(f"Its material {missing[0]} is in none of its files: it was left white.")
    chosen = [known.get(name, _Material()) for name in names]
    return chosen, notes


#: Statements of maps that are read, in small letters, and of those that are not.
_READ = {"map_kd": "base", "map_pr": "roughness", "map_pm": "metallic", "map_ke": "emissive", "norm": "normal"}
_UNREAD = frozenset(
    ("map_bump", "bump", "map_d", "disp", "map_ks", "map_ns", "map_ps", "refl", "map_refl", "decal", "aniso")
)


def _library(data: bytes) -> dict[str, _Material]:
    found: dict[str, _Material] = {}
    current = _Material()
    clear = float(b"visualization toolkit" in data[:200])  # VTK's Tr is what others call d
    in_light = b"Blender" in data[:200]  # whose colours are linear; other programs write them as they show them
    for words in _lines(data):
        match words[0].lower():
            case "newmtl":
                current = found[" ".join(words[1:])] = _Material()
            case "kd" | "ke" | "pr" | "pm" as word if len(words) > 1 and words[1].lower() in ("spectral", "xyz"):
                current.rest |= {f"{word.capitalize()} {words[1]}"}
            case "kd" if len(words) > 1:
                current.color = _color(words)
                if in_light:
                    current.color = tuple(float(part) for part in encoded(np.array(current.color)) / 255)
            case "map_kd":
                current.picture = _picture(words[1:])
            case "map_ka" if len(words) > 1 and not current.picture.file:
                current.rest |= {words[0]}
            case "ke" if len(words) > 1 and any(_color(words)):
                current.values["ke"] = _color(words)
            case "pr" | "pm" as word if len(words) > 1:
                current.values[word] = (float(words[1]),)
            case word if word in _READ:
                current.maps[word] = _picture(words[1:])
            case "d" if len(words) > 1 and float(words[-1]) < 1:
                current.rest |= {"transparency"}
            case "tr" if len(words) > 1 and float(words[-1]) != clear:
                current.rest |= {"transparency"}
            case word if word in _UNREAD:
                current.rest |= {words[0]}
    for each in found.values():
        if each.picture.file:
            each.rest -= {"map_Ka", "map_ka"}
    return found


def _color(words: Sequence[str]) -> tuple[float, ...]:
    """One number stands for all three."""
    numbers = tuple(map(float, words[1:4]))
    return numbers if len(numbers) == 3 else (numbers[0],) * 3


def _picture(words: list[str]) -> _Picture:
    """A map's file behind its options; its name may have spaces."""
    counts = {"-o": 3, "-s": 3, "-t": 3, "-mm": 2}
    options: dict[str, list[str]] = {}
    at = 0
    while at < len(words) and words[at].startswith("-"):
        name = words[at].lower()
        most = counts.get(name, 1)
        values = options[name] = []
        at += 1
        while len(values) < most and at < len(words) - 1 and (most == 1 or _NUMBER.fullmatch(words[at])):
            values.append(words[at])
            at += 1

    def pair(name: str, otherwise: float) -> tuple[float, ...]:
        return tuple([*map(float, options.get(name, ())), otherwise, otherwise][:2])

    clamped = options.get("-clamp") == ["on"]
    strength = float(next(iter(options.get("-bm", ())), 1.0))
    return _Picture(" ".join(words[at:]), pair("-s", 1.0), pair("-o", 0.0), clamped, strength)


def _made(
    material: _Material,
    beside: Callable[[str], bytes | None],
    known: dict[tuple[str, Sampler], Map],
    notes: list[str],
) -> Material:
    """A material with the maps that are there; `known` are those that other materials have read."""
    files: dict[str, Map] = {}
    for word, each in {"map_kd": material.picture, **material.maps}.items():
        role, data = _READ[word], beside(each.file) if each.file else None
        if data is None:
            if role == "base" and each.file:
                notes.append(f"Its texture {each.file} is not beside it, and was not read.")
            elif each.file:
                material.rest |= {word}
            continue
        wrap: Wrap = "clamp" if each.clamped else "repeat"
        key = each.file, Sampler(wrap, wrap)
        if key not in known:
            known[key] = picture(data, *key)
        files[role] = known[key]
        if role != "base" and (each.scale, each.shift) != (material.picture.scale, material.picture.shift):
            notes.append(f"Its texture {each.file} was placed like its base colour.")
    rough, metal = files.get("roughness"), files.get("metallic")
    values = {word: numbers[0] for word, numbers in material.values.items()}
    red, green, blue = material.values.get("ke", (0.0,) * 3)
    if "emissive" in files and not (red or green or blue):
        red = green = blue = 1.0
    kd = tuple(float(part) for part in to_linear(np.array(material.color).clip(0, 1)))
    return Material(
        color=(1.0, 1.0, 1.0, 1.0) if "base" in files else (*kd, 1.0),  # type: ignore[arg-type]
        base=files.get("base"),
        metallic=values.get("pm", METALLIC) if metal is None else 1.0,
        roughness=values.get("pr", ROUGHNESS) if rough is None else 1.0,
        metallic_roughness=reflection(rough, metal),
        normal=files.get("normal"),
        normal_scale=material.maps["norm"].strength if "normal" in files else 1.0,
        emission=(red, green, blue),
        emissive=files.get("emissive"),
    )


def write(model: Model) -> bytes:
    """A ZIP with NAME.obj, NAME.mtl and the textures, in metres with +Y up; NAME is the asset's.

    Maps beyond the base colour are those of the common extension of MTL for metal and roughness: norm, map_Pr, map_Pm,
    map_Ke and map_d.
    """
    model = without_webp(model)
    mesh, name = model.mesh, re.sub(r"[^\w.-]+", "_", model.name) or "asset"
    pictures, shared = _pictures(model, name)
    kept, welded = weld(mesh.positions)
    corners = np.stack([welded[mesh.faces], mesh.faces, mesh.faces], axis=-1) + 1
    lines = [
        "# SphereLinks, metres, +Y up",
        f"mtllib {name}.mtl",
        f"o {name}",
        *_rows("v %.7g %.7g %.7g", mesh.positions[kept]),
        *_rows("vt %.7g %.7g", mesh.uv * (1, -1) + (0, 1)),
        *_rows("vn %.5g %.5g %.5g", mesh.normals),
    ]
    materials: list[str] = []
    for number, finish in enumerate(mesh.finishes):
        own = name if number == 0 else f"{name}_{number + 1:02d}"
        some = corners if mesh.finish_of is None else corners[mesh.finish_of == number]
        lines += [f"usemtl {own}", *_rows("f %d/%d/%d %d/%d/%d %d/%d/%d", some.reshape(-1, 9))]
        through = "opacity" in pictures and finish.alpha_mode != "OPAQUE"
        materials += [f"newmtl {own}", *shared, *([f"map_d {pictures['opacity'][0]}"] if through else []), ""]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in (
            (f"{name}.obj", "\n".join([*lines, ""]).encode()),
            (f"{name}.mtl", "\n".join(materials).encode()),
        ):
            archive.writestr(zipfile.ZipInfo(path, _EPOCH), data, zipfile.ZIP_DEFLATED)
        for role in sorted(pictures):
            archive.writestr(zipfile.ZipInfo(pictures[role][0], _EPOCH), pictures[role][1])
    return buffer.getvalue()


def _pictures(model: Model, name: str) -> tuple[dict[str, tuple[str, bytes]], list[str]]:
    """Files of the maps, with their names, by role, and the lines that every material has."""
    paint, names = model.mesh.paint, named(model, name)
    pictures = {
        role: (names[role], image.data) for role, image in model.images.items() if role in ("baseColor", "normal")
    }
    lines = ["Kd 1 1 1", "illum 1", f"map_Kd {names['baseColor']}"]
    if "normal" in pictures:
        lines.append(f"norm {names['normal']}")
    for role, statement, (factor, image) in (
        ("roughness", "Pr", factored(paint, 1)),
        ("metallic", "Pm", factored(paint, 2)),
    ):
        if image is None:
            lines.append(f"{statement} {factor:g}")
        else:
            pictures[role] = f"{name}_{role}.png", _grey((image * factor + 0.5).astype(np.uint8))
            lines.append(f"map_{statement} {pictures[role][0]}")
    if any(paint.emission):
        lines.append("Ke {:g} {:g} {:g}".format(*paint.emission))
        if paint.emissive is not None:
            pictures["emissive"] = names["emissive"], model.images["emissive"].data
            lines.append(f"map_Ke {names['emissive']}")
    if paint.opacity is not None:
        pictures["opacity"] = f"{name}_opacity.png", _grey(paint.opacity)
    return pictures, lines


def _grey(image: NDArray[np.uint8]) -> bytes:
    """A grey PNG of (H, W) uint8."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def without_webp(model: Model) -> Model:
    """The model with PNG in place of WebP, which few readers of old formats know."""
    return replace(model, images={role: _as_png(image) for role, image in model.images.items()})


def _as_png(image: ImageFile) -> ImageFile:
    if image.media_type != "image/webp":
        return image
    buffer = io.BytesIO()
    Image.open(io.BytesIO(image.data)).save(buffer, "PNG", compress_level=6)
    return ImageFile(buffer.getvalue(), "image/png")


def named(model: Model, name: str) -> dict[str, str]:
    """File names for a model's images, by their roles: NAME.jpg, NAME_normal.jpg, NAME_occlusion.jpg and so on.

    Roles that share a file share its name.
    """
    known: dict[bytes, str] = {}
    for role, image in model.images.items():
        ending = image.media_type.removeprefix("image/").replace("jpeg", "jpg")
        known.setdefault(image.data, f"{name if role == 'baseColor' else f'{name}_{role}'}.{ending}")
    return {role: known[image.data] for role, image in model.images.items()}


def _rows(line: str, values: NDArray[np.floating] | NDArray[np.integer]) -> Iterable[str]:
    return (line % tuple(row) for row in values.tolist())
