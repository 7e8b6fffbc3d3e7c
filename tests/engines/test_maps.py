"""Engines read from a finished mesh the maps that were put in: rebaked ones as the GLB has them, kept ones as the file
had them; and they draw what is cut out or seen through as such."""

import base64
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import spherelinks
from spherelinks.gltf.document import Document

sys.path[:0] = [str(Path(__file__).parents[1] / "core"), str(Path(__file__).parents[1] / "core" / "formats")]
from test_foreign import SIDES, glb, png, written  # noqa: E402
from test_materials import block  # noqa: E402

pytestmark = pytest.mark.timeout(900)
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def assets(tmp_path_factory):
    """GLBs with all maps, of a mesh that was made anew and of one that was kept."""
    path = written(tmp_path_factory.mktemp("maps"), "block.glb", glb(*block()))
    remade = spherelinks.finish(path, texture_size=512, texture_format="png").glb
    made = {"remade": remade, "kept": spherelinks.finish(path, keep_uv=True).glb}
    return {name: written(path.parent, f"{name}.glb", data) for name, data in made.items()}


@pytest.fixture(params=["remade", "kept"])
def asset(request, assets):
    """One of them, its material, and the pixels of each map by the material's property that has it."""
    path = assets[request.param]
    file = Document(path.read_bytes(), lambda name: None)
    [material] = file.json["materials"]
    rest = material["pbrMetallicRoughness"]
    used = {
        "base": rest["baseColorTexture"],
        "rest": rest["metallicRoughnessTexture"],
        "normal": material["normalTexture"],
        "occlusion": material["occlusionTexture"],
        "emissive": material["emissiveTexture"],
    }
    maps = {}
    for role, info in used.items():
        image = file.image(file.json["textures"][info["index"]]["source"])
        maps[role] = np.asarray(Image.open(io.BytesIO(image)).convert("RGB")).astype(int)
    return path, material, maps


@pytest.fixture(scope="module")
def seen_through(tmp_path_factory):
    """GLBs by their alpha mode: half of each side is cut out, or everything is half transparent."""
    out = tmp_path_factory.mktemp("alpha")
    made = {}
    for name, mode, kept in (("mask", "MASK", True), ("blend", "BLEND", True), ("blend_remade", "BLEND", False)):
        document, blob = block(alphaMode=mode, doubleSided=False)
        pixels = np.repeat(np.repeat(np.array([[(*color, 128) for _, color in SIDES]], np.uint8), 16, 0), 16, 1)
        if mode == "MASK":
            pixels[:8, :, 3], pixels[8:, :, 3] = 0, 255
        picture = png(pixels)
        document["bufferViews"].append({"buffer": 0, "byteOffset": len(blob), "byteLength": len(picture)})
        document["images"][0] = {"bufferView": len(document["bufferViews"]) - 1, "mimeType": "image/png"}
        blob += picture + bytes(-len(picture) % 4)
        document["buffers"] = [{"byteLength": len(blob)}]
        path = written(out, f"{name}.in.glb", glb(document, blob))
        options = {"keep_uv": True} if kept else {"texture_size": 512, "texture_format": "png"}
        made[name] = written(out, f"{name}.glb", spherelinks.finish(path, **options).glb)
    return made


def test_blender_has_every_map(engine, run, asset, tmp_path):
    path, _, maps = asset
    run(engine("blender", "bpy-python-4.5"), HERE / "blender" / "materials.py", tmp_path / "found.npz", path)
    found = {key.split("/")[1]: value for key, value in np.load(tmp_path / "found.npz").items()}
    sockets = {
        "Base Color": "base", "Metallic": "rest", "Roughness": "rest", "Normal": "normal", "Occlusion": "occlusion",
        "Emission": "emissive",
    }  # fmt: skip
    for socket, role in sockets.items():
        assert np.abs(found[socket].astype(int) - maps[role]).max() <= 1, socket
    assert found["strength"] == pytest.approx(4)
    assert not found["culled"]


