// model-viewer uses its built-in meshopt decoder only after loading a decoder URL. This file is that URL.
