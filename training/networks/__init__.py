"""The networks as they are trained, in PyTorch; the package runs what training/export.py makes of them."""
