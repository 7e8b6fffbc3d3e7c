"""Generators: what turns a frame into a shape."""

from spherelinks.generators.base import Camera, Frame, Generator, Volume, available, load

__all__ = ["Camera", "Frame", "Generator", "Volume", "available", "load"]
