"""Pictures that a GPU makes from its views: those of `training.batches`, drawn by their own seed."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs torch: training/requirements.txt")
pytest.importorskip("embreex", reason="training needs embreex: training/requirements.txt")

import torch

from training import data, pictures, resident
from training.batches import Views, collated
from training.resident import Resident

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    tasks, rows = data.invent(4)
    data.create(folder, rows, 64)
    arrays = data.opened(folder, "r+")
    assert [data.fill(arrays, task) for task in tasks] == [""] * 4
    return folder


def _fields(folder: Path) -> pictures.Fields:
    return {name: torch.from_numpy(np.array(array)) for name, array in data.opened(folder).items() if name != "done"}


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_plain_pictures_are_those_of_batches(folder: Path) -> None:
    views = Views([folder], ())
    theirs = collated([views.one(i, np.random.default_rng(0), vary=False) for i in range(len(views))])
    ours = pictures.batch(_fields(folder), None)
    assert ours.keys() == theirs.keys()
    for name, field in theirs.items():
        assert ours[name].shape == field.shape, name
        # light is looked up in a table there, and the balloon relaxed in another order
        assert (ours[name] - field).abs().mean() < 1e-3, name


def test_pictures_are_the_seeds_and_differ(folder: Path) -> None:
    fields = _fields(folder)
    one, same, other = (pictures.batch(fields, _seeded(seed)) for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert (one["x"][:, :3] - other["x"][:, :3]).abs().mean() > 0.01
    assert one["x"][:, :4].abs().max() <= 1
    assert all(torch.isfinite(field).all() for field in one.values())


def test_mirrors_turn_picture_and_truth_alike(folder: Path) -> None:
    plain = {name: field for name, field in pictures.batch(_fields(folder), None).items() if field.ndim > 1}
    turned = pictures.mirrored(plain, torch.arange(len(plain["x"])) % 2 == 0)
    again = pictures.mirrored(turned, torch.arange(len(plain["x"])) % 2 == 0)
    for name, field in plain.items():
        assert torch.equal(again[name], field), name
        assert torch.equal(turned[name][1::2], field[1::2]), name
    assert torch.equal(turned["front"][0], plain["front"][0].flip(-1))
    # the input of a mirrored picture, made from that picture itself
    rgb, matte = torch.rand(2, 3, 128, 128), (torch.rand(2, 128, 128) > 0.3).float()
    x = pictures.channels(rgb, matte)
    mirror = pictures.channels(rgb.flip(-1), matte.flip(-1))
    assert torch.allclose(pictures.mirrored({"x": x}, torch.ones(2, dtype=torch.bool))["x"], mirror, atol=1e-4)


def test_a_set_that_grows_is_brought_by_and_by(folder: Path, tmp_path: Path) -> None:
    rows = json.loads((folder / "rows.json").read_text())
    data.create(tmp_path, rows, 64)
    whole, arrays = data.opened(folder), data.opened(tmp_path, "r+")
    for name in ("done", *(name for name in arrays if name != "done")):
        arrays[name][:3] = whole[name][:3]  # type: ignore[index]
    kept = Resident(Views([tmp_path], ()), CPU, 0)
    assert len(kept) == 3
    for name in arrays:
        arrays[name][3:] = whole[name][3:]  # type: ignore[index]
    kept.refresh()
    assert len(kept) == 12
    order = torch.from_numpy(np.array(whole["tangent"])).argsort()  # it tells views apart
    assert torch.equal(
        kept.fields["front"][kept.fields["tangent"].argsort()], torch.from_numpy(np.array(whole["front"]))[order]
    )


def test_a_set_that_is_too_large_is_exchanged(folder: Path) -> None:
    whole = {name: torch.from_numpy(np.array(array)) for name, array in data.opened(folder).items()}
    kept = Resident(Views([folder], ()), CPU, 0, room=7)
    shown = set()
    for _ in range(6):
        kept.refresh()
        assert len(kept) == 7
        for i in range(7):  # every view in one piece, wherever it now stands
            row = int((whole["tangent"] == kept.fields["tangent"][i]).nonzero()[0, 0])
            assert all(torch.equal(kept.fields[name][i], whole[name][row]) for name in kept.names)
            shown.add(row)
    assert shown == set(range(12))


def test_batches_are_drawn_by_kind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    views = Views([folder], ())
    views.kinds[0][:] = np.array(["scan"] + ["procedural"] * 11)
    monkeypatch.setattr(resident, "MIX", {"scan": 0.75, "procedural": 0.25})
    kept = Resident(views, CPU, 0)
    scans = kept.fields["tangent"][0]
    drawn = torch.cat([kept.some(8)["tangent"] for _ in range(25)])
    assert (drawn == scans).float().mean() == pytest.approx(0.75, abs=0.12)
    batch = next(kept.batches(2))
    assert batch["x"].shape == (2, 20, 64, 64)
