"""Put trained weights into the package: `python -m training.export --checkpoint run/checkpoint.pt`

Writes lift.onnx, the graph without weights, and lift.safetensors, the averaged weights as float16.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from safetensors.numpy import save_file
from torch import Tensor, nn

from spherelinks.generators.lift.generator import FOLDER, GRAPH, OUTPUTS, WEIGHTS
from spherelinks.generators.lift.layout import CHANNELS, SIDE
from spherelinks.generators.lift.network import Network

SMALL = 64  # constants of fewer numbers stay in the graph


class _Said(nn.Module):
    """The network's dictionary as the tuple that ONNX wants."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        said = self.network(x)
        return tuple(said[name] for name in OUTPUTS)


def export(network: Network, folder: Path) -> None:
    """Write GRAPH and WEIGHTS of the network into the folder."""
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch) / "whole.onnx"
        torch.onnx.export(
            _Said(network).eval(),
            (torch.zeros(2, CHANNELS, SIDE, SIDE),),
            whole,
            input_names=["x"],
            output_names=list(OUTPUTS),
            opset_version=18,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        model = onnx.load(whole)
    weights = {}
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and np.prod(tensor.dims) >= SMALL:
            weights[tensor.name] = numpy_helper.to_array(tensor).astype(np.float16)
            tensor.ClearField("raw_data")
            tensor.ClearField("float_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
            del tensor.external_data[:]
            tensor.external_data.add(key="location", value=WEIGHTS)
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / GRAPH).write_bytes(model.SerializeToString())
    save_file(weights, folder / WEIGHTS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=FOLDER)
    a = parser.parse_args()
    network = Network()
    network.load_state_dict(torch.load(a.checkpoint, map_location="cpu", weights_only=True)["mean"])
    export(network, a.out)
    for name in (GRAPH, WEIGHTS):
        print(a.out / name, (a.out / name).stat().st_size, "bytes")


if __name__ == "__main__":
    main()
