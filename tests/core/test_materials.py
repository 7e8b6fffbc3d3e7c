"""Materials that a mesh brings along: rebaked where the mesh is made anew, untouched where it is kept."""

import io
import json
import struct
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from gltf_validator import assert_spotless, validate
from PIL import Image
from pxr import Usd, UsdGeom, UsdShade

import spherelinks
from spherelinks.errors import InvalidOption
from spherelinks.formats.reading import read
from spherelinks.gltf.document import Document
from spherelinks.mesh.nearest import nearest, tree
from spherelinks.shape import Surface
from spherelinks.texture.carry import look_up

sys.path.insert(0, str(Path(__file__).parent / "formats"))
from test_foreign import POINTS, SIDES, SIZE, TRIANGLES, UV, add, glb, png, scene, written

#: Of each side of the block: roughness and metalness; openness; light; where its normal map leans, x and y.
ORM = [(255 - 20 * i, 60 + 30 * i, 20 + 40 * i) for i in range(6)]
GLOW = [(10 + 40 * i, 200 - 30 * i, 90) for i in range(6)]
LEAN = [(0.3, 0.0), (0.0, 0.3), (-0.3, 0.2), (0.2, -0.3), (-0.2, -0.2), (0.0, 0.0)]
BUMPS = [tuple(round(127.5 + 127.5 * v) for v in (x, y, np.sqrt(1 - x * x - y * y))) for x, y in LEAN]
MIDDLES = [(np.mean(corners, axis=0) - (0.5, 0, 0.5)) * SIZE / SIZE.max() for corners, _ in SIDES]


def strip(colors) -> bytes:
    """One square for each side."""
    return png(np.repeat(np.repeat(np.array([colors], np.uint8), 16, axis=0), 16, axis=1))


