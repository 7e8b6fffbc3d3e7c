"""Files from other programs: read as intended or refused by name, with a note on everything left out."""

import base64
import io
import json
import re
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from meshes import box
from PIL import Image
from shapes import ball, mesh_of

import spherelinks
from spherelinks.errors import InvalidOption, InvalidRequest, MeshUnreadable
from spherelinks.formats.image import FORMATS
from spherelinks.formats.reading import _READERS, measured, read, read_file
from spherelinks.gltf import extensions
from spherelinks.gltf.pack import Mesh, pack
from spherelinks.mesh.nearest import nearest, tree
from spherelinks.mesh.normals import vertex_normals
from spherelinks.shape import Surface
from spherelinks.texture.carry import colors

RED, BLUE, GREEN = (220, 40, 40), (40, 60, 220), (40, 200, 60)
YELLOW, PURPLE, CYAN = (230, 210, 40), (200, 40, 200), (40, 200, 210)
SIZE = np.array((3.0, 5.0, 1.5))
#: A block of SIZE with a colour on each side: the side's corners, counter-clockwise from outside, and its colour.
SIDES = [
    (((0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)), RED),
    (((1, 0, 0), (0, 0, 0), (0, 1, 0), (1, 1, 0)), BLUE),
    (((1, 0, 1), (1, 0, 0), (1, 1, 0), (1, 1, 1)), GREEN),
    (((0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0)), YELLOW),
    (((0, 1, 1), (1, 1, 1), (1, 1, 0), (0, 1, 0)), PURPLE),
    (((0, 0, 0), (1, 0, 0), (1, 0, 1), (0, 0, 1)), CYAN),
]
POINTS = np.array([corner for corners, _ in SIDES for corner in corners]) * SIZE
QUADS = np.arange(24).reshape(6, 4)
TRIANGLES = np.concatenate([QUADS[:, [0, 1, 2]], QUADS[:, [0, 2, 3]]])
PAINT = np.repeat([color for _, color in SIDES], 4, axis=0)
#: A strip of six squares, one for each side, and where the sides' corners lie in it, v downwards.
STRIP = np.repeat(np.repeat(np.array([[color for _, color in SIDES]], np.uint8), 16, axis=0), 16, axis=1)
UV = np.array([((i + u) / 6, v) for i in range(6) for u, v in ((0.2, 0.8), (0.8, 0.8), (0.8, 0.2), (0.2, 0.2))])


def shows(surface: Surface, tolerance: int = 2, size: np.ndarray = SIZE, low: np.ndarray | float = 0) -> None:
    """Asserts that it is the block, with each side's colour."""
    assert np.allclose(np.ptp(surface.vertices, axis=0), size, rtol=1e-5)
    base = surface.vertices.min(axis=0)
    assert np.allclose(base, low, atol=1e-4) or np.allclose(base, -size / 2, atol=1e-4)
    middles = [np.mean(corners, axis=0) * size + base for corners, _ in SIDES]
    found = colors(surface, nearest(np.array(middles, np.float32), tree(surface.vertices, surface.faces)))
    assert np.abs(found.astype(int) - [color for _, color in SIDES]).max() <= tolerance


def written(folder: Path, name: str, data: bytes | str) -> Path:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def png(pixels: np.ndarray, **more) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels, **more).save(buffer, "PNG")
    return buffer.getvalue()


# --- OBJ


def obj(paint: np.ndarray | None = None, points: np.ndarray = POINTS, sep: str = " ") -> str:
    rows = points if paint is None else np.hstack([points, paint])
    lines = [sep.join(["v", *(f"{x:.6f}" for x in row)]) for row in rows]
    return "\n".join([*lines, *(sep.join(["f", *map(str, quad + 1)]) for quad in QUADS), ""])


@pytest.mark.parametrize(
    "text",
    [
        obj(PAINT / 255),
        obj(PAINT),
        obj(PAINT / 255, sep="\t"),
        obj(PAINT / 255).replace("\n", "\r\n"),
        "\ufeff# a comment\n" + obj(PAINT / 255).replace("\nf", "  # red\n\nf"),
        obj(PAINT / 255).replace("f 1 2 ", "f 1 2 \\\n  "),
        obj(PAINT / 255).replace("f 1 2 3 4", "f -24//1 -23//1 -22//1 -21//1"),
        obj(np.hstack([np.ones((24, 1)), PAINT / 255])),  # with a weight before the colour
    ],
    ids=["fractions", "bytes", "tabs", "crlf", "comments", "continued", "backwards", "weights"],
)
def test_obj_with_colours_at_its_vertices(tmp_path, text):
    if "1.000000 0.862745" in text:
        text = obj(np.hstack([PAINT / 255, np.ones((24, 1))]))  # with alpha behind the colour
    surface = read(written(tmp_path, "block.obj", text))
    shows(surface)
    assert surface.notes == ()


@pytest.mark.filterwarnings("error")
def test_obj_vertices_without_a_colour_are_white(tmp_path):
    text = obj(PAINT / 255)
    lines = text.split("\n")
    lines[0] = " ".join(lines[0].split()[:4])
    lines[1] = " ".join([*lines[1].split()[:4], "nan nan nan"])
    surface = read(written(tmp_path, "block.obj", "\n".join(lines)))
    assert surface.color is not None
    assert surface.color[:3].tolist() == [[255] * 3, [255] * 3, list(RED)]


