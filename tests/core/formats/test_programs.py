"""Files as real programs write them, each made here: what they have that the other tests' files do not."""

import io
import sys
import zipfile
from pathlib import Path

import lib3mf
import numpy as np
import pytest
from pxr import Gf, Sdf, Usd, UsdGeom, UsdShade

import spherelinks
from spherelinks.errors import MeshUnreadable
from spherelinks.formats.reading import read, read_file
from spherelinks.pixels.srgb import to_linear
from spherelinks.shape import Sampler, Surface

sys.path.insert(0, str(Path(__file__).parent))
from test_foreign import (
    BLUE,
    LIST,
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
    add,
    block,
    obj,
    of,
    ply,
    png,
    shows,
    written,
)  # fmt: skip
from test_further import LYING, RELATION, TYPES, dae, effect, numbers, own_locale, transform
from test_peculiar import HELPERS, cube

__all__ = ["own_locale"]  # a fixture: lib3mf's writer changes the locale

SHEER = "The transparency of its colours was not read."


def volume(surface: Surface) -> float:
    corners = surface.vertices[surface.faces].astype(float)
    return float(np.einsum("ij,ij->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6)


# --- 3MF


def packed(folder: Path, model: str, types: str = TYPES, relations: str = RELATION.format("/3D/3dmodel.model")) -> Path:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as package:
        package.writestr("[Content_Types].xml", types)
        package.writestr("_rels/.rels", relations)
        package.writestr("3D/3dmodel.model", f'<?xml version="1.0"?>{model}')
    return written(folder, "cube.3mf", data.getvalue())


CORE = ' xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02"'
MODEL = '<model unit="millimeter"{}><resources>{}</resources><build><item objectid="{}"/></build></model>'


def test_3mf_of_prusaslicers_command_line_names_a_thumbnail_that_is_not_there(tmp_path):
    picture = (
        '<Relationship Target="/Metadata/thumbnail.png" Id="r2" Type="http://schemas.openxmlformats.org/package/2006/'
        'relationships/metadata/thumbnail"/></Relationships>'
    )
    relations = RELATION.format("/3D/3dmodel.model").replace("</Relationships>", picture)
    surface = read(packed(tmp_path, MODEL.format(CORE, cube(1, 10), 1), relations=relations))
    assert np.allclose(np.ptp(surface.vertices, axis=0), 0.01)
    assert surface.notes == ()


def test_3mf_of_cadquery_and_of_jscad_are_numbered_from_0(tmp_path):
    whole = "".join(
        f'<Override PartName="/{name}" ContentType="application/vnd.{kind}+xml"/>'
        for name, kind in (
            ("3D/3dmodel.model", "ms-package.3dmanufacturing-3dmodel"),
            ("_rels/.rels", "openxmlformats-package.relationships"),
        )
    )
    types = f'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">{whole}</Types>'
    surface = read(packed(tmp_path, MODEL.format(CORE, cube(0, 20), 0), types))
    assert np.allclose(np.ptp(surface.vertices, axis=0), 0.02)
    assert surface.notes == ()
    paints = '<base name="a" displaycolor="#DC2828FF"/><base name="b" displaycolor="#283CDC7F.8"/>'
    colored = cube(1, 10).replace('type="model"', 'type="model" pid="0" pindex="1"')
    resources = f'<basematerials id="0">{paints}</basematerials>{colored}'
    surface = read(packed(tmp_path, MODEL.format("", resources, 1)))
    assert (surface.color == BLUE).all()
    assert surface.notes == (SHEER,)


def test_3mf_has_its_textures_beside_its_colours_and_no_supports(tmp_path):
    model = lib3mf.get_wrapper().CreateModel()
    kind = "http://schemas.microsoft.com/3dmanufacturing/2013/01/3dtexture"
    picture = model.AddAttachment("/3D/Textures/strip.png", kind)
    picture.ReadFromBuffer(png(STRIP))
    texture = model.AddTexture2DFromAttachment(picture)
    texture.SetContentType(lib3mf.TextureType.PNG)
    texture.SetTileStyleUV(lib3mf.TextureTileStyle.Mirror, lib3mf.TextureTileStyle.Clamp)
    places = model.AddTexture2DGroup(texture)
    at = [places.AddTex2Coord(lib3mf.Tex2Coord(float(u), float(1 - v))) for u, v in UV]
    paints = model.AddColorGroup()
    red = paints.AddColor(lib3mf.Color(*RED, 255))

    def mesh():
        made = model.AddMeshObject()
        made.SetGeometry(
            [lib3mf.Position(tuple(map(float, place))) for place in LYING],
            [lib3mf.Triangle(tuple(map(int, triangle))) for triangle in TRIANGLES],
        )
        return made

    shape = mesh()
    for number, corners in enumerate(TRIANGLES):
        plain = number % 6 == 0  # the front, which is red
        group, known = (paints, [red] * 3) if plain else (places, [at[corner] for corner in corners])
        shape.SetTriangleProperties(number, lib3mf.TriangleProperties(group.GetUniqueResourceID(), tuple(known)))
    shape.SetObjectLevelProperty(places.GetUniqueResourceID(), at[0])
    model.AddBuildItem(shape, transform((0, 0, 0), 1))
    support = mesh()
    support.SetType(lib3mf.ObjectType.Support)
    model.AddBuildItem(support, transform((90, 0, 0), 1))
    model.SetUnit(lib3mf.ModelUnit.Meter)
    model.QueryWriter("3mf").WriteToFile(str(tmp_path / "block.3mf"))
    surface = read(tmp_path / "block.3mf")
    shows(surface)
    assert surface.samplers == (Sampler("mirror", "clamp"),)
    assert surface.notes == (HELPERS,)
    assert volume(surface) == pytest.approx(SIZE.prod(), rel=1e-4)


# --- COLLADA


def as_triangles(text: str) -> str:
    """The lists of polygons as triangles, with normals beside them, as most programs write them."""
    start, end = text.index("<polylist"), text.rindex("</polylist>") + len("</polylist>")
    quads = "".join(
        f'<triangles material="m{n}" count="2"><input semantic="VERTEX" source="#places" offset="0"/><input '
        f'semantic="NORMAL" source="#n" offset="1"/><p>'
        + numbers([(corner, n) for corner in quad[[0, 1, 2, 0, 2, 3]]])
        + "</p></triangles>"
        for n, quad in enumerate(QUADS)
    )
    sides = LYING[QUADS]
    normals = np.cross(sides[:, 1] - sides[:, 0], sides[:, 2] - sides[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    params = "".join(f'<param name="{part}" type="float"/>' for part in "XYZ")
    source = (
        f'<source id="n"><float_array id="n-a" count="18">{numbers(normals)}</float_array><technique_common>'
        f'<accessor source="#n-a" count="6" stride="3">{params}</accessor></technique_common></source>'
    )
    return (text[:start] + quads + text[end:]).replace('<vertices id="places">', source + '<vertices id="places">')


def plain(color) -> str:
    return f"<color>{numbers(np.append(np.array(color) / 255, 1))}</color>"


def test_collada_triangles_turn_with_their_nodes_and_are_not_inside_out_when_mirrored(tmp_path):
    """Blender writes triangles, as most programs do."""
    text = as_triangles(dae("".join(effect(n, plain(color)) for n, (_, color) in enumerate(SIDES))))
    shows(read(written(tmp_path, "block.dae", text)))
    matrix = "<matrix>0 0 2 0 0 -3 0 0 1 0 0 0 0 0 0 1</matrix>"
    surface = read(written(tmp_path, "block.dae", text.replace("<node>", f"<node>{matrix}")))
    assert volume(surface) == pytest.approx(6 * SIZE.prod(), rel=1e-4)
    a, b, c = np.moveaxis(surface.vertices[surface.faces].astype(float), 1, 0)
    outwards = np.cross(b - a, c - a)
    outwards = np.repeat(outwards / np.linalg.norm(outwards, axis=1, keepdims=True), 3, axis=0)
    assert np.allclose(surface.normals[surface.faces.ravel()], outwards, atol=1e-4)


def test_collada_textures_have_their_own_coordinates_and_samplers(tmp_path):
    image = '<image id="strip"><init_from>strip.png</init_from></image>'
    before = '<newparam sid="s"><surface type="2D"><init_from>strip</init_from></surface></newparam>'
    before += '<newparam sid="t"><sampler2D><source>s</source><wrap_s>MIRROR</wrap_s><wrap_t>CLAMP</wrap_t></sampler2D>'
    effects = "".join(effect(n, '<texture texture="t" texcoord="two"/>', before + "</newparam>") for n in range(6))
    text = dae(effects, image, uv=True)
    # a first set that nothing is bound to
    start, end = text.index('<source id="uv">'), text.index('<vertices id="places">')
    text = text[:end] + text[start:end].replace('"uv', '"no').replace("#uv", "#no").replace("0.", "9.") + text[end:]
    uv = '<input semantic="TEXCOORD" source="#{}" offset="1" set="{}"/>'
    text = text.replace(uv.format("uv", 0), uv.format("no", 0) + uv.format("uv", 1))
    bound = '<bind_vertex_input semantic="two" input_semantic="TEXCOORD" input_set="1"/></instance_material>'
    for number in range(6):
        text = text.replace(f'target="#m{number}"/>', f'target="#m{number}">{bound}')
    written(tmp_path, "strip.png", png(STRIP))
    surface = read(written(tmp_path, "block.dae", text))
    shows(surface)
    assert surface.samplers == (Sampler("mirror", "clamp"),)


def test_collada_morphs_rest_and_splines_are_named(tmp_path):
    text = dae("".join(effect(n, plain(color)) for n, (_, color) in enumerate(SIDES)))
    names = ('<IDREF_array id="t-a" count="1">block</IDREF_array>', '<float_array id="w-a" count="1">0</float_array>')
    sources = "".join(
        f'<source id="{name}">{array}<technique_common><accessor source="#{name}-a" count="1" stride="1">'
        f'<param name="X" type="{kind}"/></accessor></technique_common></source>'
        for name, array, kind in zip("tw", names, ("IDREF", "float"), strict=True)
    )
    morph = (
        f'<library_controllers><controller id="c"><morph source="#block" method="NORMALIZED">{sources}<targets>'
        '<input semantic="MORPH_TARGET" source="#t"/><input semantic="MORPH_WEIGHT" source="#w"/></targets></morph>'
        "</controller></library_controllers>"
    )
    text = text.replace("<library_visual_scenes>", morph + "<library_visual_scenes>")
    text = text.replace('<instance_geometry url="#block">', '<instance_controller url="#c">')
    text = text.replace("</instance_geometry>", "</instance_controller>")
    spline = '<geometry id="curve"><spline><control_vertices/></spline></geometry></library_geometries>'
    text = text.replace("</library_geometries>", spline)
    text = text.replace("</visual_scene>", '<node><instance_geometry url="#curve"/></node></visual_scene>')
    surface = read(written(tmp_path, "block.dae", text))
    shows(surface)
    assert surface.notes == (
        "Its skins are read as they rest, not as they are posed.",
        "Its splines, and what it refers to without having it, were left out.",
    )


# --- USD


class Scene:
    """The block in metres with +Y up, and what a test adds to it."""

    def __init__(self, path: Path, metres: float | None = 1.0) -> None:
        self.stage = Usd.Stage.CreateNew(str(path))
        UsdGeom.SetStageUpAxis(self.stage, UsdGeom.Tokens.y)
        if metres is not None:
            UsdGeom.SetStageMetersPerUnit(self.stage, metres)
        self.stage.SetDefaultPrim(UsdGeom.Xform.Define(self.stage, "/Root").GetPrim())
        self.mesh = UsdGeom.Mesh.Define(self.stage, "/Root/Block")
        self.mesh.GetPointsAttr().Set(POINTS.tolist())
        self.mesh.GetFaceVertexCountsAttr().Set([4] * 6)
        self.mesh.GetFaceVertexIndicesAttr().Set(QUADS.ravel().tolist())
        self.mesh.GetSubdivisionSchemeAttr().Set("none")
        self.primvars = UsdGeom.PrimvarsAPI(self.mesh)

    def painted(self) -> None:
        colors = self.primvars.CreatePrimvar("displayColor", Sdf.ValueTypeNames.Color3fArray, "uniform")
        colors.Set(to_linear(PAINT[::4] / 255).tolist())

    def material(self, name: str = "Paint") -> UsdShade.Shader:
        """A UsdPreviewSurface."""
        material = UsdShade.Material.Define(self.stage, f"/Root/{name}")
        shader = UsdShade.Shader.Define(self.stage, f"/Root/{name}/Surface")
        shader.CreateIdAttr("UsdPreviewSurface")
        material.CreateSurfaceOutput().ConnectToSource(shader.ConnectableAPI(), "surface")
        return shader

    def bind(self, name: str = "Paint", purpose: str = UsdShade.Tokens.allPurpose) -> None:
        material = UsdShade.Material(self.stage.GetPrimAtPath(f"/Root/{name}"))
        UsdShade.MaterialBindingAPI.Apply(self.mesh.GetPrim()).Bind(material, materialPurpose=purpose)

    def image(self, file: str, **inputs) -> UsdShade.Shader:
        st = self.primvars.CreatePrimvar("st", Sdf.ValueTypeNames.TexCoord2fArray, "vertex")
        st.Set((UV * (1, -1) + (0, 1)).tolist())
        shader = UsdShade.Shader.Define(self.stage, f"/Root/Paint/{Path(file).stem}")
        shader.CreateIdAttr("UsdUVTexture")
        shader.CreateInput("file", Sdf.ValueTypeNames.Asset).Set(file)
        reader = UsdShade.Shader.Define(self.stage, "/Root/Paint/Reader")
        reader.CreateIdAttr("UsdPrimvarReader_float2")
        reader.CreateInput("varname", Sdf.ValueTypeNames.String).Set("st")
        shader.CreateInput("st", Sdf.ValueTypeNames.Float2).ConnectToSource(reader.ConnectableAPI(), "result")
        for name, value in inputs.items():
            kind = Sdf.ValueTypeNames.Token if isinstance(value, str) else Sdf.ValueTypeNames.Float4
            shader.CreateInput(name, kind).Set(value if isinstance(value, str) else Gf.Vec4f(*value))
        return shader

    def textured(self, file: str, **inputs) -> None:
        color = self.material().CreateInput("diffuseColor", Sdf.ValueTypeNames.Color3f)
        color.ConnectToSource(self.image(file, **inputs).ConnectableAPI(), "rgb")
        self.bind()

    def save(self) -> Path:
        self.stage.GetRootLayer().Save()
        return Path(self.stage.GetRootLayer().realPath)


def test_usd_has_its_layers_and_textures_beside_it(tmp_path):
    """As Blender's export leaves them: textures in a folder."""
    (tmp_path / "parts" / "textures").mkdir(parents=True)
    written(tmp_path / "parts" / "textures", "strip.png", png(STRIP))
    part = Scene(tmp_path / "parts" / "block.usdc")
    part.textured("./textures/strip.png")
    shows(read(part.save()))
    for name, put in (
        ("a.usda", lambda prim: prim.GetReferences().AddReference("./parts/block.usdc")),
        ("b.usda", lambda prim: prim.GetPayloads().AddPayload("parts/block.usdc")),
    ):
        stage = Usd.Stage.CreateNew(str(tmp_path / name))
        UsdGeom.SetStageMetersPerUnit(stage, 1)
        put(stage.DefinePrim("/World"))
        stage.GetRootLayer().Save()
        surface = read(tmp_path / name)
        shows(surface)
        assert surface.notes == ()
    upper = Sdf.Layer.CreateNew(str(tmp_path / "c.usda"))
    upper.subLayerPaths = ["a.usda"]
    upper.Save()
    shows(read(tmp_path / "c.usda"), size=SIZE / 100)  # a layer below does not say the unit for the stage
    (tmp_path / "parts" / "textures" / "strip.png").unlink()
    said = ("Its texture ./textures/strip.png is not in it or beside it, and was not read.",)
    assert read(tmp_path / "a.usda").notes == said


def test_usd_of_blender_asks_for_coordinates_by_a_name_that_they_do_not_have(tmp_path):
    """As Blender's export leaves a texture transform: see findings/blender-usd-uv-map.sh."""
    written(tmp_path, "strip.png", png(STRIP))
    scene = Scene(tmp_path / "a.usda")
    scene.textured("./strip.png")
    reader = UsdShade.Shader(scene.stage.GetPrimAtPath("/Root/Paint/Reader"))
    reader.GetInput("varname").Set("UVMap")
    surface = read(scene.save())
    shows(surface)
    assert surface.notes == ("Its mesh has no texture coordinates UVMap, which its material asks for: st were taken.",)
    # of two it is not known which are meant
    scene.primvars.CreatePrimvar("other", Sdf.ValueTypeNames.TexCoord2fArray, "vertex").Set((UV * 0).tolist())
    surface = read(scene.save())
    assert surface.notes == ()


def test_usd_materials_may_be_for_previews_and_have_inputs_of_their_own(tmp_path):
    scene = Scene(tmp_path / "a.usda")
    shader = scene.material()
    outer = UsdShade.Material(scene.stage.GetPrimAtPath("/Root/Paint"))
    given = outer.CreateInput("base", Sdf.ValueTypeNames.Color3f)
    given.Set(Gf.Vec3f(*to_linear(np.array(RED) / 255)))
    shader.CreateInput("diffuseColor", Sdf.ValueTypeNames.Color3f).ConnectToSource(given)
    shader.CreateInput("clearcoat", Sdf.ValueTypeNames.Float).Set(1.0)
    other = scene.material("Other")
    other.CreateInput("diffuseColor", Sdf.ValueTypeNames.Color3f).Set((0, 0, 0))
    scene.bind("Other", UsdShade.Tokens.full)
    assert (read(scene.save()).color == 0).all()
    scene.bind("Paint", UsdShade.Tokens.preview)
    surface = read(scene.save())
    assert (surface.color == RED).all()
    assert surface.notes == ("Not kept of its materials: clearcoat.",)


def test_usd_textures_are_scaled_and_moved_as_light(tmp_path):
    written(tmp_path, "strip.png", png(STRIP))
    light = to_linear(STRIP / 255)
    half = {"scale": (0.5, 0.5, 0.5, 1), "bias": (0.25, 0.25, 0.25, 0)}
    for number, (inputs, shown) in enumerate(
        (
            ({"sourceColorSpace": "raw"}, STRIP / 255),
            (half, light * 0.5 + 0.25),
            (half | {"sourceColorSpace": "raw"}, STRIP / 255 * 0.5 + 0.25),
        )
    ):
        scene = Scene(tmp_path / f"{number}.usda")
        scene.textured("strip.png", **inputs)
        assert np.abs(to_linear(read(scene.save()).textures[0] / 255) - shown).max() < 0.005
    # y downwards
    written(tmp_path, "lean.png", png(np.full((2, 2, 3), (100, 90, 240), np.uint8)))
    normal = UsdShade.Shader(scene.stage.GetPrimAtPath("/Root/Paint/Surface"))
    normal = normal.CreateInput("normal", Sdf.ValueTypeNames.Normal3f)
    for inputs, shown in (
        ({}, 90),
        ({"scale": (2, 2, 2, 1), "bias": (-1, -1, -1, 0)}, 90),
        ({"scale": (2, -2, 2, 1), "bias": (-1, 1, -1, 0)}, 165),
    ):
        normal.ConnectToSource(scene.image("lean.png", **inputs).ConnectableAPI(), "rgb")
        (material,) = read(scene.save()).materials
        assert material.normal.image[0, 0].tolist() == [100, shown, 240]


def test_usd_holes_are_open_and_what_else_is_not_as_it_looks_is_named(tmp_path):
    scene = Scene(tmp_path / "a.usda", metres=None)
    scene.painted()
    scene.mesh.GetHoleIndicesAttr().Set([0])
    scene.mesh.GetSubdivisionSchemeAttr().Clear()
    sheer = scene.primvars.CreatePrimvar("displayOpacity", Sdf.ValueTypeNames.FloatArray, "constant")
    sheer.Set([0.5])
    surface = read(scene.save())
    assert len(surface.faces) == 10
    assert not (surface.color[surface.faces] == RED).all(axis=2).any()
    assert np.allclose(np.ptp(surface.vertices, axis=0), SIZE / 100)
    assert surface.notes == (
        "It does not say its unit: cm was taken, as USD has it then. If that is wrong, give --unit.",
        "Its subdivision surfaces were read as their cages.",
        SHEER,
    )
    stage = Usd.Stage.CreateNew(str(tmp_path / "b.usda"))
    UsdGeom.Sphere.Define(stage, "/Ball")
    UsdGeom.SetStageMetersPerUnit(stage, 1)
    stage.GetRootLayer().Save()
    with pytest.raises(MeshUnreadable, match=r"no mesh that is read\. Its shapes other than meshes were left out"):
        read(tmp_path / "b.usda")


# --- OBJ, PLY, glTF


def test_obj_and_ply_of_cad_programs_lie_in_millimetres(tmp_path):
    free = "Created by FreeCAD <http://www.freecadweb.org>\n"
    rows = [np.array(place, "<f4").tobytes() for place in LYING * 10]
    lying = ply(XYZ, rows, LIST, QUAD_ROWS, f"comment {free}")
    for name, data in (
        ("a.obj", f"# {free}{obj(points=LYING * 10)}"),
        ("b.obj", f"# Wavefront OBJ file generated by JSCAD\n{obj(points=LYING * 10)}"),
        ("c.ply", lying),
    ):
        path = written(tmp_path, name, data)
        file = read_file(path)
        assert (file.up, file.unit, file.sure) == ("z", "mm", True)
        report = spherelinks.finish(path, texture_size=512, keep_mesh=True).report
        assert (report.dimensions.width, report.dimensions.height) == pytest.approx((0.03, 0.05), rel=1e-4)
        assert not [warning for warning in report.warnings if "say" in warning]


THROUGH = "Only the base colours of its materials were read: not transparency."


@pytest.mark.parametrize(("opacity", "said"), [("1", ()), ("0.5", (THROUGH,))])
def test_obj_of_vtk_has_its_opacity_where_others_have_transparency(tmp_path, opacity, said):
    head = "# wavefront mtl file written by the visualization toolkit\n\n"
    written(tmp_path, "a.mtl", f"{head}newmtl mtl1\nKd 0.5 0.5 0.5\nTr {opacity}\n")
    text = "mtllib a.mtl\n" + obj().replace("f 1", "usemtl mtl1\nf 1", 1)
    assert read(written(tmp_path, "a.obj", text)).notes == said


def test_instances_of_threejs_have_their_colours(tmp_path):
    document, blob = block()
    document["materials"] = [{}]
    blob = add(document, blob, np.array([(0, 0, 0), (10, 0, 0)]))
    blob = add(document, blob, to_linear(np.array([RED, BLUE]) / 255))
    document["nodes"][0]["extensions"] = {"EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": 3, "_COLOR_0": 4}}}
    document["extensionsUsed"] = ["EXT_mesh_gpu_instancing"]
    surface = of(tmp_path, document, blob)
    right = surface.vertices[:, 0] > 5
    assert (surface.color[right] == BLUE).all()
    assert (surface.color[~right] == RED).all()


def test_ply_with_a_texture_and_coordinates_of_another_kind_says_so(tmp_path):
    rows = [np.array(place, "<f4").tobytes() for place in POINTS]
    head = "comment TextureFile strip.png\n"
    surface = read(written(tmp_path, "a.ply", ply(XYZ, rows, LIST, QUAD_ROWS, head)))
    assert surface.notes == ("It names a texture, but has no texture coordinates that are known: none was read.",)
