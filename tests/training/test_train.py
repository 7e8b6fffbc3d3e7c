"""From scratch to a generator's files with the real commands, in small: build, train, stop, resume, export."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs torch: training/requirements.txt")
pytest.importorskip("onnx", reason="training needs onnx: training/requirements.txt")
pytest.importorskip("onnxscript", reason="training needs onnxscript: training/requirements.txt")
pytest.importorskip("embreex", reason="training needs embreex: training/requirements.txt")

import torch

from spherelinks.generation.lift import farside
from spherelinks.generation.lift.files import FLOW, GATE, LIFT
from spherelinks.generation.lift.layout import CHANNELS, SIDE
from spherelinks.onnx import session
from training.batches import Views
from training.export import examples, export, exported
from training.farsides import FarSides
from training.networks.gate import Gate
from training.networks.lift import Network
from training.networks.velocity import Velocity
from training.train import orthogonal

ROOT = Path(__file__).parents[2]


def _run(module: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, *words], cwd=ROOT, capture_output=True, text=True, timeout=280,
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'core'}{os.pathsep}{ROOT}", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    _run("training.data", "--procedural", "3", "--out", str(folder), "--processes", "1")
    return folder


def test_batches_are_what_the_network_takes(data: Path) -> None:
    views = Views([data], ())
    assert len(views) == 9
    batch = views.some(4, np.random.default_rng(0))
    assert batch["x"].shape == (4, CHANNELS, 64, 64)
    assert batch["front"].shape == (4, 64, 64)
    assert batch["profile"].shape[2:] == (32, 32)
    for name, field in batch.items():
        assert torch.isfinite(field).all(), name
    again = views.some(4, np.random.default_rng(0))
    assert all(torch.equal(batch[name], again[name]) for name in batch)


def test_a_run_can_be_stopped_and_gone_on_with_and_exported(data: Path, tmp_path: Path) -> None:
    words = ("--data", str(data), "--out", str(tmp_path / "run"), "--minutes", "0.02", "--batch", "2", "--everything")
    words += ("--hold-out", "training/shapes.py")
    _run("training.train", *words)
    first = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["step"]
    assert f"step {first}" in _run("training.train", *words)
    with (tmp_path / "run" / "curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    assert float(rows[1]["minutes"]) > float(rows[0]["minutes"])

    _run("training.export", "--checkpoint", str(tmp_path / "run" / "checkpoint.pt"), "--out", str(tmp_path))
    network = Network()
    network.load_state_dict(torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["mean"])
    x = torch.rand(1, CHANNELS, SIDE, SIDE)
    with torch.no_grad():
        predicted = network.eval()(x)
    for name, value in zip(
        LIFT.outputs, session(LIFT, tmp_path).run(list(LIFT.outputs), {"x": x.numpy()}), strict=True
    ):
        np.testing.assert_allclose(value, predicted[name].numpy(), atol=0.02, err_msg=name)  # float16 weights


def test_a_run_goes_on_with_larger_pictures_and_counts_its_views(tmp_path: Path) -> None:
    """Cheap views first, then of the size that the network is made for."""
    states = []
    for side, batch, rates in ((32, 3, ("--end", "0.3")), (64, 2, ("--rate", "0.3"))):
        data = tmp_path / str(side)
        _run("training.data", "--procedural", "1", "--side", str(side), "--out", str(data), "--processes", "1")
        _run(
            "training.train", "--data", str(data), "--judges", str(data), "--out", str(tmp_path), "--minutes", "0.02",
            "--batch", str(batch), "--everything", *rates,
        )  # fmt: skip
        states.append(torch.load(tmp_path / "checkpoint.pt", weights_only=True))
    first, last = states
    assert first["samples"] == 3 * first["step"] > 0
    assert last["samples"] == first["samples"] + 2 * (last["step"] - first["step"]) > first["samples"]


def test_the_sampler_trains_and_training_begins_from_exported_weights(data: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Velocity()
    torch.nn.init.normal_(network.last.weight, std=0.1)
    export(network, FLOW, tmp_path)
    for name, value in exported(tmp_path / FLOW.weights).items():
        torch.testing.assert_close(value, network.state_dict()[name], atol=1e-3, rtol=1e-3)
    inputs = [torch.rand_like(example) for example in examples(network)]
    given = {name: value.numpy() for name, value in zip(FLOW.inputs, inputs, strict=True)}
    with torch.no_grad():
        np.testing.assert_allclose(
            session(FLOW, tmp_path).run(None, given)[0], network(*inputs).numpy(), atol=0.02, err_msg="velocity"
        )
    _run(
        "training.train", "flow", "--data", str(data), "--out", str(tmp_path / "flow"), "--minutes", "0.02", "--batch",
        "2", "--everything", "--hold-out", "training/shapes.py", "--from-weights", str(tmp_path / FLOW.weights),
        "--loaders", "1", "--device", "cpu",
    )  # fmt: skip
    with (tmp_path / "flow" / "curve.csv").open() as file:
        assert all(np.isfinite(float(value)) for row in csv.DictReader(file) for value in row.values())


def test_the_gate_trains_on_far_sides_and_is_exported(data: Path, tmp_path: Path) -> None:
    assert "9 views" in _run("training.farsides", str(data))
    batch = FarSides([data], ()).some(6, np.random.default_rng(0))
    assert batch["x"].shape == (6, farside.CHANNELS, farside.CELLS, farside.CELLS)
    assert batch["sources"].shape == (6, len(farside.SOURCES), 3, farside.CELLS, farside.CELLS)
    assert batch["far"].shape == (6, 3, farside.CELLS, farside.CELLS)
    for name in ("sources", "far", "seen"):
        assert 0 <= batch[name].min() < batch[name].max() <= 1, name
    _run(
        "training.train", "gate", "--data", str(data), "--out", str(tmp_path / "run"), "--minutes", "0.02",
        "--batch", "2", "--everything", "--hold-out", "training/shapes.py", "--device", "cpu",
    )  # fmt: skip
    _run("training.export", "gate", "--checkpoint", str(tmp_path / "run" / "checkpoint.pt"), "--out", str(tmp_path))
    network = Gate()
    network.load_state_dict(torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["mean"])
    x = torch.randn(1, farside.CHANNELS, farside.CELLS, farside.CELLS)
    with torch.no_grad():
        predicted = network.eval()(x)
    (shares,) = session(GATE, tmp_path).run(None, {"x": x.numpy()})
    np.testing.assert_allclose(shares, predicted.numpy(), atol=0.02)  # float16 weights


def test_orthogonal_is_about_orthogonal() -> None:
    torch.manual_seed(0)
    for shape in ((20, 50), (50, 20)):
        values = torch.linalg.svdvals(orthogonal(torch.randn(shape)))
        assert values.min() > 0.5
        assert values.max() < 1.4