MTL = "".join(f"newmtl m{i}\nKd {r / 255:f} {g / 255:f} {b / 255:f}\n" for i, (_, (r, g, b)) in enumerate(SIDES))


def test_obj_with_materials(tmp_path):
    lines = obj().split("\n")
    body = lines[:24] + [f"usemtl m{i}\n{line}" for i, line in enumerate(lines[24:30])]
    path = written(tmp_path, "block.obj", "mtllib of block.mtl\n" + "\n".join(body))
    surface = read(path)
    assert surface.color is None
    assert surface.notes == tuple(
        f"Its materials' file {name} is not beside it, and was not read." for name in ("of", "block.mtl")
    )
    written(tmp_path, "of block.mtl", MTL)
    shows(read(path))


def test_obj_with_a_texture(tmp_path):
    coordinates = "".join(f"vt {u:f} {1 - v:f}\n" for u, v in UV)
    faces = "\n".join("f " + " ".join(f"{i + 1}/{i + 1}" for i in quad) for quad in QUADS)
    text = "mtllib block.mtl\n" + obj().partition("f ")[0] + coordinates + "usemtl paint\n" + faces
    path = written(tmp_path, "block.obj", text)
    written(
        tmp_path,
        "block.mtl",
        "newmtl paint\nKd 0.1 0.1 0.1\nmap_Kd -s 1 1 1 -clamp on maps\\the strip.png\nnorm n.png\n",
    )
    assert read(path).notes[-1] == "Its texture maps\\the strip.png is not beside it, and was not read."
    written(tmp_path, "the strip.png", png(STRIP))
    surface = read(path)
    shows(surface)
    assert surface.notes == ("Only the base colours of its materials were read: not norm.",)


def test_nothing_outside_the_meshs_folder_is_read(tmp_path):
    written(tmp_path, "secret.mtl", MTL)
    inner = tmp_path / "inner"
    inner.mkdir()
    path = written(inner, "block.obj", f"mtllib ../secret.mtl\nmtllib {tmp_path / 'secret.mtl'}\n" + obj())
    assert len(read(path).notes) == 2


def test_concave_faces_stay_inside_themselves(tmp_path):
    letter = [(0, 0), (1, 0), (1, 2), (2.2, 2), (2.2, 3), (1, 3), (1, 4), (3, 4), (3, 5), (0, 5)]
    for turn in range(len(letter)):
        ring = letter[turn:] + letter[:turn]
        for offset in (0.0, 5e6):
            text = "".join(f"v {x + offset:f} {y:f} {x - y:f}\n" for x, y in ring)
            surface = read(written(tmp_path, "f.obj", text + "f " + " ".join(map(str, range(1, 11)))))
            corners = surface.vertices[surface.faces].astype(float)
            normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
            assert np.linalg.norm(normals, axis=1).sum() / 2 == pytest.approx(8.2 * np.sqrt(3), rel=1e-4)
            assert (normals[:, 2] > 0).all()


def test_a_concave_quad_is_cut_along_its_inner_diagonal(tmp_path):
    dart = "v 0 0 0\nv 2 1 0\nv 0 2 0\nv 0.5 1 0\n"
    for quad in ("1 2 3 4", "2 3 4 1", "3 4 1 2", "4 1 2 3"):
        surface = read(written(tmp_path, "dart.obj", f"{dart}f {quad}"))
        a, b, c = (surface.vertices[surface.faces[:, k]] for k in range(3))
        assert np.cross(b - a, c - a)[:, 2].sum() / 2 == pytest.approx(1.5)
        assert (np.cross(b - a, c - a)[:, 2] > 0).all()


@pytest.mark.parametrize("suffix", ["obj", "ply", "stl", "glb"])
def test_shapes_far_from_the_origin_are_not_torn(tmp_path, suffix):
    offset = np.array((432100.25, 212.5, -5412345.25))
    vertices, faces = mesh_of(ball(20))
    if suffix == "obj":
        rows = "".join("v {:.6f} {:.6f} {:.6f}\n".format(*row) for row in vertices + offset)
        data = (rows + "".join("f {} {} {}\n".format(*row) for row in faces + 1)).encode()
    elif suffix == "ply":
        data = b"ply\nformat binary_little_endian 1.0\nelement vertex %d\n" % len(vertices)
        data += b"property double x\nproperty double y\nproperty double z\nelement face %d\n" % len(faces)
        data += b"property list uchar int vertex_indices\nend_header\n" + (vertices + offset).astype("<f8").tobytes()
        data += b"".join(struct.pack("<B3i", 3, *face) for face in faces)
    elif suffix == "glb":
        document, blob = scene({"POSITION": vertices}, faces)
        document["nodes"][0]["translation"] = offset.tolist()
        data = glb(document, blob)
    else:
        lines = ["solid far"]
        for corners in (vertices + offset)[faces]:
            lines += ["facet normal 0 0 0", "outer loop", *("vertex {:.6f} {:.6f} {:.6f}".format(*c) for c in corners)]
            lines += ["endloop", "endfacet"]
        data = "\n".join([*lines, "endsolid"]).encode()
    surface = read(written(tmp_path, f"far.{suffix}", data))
    middle = (vertices.max(axis=0) + vertices.min(axis=0)) / 2
    assert np.allclose(surface.vertices[surface.faces], (vertices - middle)[faces], atol=2e-6)


# --- PLY


