"""The kernels under the address and undefined-behaviour sanitizers, which stop the process at the first fault."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spherelinks.native.build import build, compiler

ROOT = Path(__file__).parents[3]
FLAGS = ["-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
TESTS = [
    "native/test_bounds.py",
    "gltf/test_meshopt.py",
    "pixels",
    "texture/test_bake.py::test_several_pictures_are_mixed_with_the_volume_s_colours",
]
GENERATE = """
import sanitized, spherelinks
from meshes import NASTY
for generator in ("lift", "inflate"):
    asset = spherelinks.generate(
        "../docs/samples/mug.jpg", generator=generator, texture_size=512, target_faces=3000, lods=[0.5],
        normal_map=True, occlusion=True, delight=True, compression="meshopt", collider="decomposed",
    )
spherelinks.finish(NASTY["two boxes through each other"], texture_size=512, normal_map=True)
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """In which the kernels are sanitized: the sanitizer's own library has to come before Python's."""
    command = compiler()
    # and C++'s own comes with it, for other libraries' exceptions to pass
    names = ("libasan.so", "libstdc++.so")
    runtime = [] if command is None else [_answer(*command, f"-print-file-name={name}") for name in names]
    if not runtime or "/" not in runtime[0]:
        pytest.skip("the address sanitizer comes with g++, which is not here")
    library = tmp_path_factory.mktemp("sanitized") / "kernels.so"
    build(library, flags=FLAGS)
    # what Python itself keeps at its end is no leak of ours
    options = "detect_leaks=0:allocator_may_return_null=1:handle_segv=1"
    return {**os.environ, "LD_PRELOAD": " ".join(runtime), "ASAN_OPTIONS": options, "SANITIZED_KERNELS": str(library)}


def _answer(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.timeout(600)
def test_no_kernel_leaves_its_arrays(environment: dict[str, str]) -> None:
    """Not for hostile meshes and streams, and not for a picture with all options."""
    tests = [str(ROOT / "tests/core" / name) for name in TESTS]
    for command in (["-m", "pytest", "-p", "sanitized", "-p", "no:cacheprovider", "-qs", *tests], ["-c", GENERATE]):
        done = subprocess.run(
            [sys.executable, *command], cwd=ROOT / "tests", env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]


def test_the_sanitizer_would_have_seen_it(environment: dict[str, str]) -> None:
    """A kernel that is told of a longer array than there is."""
    code = (
        "import sanitized, numpy as np; from spherelinks.native import _library;"
        "out = np.zeros(12, np.int32);"
        "_library().topology_fans(out.ctypes.data_as(__import__('ctypes').c_void_p), 1 << 20, out.ctypes.data)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "tests", env=environment, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "AddressSanitizer" in done.stderr
