"""What few files of a format have: read as it is meant, or named in a note."""

import io
import struct
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from pxr import Gf, Sdf, Usd, UsdGeom, UsdShade, UsdSkel, UsdUtils, Vt

import spherelinks
from spherelinks.errors import MeshUnreadable
from spherelinks.formats.reading import read, read_file
from spherelinks.pixels.srgb import to_linear
from spherelinks.shape import Sampler

sys.path.insert(0, str(Path(__file__).parent))
from test_foreign import (
    LIST,
    MTL,
    PAINT,
    POINTS,
    QUAD_ROWS,
    QUADS,
    RED,
    SIDES,
    SIZE,
    STRIP,
    TRIANGLES,
    UV,
    XYZ,
    block,
    glb,
    obj,
    of,
    ply,
    png,
    scene,
    shows,
    written,
)  # fmt: skip
from test_further import RELATION, TYPES, dae, effect, numbers

# --- OBJ


def pictured(folder: Path, material: str, uv: np.ndarray = UV, coordinates: bool = True):
    """The block with one material."""
    written(folder, "block.mtl", f"newmtl paint\n{material}\n")
    lines = obj().partition("f ")[0].splitlines() + [f"vt {u:f} {1 - v:f}" for u, v in uv]
    corner = "{0}/{0}" if coordinates else "{0}"
    lines += ["usemtl paint", *("f " + " ".join(corner.format(i + 1) for i in quad) for quad in QUADS)]
    return read(written(folder, "block.obj", "mtllib block.mtl\n" + "\n".join(lines)))


def test_obj_places_its_textures_as_its_materials_say(tmp_path):
    written(tmp_path, "Strip.PNG", png(STRIP))  # capitals make no difference where such files come from
    moved = np.column_stack([(UV[:, 0] - 0.25) / 2, 1 - (1 - UV[:, 1] - 0.5) / 4])
    surface = pictured(tmp_path, "map_Kd -s 2 4 -o 0.25 0.5 0 strip.png", moved)
    shows(surface)
    assert surface.notes == ()
    surface = pictured(tmp_path, "map_Kd -clamp on strip.png", UV * (1, 400) - (0, 200))
    shows(surface)
    assert surface.samplers == (Sampler("clamp", "clamp"),)


def test_obj_shows_plain_colours_where_a_face_has_no_coordinates(tmp_path):
    written(tmp_path, "strip.png", png(STRIP))
    surface = pictured(tmp_path, "Kd 0.2 0.4 0.6\nmap_Kd strip.png", coordinates=False)
    assert surface.color.tolist() == [[51, 102, 153]] * len(surface.vertices)
    assert surface.notes == ("Faces without texture coordinates have the plain colours of their materials.",)


def test_obj_materials_that_no_file_has_and_lines_are_named(tmp_path):
    surface = read(written(tmp_path, "a.obj", obj().replace("f 1", "usemtl red\nl 1 2\nf 1", 1)))
    assert surface.notes == (
        "Its points and lines were left out.",
        "It uses materials, such as red, but names no file that has them.",
    )


def test_obj_vertices_without_a_colour_have_their_materials(tmp_path):
    written(tmp_path, "block.mtl", MTL)
    lines = obj(PAINT / 255).split("\n")
    plain = [" ".join(line.split()[:4]) if number >= 12 else line for number, line in enumerate(lines[:24])]
    body = [f"usemtl m{i}\n{line}" for i, line in enumerate(lines[24:30])]
    surface = read(written(tmp_path, "block.obj", "\n".join(["mtllib block.mtl", *plain, *body])))
    shows(surface)
    assert surface.notes == ()


def test_obj_of_blender_has_colours_in_light(tmp_path):
    light = [to_linear(np.array(color) / 255) for _, color in SIDES]
    text = "".join("newmtl m{}\nKd {:f} {:f} {:f}\n".format(i, *rgb) for i, rgb in enumerate(light))
    written(tmp_path, "block.mtl", "# Blender 4.5.4 LTS MTL File: 'None'\n# www.blender.org\n\n" + text)
    lines = obj().split("\n")
    body = [f"usemtl m{i}\n{line}" for i, line in enumerate(lines[24:30])]
    shows(read(written(tmp_path, "block.obj", "\n".join(["mtllib block.mtl", *lines[:24], *body]))))


