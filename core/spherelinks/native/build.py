"""Compiles the library: `python -m spherelinks.native.build` in a checkout, hatch_build.py at installation.

Imports nothing but the standard library, as nothing else is there when a wheel is built.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

FOLDER = Path(__file__).parent
LIBRARY = FOLDER / ("kernels.dll" if sys.platform == "win32" else "kernels.so")
TARGETS = {
    "manylinux_2_17_x86_64": "x86_64-linux-gnu.2.17",
    "manylinux_2_17_aarch64": "aarch64-linux-gnu.2.17",
    "musllinux_1_1_x86_64": "x86_64-linux-musl",
    "musllinux_1_1_aarch64": "aarch64-linux-musl",
    "macosx_11_0_arm64": "aarch64-macos.11.0",
    "macosx_11_0_x86_64": "x86_64-macos.11.0",
    "win_amd64": "x86_64-windows-gnu",
}
"""The platforms that wheels are made for, by their tags, and zig's names of them."""

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
    """The command of the machine's C++ compiler, $CXX or else the first that works; None if there is none."""
    if named := os.environ.get("CXX"):
        return named.split()
    return next(
        ([found] for name in ("c++", "g++", "clang++") if (found := shutil.which(name)) and _works(found)), None
    )


def _works(command: str) -> bool:
    """Whether it compiles: macOS has a `c++` without the developer tools, too, which only offers to install them."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "try.cpp")
        source.write_text("#include <math.h>\n")
        made = subprocess.run([command, "-c", str(source), "-o", str(source) + ".o"], capture_output=True, check=False)
    return made.returncode == 0


def build(library: Path = LIBRARY, *, platform: str | None = None, flags: Sequence[str] = ()) -> None:
    """Compile the library, for this machine or one of :data:`TARGETS`, which takes zig.

    Raises RuntimeError if there is nothing to compile it with.
    """
    command = None if platform else compiler()
    if command is None:
        if find_spec("ziglang") is None:
            wanted = "`pip install ziglang`" if platform else "install g++ or clang, or `pip install ziglang`"
            raise RuntimeError(f"No C++ compiler was found: {wanted}.")
        # as C, so that no C++ library is built first; for any processor, not for this one's newest instructions
        command = [sys.executable, "-m", "ziglang", "cc", "-x", "c++"]
        command += ["-target", TARGETS[platform], "-s"] if platform else ["-mcpu=baseline"]
    windows = platform.startswith("win") if platform else sys.platform == "win32"
    shared = ["-shared"] if windows else ["-shared", "-fPIC"]
    files = [str(path) for path in sources() if path.suffix == ".cpp"]
    made = library.with_suffix(f".{os.getpid()}")  # processes that use the old one keep it
    try:
        subprocess.run(
            [*command, *_FLAGS, *flags, *shared, f'-DSOURCES_DIGEST="{digest()}"', *files, "-o", str(made)], check=True
        )
        made.replace(library)
    finally:
        made.unlink(missing_ok=True)


if __name__ == "__main__":
    build()
