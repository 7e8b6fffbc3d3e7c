"""Compiles the native library when SphereLinks is installed or a wheel of it is made."""

from __future__ import annotations

import os
import runpy
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_BUILD = "core/spherelinks/native/build.py"


class Hook(BuildHookInterface):  # type: ignore[misc]
    def dependencies(self) -> list[str]:
        """A compiler as a package, where the machine has none or the wheel is for another one."""
        return [] if not _platform() and self._build()["compiler"]() else ["ziglang>=0.16"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        build, platform = self._build(), _platform()
        library = build["LIBRARY"]
        if platform:
            library = Path(self.directory, "native", platform, "kernels.dll" if "win" in platform[:3] else "kernels.so")
            library.parent.mkdir(parents=True, exist_ok=True)
            build_data["force_include"][str(library)] = f"spherelinks/native/{library.name}"
        else:
            build_data["artifacts"].append(str(library.relative_to(self.root)))
        build["build"](library, platform=platform)
        build_data["pure_python"] = False
        here = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform or here}"

    def _build(self) -> dict[str, Any]:
        return runpy.run_path(str(Path(self.root, _BUILD)))


def _platform() -> str | None:
    """Which of build.py's TARGETS the wheel is for; None for this machine."""
    return os.environ.get("SPHERELINKS_WHEEL_PLATFORM")