def ply(vertex: str, rows: list[bytes], face: str, faces: list[bytes], head: str = "", order: str = "little") -> bytes:
    header = f"ply\nformat binary_{order}_endian 1.0\n{head}element vertex {len(rows)}\n{vertex}"
    header += f"element face {len(faces)}\n{face}end_header\n"
    return header.encode() + b"".join(rows) + b"".join(faces)


XYZ = "".join(f"property float {axis}\n" for axis in "xyz")
LIST = "property list uchar int vertex_indices\n"
QUAD_ROWS = [struct.pack("<B4i", 4, *quad) for quad in QUADS]


@pytest.mark.parametrize(
    ("kind", "form", "scale", "names"),
    [
        ("uchar", "3B", 1, ("red", "green", "blue")),
        ("uchar", "3B", 1, ("diffuse_red", "diffuse_green", "diffuse_blue")),
        ("ushort", "3H", 257, ("red", "green", "blue")),
        ("float", "3f", 1 / 255, ("r", "g", "b")),
        ("int", "3i", 1, ("red", "green", "blue")),
    ],
)
def test_ply_with_colours_at_its_vertices(tmp_path, kind, form, scale, names):
    rows = [
        struct.pack(f"<3f{form}", *place, *(value * scale if "f" in form else int(value * scale) for value in color))
        for place, color in zip(POINTS, PAINT, strict=True)
    ]
    properties = XYZ + "".join(f"property {kind} {name}\n" for name in names)
    surface = read(written(tmp_path, "block.ply", ply(properties, rows, LIST, QUAD_ROWS)))
    shows(surface)
    assert surface.notes == ()


def test_ply_with_colours_of_faces_and_other_properties_and_elements(tmp_path):
    places = [struct.pack("<3f", *place) for place in POINTS]
    faces = [struct.pack("<HB4i3B", 7, 4, *quad, *color) for quad, (_, color) in zip(QUADS, SIDES, strict=True)]
    properties = "property ushort flags\n" + LIST + "".join(f"property uchar {c}\n" for c in ("red", "green", "blue"))
    data = ply(XYZ, places, properties, faces, "comment Zweige, schön\nelement camera 1\nproperty double fov\n")
    data = data.replace(b"end_header\n", b"end_header\n" + bytes(8))
    shows(read(written(tmp_path, "block.ply", data)))


def test_ply_with_faces_of_different_sizes_and_wedge_coordinates(tmp_path):
    places = [struct.pack("<3f", *place) for place in POINTS]
    faces = []
    for ring in [QUADS[0][:3], QUADS[0][[0, 2, 3]], *QUADS[1:]]:
        uv = (UV[ring] * (1, -1) + (0, 1)).ravel()
        n = len(ring)
        faces.append(struct.pack(f"<B{n}iB{2 * n}f", n, *ring, 2 * n, *uv))
    properties = LIST + "property list uchar float texcoord\n"
    path = written(tmp_path, "block.ply", ply(XYZ, places, properties, faces, "comment TextureFile strip.png\n"))
    assert read(path).notes == ("Its texture strip.png is not beside it, and was not read.",)
    written(tmp_path, "strip.png", png(STRIP))
    shows(read(path))
    text = "ply\nformat ascii 1.0\ncomment TextureFile strip.png\nelement vertex 24\n" + XYZ
    text += "property float s\nproperty float t\nelement face 6\n" + LIST + "end_header\n"
    text += "".join(f"{x} {y} {z} {u} {1 - v}\n" for (x, y, z), (u, v) in zip(POINTS, UV, strict=True))
    text += "".join("4 {} {} {} {}\n".format(*quad) for quad in QUADS)
    shows(read(written(tmp_path, "text.ply", text)))


def test_a_scans_texture_is_not_darkened_by_its_colours(tmp_path):
    """Metashape, RealityCapture and MeshLab write both, the colours for viewers that have no textures."""
    written(tmp_path, "strip.png", png(STRIP))
    text = "ply\nformat ascii 1.0\ncomment TextureFile strip.png\nelement vertex 24\n" + XYZ
    text += "property uchar red\nproperty uchar green\nproperty uchar blue\n"
    text += "property float s\nproperty float t\nelement face 6\n" + LIST + "end_header\n"
    rows = zip(POINTS, UV, strict=True)
    text += "".join(f"{x} {y} {z} 60 60 60 {u} {1 - v}\n" for (x, y, z), (u, v) in rows)
    text += "".join("4 {} {} {} {}\n".format(*quad) for quad in QUADS)
    surface = read(written(tmp_path, "scan.ply", text))
    shows(surface)
    assert surface.notes == ("It has a texture, and colours, which were not read.",)
    gone = read(written(tmp_path, "alone.ply", text.replace("strip.png", "gone.png")))
    assert gone.color is not None
    assert (gone.color == 60).all()
    assert gone.notes == ("Its texture gone.png is not beside it, and was not read.",)

    written(tmp_path, "scan.mtl", "newmtl photo\nmap_Kd strip.png\nnewmtl bare\nKd 1 0 0\n")
    lines = ["mtllib scan.mtl", *("v {} {} {} 0.2 0.2 0.2".format(*point) for point in POINTS)]
    lines += [f"vt {u} {1 - v}" for u, v in UV]
    for number, quad in enumerate(QUADS):
        lines += ["usemtl photo" if number < 5 else "usemtl bare", "f " + " ".join(f"{k + 1}/{k + 1}" for k in quad)]
    surface = read(written(tmp_path, "scan.obj", "\n".join([*lines, ""])))
    assert surface.color is not None
    photographed = surface.texture_of[: len(surface.faces)] >= 0
    assert photographed.sum() == 10
    assert (surface.color[surface.faces[photographed]] == 255).all()
    assert (surface.color[surface.faces[~photographed]] == 51).all()
    assert surface.notes == (
        "It has textures, and colours at its vertices, which were read where there is no texture.",
    )


