"""The networks' files, in this folder."""

from __future__ import annotations

from pathlib import Path

from spherelinks.onnx import Files

FOLDER = Path(__file__).parent
LIFT = Files("lift.onnx", "lift.safetensors", ("x",), ("front", "thickness", "profile", "back", "camera"))
FLOW = Files(
    "flow.onnx", "flow.safetensors", ("state", "time", "x", "front", "thickness", "profile", "back"), ("velocity",)
)
GATE = Files("gate.onnx", "gate.safetensors", ("x",), ("shares",))
