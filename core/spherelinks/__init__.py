"""SphereLinks: one picture in, one textured, game-ready GLB out.

import spherelinks
spherelinks.generate("mug.png").save("mug.glb")
"""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from spherelinks.errors import SphereLinksError
from spherelinks.options import Options

if TYPE_CHECKING:
    from spherelinks.pipeline import Asset, finish, generate
    from spherelinks.shape import Surface

__version__ = version("spherelinks")
__all__ = ["Asset", "Options", "SphereLinksError", "Surface", "__version__", "finish", "generate"]


def __getattr__(name: str) -> Any:
    # the pipeline's libraries take half a second to import: only who generates waits for them
    if name in ("Asset", "Surface", "finish", "generate"):
        from spherelinks import pipeline

        return getattr(pipeline, name)
    raise AttributeError(f"module 'spherelinks' has no attribute {name!r}")
