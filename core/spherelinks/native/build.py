"""Compiles the library: `python -m spherelinks.native.build` in a checkout, hatch_build.py at installation.

Imports nothing but the standard library, as nothing else is there when a wheel is built.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

FOLDER = Path(__file__).parent
LIBRARY = FOLDER / ("kernels.dll" if sys.platform == "win32" else "kernels.so")
#: Contracting a * b + c into one operation would round otherwise than everywhere else.
_FLAGS = [
    "-std=c++17", "-O3", "-ffp-contract=off", "-fno-math-errno",
    "-fno-exceptions", "-fno-rtti", "-nostdinc++", "-fvisibility=hidden",
]  # fmt: skip


def sources() -> list[Path]:
    """All C++ files and headers; none in an installation, which comes with the library alone."""
    return sorted([*FOLDER.glob("*.cpp"), *FOLDER.glob("*.h")])


def digest() -> str:
    """Of the sources' contents, which the library returns that was made of them."""
    contents = b"\0".join(path.name.encode() + b"\0" + path.read_bytes() for path in sources())
    return hashlib.sha256(contents).hexdigest()


def compiler() -> list[str] | None:
    """The command of the machine's C++ compiler, $CXX or else the first found; None if there is none."""
    if named := os.environ.get("CXX"):
        return named.split()
    return next(([found] for name in ("c++", "g++", "clang++") if (found := shutil.which(name))), None)


def build() -> None:
    """Compile the library beside its sources. Raises RuntimeError if there is nothing to compile it with."""
    command = compiler()
    if command is None:
        if find_spec("ziglang") is None:
            raise RuntimeError("No C++ compiler was found: install g++ or clang, or `pip install ziglang`.")
        # as C, so that no C++ library is built first; for any processor, not for this one's newest instructions
        command = [sys.executable, "-m", "ziglang", "cc", "-mcpu=baseline", "-x", "c++"]
    shared = ["-shared"] if sys.platform == "win32" else ["-shared", "-fPIC"]
    files = [str(path) for path in sources() if path.suffix == ".cpp"]
    made = LIBRARY.with_suffix(f".{os.getpid()}")  # processes that use the old one keep it
    try:
        subprocess.run(
            [*command, *_FLAGS, *shared, f'-DSOURCES_DIGEST="{digest()}"', *files, "-o", str(made)], check=True
        )
        made.replace(LIBRARY)
    finally:
        made.unlink(missing_ok=True)


if __name__ == "__main__":
    build()