def test_ply_of_strips_and_of_points(tmp_path):
    text = "ply\nformat ascii 1.0\nelement vertex 5\n" + XYZ + "element tristrips 1\n"
    text += (
        "property list int int vertex_indices\nend_header\n0 0 0\n1 0 0\n0 1 0\n1 1 0\n2 0 0\n9 0 1 2 3 -1 1 4 3 -1\n"
    )
    surface = read(written(tmp_path, "strip.ply", text))
    a, b, c = (surface.vertices[surface.faces[:, k]] for k in range(3))
    assert np.cross(b - a, c - a)[:, 2].tolist() == [1, 1, 1]
    cloud = "ply\nformat ascii 1.0\nelement vertex 1\n" + XYZ + "end_header\n0 0 0\n"
    with pytest.raises(InvalidRequest, match="points, but no faces"):
        read(written(tmp_path, "cloud.ply", cloud))


# --- STL


def stl(attributes: list[int], header: bytes = b"") -> bytes:
    data = header.ljust(80) + struct.pack("<I", len(TRIANGLES))
    for triangle, attribute in zip(TRIANGLES, attributes, strict=True):
        data += struct.pack("<12fH", 0, 0, 0, *POINTS[triangle].ravel(), attribute)
    return data


def fifths(color: tuple[int, int, int]) -> tuple[int, ...]:
    return tuple(round(value * 31 / 255) for value in color)


def test_stl_with_colours_in_its_attributes(tmp_path):
    sides = [color for _, color in SIDES] * 2
    visual = [0x8000 | r << 10 | g << 5 | b for r, g, b in map(fifths, sides)]
    shows(read(written(tmp_path, "viscam.stl", stl(visual))), tolerance=5)
    magics = [b << 10 | g << 5 | r for r, g, b in map(fifths, sides)]
    magics[0] = magics[6] = 0x8000
    header = b"made by hand COLOR=" + bytes((*RED, 255))
    shows(read(written(tmp_path, "magics.stl", stl(magics, header))), tolerance=5)
    # MeshLab sets the bit where a triangle has a colour, and has the header without any, too
    header = b"COLOR=" + b"\x7f\x7f\x7f " + b"MATERIAL=\x7f\x7f\x7f \x7f\x7f\x7f \x7f\x7f\x7f "
    meshlab = [0x8000 | b << 10 | g << 5 | r for r, g, b in map(fifths, sides)]
    shows(read(written(tmp_path, "meshlab.stl", stl(meshlab, header))), tolerance=5)
    assert read(written(tmp_path, "plain.stl", stl([0] * 12, header))).color is None
    surface = read(written(tmp_path, "default.stl", stl([0x8000] * 6 + [0xFFFF] * 6, header)))
    assert (surface.color == 127).all()
    surface = read(written(tmp_path, "odd.stl", stl([7] * 12)))
    assert surface.color is None
    assert "were not read" in surface.notes[0]


def test_stl_with_more_or_less_than_its_header_says(tmp_path):
    plain = stl([0] * 12)
    for data in (plain, plain + b"\0\0", stl([0] * 12, b"solid of some program") + b"tail"):
        surface = read(written(tmp_path, "block.stl", data))
        assert np.allclose(surface.vertices[surface.faces], POINTS[TRIANGLES])
        assert surface.notes == ()
    with pytest.raises(InvalidRequest, match="12 triangles, and 11 are there"):
        read(written(tmp_path, "block.stl", plain[:-1]))


def test_stl_as_text_in_any_case(tmp_path):
    lines = ["SOLID Block"]
    for corners in POINTS[TRIANGLES]:
        lines += ["  FACET NORMAL 0 0 0", "OUTER LOOP", *("\tVERTEX {:E} {} {}".format(*c) for c in corners), "ENDLOOP"]
        lines += ["ENDFACET"]
    for end in ("\n", "\r\n"):
        surface = read(written(tmp_path, "block.stl", end.join([*lines, "ENDSOLID Block"])))
        assert np.allclose(surface.vertices[surface.faces], POINTS[TRIANGLES])


# --- which way is up, and how large


def test_files_stand_as_their_format_has_it(tmp_path):
    """SIZE is 3 × 5 × 1.5: with +Z up it is 1.5 high and 5 deep."""
    plain = {"texture_size": 512, "dimensions": {"longest": 1}}
    lying, standing = (0.6, 0.3, 1.0), (0.6, 1.0, 0.3)

    def made(path, **more):
        report = spherelinks.finish(path, **plain, **more).report
        size = report.dimensions
        return (size.width, size.height, size.depth), [note for note in report.warnings if "up" in note]

    path = written(tmp_path, "block.stl", stl([0] * 12))
    size, notes = made(path)
    assert size == pytest.approx(lying, abs=1e-3)
    assert "--up y" in notes[0]
    assert made(path, up="y") == (pytest.approx(standing, abs=1e-3), [])
    path = written(tmp_path, "block.ply", ply(XYZ, [struct.pack("<3f", *p) for p in POINTS], LIST, QUAD_ROWS))
    size, notes = made(path)
    assert size == pytest.approx(standing, abs=1e-3)
    assert "--up z" in notes[0]
    assert made(path, up="z") == (pytest.approx(lying, abs=1e-3), [])
    asset = spherelinks.finish(written(tmp_path, "block.obj", obj(PAINT / 255)), **plain)
    for kind in ("stl", "ply"):
        back = written(tmp_path, f"ours.{kind}", spherelinks.convert(asset.glb, kind, lambda left_out: None))
        assert made(back) == (pytest.approx(standing, abs=1e-3), [])
    with pytest.raises(InvalidRequest, match="up is 'x'"):
        spherelinks.finish(path, up="x")


