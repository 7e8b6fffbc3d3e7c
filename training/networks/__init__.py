"""The networks in PyTorch, as they are trained; the package runs what training/export.py exports."""
