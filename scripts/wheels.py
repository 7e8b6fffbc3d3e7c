"""The wheels of all platforms, made on this one machine: `python scripts/wheels.py [FOLDER [PLATFORM ...]]`.

zig compiles for each of them. Prints of each wheel its size and what its library is made for, read from the file.
"""

from __future__ import annotations

import argparse
import os
import runpy
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MACHINES = {
    ("ELF", 62): "Linux x86-64", ("ELF", 183): "Linux arm64", ("Mach-O", 0x0100000C): "macOS arm64",
    ("Mach-O", 0x01000007): "macOS x86-64", ("PE", 0x8664): "Windows x86-64",
}  # fmt: skip
"""By the kind of file and its number for the processor (ELF's e_machine, Mach-O's cputype, PE's Machine)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "dist")
    targets = runpy.run_path(str(ROOT / "core/spherelinks/native/build.py"))["TARGETS"]
    parser.add_argument("platforms", nargs="*", metavar="PLATFORM", default=list(targets), help=", ".join(targets))
    arguments = parser.parse_args()
    folder = arguments.folder
    for platform in arguments.platforms:
        subprocess.run(
            [sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT],
            env={**os.environ, "SPHERELINKS_WHEEL_PLATFORM": platform},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        (wheel,) = folder.glob(f"*-py3-none-{platform}.whl")
        with zipfile.ZipFile(wheel) as archive:
            (library,) = (name for name in archive.namelist() if name.startswith("spherelinks/native/kernels."))
            contents = archive.read(library)
        machine, size = made_for(contents), wheel.stat().st_size
        print(f"{wheel.name:62} {size / 1e6:5.1f} MB  {machine:15} {len(contents) / 1e3:4.0f} kB of native code")


def made_for(library: bytes) -> str:
    """The system and processor of a shared library."""
    if library[:4] == b"\x7fELF":
        found = ("ELF", struct.unpack_from("<H", library, 18)[0])
    elif library[:2] == b"MZ":
        found = ("PE", struct.unpack_from("<H", library, struct.unpack_from("<I", library, 60)[0] + 4)[0])
    else:
        found = ("Mach-O", struct.unpack_from("<I", library, 4)[0])
    return MACHINES[found]


if __name__ == "__main__":
    main()
