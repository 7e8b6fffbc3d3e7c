"""Formats that libraries of the extra "formats" read: COLLADA, 3MF, USD, and glTF compressed with Draco."""

import locale
import sys
import zipfile
from pathlib import Path

import DracoPy
import lib3mf
import numpy as np
import pytest
from pxr import Sdf, Usd, UsdGeom

import spherelinks
from spherelinks.errors import InvalidRequest, MeshUnreadable
from spherelinks.formats import reading
from spherelinks.formats.reading import read, read_file
from spherelinks.pixels.srgb import to_linear

sys.path.insert(0, str(Path(__file__).parent))
from test_foreign import PAINT, POINTS, QUADS, SIDES, SIZE, STRIP, TRIANGLES, UV, glb, png, scene, shows, written

#: The block as files with +Z up have it.
LYING = POINTS[:, [0, 2, 1]] * (1, -1, 1)


@pytest.fixture(autouse=True)
def own_locale():
    """lib3mf's writer leaves the process in the locale C."""
    before = locale.setlocale(locale.LC_ALL)
    yield
    locale.setlocale(locale.LC_ALL, before)


def numbers(rows) -> str:
    return " ".join(f"{value:g}" for value in np.ravel(rows))


def dae(effects: str, images: str = "", uv: bool = False, tool: str = "by hand") -> str:
    """The block in centimetres with +Z up, one list of polygons for each side, below a node that moves it back."""
    inputs = '<input semantic="VERTEX" source="#places" offset="0"/>'
    inputs += '<input semantic="TEXCOORD" source="#uv" offset="1" set="0"/>' * uv
    lists = "".join(
        f'<polylist material="m{number}" count="1">{inputs}<vcount>4</vcount>'
        f"<p>{numbers(np.repeat(quad, 1 + uv))}</p></polylist>"
        for number, quad in enumerate(QUADS)
    )
    binds = "".join(f'<instance_material symbol="m{n}" target="#m{n}"/>' for n in range(6))
    materials = "".join(f'<material id="m{n}"><instance_effect url="#e{n}"/></material>' for n in range(6))

    def source(name: str, rows, parts: str) -> str:
        params = "".join(f'<param name="{part}" type="float"/>' for part in parts)
        return (
            f'<source id="{name}"><float_array id="{name}-a" count="{np.size(rows)}">{numbers(rows)}</float_array>'
            f'<technique_common><accessor source="#{name}-a" count="{len(rows)}" stride="{len(parts)}">{params}'
            "</accessor></technique_common></source>"
        )

    return f"""<?xml version="1.0" encoding="utf-8"?>
<COLLADA xmlns="http://www.collada.org/2005/11/COLLADASchema" version="1.4.1">
<asset><contributor><authoring_tool>{tool}</authoring_tool></contributor><created>2026-01-01T00:00:00</created>
<modified>2026-01-01T00:00:00</modified><unit name="centimetre" meter="0.01"/><up_axis>Z_UP</up_axis></asset>
<library_images>{images}</library_images><library_effects>{effects}</library_effects>
<library_materials>{materials}</library_materials>
<library_geometries><geometry id="block"><mesh>
{source("xyz", LYING * 100 - (0, 0, 700), "XYZ")}{source("uv", UV * (1, -1) + (0, 1), "ST")}
<vertices id="places"><input semantic="POSITION" source="#xyz"/></vertices>{lists}
</mesh></geometry></library_geometries>
<library_visual_scenes><visual_scene id="scene"><node><translate>0 0 700</translate><instance_geometry url="#block">
<bind_material><technique_common>{binds}</technique_common></bind_material></instance_geometry></node></visual_scene>
</library_visual_scenes><scene><instance_visual_scene url="#scene"/></scene></COLLADA>"""


def effect(number: int, diffuse: str, before: str = "") -> str:
    return (
        f'<effect id="e{number}"><profile_COMMON>{before}<technique sid="common"><lambert><diffuse>{diffuse}</diffuse>'
        "</lambert></technique></profile_COMMON></effect>"
    )


