"""The matte `rembg` with a real package of that name, which carries U²-Net's small network."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from spherelinks.conformance import MatteConformance
from spherelinks.picture import mattes, rembg
from spherelinks.threads import once

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
ROOM = Path(os.environ.get("SPHERELINKS_ENGINES") or CACHE / "spherelinks-engines") / "rembg"


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if not ROOM.is_dir():
        pytest.skip("rembg is not installed; scripts/engines.sh rembg installs it")
    monkeypatch.syspath_prepend(ROOM)
    monkeypatch.delenv("U2NET_HOME", raising=False)
    monkeypatch.setattr(rembg, "_session", once(rembg._session.__wrapped__))
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == "rembg"]:
        del sys.modules[name]


class TestRembg(MatteConformance):
    matte = mattes.REMBG


def test_the_same_weights_see_the_same_object() -> None:
    rng = np.random.default_rng(3)
    y, x = np.mgrid[-1:1:200j, -1:1:240j]
    picture = np.clip(90 + 60 * np.sin(9 * x)[..., None] + rng.normal(0, 12, (200, 240, 3)), 0, 255)
    picture[np.hypot(x, y) < 0.5] = (210, 60, 40)
    theirs, ours = (each.find(picture.astype(np.uint8), print).alpha > 0.5 for each in (mattes.REMBG, mattes.U2NETP))
    assert (theirs & ours).sum() / (theirs | ours).sum() > 0.97