def test_a_unit_gives_the_real_size(tmp_path):
    asset = spherelinks.finish(written(tmp_path, "block.obj", obj()), texture_size=512, unit="cm")
    assert asset.report.dimensions.height == pytest.approx(0.05, rel=1e-4)
    assert asset.report.warnings == []
    path = written(tmp_path, "block.stl", stl([0] * 12, b"+Y up"))
    assert spherelinks.finish(path, texture_size=512).report.warnings == [
        "STL does not say its unit: mm was taken, which makes it 0.005 m long. If that is wrong, give --unit."
    ]
    assert spherelinks.finish(path, texture_size=512, unit="m").report.warnings == []
    large = replace(surface := read(path), vertices=surface.vertices * 1e6)
    assert "which makes it 5,000 m long." in measured(large, read_file(path)).notes[-1]
    with pytest.raises(InvalidOption, match="both set the size"):
        spherelinks.finish(tmp_path / "block.obj", unit="cm", dimensions={"height": 1})
    with pytest.raises(InvalidOption, match="unit is 'mile'"):
        spherelinks.finish(tmp_path / "block.obj", unit="mile")
    with pytest.raises(InvalidOption, match="1 mm to 1000 m"):
        spherelinks.finish((box()[0] * 1e6, box()[1]), unit="m")


# --- glTF


def glb(document: dict, blob: bytes = b"") -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    blob += bytes(-len(blob) % 4)
    head = struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(blob))
    return head + struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(blob), 0x4E4942) + blob


_KINDS = {"f4": 5126, "u4": 5125, "u2": 5123, "u1": 5121}


def add(document: dict, blob: bytes, rows: np.ndarray, kind: str = "f4") -> bytes:
    """Another accessor."""
    data = np.ascontiguousarray(rows, f"<{kind}").tobytes()
    document["bufferViews"].append({"buffer": 0, "byteOffset": len(blob), "byteLength": len(data)})
    types = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
    columns = rows.reshape(len(rows), -1).shape[1]
    document["accessors"].append(
        {
            "bufferView": len(document["bufferViews"]) - 1,
            "componentType": _KINDS[kind],
            "count": len(rows),
            "type": types[columns],
        }
    )
    return blob + data + bytes(-len(data) % 4)


