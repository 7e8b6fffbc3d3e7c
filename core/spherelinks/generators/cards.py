"""The cards of the built-in generators."""

from __future__ import annotations

from pathlib import Path

from spherelinks.generators.card import Card, Needs

_FOLDER = Path(__file__).parent / "lift"
_MODULES = ("onnxruntime", "safetensors")
_LIFT = (_FOLDER / "lift.onnx", _FOLDER / "lift.safetensors")

INFLATE = Card("inflate", version="1", generator="spherelinks.generators.inflate:Inflate", licence="MIT")
LIFT = Card(
    "lift",
    version="7",
    generator="spherelinks.generators.lift.generator:Lift",
    licence="MIT",
    fallback="inflate",
    needs=Needs(_MODULES, _LIFT, memory_mb=512),
)
LIFT_FLOW = Card(
    "lift-flow",
    version="6",
    generator="spherelinks.generators.lift.generator:LiftFlow",
    licence="MIT",
    fallback="lift",
    heeds=("diffusionSteps", "seed"),
    needs=Needs(_MODULES, (*_LIFT, _FOLDER / "flow.onnx", _FOLDER / "flow.safetensors"), memory_mb=512),
)