def test_obj_of_meshlab_has_its_faces_colours_below_white_vertices(tmp_path):
    written(tmp_path, "block.mtl", MTL)
    lines = obj(np.ones((24, 3))).split("\n")
    body = [f"usemtl m{i}\n{line}" for i, line in enumerate(lines[24:30])]
    surface = read(written(tmp_path, "block.obj", "\n".join(["mtllib ./block.mtl", *lines[:24], *body])))
    shows(surface)
    assert surface.notes == ()


@pytest.mark.parametrize("form", ["utf-16", "utf-8-sig"])
def test_obj_may_begin_with_a_byte_order_mark(tmp_path, form):
    shows(read(written(tmp_path, "block.obj", obj(PAINT / 255).encode(form))))


def test_obj_has_metal_light_and_relief_in_its_materials(tmp_path):
    grey = np.full((4, 4), 64, np.uint8)
    written(tmp_path, "rough.png", png(grey))
    written(tmp_path, "relief.png", png(np.full((4, 4, 3), (128, 128, 255), np.uint8)))
    written(tmp_path, "strip.png", png(STRIP))
    surface = pictured(
        tmp_path, "map_Kd strip.png\nPm 0.75\nmap_Pr rough.png\nKe 0 0.5 2\nnorm -bm 0.5 relief.png\nmap_Ke gone.png\n"
    )
    shows(surface)
    material = surface.materials[surface.material_of[0]]
    assert (material.metallic, material.roughness, material.emission) == (0.75, 1.0, (0.0, 0.5, 2.0))
    assert (material.metallic_roughness.image[0, 0] == (255, 64, 255)).all()
    assert (material.normal.image[0, 0] == (128, 128, 255)).all()
    assert material.normal_scale == 0.5
    assert surface.notes == ("Not read of its materials: map_ke.",)
    asset = spherelinks.finish(tmp_path / "block.obj", texture_size=512)
    packed = spherelinks.convert(asset.glb, "obj", lambda left_out: None)
    back = read(written(tmp_path, "back.obj.zip", packed)).materials[0]
    assert back.emission == pytest.approx((0, 0.5, 2))
    assert back.normal is not None
    assert back.metallic * (255 if back.metallic_roughness is None else back.metallic_roughness.image[0, 0, 2]) == (
        pytest.approx(0.75 * 255, abs=4)
    )


# --- PLY, STL


