"""A user's typed program as seen by mypy: checked by `make lint`, never run."""

from pathlib import Path
from typing import assert_type

import spherelinks

asset = spherelinks.generate("mug.png", texture_size=2048, lods=[0.5], dimensions={"height": 9.5, "unit": "cm"})
assert_type(asset, spherelinks.Asset)
assert_type(asset.glb, bytes)
assert_type(asset.name, str)
assert_type(asset.save(Path("mug.usdz")), Path)
assert_type(spherelinks.generate(b"", spherelinks.Options(seed=1), lambda stage, share: None), spherelinks.Asset)
assert_type(spherelinks.finish("scan.obj", {"targetFaces": 8000}, collider="convex"), spherelinks.Asset)
assert_type(spherelinks.convert(asset.glb, "stl"), bytes)
assert_type(spherelinks.generators(), tuple[str, ...])
try:
    spherelinks.generate("mug.png", texture_sise=1)  # type: ignore[call-arg]
    spherelinks.generate("mug.png", texture_size="large")  # type: ignore[arg-type]
except spherelinks.NoObject as error:
    assert_type(error.hint, str)
