"""Presets: good choices of options for a purpose, offered by the dashboard and every editor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Preset:
    """Options by their API names; those left out have their defaults."""

    key: str
    name: str
    purpose: str
    options: dict[str, Any]


PRESETS = (
    Preset("standard", "Standard", "The best all-round choice", {}),
    Preset("draft", "Draft", "A fast preview with few faces", {"textureSize": 512, "simplifyRatio": 0.98}),
    Preset("detailed", "Detailed", "2048 px texture, more faces", {"textureSize": 2048, "simplifyRatio": 0.85}),
    Preset(
        "game",
        "Game prop",
        "Two LODs and a convex collider",
        {"targetFaces": 8000, "lods": [0.5, 0.25], "collider": "convex"},
    ),
)
"""The first is the default."""