def test_ply_faces_have_the_textures_of_their_numbers(tmp_path):
    halves = np.split(STRIP, 2, axis=1)
    written(tmp_path, "left.png", png(halves[0]))
    written(tmp_path, "right.png", png(halves[1]))
    faces = []
    for side, quad in enumerate(QUADS):
        uv = UV[quad] * (2, 1) - (side // 3, 0)
        faces.append(struct.pack("<B4iB8fB", 4, *quad, 8, *(uv * (1, -1) + (0, 1)).ravel(), side // 3))
    properties = LIST + "property list uchar float texcoord\nproperty uchar texnumber\n"
    head = "comment TextureFile left.png\ncomment TextureFile right.png\n"
    rows = [struct.pack("<3f", *place) for place in POINTS]
    path = written(tmp_path, "block.ply", ply(XYZ, rows, properties, faces, head))
    surface = read(path)
    shows(surface)
    assert surface.notes == ()
    (tmp_path / "left.png").unlink()
    surface = read(path)
    assert surface.notes == ("Its texture left.png is not beside it, and was not read.",)
    assert surface.texture_of.tolist() == [-1] * 6 + [0] * 6


def test_ply_with_colours_of_vertices_and_faces_shows_those_that_were_painted(tmp_path):
    channels = "".join(f"property uchar {channel}\n" for channel in ("red", "green", "blue", "alpha"))
    rows = [struct.pack("<3f4B", *place, *color, 255) for place, color in zip(POINTS, PAINT, strict=True)]
    white = [row + b"\xff\xff\xff\xff" for row in QUAD_ROWS]
    surface = read(written(tmp_path, "block.ply", ply(XYZ + channels, rows, LIST + channels, white)))
    shows(surface)
    assert surface.notes == ()
    shades = [row + bytes((*color, 90)) for row, (_, color) in zip(QUAD_ROWS, SIDES, strict=True)]
    grey = [struct.pack("<3f4B", *place, number, 0, 0, 255) for number, place in enumerate(POINTS)]
    surface = read(written(tmp_path, "block.ply", ply(XYZ + channels, grey, LIST + channels, shades)))
    shows(surface)
    assert surface.notes == (
        "It has colours of vertices and of faces: those of faces were read.",
        "The transparency of its colours was not read.",
    )
    with pytest.raises(MeshUnreadable, match="type half, which the format does not have"):
        read(written(tmp_path, "block.ply", ply(XYZ.replace("float", "half"), rows, LIST, QUAD_ROWS)))


def test_ply_of_blender_has_z_up_as_it_writes_them(tmp_path):
    rows = [struct.pack("<3f", *place) for place in POINTS]
    data = ply(XYZ, rows, LIST, QUAD_ROWS, "comment Created in Blender version 4.5.4 LTS\n")
    file = read_file(written(tmp_path, "block.ply", data))
    assert (file.up, file.sure) == ("z", False)


def test_lines_may_end_as_on_old_macs_and_words_be_in_capitals(tmp_path):
    head = "ply\nformat ascii 1.0\nelement vertex 24\n" + XYZ
    head += "".join(f"property uchar {channel}\n" for channel in ("red", "green", "blue"))
    rows = "".join("{} {} {} {} {} {}\n".format(*p, *c) for p, c in zip(POINTS, PAINT, strict=True))
    tail = "".join("4 {} {} {} {}\n".format(*quad) for quad in QUADS)
    text = head + f"element face 6\n{LIST}end_header\n{rows}{tail}"
    shows(read(written(tmp_path, "block.ply", text.replace("\n", "\r"))))
    shows(read(written(tmp_path, "block.obj", obj(PAINT / 255).replace("\n", "\r").upper())))
    with pytest.raises(MeshUnreadable, match="a face has the number 0"):
        read(written(tmp_path, "zero.obj", obj().replace("f 1 2", "f 0 2", 1)))


def test_stl_as_text_in_one_line(tmp_path):
    facets = [
        "facet normal 0 0 0 outer loop "
        + " ".join("vertex {} {} {}".format(*corner) for corner in corners)
        + " endloop endfacet"
        for corners in POINTS[TRIANGLES]
    ]
    for between in ("\n", " "):
        surface = read(written(tmp_path, "block.stl", between.join(["solid a", *facets, "endsolid a"])))
        assert np.allclose(surface.vertices[surface.faces], POINTS[TRIANGLES])


# --- glTF


def test_what_a_glb_says_and_does_not_show_is_named(tmp_path):
    document, blob = block()
    document["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]["texCoord"] = 1
    document["materials"][0]["extensions"] = {"KHR_materials_sheen": {}}  # which extensionsUsed forgot
    document["nodes"].append({"mesh": 0})
    document["scenes"].append({"nodes": [1]})
    assert of(tmp_path, document, blob).notes == (
        "A texture is read at TEXCOORD_1, which the mesh does not have: it was left out.",
        "Of its scenes the first was read, or the one that it opens with.",
        "Not kept of its materials: sheen.",
    )
    data = glb(*block())
    with pytest.raises(MeshUnreadable, match=f"header says {len(data)} bytes, and {len(data) - 9} are there"):
        read(written(tmp_path, "cut.glb", data[:-9]))
    document, blob = block()
    document["accessors"][0]["componentType"] = 5130
    for suffix in ("glb", "obj", "stl", "3mf", "dae"):
        with pytest.raises(MeshUnreadable, match=f"a.{suffix} is empty: 0 bytes"):
            read(written(tmp_path, f"a.{suffix}", b""))
    with pytest.raises(MeshUnreadable, match="component type 5130"):
        of(tmp_path, document, blob)
    del document["accessors"]
    with pytest.raises(MeshUnreadable, match="it has no 'accessors'"):
        of(tmp_path, document, blob)


def test_a_black_diffuse_colour_below_a_specular_one_is_a_metals(tmp_path):
    document, blob = scene({"POSITION": POINTS}, TRIANGLES)
    gold = {"diffuseFactor": [0, 0, 0, 1], "specularFactor": [1, 0.7, 0.3], "glossinessFactor": 0.6}
    document["materials"] = [{"extensions": {"KHR_materials_pbrSpecularGlossiness": gold}}]
    document["extensionsUsed"] = ["KHR_materials_pbrSpecularGlossiness"]
    surface = of(tmp_path, document, blob)
    material = surface.materials[0]
    assert (material.metallic, material.color) == (1.0, (1, 0.7, 0.3, 1))
    assert material.roughness == pytest.approx(0.4)
    assert to_linear(surface.color[0] / 255) == pytest.approx((1, 0.7, 0.3), abs=0.01)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


@pytest.mark.parametrize(("kind", "depth"), [(0, 1), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16)])
def test_a_textures_transparent_samples_are_transparent_at_every_depth(tmp_path, kind, depth):
    """Its left half is; in 16 bits the right one differs in the lower byte alone."""
    top = (1 << depth) - 1
    left, right = (top, 0) if depth < 16 else (0x8001, 0x8002)
    samples = 1 if kind == 0 else 3
    bits = [f"{value:0{depth}b}" * samples for value in [left] * 8 + [right] * 8]
    row = b"\0" + int("".join(bits), 2).to_bytes(2 * depth * samples, "big")
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 4, depth, kind, 0, 0, 0))
    data += chunk(b"tRNS", struct.pack(f">{samples}H", *[left] * samples))
    data += chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2 << 20)))  # more than Pillow reads
    data += chunk(b"IDAT", zlib.compress(row * 4)) + chunk(b"IEND", b"")
    document, blob = scene({"POSITION": POINTS, "TEXCOORD_0": UV}, TRIANGLES, data)
    document["materials"][0] |= {"alphaMode": "BLEND"}
    alpha = of(tmp_path, document, blob).materials[0].opacity.image[..., 0]
    assert (alpha[:, :8] == 0).all()
    assert (alpha[:, 8:] == 255).all()


