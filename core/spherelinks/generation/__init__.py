"""Generators, which turn a frame into a shape."""
