"""Size limits of a picture, before and after decoding."""

from __future__ import annotations

MAX_BYTES = 10 * 1024 * 1024
"""Bytes of a picture as it is sent: 10 MB, that is 10 485 760; one more is refused."""

MAX_PIXELS = 40_000_000
"""Width times height by the header; more is refused before any pixel is allocated."""

MAX_SIDE = 2048
"""Longest side that later stages see, px; larger pictures are averaged down to it."""