def test_collada_stands_upright_in_metres_with_its_colours(tmp_path):
    colors = [np.append(np.array(color) / 255, 1) for _, color in SIDES]
    text = dae("".join(effect(n, f"<color>{numbers(color)}</color>") for n, color in enumerate(colors)))
    surface = read(written(tmp_path, "block.dae", text))
    shows(surface)
    assert surface.notes == ()
    # Blender writes light
    light = [np.append(to_linear(color[:3]), 1) for color in colors]
    effects = "".join(effect(n, f"<color>{numbers(color)}</color>") for n, color in enumerate(light))
    shows(read(written(tmp_path, "block.dae", dae(effects, tool="Blender 4.5"))))
    size = spherelinks.finish(tmp_path / "block.dae", texture_size=512).report.dimensions
    assert (size.width, size.height, size.depth) == pytest.approx(SIZE, rel=1e-4)


def test_collada_has_its_textures_beside_it_or_a_note(tmp_path):
    image = '<image id="strip"><init_from>maps/the%20strip.png</init_from></image>'
    before = '<newparam sid="s"><surface type="2D"><init_from>strip</init_from></surface></newparam>'
    before += '<newparam sid="t"><sampler2D><source>s</source></sampler2D></newparam>'
    shown = '<texture texture="t" texcoord="uv"/>'
    path = written(tmp_path, "block.dae", dae("".join(effect(n, shown, before) for n in range(6)), image, uv=True))
    assert read(path).notes == ("Its texture maps/the strip.png is not beside it, and was not read.",)
    written(tmp_path, "the strip.png", png(STRIP))
    shows(read(path))


