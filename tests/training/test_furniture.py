import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("embreex", reason="training needs embreex: training/requirements.txt")

from PIL import Image

from training.data import plan
from training.furniture import LIST, convert, converted, entries
from training.surface import load

NAMES = """
id#1=some#chair
name#1=Chair
category#1=Living room
model#1=/some/chair/chair.obj

id#2=some#poster
name#2 = Poster
category#2 = Miscellaneous
model#2 = /some/poster/poster.obj

id#3=some#chair, in another colour
name#3=Another chair
category#3=Living room
model#3=/some/chair/chair.obj
"""
CHAIR = "mtllib chair.mtl\nv 0 0 0\nv 1 0 0\nv 0 4 0\nv 0 0 1\nusemtl red\nf 1 2 3\nf 1 3 4\nf 1 4 2\nf 2 4 3\n"
CORNERS = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"
POSTER = f"mtllib poster.mtl\n{CORNERS}usemtl print\nf 1/1 2/2 3/3 4/4\n"


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    print_ = np.zeros((600, 1200, 3), np.uint8)
    print_[:300] = (0, 0, 255)  # the upper half blue
    print_[300:] = (0, 255, 0)
    texture = io.BytesIO()
    Image.fromarray(print_).save(texture, "PNG")
    path = tmp_path / "some.sh3f"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(LIST, NAMES.encode("latin-1"))
        file.writestr("some/chair/chair.obj", CHAIR)
        file.writestr("some/chair/chair.mtl", "newmtl red\nKd 1 0.5 0\n")
        file.writestr("some/poster/poster.obj", POSTER)
        file.writestr("some/poster/poster.mtl", "newmtl print\nKd 1 1 1\nmap_Kd print.png\n")
        file.writestr("some/poster/print.png", texture.getvalue())
    return path


def test_every_model_of_the_list_is_named_once() -> None:
    assert [(e.name, e.category, e.model) for e in entries(NAMES)] == [
        ("Chair", "Living room", "some/chair/chair.obj"),
        ("Poster", "Miscellaneous", "some/poster/poster.obj"),
    ]


def test_objects_keep_their_shape_and_colours(catalogue: Path, tmp_path: Path) -> None:
    rows = list(converted(catalogue, tmp_path))
    assert [row["name"] for row in rows] == ["Chair", "Poster"]
    chair, poster = (load(tmp_path / f"{row['id']}.glb") for row in rows)
    np.testing.assert_allclose(np.ptp(chair.points, axis=0), [0.25, 1, 0.25], atol=1e-6)
    np.testing.assert_allclose(chair.tint[0, 0], [1, 0.5, 0], atol=0.01)
    assert poster.textures[0].shape == (256, 512, 3)
    for corner in range(3):  # near each corner of the first triangle, none of them at half the height
        weight = np.full(3, 0.1, np.float32)
        weight[corner] = 0.8
        height = (weight @ poster.corners[0])[1]
        color = poster.color(np.zeros(1, np.int32), weight[1:2], weight[2:3])[0]
        np.testing.assert_allclose(color, [0, 0, 1] if height > 0 else [0, 1, 0], atol=0.05)


def test_what_is_written_can_be_trained_on(catalogue: Path, tmp_path: Path) -> None:
    out = tmp_path / "furniture"
    assert convert([catalogue], out) == 2
    tasks, views = plan([out], [out / "manifest.csv"])
    assert {Path(task.path) for task in tasks} == set(out.glob("*.glb"))
    assert len(views) == sum(task.views for task in tasks)
    assert {view["source"] for view in views} == {"sweethome3d-furniture/some"}
