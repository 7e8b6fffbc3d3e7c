"""OBJ, which every program reads: a mesh with its materials and textures in other files, ours in one archive."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spherelinks.formats.asset import factored
from spherelinks.formats.image import rgba
from spherelinks.gltf.read import ImageFile, Model
from spherelinks.mesh.polygon import triangulate
from spherelinks.mesh.pose import single
from spherelinks.mesh.solid import MOST
from spherelinks.mesh.weld import weld
from spherelinks.shape import Surface

_EPOCH = (1980, 1, 1, 0, 0, 0)


_WHITE = (1.0, 1.0, 1.0)
_CURVES = frozenset(("curv", "curv2", "surf"))


@dataclass
class _Material:
    """color : Kd, as sRGB; picture : the file of map_Kd, "" for none; rest : the other maps that it has"""

    color: tuple[float, ...] = _WHITE
    picture: str = ""
    rest: frozenset[str] = frozenset()


def read(data: bytes, beside: Callable[[str], bytes | None]) -> Surface:
    """The faces of an OBJ with their colours: at the vertices, else of the materials and textures that `beside` finds.

    A vertex without a colour among others that have one is white; colours are fractions or bytes. Raises ValueError
    for what is no such file, and past 3 * MOST vertices or triangles.
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
    material, curved = -1, False
    for words in _lines(data):
        match words[0]:
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
            case "#MRGB":  # ZBrush: four bytes in hexadecimal for each vertex, the first a mask
                digits = words[1] if len(words) > 1 else ""
                polypaint += [tuple(bytes.fromhex(digits[i + 2 : i + 8])) for i in range(0, len(digits) // 8 * 8, 8)]
            case word if word in _CURVES:
                curved = True
    _check(max(len(places), len(corners)))
    if any(len(place) < 3 for place in places):
        raise ValueError("a vertex has fewer than three numbers")
    points = np.array(places or np.zeros((0, 3)), np.float64)
    rings, owners = np.array(corners, np.int64), np.array(used, np.int64)
    loops, owner = triangulate(points, rings, np.array(sizes, np.int64))
    _check(len(loops))
    notes = ["Its curves and free-form surfaces were not read."] if curved else []
    color = _painted(polypaint if len(polypaint) == len(places) else paints)
    materials, said = _materials(libraries, names, beside)
    textures, which, said_of_textures = _textures(materials, beside)
    notes += [*said, *said_of_textures]
    faces, at = rings[loops].astype(np.int32), owners[owner]
    if not materials or (color is not None and not textures):
        return Surface(single(points), faces, color, notes=tuple(notes))
    # each face its material's colour, and each corner its own place in the texture
    tints = np.array([(1.0, 1.0, 1.0) if each.picture else each.color for each in materials] + [_WHITE])
    shown = (np.repeat(tints[at], 3, axis=0) * 255 + 0.5).clip(0, 255).astype(np.uint8)
    place = np.array(seen, np.int64)[loops]
    coordinates = np.array([*uvs, (0.0, 0.0)])
    if len(place) and place.max() >= len(uvs):
        raise ValueError(f"a face has texture coordinate {place.max() + 1} of {len(uvs)}")
    pictured = np.where((place >= 0).all(axis=1), np.array([*which, -1])[at], -1).astype(np.int32)
    if color is not None:  # of scans, for viewers that have no textures: a photograph shows more
        painted = np.repeat(pictured < 0, 3)
        shown[painted] = color[faces.ravel()[painted]]
        notes.append("It has textures, and colours at its vertices, which were read where there is no texture.")
    uv = (coordinates[place].reshape(-1, 2) * (1, -1) + (0, 1)).astype(np.float32)
    vertices = single(points)[faces.ravel()]
    spread = np.arange(len(vertices), dtype=np.int32).reshape(-1, 3)
    return Surface(
        vertices, spread, shown, uv if textures else None, textures, pictured if textures else None, notes=tuple(notes)
    )


def _lines(data: bytes) -> Iterator[list[str]]:
    """The words of each line: a backslash at its end goes on in the next, and a comment is none."""
    text = data.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    for line in re.sub(r"\\[ \t]*\n", " ", text).split("\n"):
        words = (line if line.startswith("#MRGB") else line.partition("#")[0]).split()
        if words:
            yield words


def _index(word: str, count: int) -> int:
    """From 0; in the file from 1, or from the last backwards."""
    number = int(word)
    return number - 1 if number > 0 else count + number


def _check(count: int) -> None:
    if count > 3 * MOST:
        raise ValueError(f"it has more than {3 * MOST} vertices or triangles")


def _painted(paints: list[tuple[float, ...]] | list[tuple[float, ...] | None]) -> NDArray[np.uint8] | None:
    """(V, 3) uint8, or None if no vertex has a colour."""
    known = [paint for paint in paints if paint is not None]
    if not known:
        return None
    most = np.nanmax(np.array(known), initial=0)
    whole = 255.0 if most > 1 else 1.0
    rows = np.array([(whole,) * 3 if paint is None else paint for paint in paints]) / whole
    return (np.nan_to_num(rows, nan=1.0) * 255 + 0.5).clip(0, 255).astype(np.uint8)


def _materials(
    libraries: list[str], names: list[str], beside: Callable[[str], bytes | None]
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
    if not known or not names:
        return [], notes
    if missing := [name for name in names if name and name not in known]:
        notes.append(f"Its material {missing[0]} is in none of its files: it was left white.")
    chosen = [known.get(name, _Material()) for name in names]
    if rest := sorted(set().union(*(each.rest for each in chosen))):
        notes.append(f"Only the base colours of its materials were read: not {', '.join(rest)}.")
    return chosen, notes


def _library(data: bytes) -> dict[str, _Material]:
    found: dict[str, _Material] = {}
    current = _Material()
    for words in _lines(data):
        match words[0].lower():
            case "newmtl":
                current = found[" ".join(words[1:])] = _Material()
            case "kd" if len(words) > 3:
                current.color = tuple(map(float, words[1:4]))
            case "map_kd":
                current.picture = _file(words[1:])
            case "d" if len(words) > 1 and float(words[-1]) < 1:
                current.rest |= {"transparency"}
            case word if word in ("map_bump", "bump", "norm", "map_pr", "map_pm", "map_ke", "map_d", "disp"):
                current.rest |= {words[0]}
    return found


def _file(words: list[str]) -> str:
    """The file's name behind the options of a map, which may have spaces."""
    counts = {"-o": 3, "-s": 3, "-t": 3, "-mm": 2}
    at = 0
    while at < len(words) and words[at].startswith("-"):
        most = counts.get(words[at], 1)
        at += 1
        while most and at < len(words) - 1 and (most == 1 or re.fullmatch(r"[-+.\deE]+", words[at])):
            at, most = at + 1, most - 1
    return " ".join(words[at:])


def _textures(
    materials: list[_Material], beside: Callable[[str], bytes | None]
) -> tuple[tuple[NDArray[np.uint8], ...], list[int], list[str]]:
    """The pictures, each material's number among them or -1, and what is to be said."""
    files: dict[str, int] = {}
    pictures: list[NDArray[np.uint8]] = []
    notes: list[str] = []
    for each in materials:
        if not each.picture or each.picture in files:
            continue
        data = beside(each.picture)
        if data is None:
            notes.append(f"Its texture {each.picture} is not beside it, and was not read.")
            each.picture = ""
            continue
        files[each.picture] = len(pictures)
        pictures.append(rgba(data, each.picture)[..., :3])
    return tuple(pictures), [files.get(each.picture, -1) for each in materials], notes


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
