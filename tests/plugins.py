"""Plug-ins as others would install them: a module and the metadata of its package."""

from __future__ import annotations

from pathlib import Path

import pytest

TUNED = """
from typing import Literal
import numpy as np
from pydantic import Field
from spherelinks.errors import GeneratorFailed
from spherelinks.generation.card import Card, Needs
from spherelinks.options import Options
from spherelinks.shape import Volume

class TunedOptions(Options):
    ball_size: float = Field(default=0.5, ge=0.1, le=0.9, description="Radius of the ball.")
    finish: Literal["matt", "glossy"] = Field(default="matt", description="How it shines.")
    strict: bool = Field(default=False, description="Fail.")

class Tuned:
    def generate(self, frame, options, progress):
        if options.strict:
            raise GeneratorFailed("strict means no.")
        x, y, z = np.mgrid[-1:1:24j, -1:1:24j, -1:1:24j]
        field = np.sqrt(x**2 + y**2 + z**2) - options.ball_size
        progress(1.0)
        note = f"A ball of {options.ball_size}, {options.finish}."
        color = np.full((24, 24, 24, 3), 128, np.uint8)
        return Volume(field.astype(np.float32), np.full(3, -1.0), 2 / 23, color, notes=(note,))

class Plain:
    def generate(self, frame, options, progress):
        raise GeneratorFailed("plain fails.")

TUNED = Card("tuned", "3", "tuned_plugin:Tuned", licence="MIT", price=5, options=TunedOptions, fallback="inflate")
PLAIN = Card("plain", "1", "tuned_plugin:Plain", fallback="tuned")
"""
"""A generator with options of its own and a price, and one for which it stands in."""


def tuned(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install TUNED."""
    points = {"tuned": "tuned_plugin:TUNED", "plain": "tuned_plugin:PLAIN"}
    install(folder, monkeypatch, "tuned_plugin", TUNED, points)


def install(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    source: str,
    points: dict[str, str],
    group: str = "spherelinks.generators",
) -> None:
    """A package of one module with these entry points; the paths of this process and of its children lead to it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{module}.py").write_text(source)
    describe(folder, module.replace("_", "-"), points, group=group)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=":")


def describe(
    folder: Path, package: str, points: dict[str, str], version: str = "1", group: str = "spherelinks.generators"
) -> None:
    """Write down what pip notes about an installed package: its name, version and entry points."""
    info = folder / f"{package.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    lines = "".join(f"{name} = {value}\n" for name, value in points.items())
    (info / "entry_points.txt").write_text(f"[{group}]\n{lines}")
