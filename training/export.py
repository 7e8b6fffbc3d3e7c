"""Put trained weights into the package: `python -m training.export --checkpoint run/checkpoint.pt`, or
`python -m training.export flow --checkpoint flow/checkpoint.pt`, and likewise for `gate`

Writes the graph without weights (.onnx) and the averaged weights as float16 (.safetensors) under the names that the
network gives its parameters, so that training can begin from them.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from safetensors.numpy import load_file, save_file
from torch import Tensor, nn

from spherelinks.generation.lift import farside
from spherelinks.generation.lift.files import FLOW, FOLDER, GATE, LIFT
from spherelinks.generation.lift.layout import BINS, CHANNELS, COARSE, SIDE, STATE
from spherelinks.onnx import Files
from training.networks.gate import Gate
from training.networks.lift import Network
from training.networks.velocity import Velocity

NETWORKS: dict[str, tuple[type[nn.Module], Files, Path]] = {
    "lift": (Network, LIFT, FOLDER),
    "flow": (Velocity, FLOW, FOLDER),
    "gate": (Gate, GATE, FOLDER),
}
PREFIX = "network."  # of the names in the files: the parameters are those of _Said.network


class _Said(nn.Module):
    """The network's answer, a tensor or a dictionary of them, as the tuple that ONNX wants."""

    def __init__(self, network: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.network, self.names = network, names

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        said = self.network(*inputs)
        return tuple(said[name] for name in self.names) if isinstance(said, dict) else (said,)


def examples(network: nn.Module, side: int = SIDE) -> tuple[Tensor, ...]:
    """Inputs of the shapes that inference gives the network: the picture and its mirror image, or one sample."""
    if isinstance(network, Network):
        return (torch.zeros(2, CHANNELS, side, side),)
    if isinstance(network, Gate):
        return (torch.zeros(1, farside.CHANNELS, farside.CELLS, farside.CELLS),)
    fine, half = (side, side), (side // 2, side // 2)
    shapes = ((STATE, side // COARSE, side // COARSE), (), (CHANNELS, *fine), fine, fine, (BINS, *half), (3, *half))
    return tuple(torch.zeros(1, *shape) for shape in shapes)


def export(network: nn.Module, files: Files, folder: Path, side: int = SIDE) -> None:
    """Write graph and weights of the network into the folder, for pictures of that side."""
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch) / "whole.onnx"
        torch.onnx.export(
            _Said(network, files.outputs).eval(),
            examples(network, side),
            whole,
            input_names=list(files.inputs),
            output_names=list(files.outputs),
            opset_version=18,
            dynamo=True,
            external_data=False,
            optimize=False,  # which would fold transposed weights under other names; ONNX Runtime does it on loading
            verbose=False,
        )
        model = onnx.load(whole)
    separated(model, files, folder)


def separated(model: onnx.ModelProto, files: Files, folder: Path) -> None:
    """Write the model's graph without its weights, and its weights as float16, into the folder."""
    weights = {}
    for tensor in model.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or 0 in tensor.dims:
            continue  # sizes
        weights[tensor.name] = numpy_helper.to_array(tensor).astype(np.float16)
        tensor.ClearField("raw_data")
        tensor.ClearField("float_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        del tensor.external_data[:]
        tensor.external_data.add(key="location", value=files.weights)
    _shorten(model.graph)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / files.graph).write_bytes(model.SerializeToString())
    save_file(weights, folder / files.weights)


def _shorten(graph: onnx.GraphProto) -> None:
    """Leave out what ONNX Runtime works out itself or does not need: half of the file."""
    del graph.value_info[:]
    known = {value.name for values in (graph.initializer, graph.input, graph.output) for value in values} | {""}
    short: dict[str, str] = {}
    for node in graph.node:
        node.ClearField("name")
        node.ClearField("doc_string")
        del node.metadata_props[:]
        for names in (node.input, node.output):
            names[:] = [name if name in known else short.setdefault(name, str(len(short))) for name in names]


def exported(path: Path) -> dict[str, Tensor]:
    """The parameters in a file that `export` wrote, float32, as `load_state_dict` wants them."""
    return {
        name.removeprefix(PREFIX): torch.from_numpy(value.astype(np.float32)) for name, value in load_file(path).items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", nargs="?", choices=list(NETWORKS), default="lift")
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--side", type=int, default=SIDE, choices=(64, 128), help="of the pictures; both parts alike")
    parser.add_argument("--out", type=Path, help="instead of the package")
    a = parser.parse_args()
    make, files, folder = NETWORKS[a.task]
    network, out = make(), a.out or folder
    network.load_state_dict(torch.load(a.checkpoint, map_location="cpu", weights_only=True)["mean"])
    export(network, files, out, a.side)
    for name in (files.graph, files.weights):
        print(out / name, (out / name).stat().st_size, "bytes")


if __name__ == "__main__":
    main()
