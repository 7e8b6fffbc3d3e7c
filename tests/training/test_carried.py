"""Objects to carry: chosen by kind and family, small, and what they were; and a network that begins where `lift` is."""

import csv
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("embreex", reason="training needs embreex: training/requirements.txt")
pytest.importorskip("meshoptimizer", reason="training needs meshoptimizer: training/requirements.txt")

import trimesh
from PIL import Image

from training import data
from training.carried import chosen, pack
from training.surface import load


def test_few_of_a_family_and_all_kinds_come_first() -> None:
    rows = [{"id": f"s{i}", "name": f"Brand_{i}", "source": "scans", "kind": "scan"} for i in range(30)]
    rows += [{"id": f"o{i}", "name": f"thing{i}", "source": "scans", "kind": "scan"} for i in range(10)]
    rows += [{"id": f"v{i}", "name": f"Brand_{i}", "source": "voxels", "kind": "voxel"} for i in range(30)]
    order = chosen(rows, family=4)
    kinds = [row["kind"] for row in order]
    assert (kinds.count("scan"), kinds.count("voxel")) == (4 + 10, 30)
    assert sum(row["name"].startswith("Brand") and row["kind"] == "scan" for row in order) == 4
    assert kinds[:10].count("voxel") in (1, 2)
    assert order == chosen(rows[::-1], family=4)


def test_a_packed_object_is_the_object(tmp_path: Path) -> None:
    glbs, out = tmp_path / "glbs", tmp_path / "kit"
    glbs.mkdir()
    ball = trimesh.creation.uv_sphere(1.0, count=[64, 64])
    picture = Image.fromarray((np.indices((300, 300)).transpose(1, 2, 0)[..., [0, 1, 1]] * 0.8).astype(np.uint8))
    around = ball.vertices[:, :2] / 2 + 0.5
    ball.visual = trimesh.visual.TextureVisuals(
        around, material=trimesh.visual.material.PBRMaterial(baseColorTexture=picture)
    )
    box = trimesh.creation.box((1, 2, 3))
    box.visual.vertex_colors = np.tile([200, 30, 90, 255], (8, 1))
    trimesh.Scene([ball, box]).export(glbs / "both.glb")
    box.export(glbs / "box.glb")
    rows = [{"id": name, "name": name, "source": "tests", "kind": "scan"} for name in ("both", "box")]
    assert pack(glbs, rows, out, parts=2, size=30_000, faces=2000, pixels=128) == {"scan": 2}

    assert len(load(next(out.glob("*/both.npz"))).corners) < len(load(glbs / "both.glb").corners) / 2
    for row in rows:
        ours, theirs = load(next(out.glob(f"*/{row['id']}.npz"))), load(glbs / f"{row['id']}.glb")
        rng = np.random.default_rng(0)
        near = theirs.sample(3000, rng)
        away = np.linalg.norm(ours.sample(20000, rng)[:, None, :] - near[None, :200], axis=2).min(0)
        assert away.max() < 0.03
        middles = [np.full(len(each.corners), 1 / 3, np.float32) for each in (ours, theirs)]
        colours = [
            each.color(np.arange(len(each.corners), dtype=np.int32), middle, middle).mean(0)
            for each, middle in zip((ours, theirs), middles, strict=True)
        ]
        np.testing.assert_allclose(*colours, atol=0.08)
    with pytest.raises(FileExistsError):
        pack(glbs, rows, out, parts=1, size=10_000, faces=2000, pixels=128)

    parts = sorted(out.iterdir())
    tasks, planned = data.plan(parts, [part / "manifest.csv" for part in parts])
    assert {task.path for task in tasks} == {str(path) for path in out.glob("*/*.npz")}
    assert {row["name"] for row in planned} == {"both", "box"}
    listed = [row["id"] for part in parts for row in csv.DictReader((part / "manifest.csv").open())]
    assert listed == ["both", "box"]


def test_the_encoder_begins_as_if_it_were_not_there() -> None:
    torch = pytest.importorskip("torch", reason="training needs torch: training/requirements.txt")
    pytest.importorskip("efficientnet_lite_pytorch", reason="training needs it: training/requirements.txt")
    from spherelinks.generation.lift.layout import channels
    from training.networks.lift import Network
    from training.networks.pretrained import WIDTHS, Pretrained, picture

    rng = np.random.default_rng(0)
    rgb, matte = rng.random((128, 128, 3), np.float32), np.zeros((128, 128), np.float32)
    matte[20:100, 30:110] = rng.random((80, 80))
    x = torch.from_numpy(channels(rgb, matte))[None]
    shown = picture(x)
    np.testing.assert_allclose(shown[0].permute(1, 2, 0).numpy(), (2 * rgb - 1) * matte[..., None], atol=1e-5)
    alone, helped = Network(), Pretrained()
    assert not helped.load_state_dict(alone.state_dict(), strict=False).unexpected_keys
    assert [each.shape[1:] for each in helped.encoder(shown)] == [(c, 32 >> i, 32 >> i) for i, c in enumerate(WIDTHS)]
    statistics = [each.clone() for each in helped.encoder.buffers()]
    helped.train()
    wanted, made = alone.eval()(x), helped(x)
    sum(value.sum() for value in made.values()).backward()
    assert all(torch.equal(a, b) for a, b in zip(statistics, helped.encoder.buffers(), strict=True))
    assert all(part.weight.grad.abs().sum() > 0 for part in helped.reads)
    with torch.no_grad():
        made = helped.eval()(x)
        assert all(torch.allclose(made[name], wanted[name], atol=1e-5) for name in wanted)
        helped.reads[0].weight.fill_(0.1)
        assert not torch.allclose(helped(x)["front"], wanted["front"], atol=1e-5)
