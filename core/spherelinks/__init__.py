"""SphereLinks: one picture in, one textured, game-ready GLB out.

>>> import spherelinks
>>> asset = spherelinks.generate("mug.png", texture_size=2048)  # doctest: +SKIP
>>> asset.save("mug.glb")  # doctest: +SKIP
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING

if _TYPE_CHECKING:
    from spherelinks.errors import (
        Cancelled,
        GenerationError,
        GeneratorFailed,
        InvalidOption,
        InvalidRequest,
        MeshUnreadable,
        NoObject,
        PictureError,
        PictureMismatch,
        PictureTooLarge,
        PictureUnreadable,
        SphereLinksError,
    )
    from spherelinks.formats.writing import convert
    from spherelinks.generation.registry import available as generators
    from spherelinks.options import Dimensions, Options
    from spherelinks.pipeline import Asset, finish, generate, warm_up
    from spherelinks.report import Report
    from spherelinks.shape import Surface

    __version__: str

_HOMES = {
    "spherelinks.pipeline": ("Asset", "finish", "generate", "warm_up"),
    "spherelinks.options": ("Dimensions", "Options"),
    "spherelinks.report": ("Report",),
    "spherelinks.shape": ("Surface",),
    "spherelinks.formats.writing": ("convert",),
    "spherelinks.errors": (
        "Cancelled",
        "GenerationError",
        "GeneratorFailed",
        "InvalidOption",
        "InvalidRequest",
        "MeshUnreadable",
        "NoObject",
        "PictureError",
        "PictureMismatch",
        "PictureTooLarge",
        "PictureUnreadable",
        "SphereLinksError",
    ),
}

__all__ = [  # noqa: RUF022 - in the order in which one meets them
    "generate",
    "finish",
    "convert",
    "generators",
    "warm_up",
    "Asset",
    "Report",
    "Options",
    "Dimensions",
    "Surface",
    "SphereLinksError",
    "InvalidRequest",
    "InvalidOption",
    "MeshUnreadable",
    "PictureError",
    "PictureTooLarge",
    "PictureUnreadable",
    "GenerationError",
    "NoObject",
    "PictureMismatch",
    "GeneratorFailed",
    "Cancelled",
    "__version__",
]


def __getattr__(name: str) -> object:
    # importing the pipeline's libraries takes half a second, reading the metadata a twentieth: not before it is needed
    if name == "__version__":
        return _import_module("importlib.metadata").version("spherelinks")
    if name == "generators":
        return _import_module("spherelinks.generation.registry").available
    for module, names in _HOMES.items():
        if name in names:
            return getattr(_import_module(module), name)
    raise AttributeError(f"module 'spherelinks' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