def scene(attributes: dict[str, np.ndarray], faces: np.ndarray, picture: bytes = b"") -> tuple[dict, bytes]:
    """One node with one mesh, one material and, if given, one texture."""
    document: dict = {"asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}]}
    document |= {"bufferViews": [], "accessors": [], "materials": [{"pbrMetallicRoughness": {}}]}
    blob = b""
    for rows in attributes.values():
        blob = add(document, blob, rows)
    blob = add(document, blob, faces.ravel(), "u4")
    primitive = {
        "attributes": {name: i for i, name in enumerate(attributes)},
        "indices": len(attributes),
        "material": 0,
    }
    document["meshes"] = [{"primitives": [primitive]}]
    if picture:
        document["bufferViews"].append({"buffer": 0, "byteOffset": len(blob), "byteLength": len(picture)})
        document["images"] = [{"bufferView": len(document["bufferViews"]) - 1, "mimeType": "image/png"}]
        document["textures"] = [{"source": 0}]
        document["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"] = {"index": 0}
        blob += picture + bytes(-len(picture) % 4)
    document["buffers"] = [{"byteLength": len(blob)}]
    return document, blob


def block(uv: np.ndarray = UV, strip: np.ndarray = STRIP) -> tuple[dict, bytes]:
    return scene({"POSITION": POINTS, "TEXCOORD_0": uv}, TRIANGLES, png(strip))


def of(folder: Path, document: dict, blob: bytes) -> Surface:
    document["buffers"] = [{"byteLength": len(blob)}]
    return read(written(folder, "scene.glb", glb(document, blob)))


@pytest.mark.parametrize(
    ("wrap", "moved"),
    [(10497, np.add(UV, (2, -3))), (33648, (UV * (-1, 1) + (2, 0))), (33071, UV * (1, 400) - (0, 200))],
    ids=["repeat", "mirror", "clamp"],
)
def test_textures_go_on_past_their_border_as_their_sampler_says(tmp_path, wrap, moved):
    document, blob = block(moved)
    document["samplers"] = [{"wrapS": wrap, "wrapT": wrap}]
    document["textures"][0]["sampler"] = 0
    shows(of(tmp_path, document, blob))


def test_a_palette_has_hard_edges(tmp_path):
    uv = np.repeat((np.arange(6) + 0.999) / 6, 4)[:, None] * (1, 0) + (0, 0.5)
    document, blob = block(uv, STRIP[:1, ::16])
    document["samplers"] = [{"magFilter": 9728}]
    document["textures"][0]["sampler"] = 0
    shows(of(tmp_path, document, blob), tolerance=0)


def test_texture_transforms_scale_turn_and_shift(tmp_path):
    # (u, v) of the strip from what is stored: the stored ones are turned back by hand
    stored = np.stack([(1 - UV[:, 1]) / 2, UV[:, 0] * 4], axis=1)
    document, blob = scene({"POSITION": POINTS, "TEXCOORD_1": stored}, TRIANGLES, png(STRIP))
    transform = {"rotation": np.pi / 2, "scale": [2, 0.25], "offset": [0, 1], "texCoord": 1}
    texture = document["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]
    texture["extensions"] = {"KHR_texture_transform": transform}
    document["extensionsUsed"] = document["extensionsRequired"] = ["KHR_texture_transform"]
    surface = of(tmp_path, document, blob)
    shows(surface)
    assert surface.notes == ()


@pytest.mark.parametrize("needed", [True, False])
def test_specular_glossiness_has_its_diffuse_colours(tmp_path, needed):
    document, blob = block()
    texture = document["materials"][0].pop("pbrMetallicRoughness")["baseColorTexture"]
    document["materials"][0]["extensions"] = {"KHR_materials_pbrSpecularGlossiness": {"diffuseTexture": texture}}
    document["extensionsUsed"] = ["KHR_materials_pbrSpecularGlossiness"]
    document["extensionsRequired"] = document["extensionsUsed"] if needed else []
    shows(of(tmp_path, document, blob))


def test_light_of_its_own_is_kept_apart_from_the_base_colour(tmp_path):
    document, blob = block()
    material = document["materials"][0]
    texture = material["pbrMetallicRoughness"].pop("baseColorTexture")
    material |= {"emissiveTexture": texture, "emissiveFactor": [1, 1, 1]}
    material["pbrMetallicRoughness"]["baseColorFactor"] = [0, 0, 0, 1]
    surface = of(tmp_path, document, blob)
    assert surface.color is not None
    assert not surface.color.any()
    [found] = surface.materials
    assert found.emission == (1, 1, 1)
    shows(replace(surface, textures=(found.emissive.image,), texture_of=None, color=None))
    material["pbrMetallicRoughness"] = {"baseColorTexture": texture}
    surface = of(tmp_path, document, blob)
    shows(surface)
    assert surface.notes == ()


def test_an_extension_is_honoured_noted_or_refused_by_name(tmp_path):
    document, blob = block()
    document["extensionsUsed"] = ["KHR_materials_clearcoat", "KHR_lights_punctual", "VENDOR_secret"]
    surface = of(tmp_path, document, blob)
    shows(surface)
    assert surface.notes == (
        "The extension VENDOR_secret is not known, and what it says was not read.",
        "Not kept of its materials: clear coat.",
    )
    for name in ("KHR_materials_secret", "KHR_spheres", "KHR_texture_basisu"):
        document["extensionsRequired"] = [name]
        with pytest.raises(InvalidRequest, match=name):
            of(tmp_path, document, blob)


def test_maps_that_are_not_kept_are_named(tmp_path):
    document, blob = block()
    texture = document["materials"][0].pop("pbrMetallicRoughness")["baseColorTexture"]
    glossy = {"diffuseTexture": texture, "specularGlossinessTexture": texture}
    document["materials"][0]["extensions"] = {"KHR_materials_pbrSpecularGlossiness": glossy}
    document["extensionsUsed"] = ["KHR_materials_pbrSpecularGlossiness", "KHR_materials_sheen"]
    notes = of(tmp_path, document, blob).notes
    assert notes == ("Not kept of its materials: sheen, specular and glossiness map.",)


def test_deep_and_grey_pictures_and_data_uris(tmp_path):
    document, blob = block()
    wide = np.full((4, 4), 150 * 257, np.uint16)
    for picture, grey in ((png(wide), 150), (png(np.full((4, 4), 90, np.uint8)), 90)):
        document["images"] = [{"uri": "data:image/png;base64," + base64.b64encode(picture).decode()}]
        surface = of(tmp_path, document, blob)
        assert (surface.textures[0] == grey).all()


def test_a_gltf_is_read_with_the_files_beside_it(tmp_path):
    document, blob = block()
    picture = document["images"][0].pop("bufferView")
    view = document["bufferViews"][picture]
    written(tmp_path, "the strip.png", blob[view["byteOffset"] :][: view["byteLength"]])
    document["images"][0]["uri"] = "the%20strip.png"
    document["buffers"] = [{"byteLength": len(blob), "uri": "block.bin"}]
    path = written(tmp_path, "block.gltf", json.dumps(document))
    with pytest.raises(InvalidRequest, match=r"block\.bin is not beside it"):
        read(path)
    written(tmp_path, "block.bin", blob)
    shows(read(path))


def test_an_alpha_mask_cuts_the_shape(tmp_path):
    y, x = np.mgrid[-1:1:128j, -1:1:128j]
    disc = np.dstack([np.full((128, 128, 3), GREEN, np.uint8), (255 * (np.hypot(x, y) < 0.8)).astype(np.uint8)])
    corners = np.array(((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)))
    document, blob = scene(
        {"POSITION": corners, "TEXCOORD_0": corners[:, :2]}, np.array(((0, 1, 2), (0, 2, 3))), png(disc)
    )
    document["materials"][0]["alphaMode"] = "MASK"
    surface = of(tmp_path, document, blob)
    a, b, c = (surface.vertices[surface.faces[:, k]].astype(float) for k in range(3))
    assert np.cross(b - a, c - a)[:, 2].sum() / 2 == pytest.approx(np.pi * 0.16, rel=0.02)
    assert (np.cross(b - a, c - a)[:, 2] > -1e-12).all()
    assert "Its alpha masks cut the shape." in surface.notes
    assert surface.materials[0].finish.alpha_mode == "OPAQUE"
    document["materials"][0]["alphaMode"] = "BLEND"
    surface = of(tmp_path, document, blob)
    assert len(surface.faces) == 2
    assert surface.materials[0].finish.alpha_mode == "BLEND"
    assert np.array_equal(surface.materials[0].opacity.image[..., 0], disc[..., 3])
    assert surface.notes == ()


def turned_x(angle: float) -> list[float]:
    return [float(np.sin(angle / 2)), 0, 0, float(np.cos(angle / 2))]


def test_nodes_nest_mirror_and_hide(tmp_path):
    document, blob = block()
    document["scenes"] = [{"nodes": [1, 2]}]
    document["nodes"] += [
        {"children": [0], "rotation": turned_x(np.pi / 2), "translation": [0, 0, 1.5]},
        {"mesh": 0, "extensions": {"KHR_node_visibility": {"visible": False}}},
    ]
    document["nodes"][0] |= {"rotation": turned_x(-np.pi / 2), "translation": [0, -1.5, 0]}
    document["nodes"][0]["translation"] = [0, -1.5, 0]
    surface = of(tmp_path, document, blob)
    assert len(surface.faces) == len(TRIANGLES)
    shows(surface, low=surface.vertices.min(axis=0))
    document["nodes"][1] = {"children": [0], "scale": [-1, 1, 1]}
    document["nodes"][0] = {"mesh": 0}
    mirrored = of(tmp_path, document, blob)
    assert trimesh.Trimesh(mirrored.vertices, mirrored.faces).volume == pytest.approx(SIZE.prod(), rel=1e-5)


def test_instances_stand_where_their_extension_puts_them(tmp_path):
    document, blob = block()
    blob = add(document, blob, np.array([(0, 0, 0), (10, 0, 0), (0, 0, 20)]))
    blob = add(document, blob, np.array([(0, 0, 0, 1), (0, 1, 0, 0), (0, 0, 0, 1)]))
    document["nodes"][0]["extensions"] = {"EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": 3, "ROTATION": 4}}}
    document["extensionsUsed"] = ["EXT_mesh_gpu_instancing"]
    surface = of(tmp_path, document, blob)
    assert len(surface.faces) == 3 * len(TRIANGLES)
    low = surface.vertices.reshape(3, 24, 3).min(axis=1)
    assert np.allclose(low, [(0, 0, 0), (7, 0, -1.5), (0, 0, 20)], atol=1e-5)