def test_3mf_has_its_units_components_and_colours(tmp_path):
    model = lib3mf.get_wrapper().CreateModel()
    mesh = model.AddMeshObject()
    mesh.SetGeometry(
        [lib3mf.Position(tuple(map(float, place))) for place in LYING],
        [lib3mf.Triangle(tuple(map(int, triangle))) for triangle in TRIANGLES],
    )
    colors = model.AddColorGroup()
    materials = model.AddBaseMaterialGroup()
    numbers = [colors.AddColor(lib3mf.Color(*color, 255)) for _, color in SIDES]
    paints = [materials.AddMaterial(f"m{n}", lib3mf.Color(*color, 255)) for n, (_, color) in enumerate(SIDES)]
    for triangle in range(12):
        group, known = (colors, numbers) if triangle % 2 else (materials, paints)
        properties = lib3mf.TriangleProperties(group.GetUniqueResourceID(), (known[triangle % 6],) * 3)
        mesh.SetTriangleProperties(triangle, properties)
    mesh.SetObjectLevelProperty(colors.GetUniqueResourceID(), numbers[0])
    model.SetUnit(lib3mf.ModelUnit.CentiMeter)
    group = model.AddComponentsObject()
    group.AddComponent(mesh, transform((100, 0, 0), 100))
    model.AddBuildItem(group, transform((-100, 0, 0), 1))
    path = tmp_path / "block.3mf"
    model.QueryWriter("3mf").WriteToFile(str(path))
    surface = read(path)
    shows(surface)
    assert surface.notes == ()
    assert spherelinks.finish(path, texture_size=512).report.dimensions.height == pytest.approx(5, rel=1e-4)
    model.AddBuildItem(group, transform((900, 0, 0), -1))  # turned inside out by a mirroring
    model.QueryWriter("3mf").WriteToFile(str(path))
    both = read(path)
    corners = both.vertices[both.faces].astype(float)
    volume = np.einsum("ij,ij->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6
    assert volume == pytest.approx(2 * SIZE.prod(), rel=1e-3)


SLICED = """<?xml version="1.0" encoding="UTF-8"?>
<model unit="millimeter" xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
  xmlns:p="http://schemas.microsoft.com/3dmanufacturing/production/2015/06" requiredextensions="p">
 <resources><object id="2" p:UUID="00000001-61cb-4c03-9d28-80fed5dfa1dc" type="model"><components>
  <component p:path="/3D/Objects/object_1.model" objectid="1" p:UUID="00010000-b206-40ff-9872-83e8017abed1"/>
  <component p:path="/3D/Objects/object_1.model" objectid="1" p:UUID="00010001-b206-40ff-9872-83e8017abed1"
   transform="1 0 0 0 1 0 0 0 1 50 0 0"/></components></object></resources>
 <build p:UUID="2c7c17d8-22b5-4d84-8835-1976022ea369"><item objectid="2"
  p:UUID="00000002-b1ec-4553-aec9-835e5b724bb4" transform="1 0 0 0 1 0 0 0 1 128 128 0" printable="1"/></build>
</model>"""
PART = """<?xml version="1.0" encoding="UTF-8"?>
<model unit="millimeter" xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
  xmlns:p="http://schemas.microsoft.com/3dmanufacturing/production/2015/06" requiredextensions="p"
  xmlns:slic3rpe="http://schemas.slic3r.org/3mf/2017/06">
 <resources><object id="1" p:UUID="00010000-81cb-4c03-9d28-80fed5dfa1dc" type="model"><mesh>
  <vertices><vertex x="0" y="0" z="0"/><vertex x="10" y="0" z="0"/><vertex x="0" y="20" z="0"/>
   <vertex x="0" y="0" z="30"/></vertices>
  <triangles><triangle v1="0" v2="2" v3="1"{0}/><triangle v1="0" v2="1" v3="3"/><triangle v1="0" v2="3" v3="2"/>
   <triangle v1="1" v2="2" v3="3"/></triangles></mesh></object></resources><build/></model>"""
TYPES = """<?xml version="1.0" encoding="UTF-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
 <Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
 <Default Extension="model" ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/></Types>"""
RELATION = """<?xml version="1.0" encoding="UTF-8"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Target="{}" Id="r1"
 Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/></Relationships>"""


@pytest.mark.parametrize("painted", ["", ' paint_color="4"', ' slic3rpe:mmu_segmentation="4"'])
def test_3mf_as_slicers_write_it_has_its_parts_in_place_and_names_what_was_painted(tmp_path, painted):
    path = tmp_path / "plate.3mf"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("[Content_Types].xml", TYPES)
        package.writestr("_rels/.rels", RELATION.format("/3D/3dmodel.model"))
        package.writestr("3D/3dmodel.model", SLICED)
        package.writestr("3D/_rels/3dmodel.model.rels", RELATION.format("/3D/Objects/object_1.model"))
        package.writestr("3D/Objects/object_1.model", PART.format(painted))
        package.writestr("Metadata/project_settings.config", "{}")
    surface = read(path)
    assert len(surface.faces) == 8
    assert np.ptp(surface.vertices, axis=0) == pytest.approx([0.06, 0.03, 0.02])
    said = ("The colours that were painted on it in a slicer were not read.",) if painted else ()
    assert surface.notes == said


def transform(shift, scale):
    rows = [[scale * (row == column) for column in range(3)] for row in range(3)] + [list(shift)]
    made = lib3mf.Transform()
    for row in range(4):
        for column in range(3):
            made.Fields[row][column] = rows[row][column]
    return made


def in_centimetres(path: Path) -> Path:
    """The block, 100 to the metre and with +Z up, in a file that says so."""
    if path.suffix == ".dae":
        return written(path.parent, path.name, dae("".join(effect(n, "<color>1 1 1 1</color>") for n in range(6))))
    if path.suffix == ".usda":
        stage = Usd.Stage.CreateNew(str(path))
        UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
        UsdGeom.SetStageMetersPerUnit(stage, 0.01)
        shape = UsdGeom.Mesh.Define(stage, "/Block")
        shape.GetPointsAttr().Set((LYING * 100).tolist())
        shape.GetFaceVertexCountsAttr().Set([4] * 6)
        shape.GetFaceVertexIndicesAttr().Set(QUADS.ravel().tolist())
        stage.GetRootLayer().Save()
        return path
    model = lib3mf.get_wrapper().CreateModel()
    mesh = model.AddMeshObject()
    places = [lib3mf.Position(tuple(map(float, place))) for place in LYING * 100]
    mesh.SetGeometry(places, [lib3mf.Triangle(tuple(map(int, triangle))) for triangle in TRIANGLES])
    model.SetUnit(lib3mf.ModelUnit.CentiMeter)
    model.AddBuildItem(mesh, transform((0, 0, 0), 1))
    model.QueryWriter("3mf").WriteToFile(str(path))
    return path


@pytest.mark.parametrize("name", ["block.dae", "block.usda", "block.3mf"])
def test_a_unit_and_an_axis_that_are_given_stand_for_the_files_own(tmp_path, name):
    path = in_centimetres(tmp_path / name)

    def sides(**given):
        size = spherelinks.finish(path, texture_size=512, keep_mesh=True, **given).report.dimensions
        return pytest.approx((size.width, size.height, size.depth), rel=1e-4)

    assert sides() == tuple(SIZE)
    assert sides(unit="cm", up="z") == tuple(SIZE)
    assert sides(unit="mm") == tuple(SIZE / 10)
    assert sides(up="y") == tuple(SIZE[[0, 2, 1]])


@pytest.mark.parametrize("suffix", [".usda", ".usdc", ".usdz"])
def test_usd_stands_upright_in_metres_and_leaves_out_what_it_hides(tmp_path, suffix):
    layer = tmp_path / f"block{'.usdc' if suffix == '.usdz' else suffix}"
    stage = Usd.Stage.CreateNew(str(layer))
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 0.01)
    root = UsdGeom.Xform.Define(stage, "/Root")
    root.AddScaleOp().Set((100, 100, 100))
    shape = UsdGeom.Mesh.Define(stage, "/Root/Block")
    shape.GetPointsAttr().Set(LYING.tolist())
    shape.GetFaceVertexCountsAttr().Set([4] * 6)
    shape.GetFaceVertexIndicesAttr().Set(QUADS.ravel().tolist())
    shape.GetSubdivisionSchemeAttr().Set("none")
    paint = UsdGeom.PrimvarsAPI(shape).CreatePrimvar("displayColor", Sdf.ValueTypeNames.Color3fArray, "uniform")
    paint.Set(to_linear(PAINT[::4] / 255).tolist())
    hidden = UsdGeom.Mesh.Define(stage, "/Root/Hidden")
    for attribute in ("Points", "FaceVertexCounts", "FaceVertexIndices"):
        value = getattr(shape, f"Get{attribute}Attr")().Get()
        getattr(hidden, f"Get{attribute}Attr")().Set(value)
    hidden.GetVisibilityAttr().Set("invisible")
    stage.GetRootLayer().Save()
    path = layer
    if suffix == ".usdz":
        from pxr import UsdUtils

        path = tmp_path / "block.usdz"
        assert UsdUtils.CreateNewUsdzPackage(str(layer), str(path))
    surface = read(path)
    shows(surface)
    assert surface.notes == ("Objects that the file hides were left out.",)
    assert read_file(path).up == "y"