# --- COLLADA, 3MF, USD


def test_collada_has_colours_at_its_vertices(tmp_path):
    text = dae("".join(effect(n, "<color>0.1 0.1 0.1 1</color>") for n in range(6)), uv=True)
    text = text.replace(
        'semantic="TEXCOORD" source="#uv" offset="1" set="0"', 'semantic="COLOR" source="#rgb" offset="1"'
    )
    rows = f'<source id="rgb"><float_array id="rgb-a" count="72">{numbers(PAINT / 255)}</float_array>'
    rows += '<technique_common><accessor source="#rgb-a" count="24" stride="3">'
    rows += (
        "".join(f'<param name="{part}" type="float"/>' for part in "RGB") + "</accessor></technique_common></source>"
    )
    shows(read(written(tmp_path, "block.dae", text.replace('<vertices id="places">', rows + '<vertices id="places">'))))


def cube(number: int, side: float, more: str = "") -> str:
    points = [(x, y, z) for x in (0, side) for y in (0, side) for z in (0, side)]
    faces = np.array(list(map(int, "013032467475045051237276026064157173"))).reshape(-1, 3)
    vertices = "".join('<vertex x="{:g}" y="{:g}" z="{:g}"/>'.format(*point) for point in points)
    triangles = "".join('<triangle v1="{}" v2="{}" v3="{}"/>'.format(*face) for face in faces)
    return (
        f'<object id="{number}" type="model"><mesh><vertices>{vertices}</vertices><triangles>{triangles}{more}'
        "</triangles></mesh></object>"
    )


def package(path: Path, resources: str, item: int, settings: dict[str, str]) -> Path:
    core = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", TYPES)
        archive.writestr("_rels/.rels", RELATION.format("/3D/3dmodel.model"))
        archive.writestr(
            "3D/3dmodel.model",
            f'<?xml version="1.0"?><model unit="millimeter" xmlns="{core}"><resources>{resources}</resources>'
            f'<build><item objectid="{item}"/></build></model>',
        )
        for name, text in settings.items():
            archive.writestr(f"Metadata/{name}", text)
    return path


HELPERS = "Parts that cut, modify or support others in a slicer were left out."


@pytest.mark.parametrize("kind", ["NegativeVolume", "ParameterModifier", "SupportBlocker"])
def test_3mf_of_prusaslicer_is_without_the_volumes_that_only_help(tmp_path, kind):
    """They lie behind the model's own triangles, in one mesh."""
    more = "".join(f'<triangle v1="{a}" v2="{b}" v3="{c}"/>' for a, b, c in ((0, 1, 7), (0, 7, 6), (1, 6, 7)))
    said = "".join(
        f'<volume firstid="{first}" lastid="{last}"><metadata type="volume" key="volume_type" value="{name}"/></volume>'
        for first, last, name in ((0, 11, "ModelPart"), (12, 14, kind))
    )
    settings = {"Slic3r_PE_model.config": f'<?xml version="1.0"?><config><object id="1">{said}</object></config>'}
    surface = read(package(tmp_path / "a.3mf", cube(1, 10, more), 1, settings))
    assert len(surface.faces) == 12
    assert surface.notes == (HELPERS,)