def block(mirrored: bool = False, **material) -> tuple[dict, bytes]:
    """The block with all maps; `mirrored` sides run leftwards in the texture."""
    uv = np.where(np.arange(24)[:, None] >= 0, UV, 0.0)
    if mirrored:
        uv[:, 0] = (2 * (np.arange(24) // 4) + 1) / 6 - uv[:, 0]
    document, blob = scene({"POSITION": POINTS, "TEXCOORD_0": uv}, TRIANGLES, strip([c for _, c in SIDES]))
    for picture in map(strip, (ORM, GLOW, BUMPS)):
        document["bufferViews"].append({"buffer": 0, "byteOffset": len(blob), "byteLength": len(picture)})
        document["images"].append({"bufferView": len(document["bufferViews"]) - 1, "mimeType": "image/png"})
        document["textures"].append({"source": len(document["images"]) - 1})
        blob += picture + bytes(-len(picture) % 4)
    base = document["materials"][0]["pbrMetallicRoughness"]
    base |= {"metallicRoughnessTexture": {"index": 1}, "metallicFactor": 0.5, "roughnessFactor": 0.75}
    document["materials"][0] |= {
        "occlusionTexture": {"index": 1, "strength": 0.5},
        "emissiveTexture": {"index": 2},
        "emissiveFactor": [1, 0.5, 0.25],
        "normalTexture": {"index": 3},
        "doubleSided": True,
        "extensions": {"KHR_materials_emissive_strength": {"emissiveStrength": 4}},
        **material,
    }
    document["extensionsUsed"] = ["KHR_materials_emissive_strength"]
    document["buffers"] = [{"byteLength": len(blob)}]
    return document, blob


def parts(data: bytes) -> tuple[dict, Surface]:
    """A GLB's document, and its surface as our reader has it."""
    (length,) = struct.unpack_from("<I", data, 12)
    return json.loads(data[20 : 20 + length]), read_bytes(data)


def read_bytes(data: bytes) -> Surface:
    from spherelinks.formats.scene import read_scene

    return read_scene(data, lambda name: None, whole=True)


def seen(surface: Surface, role: str, points=MIDDLES) -> np.ndarray:
    """(6, 3) what a map shows at points of the surface, -1 where there is none."""
    at = nearest(np.array(points, np.float32), tree(surface.vertices, surface.faces))
    rows = []
    for face, weights in zip(at.face, at.weights, strict=True):
        material = surface.materials[surface.material_of[face]]
        one = getattr(material, role)
        uv = (weights[:, None] * (surface.uv, *surface.uvs)[one.uv][surface.faces[face]]).sum(axis=0, keepdims=True)
        rows.append(look_up(one.image, uv.astype(np.float32), one.sampler)[0].astype(int))
    return np.array(rows)


def shaded(surface: Surface, points=MIDDLES) -> np.ndarray:
    """(N, 3) normals at points of the surface as its normal map bends them, by the file's tangents."""
    at = nearest(np.array(points, np.float32), tree(surface.vertices, surface.faces))
    corners, weights = surface.faces[at.face], at.weights[..., None]
    n, t = (np.sum(rows[corners] * weights, axis=1) for rows in (surface.normals, surface.tangents))
    value = seen(surface, "normal", points) / 127.5 - 1
    bent = value[:, :1] * t[:, :3] + value[:, 1:2] * np.cross(n, t[:, :3]) * t[:, 3:] + value[:, 2:] * n
    return bent / np.linalg.norm(bent, axis=1, keepdims=True)


def truth(mirrored: bool) -> np.ndarray:
    rows = []
    for (corners, _), (x, y) in zip(SIDES, LEAN, strict=True):
        p = np.array(corners) * SIZE
        t, b = p[1] - p[0], p[3] - p[0]
        t, b = t / np.linalg.norm(t), b / np.linalg.norm(b)
        # a mirrored side's texture runs leftwards, and up is still up
        rows.append((-x if mirrored else x) * t + y * b + np.sqrt(1 - x * x - y * y) * np.cross(t, b))
    return np.array(rows)


def finished(folder, document, blob, **options) -> tuple[dict, Surface, spherelinks.Asset]:
    path = written(folder, "block.glb", glb(document, blob))
    asset = spherelinks.finish(path, texture_size=512, texture_format="png", dimensions={"longest": 1}, **options)
    return *parts(asset.glb), asset


@pytest.mark.parametrize("mirrored", [False, True], ids=["plain", "mirrored"])
@pytest.mark.parametrize("kept", [False, True], ids=["made anew", "kept mesh"])
def test_every_map_is_rebaked(tmp_path, mirrored, kept):
    document, surface, asset = finished(tmp_path, *block(mirrored), keep_mesh=kept)
    assert_spotless(asset.glb, but=frozenset())
    assert asset.report.warnings == []
    assert len(surface.faces) == 12
    [material] = document["materials"]
    assert material["doubleSided"] is True
    assert np.abs(seen(surface, "base") - [color for _, color in SIDES]).max() <= 1
    orm = np.array(ORM)
    assert np.abs(seen(surface, "metallic_roughness")[:, 1:] - orm[:, 1:]).max() <= 1
    assert np.abs(seen(surface, "occlusion")[:, 0] - (255 + orm[:, 0]) / 2).max() <= 1
    assert np.abs(seen(surface, "emissive") - GLOW).max() <= 1
    found = surface.materials[0]
    assert (found.metallic, found.roughness) == (0.5, 0.75)
    assert found.emission == (4, 2, 1)
    assert np.degrees(np.arccos((shaded(surface) * truth(mirrored)).sum(axis=1).clip(-1, 1))).max() < 1
    assert asset.report["textures"] == {
        "baseColor": 512, "normal": 512, "occlusion": 512, "metallicRoughness": 512, "emissive": 512
    }  # fmt: skip
    assert len(asset.thumbnail) > 1000


def test_a_curved_surface_is_shaded_by_its_own_normals_and_its_map(tmp_path):
    """A ball of few faces, whose smooth normals and whose map are those of a ball with waves."""
    longitude, latitude = np.meshgrid(np.linspace(0, 2 * np.pi, 49), np.linspace(0, np.pi, 25))
    sine = np.sin(latitude).clip(1e-4)
    points = np.stack([sine * np.cos(longitude), np.cos(latitude), -sine * np.sin(longitude)], axis=-1).reshape(-1, 3)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    uv = np.stack([longitude / (2 * np.pi), latitude / np.pi], axis=-1).reshape(-1, 2)
    i = (np.arange(24)[:, None] * 49 + np.arange(48)).ravel()
    faces = np.concatenate([np.stack([i, i + 49, i + 50], axis=1), np.stack([i, i + 50, i + 1], axis=1)])
    x = np.arange(1024) + np.full((512, 1), 0.5)
    waves = 0.35 * np.sin(x / 1024 * 2 * np.pi * 8)
    picture = np.stack([waves, 0 * waves, np.sqrt(1 - waves**2)], axis=-1)
    document, blob = scene(
        {"POSITION": points, "NORMAL": points, "TEXCOORD_0": uv}, faces, png((picture * 127.5 + 128).astype(np.uint8))
    )
    base = document["materials"][0]["pbrMetallicRoughness"]
    document["materials"][0]["normalTexture"] = base.pop("baseColorTexture")
    path = written(tmp_path, "ball.glb", glb(document, blob))
    asset = spherelinks.finish(path, texture_size=1024, target_faces=800, dimensions={"longest": 1})
    surface = read_bytes(asset.glb)
    around, up = np.meshgrid(np.linspace(0.1, 2 * np.pi, 60), np.linspace(-0.6, 0.6, 9))
    out = np.stack([np.cos(up) * np.cos(around), np.sin(up), -np.cos(up) * np.sin(around)], axis=-1).reshape(-1, 3)
    bend = 0.35 * np.sin(around.ravel() * 8)[:, None]
    east = np.stack([-np.sin(around), 0 * around, -np.cos(around)], axis=-1).reshape(-1, 3)
    wanted = bend * east + np.sqrt(1 - bend**2) * out
    found = shaded(surface, out / 2 + (0, 0.5, 0))
    off = np.degrees(np.arccos((found * wanted).sum(axis=1).clip(-1, 1)))
    assert off.mean() < 1.5
    assert np.percentile(off, 95) < 4
    assert np.abs(wanted - out).max() > 0.3


def two_materials(tmp_path, **second) -> Path:
    """The block, whose last three sides have a plain material."""
    document, blob = block()
    faces = np.concatenate([TRIANGLES[3:6], TRIANGLES[9:]])
    first = np.concatenate([TRIANGLES[:3], TRIANGLES[6:9]])
    for some in (first, faces):
        blob = add(document, blob, some.ravel(), "u4")
    [primitive] = document["meshes"][0]["primitives"]
    count = len(document["accessors"])
    document["meshes"][0]["primitives"] = [
        primitive | {"indices": count - 2},
        primitive | {"indices": count - 1, "material": 1},
    ]
    rest = {"baseColorFactor": [0.2, 0.4, 0.6, 0.25], "metallicFactor": 1.0, "roughnessFactor": 0.25}
    document["materials"].append({"name": "glass", "pbrMetallicRoughness": rest, **second})
    return written(tmp_path, "two.glb", glb(document, blob))


def test_several_materials_become_one_atlas(tmp_path):
    path = two_materials(tmp_path, alphaMode="BLEND")
    asset = spherelinks.finish(path, texture_size=512, texture_format="png", dimensions={"longest": 1})
    assert_spotless(asset.glb, but=frozenset())
    document, surface = parts(asset.glb)
    opaque, sheer = document["materials"]
    assert (opaque["alphaMode"], opaque["doubleSided"]) == ("OPAQUE", True)
    assert (sheer["alphaMode"], sheer["doubleSided"]) == ("BLEND", False)
    assert len(document["images"]) == 4  # shared by both
    assert len(surface.faces) == 12
    assert sorted(np.bincount(surface.material_of)) == [6, 6]
    orm = seen(surface, "metallic_roughness")
    assert np.abs(orm[3:] - (255, 255 * 0.25 / 0.75, 255))[:, 1:].max() <= 1
    assert np.abs(orm[:3, 1] - np.array(ORM)[:3, 1]).max() <= 1
    assert np.abs(orm[:3, 2] - np.array(ORM)[:3, 2] / 2).max() <= 1  # of a factor of one half, now one
    assert (seen(surface, "emissive")[3:] == 0).all()
    top = nearest(np.array(MIDDLES[4:5], np.float32), tree(surface.vertices, surface.faces)).face
    glass = surface.materials[surface.material_of[top[0]]]
    assert glass.finish.alpha_mode == "BLEND"
    picture = np.asarray(Image.open(io.BytesIO(Document(asset.glb, lambda name: None).image(0))))
    assert set(np.unique(picture[..., 3])) >= {64, 255}


def test_kept_materials_and_images_are_the_files_own(tmp_path):
    path = two_materials(tmp_path, alphaMode="MASK", alphaCutoff=0.2, extensions={"KHR_materials_unlit": {}})
    before, file = parts(path.read_bytes())[0], Document(path.read_bytes(), lambda name: None)
    asset = spherelinks.finish(path, keep_uv=True, name="two")
    assert validate(asset.glb)["issues"]["numErrors"] == 0
    after, surface = parts(asset.glb)
    new = Document(asset.glb, lambda name: None)
    wanted = {bytes(file.image(k)) for k in range(len(before["images"]))}
    assert {bytes(new.image(k)) for k in range(len(after["images"]))} == wanted
    one, glass = after["materials"]
    assert glass["name"] == "glass"
    assert (glass["alphaMode"], glass["alphaCutoff"]) == ("MASK", 0.2)
    assert "KHR_materials_unlit" in glass["extensions"]
    assert glass["pbrMetallicRoughness"] == before["materials"][1]["pbrMetallicRoughness"]
    for name in ("emissiveFactor", "doubleSided", "extensions"):
        assert one[name] == before["materials"][0][name]
    assert one["occlusionTexture"]["strength"] == 0.5
    old = read(path, whole=True)
    assert np.array_equal(surface.uv[surface.faces], old.uv[old.faces])
    assert np.allclose(np.ptp(surface.vertices, axis=0), SIZE, rtol=1e-6)
    assert np.abs(seen(surface, "emissive", [p * SIZE.max() for p in MIDDLES[:3]]) - GLOW[:3]).max() <= 1
    assert asset.report.textures.normal == 96
    assert len(asset.thumbnail) > 1000
    # as every asset, it can be finished again
    again = spherelinks.finish(written(tmp_path, "again.glb", asset.glb), keep_uv=True, name="two").glb
    assert parts(again)[0]["materials"] == after["materials"]
    assert np.array_equal(read_bytes(again).uv, surface.uv)


@pytest.mark.parametrize(("gamma", "stays"), [(45455, True), (100000, False)])
def test_a_kept_png_keeps_its_pixels_but_no_gamma_that_godot_would_apply(tmp_path, gamma, stays):
    body = b"gAMA" + struct.pack(">I", gamma)
    picture = strip([c for _, c in SIDES])
    tagged = picture[:33] + struct.pack(">I", 4) + body + struct.pack(">I", zlib.crc32(body)) + picture[33:]
    document, blob = scene({"POSITION": POINTS, "TEXCOORD_0": UV}, TRIANGLES, tagged)
    asset = spherelinks.finish(written(tmp_path, "tagged.glb", glb(document, blob)), keep_uv=True)
    image = bytes(Document(asset.glb, lambda name: None).image(0))
    assert image == (tagged if stays else picture)


def test_a_file_of_colours_and_of_numbers_becomes_two_images(tmp_path):
    document, blob = scene({"POSITION": POINTS, "TEXCOORD_0": UV}, TRIANGLES, strip([c for _, c in SIDES]))
    shared = {"index": 0}
    document["materials"][0] |= {"emissiveTexture": shared, "emissiveFactor": [1, 1, 1], "occlusionTexture": shared}
    document["materials"][0]["pbrMetallicRoughness"]["metallicRoughnessTexture"] = shared
    asset = spherelinks.finish(written(tmp_path, "shared.glb", glb(document, blob)), keep_uv=True)
    assert_spotless(asset.glb, but=frozenset({"IMAGE_NPOT_DIMENSIONS"}))
    made = parts(asset.glb)[0]
    material = made["materials"][0]
    base = material["pbrMetallicRoughness"]
    colors = {base["baseColorTexture"]["index"], material["emissiveTexture"]["index"]}
    numbers = {base["metallicRoughnessTexture"]["index"], material["occlusionTexture"]["index"]}
    assert [len(colors), len(numbers), len(colors | numbers)] == [1, 1, 2]
    assert len({texture["source"] for texture in made["textures"]}) == 2
    assert len({image["bufferView"] for image in made["images"]}) == 1


def test_kept_meshes_stay_open_and_refuse_what_needs_another(tmp_path):
    document, blob = block()
    half = TRIANGLES[:3]
    blob = add(document, blob, half.ravel(), "u4")
    document["meshes"][0]["primitives"][0]["indices"] = len(document["accessors"]) - 1
    for kept in ("keep_mesh", "keep_uv"):
        _, surface, asset = finished(tmp_path, document, blob, **{kept: True})
        assert (len(surface.faces), asset.report.watertight) == (3, False)
        for option, value in (("target_faces", 100), ("lods", [0.5]), ("normal_map", True), ("collider", "decomposed")):
            with pytest.raises(InvalidOption, match=option.split("_")[0]):
                finished(tmp_path, document, blob, **{kept: True, option: value})
    assert any("textureSize had no effect" in warning for warning in asset.report["warnings"])
    assert any("texture_size had no effect" in warning for warning in asset.report.warnings)


def test_what_looks_closed_to_exporters_is_opaque(tmp_path):
    document, _, _ = finished(tmp_path, *block(alphaMode="BLEND"))
    assert document["materials"][0]["alphaMode"] == "OPAQUE"


def sampled(image, uv) -> np.ndarray:
    height, width = image.shape[:2]
    column, row = (np.array(uv) * (width, height)).astype(int).clip(0, (width - 1, height - 1)).T
    return image[row, column].astype(float)


def centres(points, faces, uv, places) -> np.ndarray:
    """Where the texture shows the points nearest to some places."""
    at = nearest(np.array(places, np.float32), tree(np.array(points, np.float32), np.array(faces, np.int32)))
    return (np.array(uv)[np.array(faces)[at.face]] * at.weights[..., None]).sum(axis=1)


def in_usdz(path: Path, places) -> list[dict]:
    """What a USDZ's surfaces say at places, each by the mesh that is nearest, read by OpenUSD."""
    stage = Usd.Stage.Open(str(path))
    package = zipfile.ZipFile(path)
    meshes = [UsdGeom.Mesh(prim) for prim in stage.Traverse() if prim.IsA(UsdGeom.Mesh)]
    found = [{} for _ in places]
    points = [np.array(mesh.GetPointsAttr().Get(), np.float32) for mesh in meshes]
    corners = [np.array(mesh.GetFaceVertexIndicesAttr().Get(), np.int32).reshape(-1, 3) for mesh in meshes]
    away = [nearest(np.array(places, np.float32), tree(p, f)).distance for p, f in zip(points, corners, strict=True)]
    for number, mesh in enumerate(meshes):
        here = np.flatnonzero(np.argmin(away, axis=0) == number)
        surface, _, _ = UsdShade.MaterialBindingAPI(mesh).ComputeBoundMaterial()[0].ComputeSurfaceSource()
        st = np.array(UsdGeom.PrimvarsAPI(mesh).GetPrimvar("st").Get()) * (1, -1) + (0, 1)
        at = centres(points[number], corners[number], st, np.array(places)[here])
        for k in here:
            found[k]["doubleSided"] = mesh.GetDoubleSidedAttr().Get()
        for name in surface.GetInputs():
            role, sources = name.GetBaseName(), name.GetConnectedSources()[0]
            if not sources:
                rows = [name.Get()] * len(here)
            else:
                shader = UsdShade.Shader(sources[0].source)
                image = np.asarray(Image.open(package.open(shader.GetInput("file").Get().path)).convert("RGBA")) / 255
                read_at = sampled(image, at)
                if shader.GetInput("sourceColorSpace").Get() == "sRGB":
                    read_at[:, :3] = np.where(
                        read_at[:, :3] <= 0.04045, read_at[:, :3] / 12.92, ((read_at[:, :3] + 0.055) / 1.055) ** 2.4
                    )
                for what, default, how in (("scale", 1, np.multiply), ("bias", 0, np.add)):
                    value = shader.GetInput(what)
                    read_at = how(read_at, np.array(value.Get()) if value else default)
                channel = sources[0].sourceName
                rows = read_at[:, :3] if channel == "rgb" else read_at[:, "rgba".index(channel)]
            for k, row in zip(here, rows, strict=True):
                found[k][role] = row
    return found


def light(levels) -> np.ndarray:
    share = np.array(levels) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def test_a_usdz_has_every_map(tmp_path):
    _, _, asset = finished(tmp_path, *block())
    notes = []
    path = written(tmp_path, "block.usdz", spherelinks.convert(asset.glb, "usdz", notes.append))
    assert notes == []
    orm = np.array(ORM) / 255
    for side, found in enumerate(in_usdz(path, MIDDLES)):
        assert found["doubleSided"]
        assert np.abs(found["diffuseColor"] - light(SIDES[side][1])).max() < 0.01
        assert found["roughness"] == pytest.approx(0.75 * orm[side, 1], abs=0.01)
        assert found["metallic"] == pytest.approx(0.5 * orm[side, 2], abs=0.01)
        assert found["occlusion"] == pytest.approx((1 + orm[side, 0]) / 2, abs=0.01)
        assert np.abs(found["emissiveColor"] - light(GLOW[side]) * (4, 2, 1)).max() < 0.05
        assert "opacity" not in found


def in_obj(data: bytes, places) -> list[dict]:
    """What the materials of an OBJ in its ZIP say at places."""
    archive = zipfile.ZipFile(io.BytesIO(data))
    (mtl,) = (name for name in archive.namelist() if name.endswith(".mtl"))
    materials = {}
    for line in archive.read(mtl).decode().splitlines():
        words = line.split()
        if words[:1] == ["newmtl"]:
            current = materials[words[1]] = {}
        elif words:
            current[words[0]] = words[1:]
    points, uvs, faces, seen, which, material = [], [], [], [], [], ""
    for line in archive.read(mtl.replace(".mtl", ".obj")).decode().splitlines():
        words = line.split()
        if words[:1] == ["v"]:
            points.append([float(word) for word in words[1:]])
        elif words[:1] == ["vt"]:
            uvs.append([float(words[1]), 1 - float(words[2])])
        elif words[:1] == ["usemtl"]:
            material = words[1]
        elif words[:1] == ["f"]:
            faces.append([int(word.split("/")[0]) - 1 for word in words[1:]])
            seen.append([int(word.split("/")[1]) - 1 for word in words[1:]])
            which.append(material)
    at = nearest(np.array(places, np.float32), tree(np.array(points, np.float32), np.array(faces, np.int32)))
    found = []
    for face, weights in zip(at.face, at.weights, strict=True):
        uv = (np.array(uvs)[seen[face]] * weights[:, None]).sum(axis=0)
        row = {}
        for statement, words in materials[which[face]].items():
            if statement.startswith("map_") or statement == "norm":
                image = np.asarray(Image.open(archive.open(words[-1])).convert("RGB"))
                row[statement] = sampled(image, [uv])[0]
            else:
                row[statement] = [float(word) for word in words]
        found.append(row)
    return found


def test_an_obj_has_every_map_but_occlusion_which_is_named(tmp_path):
    _, _, asset = finished(tmp_path, *block())
    notes = []
    data = spherelinks.convert(asset.glb, "obj", notes.append)
    assert notes == ["Left out, as OBJ has no place for it: occlusion map, double-sided faces."]
    for side, found in enumerate(in_obj(data, MIDDLES)):
        assert np.abs(found["map_Kd"] - SIDES[side][1]).max() <= 1
        assert np.abs(found["map_Pr"] - 0.75 * ORM[side][1]).max() <= 2
        assert np.abs(found["map_Pm"] - 0.5 * ORM[side][2]).max() <= 2
        assert found["Ke"] == [4, 2, 1]
        assert np.abs(found["map_Ke"] - GLOW[side]).max() <= 1
        assert np.abs(found["norm"] / 127.5 - 1).max() <= 1.01
    notes.clear()
    with pytest.warns(UserWarning, match="PLY has no place for it: normal map, occlusion map, metalness and roughness"):
        spherelinks.convert(asset.glb, "ply")
    for kind, said in (("stl", "base colour"), ("png", "metalness and roughness")):
        spherelinks.convert(asset.glb, kind, notes.append)
        assert said in notes[-1]
    assert spherelinks.convert(asset.glb, "glb") == asset.glb


@pytest.mark.parametrize("kept", [{"keep_uv": True}, {"keep_mesh": True}, {}], ids=lambda kept: "".join(kept) or "anew")
def test_several_materials_are_converted_each_with_its_own(tmp_path, kept):
    path = two_materials(tmp_path, alphaMode="BLEND", extensions={"KHR_materials_unlit": {}})
    asset = spherelinks.finish(path, texture_size=512, texture_format="png", dimensions={"longest": 1}, **kept)
    notes = []
    usdz = written(tmp_path, "two.usdz", spherelinks.convert(asset.glb, "usdz", notes.append))
    assert notes == ["Left out, as USDZ has no place for it: unlit shading."]
    for side, found in enumerate(in_usdz(usdz, MIDDLES)):
        glass = side >= 3
        assert found["doubleSided"] is not glass
        color = (0.2, 0.4, 0.6) if glass else light(SIDES[side][1])
        assert np.abs(found["diffuseColor"] - color).max() < 0.01
        assert found.get("opacity", 1) == pytest.approx(0.25 if glass else 1, abs=0.01)
        assert found["roughness"] == pytest.approx(0.25 if glass else 0.75 * ORM[side][1] / 255, abs=0.01)
        assert found["metallic"] == pytest.approx(1 if glass else 0.5 * ORM[side][2] / 255, abs=0.01)
        wanted = np.zeros(3) if glass else light(GLOW[side]) * (4, 2, 1)
        assert np.abs(found["emissiveColor"] - wanted).max() < 0.05
    for side, found in enumerate(in_obj(spherelinks.convert(asset.glb, "obj", notes.append), MIDDLES)):
        assert ("map_d" in found) is (side >= 3)
        assert np.abs(found.get("map_d", np.full(3, 64)) - 64).max() <= 1


def test_our_own_usdz_comes_back_with_every_map(tmp_path):
    _, surface, asset = finished(tmp_path, *block())
    path = written(tmp_path, "block.usdz", spherelinks.convert(asset.glb, "usdz"))
    back = read(path)
    assert back.notes == ()
    assert np.allclose(np.ptp(back.vertices, axis=0), np.ptp(surface.vertices, axis=0), atol=1e-6)
    [material] = back.materials
    assert material.finish.double_sided
    assert material.emission == pytest.approx((4, 2, 1))
    assert np.abs(seen(back, "base") - [color for _, color in SIDES]).max() <= 1
    assert np.abs(seen(back, "metallic_roughness")[:, 1] - 0.75 * np.array(ORM)[:, 1]).max() <= 1
    assert np.abs(seen(back, "metallic_roughness")[:, 2] - 0.5 * np.array(ORM)[:, 2]).max() <= 1
    assert np.abs(seen(back, "occlusion")[:, 0] - (255 + np.array(ORM)[:, 0]) / 2).max() <= 1
    assert np.abs(seen(back, "emissive") - GLOW).max() <= 1
    assert material.normal is not None
