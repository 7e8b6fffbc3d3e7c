"""Tools on pixels: depth and visibility buffers, padding, the sRGB curve."""
