"""Compiles the native library when SphereLinks is installed or a wheel of it is made."""

from __future__ import annotations

import runpy
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_BUILD = "core/spherelinks/native/build.py"


class Hook(BuildHookInterface):  # type: ignore[misc]
    def dependencies(self) -> list[str]:
        """A compiler as a package, where the machine has none."""
        return [] if self._build()["compiler"]() else ["ziglang>=0.16"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        build = self._build()
        build["build"]()
        build_data["pure_python"] = False
        build_data["tag"] = "py3-none-" + sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["artifacts"].append(str(build["LIBRARY"].relative_to(self.root)))

    def _build(self) -> dict[str, Any]:
        return runpy.run_path(str(Path(self.root, _BUILD)))
