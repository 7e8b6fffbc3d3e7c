"""Our GLB files of every form, against what glTFast's source says it reads and what the package makes of them."""

import re
from pathlib import Path

import pytest
import trimesh

import spherelinks

DOCS = Path(__file__).resolve().parents[2] / "docs" / "unity.md"
SUPPORTED = {
    *("KHR_materials_pbrSpecularGlossiness", "KHR_materials_unlit", "KHR_materials_variants", "KHR_texture_transform"),
    *("KHR_mesh_quantization", "KHR_materials_transmission", "EXT_mesh_gpu_instancing", "KHR_lights_punctual"),
    "KHR_materials_clearcoat",
}
"""k_SupportedExtensions of Runtime/Scripts/GltfImport.cs in glTFast 6.14, without what further packages add."""

FORMS = {
    "plain": {},
    "lods": {"lods": [0.5, 0.25]},
    "collider box": {"collider": "box"},
    "collider convex": {"collider": "convex", "lods": [0.5]},
    "collider decomposed": {"collider": "decomposed"},
    "normalMap": {"normal_map": True},
    "textureFormat png": {"texture_format": "png"},
    "textureFormat webp": {"texture_format": "webp"},
    "compression quantized": {"compression": "quantized", "lods": [0.5]},
    "compression meshopt": {"compression": "meshopt"},
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A GLB of each form, as finish writes it."""
    folder = tmp_path_factory.mktemp("forms")
    ball = trimesh.creation.icosphere(subdivisions=2)
    made = {}
    for name, options in FORMS.items():
        made[name] = folder / f"{name}.glb"
        spherelinks.finish((ball.vertices, ball.faces), texture_size=512, **options).save(made[name])
    return made


@pytest.fixture(scope="module")
def contents(runtime, files):
    return dict(zip(files, runtime.ask("glb", paths=[str(path) for path in files.values()]), strict=True))


def test_the_table_says_what_gltfast_reads(contents):
    table = dict(re.findall(r"^\| ([\w ]+) \| .*\| (yes|refused) \|", DOCS.read_text("utf-8"), re.M))
    read = {name: "yes" if set(each["required"]) <= SUPPORTED else "refused" for name, each in contents.items()}
    assert table == read


@pytest.mark.parametrize("name", FORMS)
def test_levels_and_colliders_are_found(contents, name):
    levels, colliders = contents[name]["levels"], contents[name]["colliders"]
    assert len(levels) == 1 + len(FORMS[name].get("lods", []))
    assert len({level["mesh"] for level in levels}) == len(levels)
    assert all(level["material"] for level in levels)
    kind = FORMS[name].get("collider", "none")
    assert len(colliders) == 0 if kind == "none" else len(colliders) >= 1


def test_quantized_levels_bring_the_scale_that_their_meshes_need(contents):
    for level in contents["compression quantized"]["levels"]:
        assert max(level["scale"]) < 1e-3
