"""Pixel tools: depth and visibility buffers, padding, the sRGB curve."""
