"""Files of every form that a writer may choose, read as they were written, and by our own readers as by trimesh.

CI draws 20 files of each format; SPHERELINKS_EXAMPLES=100 draws 2,000. What trimesh is not asked about is in LIMITS,
which docs/formats.md lists.
"""

import io
import json
import re
import struct
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from pxr import Gf, Sdf, Usd, UsdGeom, UsdUtils

from spherelinks.formats import collada, obj, ply, stl, threemf, usd
from spherelinks.formats.scene import read_scene
from spherelinks.shape import Surface

TRIANGLE = np.zeros(1, [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
TRIANGLE["corners"] = np.eye(3)
CORNERS = "v 1 0 0\nv 0 1 0\nv 0 0 1\n"
#: What trimesh 5.2 reads otherwise than it is meant, by its name in docs/formats.md: a file with one triangle, and its
#: kind.
LIMITS = {
    "OBJ with tabs": ((CORNERS + "f 1 2 3\n").replace(" ", "\t").encode(), "obj"),
    "OBJ with relative indices before the last vertex": ((CORNERS + "f -3 -2 -1\nv 5 5 5\n").encode(), "obj"),
    "binary STL with bytes behind the triangles": (
        bytes(80) + struct.pack("<I", 1) + TRIANGLE.tobytes() + b"\0",
        "stl",
    ),
}

few = settings(max_examples=20, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A few triangles with a colour at each vertex."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(3, 40))
    points = rng.uniform(-4, 4, (count, 3)).astype(np.float32)
    faces = np.array([rng.permutation(count)[:3] for _ in range(int(rng.integers(1, 60)))])
    return points, faces, rng.integers(0, 256, (count, 3)).astype(np.uint8)


def same(
    surface: Surface, points: np.ndarray, faces: np.ndarray, colors: np.ndarray | None, near: float = 1e-5
) -> None:
    """The triangles in their order, each with its corners' colours."""
    assert np.allclose(surface.vertices[surface.faces], points[faces], atol=near)
    if colors is None:
        assert surface.color is None or np.ptp(surface.color) == 0
    else:
        assert surface.color is not None
        assert np.abs(surface.color[surface.faces].astype(int) - colors[faces]).max() <= 1


def agreed(data: bytes, kind: str, points: np.ndarray, faces: np.ndarray, near: float = 1e-5) -> None:
    """trimesh finds the same triangles."""
    mesh = trimesh.load_scene(io.BytesIO(data), file_type=kind, process=False).to_mesh()
    ours = np.sort(points[faces].reshape(len(faces), -1).sum(axis=1))
    assert np.allclose(np.sort(mesh.triangles.reshape(len(mesh.faces), -1).sum(axis=1)), ours, atol=9 * near)


def test_the_page_lists_what_trimesh_reads_otherwise():
    page = (Path(__file__).resolve().parents[3] / "docs" / "formats.md").read_text("utf-8")
    _, rows = page.split("| trimesh 5.2 reads otherwise |")
    assert re.findall(r"^\| (\w[^|]+) \|", rows.partition("\n\n")[0], re.MULTILINE) == [*LIMITS, "glTF fans"]
    readers = {"obj": lambda data: obj.read(data, lambda name: None), "stl": stl.read}
    for data, kind in LIMITS.values():
        ours = readers[kind](data)
        assert np.array_equal(ours.vertices[ours.faces], [np.eye(3)])
        theirs = trimesh.load_scene(io.BytesIO(data), file_type=kind, process=False).to_mesh()
        assert not np.array_equal(theirs.triangles, [np.eye(3)])


@few
@given(
    seed=seeds,
    form=st.sampled_from(["ascii", "binary_little_endian", "binary_big_endian"]),
    place=st.sampled_from(["float", "double", "float32"]),
    index=st.sampled_from(["uchar", "int", "uint", "short", "ushort", "int32"]),
    length=st.sampled_from(["uchar", "int", "ushort"]),
    name=st.sampled_from(["vertex_indices", "vertex_index"]),
    colored=st.booleans(),
    extra=st.booleans(),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_ply_of_any_types(seed, form, place, index, length, name, colored, extra, end):
    points, faces, colors = drawn(seed)
    order = {"b": ">"}.get(form[7:8], "<")
    numpy = {"float": "f4", "float32": "f4", "double": "f8", "uchar": "u1", "int": "i4", "int32": "i4", "uint": "u4"}
    numpy |= {"short": "i2", "ushort": "u2"}
    fields = [(axis, order + numpy[place]) for axis in "xyz"] + [("q", "u1")] * extra
    fields += [(channel, "u1") for channel in ("red", "green", "blue")] * colored
    rows = np.zeros(len(points), fields)
    for k, axis in enumerate("xyz"):
        rows[axis] = points[:, k]
    for k, channel in enumerate(("red", "green", "blue") * colored):
        rows[channel] = colors[:, k]
    lists = np.zeros(len(faces), [("n", order + numpy[length]), ("corners", order + numpy[index], 3)])
    lists["n"], lists["corners"] = 3, faces
    types = {"u1": "uchar"}
    header = ["ply", f"format {form} 1.0", "comment drawn", f"element vertex {len(points)}"]
    header += [f"property {place if axis in 'xyz' else types[kind[-2:]]} {axis}" for axis, kind in fields]
    header += [f"element face {len(faces)}", f"property list {length} {index} {name}", "end_header", ""]
    data = end.join(header).encode()
    if form == "ascii":
        lines = [" ".join(f"{value:.9g}" for value in row) for row in rows.tolist()]
        lines += ["3 " + " ".join(map(str, face)) for face in faces.tolist()]
        data += end.join([*lines, ""]).encode()
    else:
        data += rows.tobytes() + lists.tobytes()
    same(ply.read(data, lambda name: None), points, faces, colors if colored else None)
    agreed(data, "ply", points, faces)


@few
@given(
    seed=seeds,
    backwards=st.booleans(),
    parts=st.sampled_from(["{v}", "{v}/{v}", "{v}//{v}", "{v}/{v}/{v}"]),
    colored=st.booleans(),
    gap=st.sampled_from([" ", "  ", "\t"]),
    end=st.sampled_from(["\n", "\r\n"]),
    form=st.sampled_from(["{:.9g}", "{:.8e}", "{:+.9f}"]),
)
def test_obj_of_any_spelling(seed, backwards, parts, colored, gap, end, form):
    points, faces, colors = drawn(seed)
    rows = np.hstack([points.astype(float), colors / 255]) if colored else points.astype(float)
    lines = ["# drawn", "mtllib none.mtl" if seed % 2 else "o thing", ""]
    lines += [gap.join(["v", *(form.format(value) for value in row)]) for row in rows]
    if "/{v}" in parts.replace("//", ""):
        lines += [f"vt{gap}0.5{gap}0.5"] * len(points)
    if parts.count("/") == 2:
        lines += [f"vn{gap}0{gap}1{gap}0"] * len(points)
    number = (lambda v: v - len(points)) if backwards else (lambda v: v + 1)
    lines += [gap.join(["f", *(parts.format(v=number(int(v))) for v in face)]) for face in faces]
    data = end.join([*lines, ""]).encode()
    same(obj.read(data, lambda name: None), points, faces, colors if colored else None)
    if gap == " " and not backwards:  # see LIMITS
        agreed(data, "obj", points, faces)


@few
@given(
    seed=seeds,
    text=st.booleans(),
    header=st.sampled_from([b"solid drawn", b"drawn", b"exported by a program"]),
    tail=st.sampled_from([b"", b"\0", b"rest"]),
    upper=st.booleans(),
)
def test_stl_of_both_kinds(seed, text, header, tail, upper):
    points, faces, _ = drawn(seed)
    corners = points[faces]
    if text:
        lines = ["solid drawn"]
        for a, b, c in corners:
            vertices = ["vertex {:.9g} {:.9g} {:.9g}".format(*place) for place in (a, b, c)]
            lines += ["facet normal 0 0 0", "outer loop", *vertices, "endloop", "endfacet"]
        data = "\n".join([*lines, "endsolid drawn", ""])
        data = (data.upper() if upper else data).encode()
    else:
        rows = np.zeros(len(faces), [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
        rows["corners"] = corners
        data = header.ljust(80) + struct.pack("<I", len(faces)) + rows.tobytes() + tail
    same(stl.read(data), points, faces, None)
    if not tail or text:  # see LIMITS
        agreed(data, "stl", points, faces)


_KINDS = {"u1": 5121, "u2": 5123, "u4": 5125, "f4": 5126}


@few
@given(
    seed=seeds,
    index=st.sampled_from(["u1", "u2", "u4", None]),
    interleaved=st.booleans(),
    color=st.sampled_from([None, "u1", "u2", "f4"]),
    four=st.booleans(),
    offset=st.sampled_from([0, 4, 20]),
    turned=st.sampled_from(["nothing", "parts", "matrix", "nested"]),
    mode=st.sampled_from([4, 5, 6]),
)
def test_glb_of_any_layout(seed, index, interleaved, color, four, offset, turned, mode):
    points, faces, colors = drawn(seed)
    if index is None:
        points, colors, faces = points[faces.ravel()], colors[faces.ravel()], np.arange(faces.size).reshape(-1, 3)
    corners = faces.ravel()
    if mode == 5:
        corners = np.arange(len(points))
        faces = np.array([(i, i + 1, i + 2) if i % 2 == 0 else (i + 2, i + 1, i) for i in range(len(points) - 2)])
    elif mode == 6:
        corners = np.arange(len(points))
        faces = np.array([(0, i + 1, i + 2) for i in range(len(points) - 2)])
    width = 4 if four else 3
    # columns and bytes of a row: places, then colours on a multiple of four
    fields = [("POSITION", "<f4", points)]
    if color is not None:
        top = {"u1": 255, "u2": 65535, "f4": 1}[color]
        linear = np.where(colors / 255 <= 0.04045, colors / 255 / 12.92, ((colors / 255 + 0.055) / 1.055) ** 2.4)
        values = np.column_stack([linear, np.ones(len(points))])[:, :width] * top
        values = values if color == "f4" else np.rint(values)
        fields.append(("COLOR_0", f"<{color}", values))
        light = values[:, :3] / top
        shown = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
        colors = np.rint(shown * 255).astype(np.uint8)  # what is left of them: few levels of light are dark
    size = {name: -(-rows.shape[1] * np.dtype(kind).itemsize // 4) * 4 for name, kind, rows in fields}
    blob = bytearray(bytes(offset))
    views, accessors, attributes = [], [], {}
    starts, stride = {}, sum(size.values())
    if interleaved:
        views.append({"buffer": 0, "byteOffset": offset, "byteLength": stride * len(points), "byteStride": stride})
        table = np.zeros((len(points), stride), np.uint8)
    at = 0
    for name, kind, rows in fields:
        data = np.ascontiguousarray(rows, kind).view(np.uint8).reshape(len(points), -1)
        if interleaved:
            table[:, at : at + data.shape[1]] = data
            starts[name] = 0, at
            at += size[name]
        else:
            padded = np.zeros((len(points), size[name]), np.uint8)
            padded[:, : data.shape[1]] = data
            views.append({"buffer": 0, "byteOffset": len(blob), "byteLength": padded.size, "byteStride": size[name]})
            blob += padded.tobytes()
            starts[name] = len(views) - 1, 0
        accessor = {"bufferView": starts[name][0], "byteOffset": starts[name][1], "count": len(points)}
        accessor |= {"componentType": _KINDS[kind[1:]], "type": f"VEC{rows.shape[1]}"}
        if name == "POSITION":
            accessor |= {"min": points.min(axis=0).tolist(), "max": points.max(axis=0).tolist()}
        elif color != "f4":
            accessor["normalized"] = True
        attributes[name] = len(accessors)
        accessors.append(accessor)
    if interleaved:
        blob += table.tobytes()
    primitive = {"attributes": attributes, "mode": mode}
    if index is not None:
        data = corners.astype(f"<{index}").tobytes()
        views.append({"buffer": 0, "byteOffset": len(blob), "byteLength": len(data)})
        accessors.append({"bufferView": len(views) - 1, "componentType": _KINDS[index], "count": len(corners),
                          "type": "SCALAR"})  # fmt: skip
        blob += data + bytes(-len(data) % 4)
        primitive["indices"] = len(accessors) - 1
    turn = np.array(((0, -1, 0), (1, 0, 0), (0, 0, 1)), float)
    place = np.eye(4)
    nodes = [{"mesh": 0}]
    if turned in ("parts", "nested"):
        nodes[0] |= {"rotation": [0, 0, np.sqrt(0.5), np.sqrt(0.5)], "translation": [1, 2, 3], "scale": [2, 1, 3]}
        place[:3, :3], place[:3, 3] = turn * (2, 1, 3), (1, 2, 3)
    elif turned == "matrix":
        place[:3, :3], place[:3, 3] = turn * (-1, 2, 1), (0, 5, 0)
        nodes[0]["matrix"] = place.T.ravel().tolist()
    if turned == "nested":
        nodes.append({"children": [0], "translation": [0, 0, -7]})
        place[2, 3] -= 7
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [len(nodes) - 1]}],
        "nodes": nodes,
        "meshes": [{"primitives": [primitive]}],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": len(blob)}],
    }
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    blob += bytes(-len(blob) % 4)
    data = struct.pack("<4sII", b"glTF", 2, 28 + len(text) + len(blob)) + struct.pack("<I4s", len(text), b"JSON")
    data += text + struct.pack("<I4s", len(blob), b"BIN\0") + bytes(blob)
    placed = points @ place[:3, :3].T + place[:3, 3]
    shown = faces[:, ::-1] if np.linalg.det(place[:3, :3]) < 0 else faces
    same(read_scene(data, lambda name: None), placed, shown, None if color is None else colors, near=1e-4)
    if mode != 6:  # trimesh 5.2 has no fans
        agreed(data, "glb", placed, faces, near=1e-4)


# --- formats that libraries read: what they say of units, axes, places and colours, against what was drawn

#: From a file's upward axis to +Y.
_UPRIGHT = {
    "X": np.array(((0, -1, 0), (1, 0, 0), (0, 0, 1))),
    "Y": np.eye(3),
    "Z": np.array(((1, 0, 0), (0, 0, 1), (0, -1, 0))),
}
_TURN = np.array(((0, -1, 0), (1, 0, 0), (0, 0, 1.0)))
wheres = st.sampled_from(["nowhere", "parts", "matrix", "mirrored", "nested"])


def where(kind: str) -> list[np.ndarray]:
    """(4, 4) matrices, the outermost first, whose product puts a mesh in its place."""
    turned, moved, scaled, mirror = (np.eye(4) for _ in range(4))
    turned[:3, :3], moved[:3, 3] = _TURN, (1, 2, 3)
    scaled[:3, :3], mirror[:3, :3] = np.diag((2, 1, 3)), np.diag((-1, 2, 1))
    return {
        "nowhere": [],
        "parts": [moved, turned, scaled],
        "matrix": [moved @ turned @ scaled],
        "mirrored": [mirror @ moved],
        "nested": [moved @ turned, mirror, moved @ scaled],
    }[kind]


def stands(
    found, points: np.ndarray, faces: np.ndarray, colors: np.ndarray, places: list[np.ndarray], axis: str, unit: float
) -> None:
    """The drawn triangles, in metres with +Y up; colors : (3 F, 3) of their corners."""
    surface, stated = found
    assert stated.metres == np.float32(unit) or stated.metres == unit
    place = np.linalg.multi_dot([np.eye(4), np.eye(4), *places])
    placed = (points @ place[:3, :3].T + place[:3, 3]) @ _UPRIGHT[axis].T
    corners = np.arange(faces.size).reshape(-1, 3)
    flipped = corners[:, ::-1] if np.linalg.det(place[:3, :3]) < 0 else corners
    size = replace(surface, vertices=surface.vertices / unit)
    same(size, placed[faces.ravel()], flipped, colors, near=1e-4)


def said(values) -> str:
    return " ".join(f"{value:.9g}" for value in np.ravel(values))


@few
@given(
    seed=seeds,
    element=st.sampled_from(["triangles", "polylist", "polygons"]),
    axis=st.sampled_from("XYZ"),
    unit=st.sampled_from([1.0, 0.01, 0.0254]),
    placed=wheres,
    inputs=st.sampled_from(["alone", "shared", "apart", "within"]),
    painted=st.booleans(),
    library=st.booleans(),
)
def test_dae_of_any_layout(seed, element, axis, unit, placed, inputs, painted, library):
    points, faces, colors = drawn(seed)

    def source(name: str, rows: np.ndarray, parts: str) -> str:
        params = "".join(f'<param name="{part}" type="float"/>' for part in parts)
        return (
            f'<source id="{name}"><float_array id="{name}-a" count="{rows.size}">{said(rows)}</float_array>'
            f'<technique_common><accessor source="#{name}-a" count="{len(rows)}" stride="{len(parts)}">{params}'
            "</accessor></technique_common></source>"
        )

    sources = source("xyz", points, "XYZ")
    within, outside, width = "", '<input semantic="VERTEX" source="#v" offset="0"/>', 1
    if painted:
        sources += source("rgb", colors / 255, "RGB")
        color = '<input semantic="COLOR" source="#rgb"{}/>'
        within = color.format("") * (inputs == "within")
        offset = {"shared": 0, "apart": 1, "alone": 0, "within": 0}[inputs]
        outside += color.format(f' offset="{offset}"') * (inputs != "within")
        width += inputs == "apart"
    corners = np.repeat(faces.ravel(), width).reshape(len(faces), -1)
    if element == "polygons":
        numbers = "".join(f"<p>{said(row)}</p>" for row in corners)
    else:
        numbers = f"<vcount>{said([3] * len(faces))}</vcount>" * (element == "polylist") + f"<p>{said(corners)}</p>"
    node = (
        '<instance_geometry url="#g"><bind_material><technique_common><instance_material symbol="m" target="#m"/>'
        "</technique_common></bind_material></instance_geometry>"
    )
    parts = "<translate>1 2 3</translate><rotate>0 0 1 90</rotate><scale>2 1 3</scale>"
    for matrix in reversed(where(placed)) if placed != "parts" else ():
        node = f"<node><matrix>{said(matrix)}</matrix>{node}</node>"
    node = f"<node>{parts * (placed == 'parts')}{node}</node>"
    kept = node.replace("<node>", '<node id="n">', 1)
    nodes = f"<library_nodes>{kept}</library_nodes>" * library
    shown_node = '<node><instance_node url="#n"/></node>' if library else node
    color = "<phong><diffuse><color>0.2 0.4 0.6 1</color></diffuse></phong>"
    lists = f'<{element} material="m" count="{len(faces)}">{outside}{numbers}</{element}>'
    data = f"""<?xml version="1.0"?><COLLADA xmlns="http://www.collada.org/2005/11/COLLADASchema" version="1.4.1">
<asset><created>2026-01-01T00:00:00</created><modified>2026-01-01T00:00:00</modified><unit meter="{unit}" name="u"/>
<up_axis>{axis}_UP</up_axis></asset>
<library_effects><effect id="e"><profile_COMMON><technique sid="c">{color}</technique></profile_COMMON></effect>
</library_effects><library_materials><material id="m"><instance_effect url="#e"/></material></library_materials>
<library_geometries><geometry id="g"><mesh>{sources}<vertices id="v"><input semantic="POSITION" source="#xyz"/>{within}
</vertices>{lists}</mesh></geometry></library_geometries>{nodes}
<library_visual_scenes><visual_scene id="s">{shown_node}</visual_scene></library_visual_scenes>
<scene><instance_visual_scene url="#s"/></scene></COLLADA>"""
    shown = colors[faces.ravel()] if painted else np.tile((51, 102, 153), (faces.size, 1))
    found = collada.read(data.encode(), lambda name: None)
    stands(found, points, faces, shown, where(placed), axis, unit)
    assert found[0].notes == ()


@few
@given(
    seed=seeds,
    unit=st.sampled_from(range(6)),
    placed=wheres,
    paint=st.sampled_from(["corners", "triangles", "whole", "materials"]),
    prefix=st.sampled_from(["m", "mat"]),
    packing=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
    part=st.sampled_from(["3D/3dmodel.model", "3D/3DModel.model", "model/a%20b.model"]),
)
def test_3mf_of_any_layout(seed, unit, placed, paint, prefix, packing, part):
    points, faces, colors = drawn(seed)
    names = ("micron", "millimeter", "centimeter", "inch", "foot", "meter")
    sizes = (1e-6, 1e-3, 1e-2, 0.0254, 0.3048, 1.0)
    hexes = ["#{:02X}{:02X}{:02X}".format(*color) for color in colors]
    if paint == "materials":
        bases = "".join(f'<base name="b{k}" displaycolor="{each}"/>' for k, each in enumerate(hexes))
        group = f'<basematerials id="1">{bases}</basematerials>'
    else:
        bases = "".join(f'<{prefix}:color color="{each}FF"/>' for each in hexes)
        group = f'<{prefix}:colorgroup id="1">{bases}</{prefix}:colorgroup>'
    whole = f' pid="1" pindex="{seed % len(points)}"'
    triangles = ""
    for number, (a, b, c) in enumerate(faces):
        own = ""
        if paint == "corners":
            own = f' pid="1" p1="{a}" p2="{b}" p3="{c}"'
        elif paint != "whole" and number % 3:
            own = f' p1="{a}"' if number % 2 else f' pid="1" p1="{a}"'
        triangles += f'<triangle v1="{a}" v2="{b}" v3="{c}"{own}/>'
    vertices = "".join('<vertex x="{:.9g}" y="{:.9g}" z="{:.9g}"/>'.format(*place) for place in points)
    resources = f'{group}<object id="2" type="model"{whole}><mesh><vertices>{vertices}</vertices><triangles>{triangles}'
    resources += "</triangles></mesh></object>"
    outer = where(placed)

    def transform(matrix: np.ndarray) -> str:
        return f' transform="{said(matrix[:3].T)}"'  # of rows

    last = 2
    for matrix in reversed(outer[1:]):
        part_of = f'<component objectid="{last}"{transform(matrix)}/>'
        last += 1
        resources += f'<object id="{last}" type="model"><components>{part_of}</components></object>'
    item = f'<item objectid="{last}"{transform(outer[0]) if outer else ""}/>'
    schema = "http://schemas.microsoft.com/3dmanufacturing"
    model = (
        f'<?xml version="1.0" encoding="utf-8"?><model unit="{names[unit]}" xmlns="{schema}/core/2015/02" '
        f'xmlns:{prefix}="{schema}/material/2015/02"><resources>{resources}</resources><build>{item}</build></model>'
    )
    package = "http://schemas.openxmlformats.org/package/2006"
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", packing) as archive:
        archive.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{package}/content-types"><Default Extension="rels" ContentType="application/vnd.'
            'openxmlformats-package.relationships+xml"/><Default Extension="model" ContentType="application/vnd.'
            'ms-package.3dmanufacturing-3dmodel+xml"/></Types>',
        )
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}/relationships"><Relationship Target="/{part}" Id="r" '
            f'Type="{schema}/2013/01/3dmodel"/></Relationships>',
        )
        archive.writestr(part, model)
    shown = colors[faces]
    if paint != "corners":
        shown = np.repeat(shown[:, :1], 3, axis=1)
        bare = np.arange(len(faces)) % 3 == 0 if paint != "whole" else np.ones(len(faces), bool)
        shown[bare] = colors[seed % len(points)]
    found = threemf.read(data.getvalue())
    stands(found, points, faces, shown.reshape(-1, 3), outer, "Z", sizes[unit])
    assert found[0].notes == ()


@few
@given(
    seed=seeds,
    form=st.sampled_from([".usda", ".usdc", ".usdz"]),
    axis=st.sampled_from("YZ"),
    unit=st.sampled_from([1.0, 0.01, 0.0254]),
    placed=wheres,
    spread=st.sampled_from(["vertex", "varying", "faceVarying", "uniform", "constant"]),
    indexed=st.booleans(),
    left=st.booleans(),
    shared=st.booleans(),
    open_=st.booleans(),
)
def test_usd_of_any_layout(seed, form, axis, unit, placed, spread, indexed, left, shared, open_):
    points, faces, colors = drawn(seed)
    root, whole = "/_Class" if shared else "/Root", where(placed)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("a.usdc" if form == ".usdz" else f"a{form}")
        stage = Usd.Stage.CreateNew(str(path))
        UsdGeom.SetStageUpAxis(stage, axis)
        UsdGeom.SetStageMetersPerUnit(stage, unit)
        if shared:
            stage.CreateClassPrim(root)
        above = root
        for number, matrix in enumerate(whole if placed != "parts" else [np.eye(4)]):
            above += f"/Node{number}"
            node = UsdGeom.Xform.Define(stage, above)
            if placed == "parts":
                node.AddTranslateOp().Set((1, 2, 3))
                node.AddRotateXYZOp().Set((0, 0, 90))
                node.AddScaleOp().Set((2, 1, 3))
            else:
                node.AddTransformOp().Set(Gf.Matrix4d(matrix.T.tolist()))
        mesh = UsdGeom.Mesh.Define(stage, f"{above}/Mesh")
        mesh.GetPointsAttr().Set(points.tolist())
        mesh.GetFaceVertexCountsAttr().Set([3] * len(faces))
        mesh.GetFaceVertexIndicesAttr().Set((faces[:, ::-1] if left else faces).ravel().tolist())
        mesh.GetOrientationAttr().Set("leftHanded" if left else "rightHanded")
        mesh.GetSubdivisionSchemeAttr().Set("none")
        rows = {
            "vertex": np.arange(len(points)),
            "varying": np.arange(len(points)),
            "faceVarying": (faces[:, ::-1] if left else faces).ravel(),
            "uniform": faces[:, 0],
            "constant": faces[:1, 0],
        }[spread]
        light = np.where(colors / 255 <= 0.04045, colors / 255 / 12.92, ((colors / 255 + 0.055) / 1.055) ** 2.4)
        paint = UsdGeom.PrimvarsAPI(mesh).CreatePrimvar("displayColor", Sdf.ValueTypeNames.Color3fArray, spread)
        paint.Set((light if indexed else light[rows]).tolist())
        if indexed:
            paint.SetIndices(rows.tolist())
        kept = np.arange(len(faces)) % 4 != 3 if open_ else np.ones(len(faces), bool)
        mesh.GetHoleIndicesAttr().Set(np.flatnonzero(~kept).tolist())
        if shared:
            instance = UsdGeom.Xform.Define(stage, "/Root")
            instance.GetPrim().GetInherits().AddInherit(root)
            instance.GetPrim().SetInstanceable(True)
        stage.GetRootLayer().Save()
        if form == ".usdz":
            assert UsdUtils.CreateNewUsdzPackage(str(path), str(path.with_suffix(form)))
        found = usd.read(path.with_suffix(form).read_bytes(), form, lambda name: None)
    faces = faces[kept]
    shown = {
        "uniform": np.repeat(colors[faces[:, 0]], 3, axis=0),
        "constant": np.broadcast_to(colors[rows[0]], (faces.size, 3)),
    }.get(spread, colors[faces.ravel()])
    surface, stated = found
    assert surface.notes == ()
    if left:  # the corners are in the file's order, and the triangles turned over
        assert np.allclose(np.diff(np.sort(surface.faces, axis=1)), 1)
        surface = replace(
            surface,
            faces=np.arange(faces.size, dtype=np.int32).reshape(-1, 3),
            vertices=surface.vertices[surface.faces.ravel()],
            color=surface.color[surface.faces.ravel()],
        )
    stands((surface, stated), points, faces, shown, whole, axis, unit)