def test_skins_are_posed_by_their_joints(tmp_path):
    document, blob = block()
    joints, weights = np.zeros((24, 4)), np.tile((0.5, 0, 0, 0), (24, 1))
    weights[:, 1] = 0.5
    joints[:, 1] = 1
    inverse = np.tile(np.eye(4).T.ravel(), (2, 1))
    blob = add(document, blob, joints, "u1")
    blob = add(document, blob, weights)
    blob = add(document, blob, inverse)
    document["meshes"][0]["primitives"][0]["attributes"] |= {"JOINTS_0": 3, "WEIGHTS_0": 4}
    document["nodes"][0] |= {"skin": 0, "translation": [100, 100, 100]}  # which a skin takes no notice of
    document["nodes"] += [
        {"children": [2, 3], "scale": [2, 2, 2]},
        {"translation": [1, 0, 0]},
        {"translation": [3, 0, 0]},
    ]
    document["scenes"] = [{"nodes": [0, 1]}]
    document["skins"] = [{"joints": [2, 3], "inverseBindMatrices": 5}]
    shows(of(tmp_path, document, blob), size=2 * SIZE, low=np.array((4, 0, 0)))


def test_morphs_have_their_default_weights_and_sparse_targets(tmp_path):
    document, blob = block()
    top = np.flatnonzero(POINTS[:, 1] > 1)
    blob = add(document, blob, top, "u2")
    blob = add(document, blob, np.tile((0, 5, 0), (len(top), 1)))
    sparse = {"count": len(top), "indices": {"bufferView": 4, "componentType": 5123}, "values": {"bufferView": 5}}
    document["accessors"].append({"componentType": 5126, "count": 24, "type": "VEC3", "sparse": sparse})
    document["meshes"][0]["primitives"][0]["targets"] = [{"POSITION": 5}]
    document["meshes"][0]["weights"] = [1.0]
    shows(of(tmp_path, document, blob), size=SIZE * (1, 2, 1))
    document["nodes"][0]["weights"] = [0.0]
    shows(of(tmp_path, document, blob))


