"""Generators: what turns a frame into a shape."""
