"""Engines read from a finished mesh the maps that were put in: rebaked ones as the GLB has them, kept ones as the file
had them."""

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
from test_foreign import glb, written  # noqa: E402
from test_materials import block  # noqa: E402

pytestmark = pytest.mark.timeout(900)
HERE = Path(__file__).parent


@pytest.fixture(scope="module", params=["remade", "kept"])
def asset(request, tmp_path_factory):
    """A GLB with all maps, and the pixels of each by the material's property that has it."""
    path = written(tmp_path_factory.mktemp("maps"), "block.glb", glb(*block()))
    kept = request.param == "kept"
    data = spherelinks.finish(
        path, keep_uv=kept, **({} if kept else {"texture_size": 512, "texture_format": "png"})
    ).glb
    file = Document(data, lambda name: None)
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
    out = path.with_name("asset.glb")
    out.write_bytes(data)
    return out, maps


def test_blender_has_every_map(engine, run, asset, tmp_path):
    path, maps = asset
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
    path, maps = asset
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