@pytest.mark.parametrize("compression", ["none", "quantized", "meshopt"])
def test_our_own_files_come_back_however_they_are_compressed(tmp_path, compression):
    vertices, faces = mesh_of(ball(20))
    uv = (vertices[:, :2] + 1) / 2
    mesh = Mesh(vertices, vertex_normals(vertices, faces), uv, faces, np.full((64, 64, 3), 90, np.uint8))
    lower = replace(mesh, positions=mesh.positions + np.float32(5))
    data = pack(mesh, name="ball", software="", extras={}, lods=[lower], compression=compression, texture_format="png")
    surface = read(written(tmp_path, "ball.glb", data))
    assert np.allclose(np.ptp(surface.vertices, axis=0), np.ptp(vertices, axis=0), atol=1e-4)
    assert len(surface.faces) == len(faces)
    assert surface.notes == ()


# --- archives, and files that are something else


def test_a_mesh_comes_out_of_a_zip_with_its_files(tmp_path):
    asset = spherelinks.finish(written(tmp_path, "block.obj", obj(PAINT / 255)), texture_size=512, name="block")
    archive = written(tmp_path, "block.obj.zip", spherelinks.convert(asset.glb, "obj"))
    surface = read(archive)
    assert len(surface.textures) == 1
    assert surface.notes == ()
    document, blob = block()
    picture = document["images"][0].pop("bufferView")
    view = document["bufferViews"][picture]
    document["images"][0]["uri"] = "maps/strip.png"
    document["buffers"] = [{"byteLength": len(blob), "uri": "block.bin"}]
    parts = {
        "model/block.gltf": json.dumps(document).encode(),
        "model/block.bin": blob,
        "model/maps/strip.png": blob[view["byteOffset"] :][: view["byteLength"]],
        "__MACOSX/model/._block.gltf": b"x",
        "read me.txt": b"CC0",
    }

    def packed(**more: bytes) -> Path:
        path = tmp_path / "block.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, data in (parts | more).items():
                file.writestr(name, data)
        return path

    shows(read(packed()))
    with pytest.raises(InvalidRequest, match=r"has 2: model/block.gltf, other.stl"):
        read(packed(**{"other.stl": b"solid"}))
    del parts["model/block.bin"]
    with pytest.raises(InvalidRequest, match=r"block\.bin is not beside it"):
        read(packed())
    # an STL in it has its own unit and upward axis
    parts.clear()
    size = spherelinks.finish(packed(**{"block.STL": stl([0] * 12)}), texture_size=512).report.dimensions
    assert (size.height, size.depth) == pytest.approx((0.0015, 0.005), rel=1e-3)
    with pytest.raises(InvalidRequest, match="should hold one mesh, and has 0: none"):
        read(packed())
    with pytest.raises(InvalidRequest, match="cannot be read as ZIP"):
        read(written(tmp_path, "broken.zip", b"PK nothing"))


@pytest.mark.parametrize(
    ("name", "data", "said", "hint"),
    [
        ("crate.blend", b"BLENDER-v405", "Blender's own", "glTF 2.0"),
        ("crate.STEP", b"ISO-10303-21;", "a CAD model", "STL"),
        ("crate.FCStd", b"PK\x03\x04", "FreeCAD's own", "from FreeCAD"),
        ("crate.amf", b"<?xml", "AMF", "3MF"),
        ("crate.brep", b"DBRep_DrawableShape", "a CAD model", "STL"),
        ("crate.fbx", b"Kaydara FBX Binary", "Autodesk's FBX", "Blender"),
        ("crate.splat", bytes(64), "Gaussian splats", "no surface"),
        ("crate.las", b"LASF", "a cloud of points", "MeshLab"),
        ("crate.xyz", b"1 2 3\n", "not in a supported format", ".glb"),
        ("crate.png", b"\x89PNG\r\n", "a picture", "spherelinks generate"),
        ("crate.obj", b"<!DOCTYPE html><html>", "a web page, not OBJ", "Download"),
        ("crate.stl", b"ply\nformat ascii 1.0\n", "a PLY, not STL", "Name it so"),
        ("crate.glb", b"version https://git-lfs.github.com/spec/v1\noid", "pointer of Git LFS", "git lfs pull"),
        ("crate.ply", b"PK\x03\x04" + bytes(60), "a ZIP, not PLY", "Name it so"),
        ("crate.glb", b"glTF\x02", "cut short: 5 bytes are there", "export it again"),
        ("crate.7z", b"7z\xbc\xaf\x27\x1c", "an archive", "ZIP"),
    ],
)
def test_what_is_no_mesh_that_we_read_is_refused_by_what_it_is(tmp_path, name, data, said, hint):
    with pytest.raises(InvalidRequest, match=re.escape(said)) as caught:
        read(written(tmp_path, name, data))
    assert isinstance(caught.value, MeshUnreadable)
    assert hint in caught.value.hint
    assert name in caught.value.message


def test_the_page_lists_every_format_and_extension():
    page = (Path(__file__).resolve().parents[3] / "docs" / "formats.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(\w{3,}_\w+)` \| ([^|]+) \|$", page, re.MULTILINE))
    kinds = {
        "read": extensions.HONOURED,
        "makes no difference here": extensions.HARMLESS,
        "its fallback is read": extensions.REPLACED,
        "noted": extensions.NOTED,
    }
    assert rows == {name: what for what, names in kinds.items() for name in names}
    cells = re.findall(r"^\| (`\.[^|]+) \|.*\|.*\|", page, re.MULTILINE)
    named = {suffix for cell in cells for suffix in re.findall(r"\.\w+", cell)}
    assert named == set(_READERS)
    assert all(f"{kind.upper()}" in page.upper() for kind in FORMATS)
