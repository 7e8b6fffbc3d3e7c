"""The cards of the built-in generators."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from spherelinks.generation.card import Card, Needs
from spherelinks.options import Options

_FOLDER = Path(__file__).parent / "lift"
_MODULES = ("onnxruntime", "safetensors")
_LIFT = tuple(_FOLDER / name for name in ("lift.onnx", "lift.safetensors", "gate.onnx", "gate.safetensors"))


class LiftOptions(Options):
    """Options of `lift` and `lift-flow`."""

    far_side: Literal["auto", "plain"] = Field(
        default="auto",
        description="Colours of what the picture does not show: auto copies the regions of the picture that are "
        "likely to be there, too, and leaves out others, such as faces; plain keeps to smooth colours.",
    )


INFLATE = Card("inflate", version="1", generator="spherelinks.generation.inflate:Inflate", licence="MIT")
LIFT = Card(
    "lift",
    version="14",
    generator="spherelinks.generation.lift.generator:Lift",
    licence="MIT",
    fallback="inflate",
    options=LiftOptions,
    needs=Needs(_MODULES, _LIFT, memory_mb=512),
    views=True,
)
LIFT_FLOW = Card(
    "lift-flow",
    version="13",
    generator="spherelinks.generation.lift.generator:LiftFlow",
    licence="MIT",
    fallback="lift",
    heeds=("diffusionSteps", "seed"),
    options=LiftOptions,
    needs=Needs(_MODULES, (*_LIFT, _FOLDER / "flow.onnx", _FOLDER / "flow.safetensors"), memory_mb=512),
    views=True,
)