def test_3mf_of_bambu_studio_is_without_the_parts_that_only_help(tmp_path):
    parts = '<component objectid="1"/><component objectid="2"/>'
    parts = f'<object id="3" type="model"><components>{parts}</components></object>'
    said = "".join(
        f'<part id="{number}" subtype="{name}"><metadata key="extruder" value="{number}"/></part>'
        for number, name in ((1, "normal_part"), (2, "{}"))
    )
    text = f'<?xml version="1.0"?><config><object id="3">{said}</object></config>'
    resources = cube(1, 10) + cube(2, 30) + parts
    surface = read(package(tmp_path / "a.3mf", resources, 3, {"model_settings.config": text.format("modifier_part")}))
    assert np.allclose(np.ptp(surface.vertices, axis=0), 0.01)
    assert surface.notes == (HELPERS, "The colours of its parts' filaments were not read.")
    surface = read(package(tmp_path / "b.3mf", resources, 3, {"model_settings.config": text.format("normal_part")}))
    assert np.allclose(np.ptp(surface.vertices, axis=0), 0.03)
    assert surface.notes == ("The colours of its parts' filaments were not read.",)


def stage_of(path: Path, inside: str = "/Root/Block") -> tuple[Usd.Stage, UsdGeom.Mesh]:
    stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    UsdGeom.SetStageMetersPerUnit(stage, 1)
    mesh = UsdGeom.Mesh.Define(stage, inside)
    mesh.GetFaceVertexCountsAttr().Set([4] * 6)
    mesh.GetFaceVertexIndicesAttr().Set(QUADS.ravel().tolist())
    mesh.GetSubdivisionSchemeAttr().Set("none")
    paint = UsdGeom.PrimvarsAPI(mesh).CreatePrimvar("displayColor", Sdf.ValueTypeNames.Color3fArray, "uniform")
    paint.Set(to_linear(PAINT[::4] / 255).tolist())
    return stage, mesh


def test_usd_that_moves_is_as_it_begins(tmp_path):
    stage, mesh = stage_of(tmp_path / "a.usda")
    stage.SetStartTimeCode(5)
    stage.SetEndTimeCode(9)
    mesh.GetPointsAttr().Set(POINTS.tolist(), 5)
    mesh.GetPointsAttr().Set((POINTS * 9).tolist(), 9)
    stage.GetRootLayer().Save()
    shows(read(tmp_path / "a.usda"))


def test_usd_instances_stand_where_their_instancer_puts_them(tmp_path):
    stage, mesh = stage_of(tmp_path / "a.usda", "/Root/Many/Models/Block")
    mesh.GetPointsAttr().Set(POINTS.tolist())
    UsdGeom.Xform.Define(stage, "/Root").AddTranslateOp().Set((7, 0, 0))
    many = UsdGeom.PointInstancer.Define(stage, "/Root/Many")
    many.GetPrototypesRel().SetTargets(["/Root/Many/Models/Block"])
    many.GetProtoIndicesAttr().Set([0, 0, 0])
    many.GetPositionsAttr().Set([(0, 0, 0), (10, 0, 0), (0, 0, 40)])
    many.CreateScalesAttr().Set([(1, 1, 1), (2, 1, 1), (1, 1, 1)])
    many.GetInvisibleIdsAttr().Set([2])
    stage.GetRootLayer().Save()
    surface = read(tmp_path / "a.usda")
    assert np.allclose(np.ptp(surface.vertices, axis=0), (16, 5, 1.5))
    assert len(surface.faces) == 24