def test_godot_has_every_map(engine, run, asset, tmp_path):
    path, _, maps = asset
    out = tmp_path / "facts.json"
    done = run(
        engine("godot", "godot", "godot4"),
        *("--headless", "--path", HERE / "godot", "--script", "materials.gd", "--", out, path),
    )
    assert "ERROR" not in done.stderr, done.stderr
    facts = json.loads(out.read_text())
    roles = {name: "rest" if name in ("metallic", "roughness") else name for name in facts["maps"]}
    for name, (width, height, data) in facts["maps"].items():
        pixels = np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 3)
        assert np.abs(pixels.astype(int) - maps[roles[name]]).max() <= 1, name
    assert (facts["metallic"], facts["roughness"]) == (0.5, 0.75)
    assert not facts["culled"]
    assert facts["strength"] == pytest.approx(4)


@pytest.fixture(scope="module", params=["three", "model_viewer"])
def drawn(request, engine, run, assets, seen_through, tmp_path_factory):
    """What three.js or model-viewer makes of each file: its material's settings and maps, and its opacity (H, W)."""
    engine("three", "chromium", "chromium-browser", "google-chrome")
    module = "three" if request.param == "three" else "@google/model-viewer"
    if not (HERE / "three" / "node_modules" / module).is_dir():
        pytest.skip(f"{module} is not installed; scripts/engines.sh three installs it")
    out = tmp_path_factory.mktemp(request.param)
    options = ("--viewer", request.param, "--turns", "30", "--maps")
    probe = (HERE / "three" / "probe.py", out, *assets.values(), *seen_through.values(), *options)
    found = json.loads(run(sys.executable, *probe).stdout)
    key = "materials" if request.param == "three" else "details"
    alpha = {stem: np.asarray(Image.open(entry["pictures"][0]))[..., 3] for stem, entry in found.items()}
    return {stem: (entry[key][0], alpha[stem]) for stem, entry in found.items()}


def test_browsers_have_every_map(drawn, asset):
    path, given, maps = asset
    material, _ = drawn[path.stem]
    for name, url in material["maps"].items():
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGB"))
        role = "rest" if name in ("metallic", "roughness") else name
        assert np.abs(pixels.astype(int) - maps[role]).max() <= 1, name
    strength = given["occlusionTexture"].get("strength", 1)
    assert (material["metallic"], material["roughness"], material["occlusion"]) == (0.5, 0.75, strength)
    assert (material["alpha"], material["doubleSided"]) == ("OPAQUE", True)
    assert material["strength"] * np.array(material["emissive"]) == pytest.approx([4, 2, 1])


def test_browsers_draw_what_is_cut_out_and_what_is_seen_through(drawn):
    whole = drawn["kept"][1] > 127
    material, alpha = drawn["mask"]
    assert (material["alpha"], material["cutoff"], material["opacity"]) == ("MASK", 0.5, 1)
    assert 0.3 < (alpha > 127).sum() / whole.sum() < 0.7
    for name in ("blend", "blend_remade"):
        material, alpha = drawn[name]
        assert material["alpha"] == "BLEND"
        assert 100 < np.median(alpha[whole]) < 200, name


@pytest.mark.parametrize("name", ["mask", "blend_remade"])
def test_blender_and_godot_know_what_is_cut_out_and_what_is_seen_through(engine, run, seen_through, tmp_path, name):
    path = seen_through[name]
    run(engine("blender", "bpy-python-4.5"), HERE / "blender" / "materials.py", tmp_path / "found.npz", path)
    found = {key.split("/")[1]: value for key, value in np.load(tmp_path / "found.npz").items()}
    assert found["transparent"]
    run(
        engine("godot", "godot", "godot4"),
        *("--headless", "--path", HERE / "godot", "--script", "materials.gd", "--", tmp_path / "facts.json", path),
    )
    facts = json.loads((tmp_path / "facts.json").read_text())
    scissor, depth_pre_pass = 2, 4
    assert facts["transparency"] == (scissor if name == "mask" else depth_pre_pass)
    if name == "mask":
        assert facts["cutoff"] == pytest.approx(0.5)
