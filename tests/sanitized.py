"""A plug-in of pytest (`-p sanitized`): the kernels from the library at $SANITIZED_KERNELS."""

import os
from pathlib import Path

from spherelinks.native import build

build.LIBRARY = Path(os.environ["SANITIZED_KERNELS"])
