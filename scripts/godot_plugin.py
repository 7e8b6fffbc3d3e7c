"""Builds the Godot plugin's zip: python scripts/godot_plugin.py [FOLDER]

FOLDER is dist/godot where it is not given. The zip holds ``addons/spherelinks``, as Godot's asset library takes it; the
same sources give the same bytes. ``--texts`` only writes anew what the plugin has of contract/strings.csv.
"""

import configparser
import csv
import json
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ADDON = ROOT / "godot_plugin" / "addons" / "spherelinks"
TEXTS = ADDON / "strings.json"


def build(folder: Path) -> Path:
    """The plugin's zip in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"spherelinks-godot-{version()}.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        for path in sorted(path for path in ADDON.rglob("*") if path.is_file()):
            # a fixed date: the bytes depend on the sources alone
            entry = zipfile.ZipInfo(path.relative_to(ADDON.parents[1]).as_posix(), (1980, 1, 1, 0, 0, 0))
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            out.writestr(entry, path.read_bytes())
    return archive


def version() -> str:
    """The plugin's."""
    config = configparser.ConfigParser()
    config.read(ADDON / "plugin.cfg", encoding="utf-8")
    return config["plugin"]["version"].strip('"')


def texts() -> str:
    """strings.json: the rows of contract/strings.csv for Godot, by key. A .csv in a project would be imported."""
    with (ROOT / "contract" / "strings.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if "godot" in (row.pop("_editors") or "godot").split()]
    return json.dumps({row.pop("key"): row for row in rows}, ensure_ascii=False, indent=0) + "\n"


if __name__ == "__main__":
    TEXTS.write_text(texts(), encoding="utf-8")
    if sys.argv[1:] != ["--texts"]:
        print(build(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "dist" / "godot"))
