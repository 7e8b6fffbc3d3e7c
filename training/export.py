"""Export trained weights into the package:

    python -m training.export --checkpoint run/checkpoint.pt
    python -m training.export flow --checkpoint flow/checkpoint.pt
    python -m training.export gate --checkpoint gate/checkpoint.pt

Writes the graph without weights (.onnx) and the averaged weights as float16 (.safetensors), under the network's own
parameter names, so that training can start from them.
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
PREFIX = "network."  # of the names in the files: the parameters are those of _Outputs.network


class _Outputs(nn.Module):
    """A network whose output, a tensor or a dictionary of tensors, comes as the tuple that ONNX export wants."""

    def __init__(self, network: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.network, self.names = network, names

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        out = self.network(*inputs)
        return tuple(out[name] for name in self.names) if isinstance(out, dict) else (out,)


def examples(network: nn.Module, side: int = SIDE) -> tuple[Tensor, ...]:
    """Zeros in the shapes that inference feeds the network: one picture, or one sample."""
    if isinstance(network, Network):
        return (torch.zeros(1, CHANNELS, side, side),)
    if isinstance(network, Gate):
        return (torch.zeros(1, farside.CHANNELS, farside.CELLS, farside.CELLS),)
    fine, half = (side, side), (side // 2, side // 2)
    shapes = ((STATE, side // COARSE, side // COARSE), (), (CHANNELS, *fine), fine, fine, (BINS, *half), (3, *half))
    return tuple(torch.zeros(1, *shape) for shape in shapes)


def export(network: nn.Module, files: Files, folder: Path, side: int = SIDE) -> None:
    """Write the network's graph and weights into the folder, for pictures of `side` pixels."""
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch) / "whole.onnx"
        torch.onnx.export(
            _Outputs(network, files.outputs).eval(),
            examples(network, side),
            whole,
            input_names=list(files.inputs),
            output_names=list(files.outputs),
            opset_version=18,
            dynamo=True,
            external_data=False,
            optimize=False,  # would rename the weights it transposes; ONNX Runtime optimises on loading
            verbose=False,
        )
        model = onnx.load(whole)
    separated(model, files, folder)


def separated(model: onnx.ModelProto, files: Files, folder: Path) -> None:
    """Write the model's graph without weights, and its weights as float16, into the folder."""
    weights = {}
    for tensor in model.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or 0 in tensor.dims:
            continue  # shapes and the like, which stay in the graph
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
    """Drop what ONNX Runtime infers by itself or does not need: half of the file."""
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
    """The parameters in a file written by `export`, as float32, ready for `load_state_dict`."""
    return {
        name.removeprefix(PREFIX): torch.from_numpy(value.astype(np.float32)) for name, value in load_file(path).items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", nargs="?", choices=["lite", *NETWORKS], default="lift")
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument(
        "--side",
        type=int,
        default=SIDE,
        choices=(64, 128),
        help="side of the pictures in pixels; the same for lift and flow",
    )
    parser.add_argument("--out", type=Path, help="folder to write to; default: the package")
    a = parser.parse_args()
    if a.task == "lite":
        from training.networks.pretrained import Pretrained

        make, files, folder = Pretrained, LIFT, FOLDER
    else:
        make, files, folder = NETWORKS[a.task]
    network, out = make(), a.out or folder
    network.load_state_dict(torch.load(a.checkpoint, map_location="cpu", weights_only=True)["mean"])
    export(network, files, out, a.side)
    for name in (files.graph, files.weights):
        print(out / name, (out / name).stat().st_size, "bytes")


if __name__ == "__main__":
    main()