def test_draco_gives_the_same_as_without(tmp_path):
    document, blob = scene({"POSITION": POINTS, "TEXCOORD_0": UV}, TRIANGLES, png(STRIP))
    packed = DracoPy.encode(POINTS, TRIANGLES, tex_coord=UV, quantization_bits=16, preserve_order=True)
    mesh = DracoPy.decode(packed)
    blob += packed + bytes(-len(packed) % 4)
    document["bufferViews"].append({"buffer": 0, "byteOffset": len(blob) - len(packed) - (-len(packed) % 4),
                                    "byteLength": len(packed)})  # fmt: skip
    ids = [each["unique_id"] for each in sorted(mesh.attributes, key=lambda each: each["attribute_type"])]
    extension = {
        "bufferView": len(document["bufferViews"]) - 1,
        "attributes": {"POSITION": ids[0], "TEXCOORD_0": ids[1]},
    }
    document["meshes"][0]["primitives"][0]["extensions"] = {"KHR_draco_mesh_compression": extension}
    document["extensionsUsed"] = document["extensionsRequired"] = ["KHR_draco_mesh_compression"]
    for accessor, count in ((0, len(mesh.points)), (1, len(mesh.points)), (2, mesh.faces.size)):
        document["accessors"][accessor].pop("bufferView")
        document["accessors"][accessor]["count"] = count
    document["buffers"] = [{"byteLength": len(blob)}]
    surface = read(written(tmp_path, "block.glb", glb(document, blob)))
    assert np.allclose(np.ptp(surface.vertices, axis=0), SIZE, rtol=1e-3)
    shows(surface, size=np.ptp(surface.vertices, axis=0))
    assert surface.notes == ()
    extension["attributes"]["TEXCOORD_0"] = 9
    with pytest.raises(InvalidRequest, match="no attribute 9"):
        read(written(tmp_path, "block.glb", glb(document, blob)))


@pytest.mark.parametrize("suffix", [".dae", ".3mf", ".usda", ".usdc", ".usdz"])
def test_damaged_files_are_refused_and_so_are_all_without_their_library(tmp_path, suffix, monkeypatch):
    for data in (b"", b"nothing of the kind", b"PK\x03\x04" + bytes(40), b"<COLLADA>", b"PXR-USDC" + bytes(90)):
        with pytest.raises(MeshUnreadable):
            read(written(tmp_path, f"block{suffix}", data))
    monkeypatch.setattr(reading, "find_spec", lambda name: None)
    with pytest.raises(MeshUnreadable, match="not installed") as caught:
        read(written(tmp_path, f"block{suffix}", b""))
    assert "spherelinks[formats]" in caught.value.hint
