"""What an asset is called in its file: the name asked for, unless a program would take it for an instruction."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

DEFAULT = "asset"

MOST_BYTES = 39
"""Blender keeps 63 bytes of a name, and the longest of ours is NAME_collider_01-convcolonly."""


@dataclass(frozen=True)
class Reserved:
    """Words by which a program takes what bears them for something else.

    program : with its version; place : of the words in a name. At the end they follow ``-`` or ``_``, and digits,
        spaces and ``_`` may follow them, as Godot reads them
    effect : what the program does; source : where that is written; example : a picture's name
    exact : capitals matter
    """

    program: str
    place: Literal["anywhere", "start", "end", "whole"]
    words: tuple[str, ...]
    effect: str
    source: str
    example: str
    exact: bool = False

    @property
    def pattern(self) -> re.Pattern[str]:
        words = "|".join(map(re.escape, self.words))
        form = {"anywhere": "{}", "start": "^{}", "end": r"[-_]{}[\d\s_]*$", "whole": "^{}$"}[self.place]
        return re.compile(form.format(f"(?:{words})"), 0 if self.exact else re.IGNORECASE)


_GODOT = "`resource_importer_scene.cpp`"
_UNITY = "manual: “Special folder names”"
_UNREAL = "manual: “FBX Static Mesh Pipeline”"
_WINDOWS = "“Naming Files, Paths, and Namespaces”"
_DEVICES = ("CON", "PRN", "AUX", "NUL", *(f"{port}{digit}" for port in ("COM", "LPT") for digit in "123456789¹²³"))

RESERVED = (
    Reserved("Godot 4.6", "anywhere", tuple('.:@/"%'), "becomes `_` in a node's name", "`ustring.cpp`", "v1.2"),
    Reserved("Godot 4.6", "anywhere", ("$",), "`$wheel` counts anywhere in a name", _GODOT, "red$wheel_2x"),
    Reserved(
        "Godot 4.6",
        "end",
        ("noimp", "col", "convcol", "colonly", "convcolonly", "rigid", "navmesh", "occ", "occonly", "vehicle", "wheel"),
        "the node is left out, or becomes a body, a region, an occluder, a vehicle or a wheel",
        _GODOT,
        "car_wheel",
    ),
    Reserved(
        "Godot 4.6",
        "end",
        ("alpha", "vcol"),
        "the material blends, or takes colours of vertices",
        _GODOT,
        "glass-alpha",
    ),
    Reserved(
        "Godot 4.6", "start", ("Scene",), "the root has the file's name", "`gltf_document.cpp`", "Scene 4", exact=True
    ),
    Reserved("Unity 6", "anywhere", ("@",), "`A@B` is an animation of `A`", "manual: “Model import”", "mug@home"),
    Reserved("Unity 6", "anywhere", ("~",), "a folder whose name ends in it is hidden", _UNITY, "mug~"),
    Reserved("Unity 6", "whole", ("cvs",), "a folder of that name is hidden", _UNITY, "CVS"),
    Reserved(
        "Unity 6", "end", ("LOD",), "is a level of detail", "manual: “Import a mesh with LOD settings”", "chair_LOD1"
    ),
    Reserved(
        "Unreal 5",
        "start",
        ("UBX_", "UCX_", "UCP_", "USP_", "MCDCX_"),
        "is a body for collisions",
        _UNREAL,
        "UCX_crate",
    ),
    Reserved("Unreal 5", "start", ("SOCKET_",), "is a socket", _UNREAL, "socket_wrench"),
    Reserved("Unreal 5", "whole", ("None",), "is no name", "manual: “FName”", "none"),
    Reserved("Windows 11", "anywhere", tuple('<>:"/\\|?*'), "is refused in a file's name", _WINDOWS, "what?"),
    Reserved("Windows 11", "whole", _DEVICES, "is a device, not a file", _WINDOWS, "con"),
)
"""Blender reserves no words, but cuts names, at MOST_BYTES less what follows ours, and with them their ends."""

_CHARACTERS = {ord(character): "_" for each in RESERVED if each.place == "anywhere" for character in each.words}


def safe(name: str) -> str:
    """The name for scene, nodes, mesh, material, images and files: readable, and an instruction to no program.

    Characters that are reserved, or that nobody sees, become ``_``, ``asset_`` goes in front of a reserved beginning or
    ``_asset`` behind another reserved name, and what is longer than MOST_BYTES in UTF-8 is cut. DEFAULT where no letter
    or sign is left. ``safe(safe(name)) == safe(name)``.
    """
    shown = "".join(_SHOWN.get(unicodedata.category(each), each) for each in unicodedata.normalize("NFC", name))
    plain = _cut(shown.translate(_CHARACTERS), MOST_BYTES)
    if not re.search(r"[^\s_-]", plain):
        return DEFAULT
    before = f"{DEFAULT}_" if _is_reserved(plain, "start") else ""
    after = f"_{DEFAULT}" if _is_reserved(plain, "end") or _is_reserved(plain, "whole") else ""
    return f"{before}{_cut(plain, MOST_BYTES - len(before + after))}{after}"


#: Categories of characters that nobody sees, and what stands for them: spaces of every width are one.
_SHOWN = {**dict.fromkeys(("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"), "_"), "Zs": " "}


def _cut(text: str, most: int) -> str:
    return text.strip().encode()[:most].decode(errors="ignore").strip()


def _is_reserved(name: str, place: str) -> bool:
    return any(each.pattern.search(name) for each in RESERVED if each.place == place)