def test_usd_moves_texture_coordinates_as_its_material_says(tmp_path):
    stage, mesh = stage_of(tmp_path / "a.usda")
    mesh.GetPointsAttr().Set(POINTS.tolist())
    scale, turn, shift = np.array((2.0, 3.0)), np.radians(30), np.array((0.5, -0.25))
    rotation = np.array(((np.cos(turn), -np.sin(turn)), (np.sin(turn), np.cos(turn))))
    before = ((UV * (1, -1) + (0, 1) - shift) @ rotation) / scale  # what it moves to where the sides are
    st = UsdGeom.PrimvarsAPI(mesh).CreatePrimvar("uvw", Sdf.ValueTypeNames.TexCoord3fArray, "vertex")
    st.Set([(float(u), float(v), 7.0) for u, v in before])
    nodes = {name: UsdShade.Shader.Define(stage, f"/Paint/{name}") for name in ("Surface", "Image", "Moved", "Read")}
    ids = ("UsdPreviewSurface", "UsdUVTexture", "UsdTransform2d", "UsdPrimvarReader_float2")
    for node, name in zip(nodes.values(), ids, strict=True):
        node.CreateIdAttr(name)
    nodes["Read"].CreateInput("varname", Sdf.ValueTypeNames.String).Set("uvw")
    for name, value in (("scale", tuple(scale)), ("translation", tuple(shift))):
        nodes["Moved"].CreateInput(name, Sdf.ValueTypeNames.Float2).Set(value)
    nodes["Moved"].CreateInput("rotation", Sdf.ValueTypeNames.Float).Set(30.0)
    written(tmp_path, "strip.png", png(STRIP))
    nodes["Image"].CreateInput("file", Sdf.ValueTypeNames.Asset).Set("./strip.png")
    for end, name, start, output in (
        ("Moved", "in", "Read", "result"),
        ("Image", "st", "Moved", "result"),
        ("Surface", "diffuseColor", "Image", "rgb"),
    ):
        source = nodes[start].CreateOutput(output, Sdf.ValueTypeNames.Float3)
        nodes[end].CreateInput(name, Sdf.ValueTypeNames.Float3).ConnectToSource(source)
    material = UsdShade.Material.Define(stage, "/Paint")
    material.CreateSurfaceOutput().ConnectToSource(nodes["Surface"].CreateOutput("surface", Sdf.ValueTypeNames.Token))
    UsdShade.MaterialBindingAPI.Apply(mesh.GetPrim()).Bind(material)
    stage.GetRootLayer().Save()
    assert UsdUtils.CreateNewUsdzPackage(str(tmp_path / "a.usda"), str(tmp_path / "a.usdz"))
    surface = read(tmp_path / "a.usdz")
    shows(surface)
    assert surface.notes == ()


def test_usd_skins_are_posed_and_what_is_elsewhere_is_named(tmp_path):
    stage, mesh = stage_of(tmp_path / "a.usda")
    UsdSkel.Root.Define(stage, "/Root")
    mesh.GetPointsAttr().Set(POINTS.tolist())
    stage.OverridePrim("/Root/More").GetReferences().AddReference("./more.usda", "/More")
    bones = UsdSkel.Skeleton.Define(stage, "/Root/Bones")
    bones.GetJointsAttr().Set(["hip"])
    bones.GetBindTransformsAttr().Set(Vt.Matrix4dArray([Gf.Matrix4d(1)]))
    bones.GetRestTransformsAttr().Set(Vt.Matrix4dArray([Gf.Matrix4d(1)]))
    pose = UsdSkel.Animation.Define(stage, "/Root/Pose")
    pose.GetJointsAttr().Set(["hip"])
    pose.GetTranslationsAttr().Set([(0, 0, 0)])
    pose.GetRotationsAttr().Set([Gf.Quatf(1)])
    pose.GetScalesAttr().Set([Gf.Vec3h(1, 2, 1)])
    UsdSkel.BindingAPI.Apply(bones.GetPrim()).CreateAnimationSourceRel().SetTargets(["/Root/Pose"])
    skin = UsdSkel.BindingAPI.Apply(mesh.GetPrim())
    skin.CreateSkeletonRel().SetTargets(["/Root/Bones"])
    skin.CreateJointIndicesPrimvar(True, 1).Set([0])
    skin.CreateJointWeightsPrimvar(True, 1).Set([1])
    stage.GetRootLayer().Save()
    surface = read(tmp_path / "a.usda")
    shows(surface, size=SIZE * (1, 2, 1))
    assert surface.notes == ("What it refers to in other files was not read.",)


def test_a_zips_files_are_found_in_any_case(tmp_path):
    packed = io.BytesIO()
    text = "mtllib BLOCK.mtl\n" + obj().replace("f 1", "usemtl m0\nf 1", 1)
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a/Block.obj", text)
        archive.writestr("a/block.mtl", MTL)
    surface = read(written(tmp_path, "block.zip", packed.getvalue()))
    assert (surface.color == RED).all()
    assert surface.notes == ()
