"""Builds the Unity package: python scripts/unity_package.py [FOLDER]

Brings what it shares with other clients up to date, gives every new file its .meta, and writes the tarball that Unity's
Package Manager installs into FOLDER (default: dist/unity). The same sources give the same bytes.
"""

import csv
import gzip
import hashlib
import io
import json
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "unity_bridge"
STRINGS = SOURCE / "Editor" / "UI" / "strings.csv"
ICON = SOURCE / "Editor" / "UI" / "mark.png"
SCRIPTED = "ScriptedImporter:\n  internalIDToNameTable: []\n  externalObjects: {}\n  serializedVersion: 2"
#: How Unity names what imports a file, by its ending.
IMPORTERS = {
    ".cs": "MonoImporter:\n  externalObjects: {}\n  serializedVersion: 2\n  defaultReferences: []\n"
    "  executionOrder: 0\n  icon: {instanceID: 0}",
    ".asmdef": "AssemblyDefinitionImporter:\n  externalObjects: {}",
    ".json": "PackageManifestImporter:\n  externalObjects: {}",
    ".uxml": SCRIPTED,
    ".uss": SCRIPTED,
    ".md": "TextScriptImporter:\n  externalObjects: {}",
    ".png": "TextureImporter:\n  internalIDToNameTable: []\n  externalObjects: {}\n  serializedVersion: 12",
    ".csv": "TextScriptImporter:\n  externalObjects: {}",
}
FOLDER = "folderAsset: yes\nDefaultImporter:\n  externalObjects: {}"
TAIL = "  userData: \n  assetBundleName: \n  assetBundleVariant: \n"
#: The editor's own importers of these files.
SCRIPTS = {
    ".uxml": "  script: {fileID: 13804, guid: 0000000000000000e000000000000000, type: 0}\n",
    ".uss": "  script: {fileID: 12385, guid: 0000000000000000e000000000000000, type: 0}\n  disableValidation: 0\n",
}


def assets() -> Iterator[Path]:
    """Every file and folder that Unity imports; it does not see what ends in ~ or begins with a dot."""
    for path in sorted(SOURCE.rglob("*")):
        parts = path.relative_to(SOURCE).parts
        if path.suffix != ".meta" and not any(part.endswith("~") or part.startswith(".") for part in parts):
            yield path


def meta(path: Path) -> str:
    """A new asset's .meta. The GUID comes from its first name, and stays when it is moved with its .meta."""
    name = path.relative_to(SOURCE).as_posix()
    guid = hashlib.md5(f"com.spherelinks.bridge/{name}".encode(), usedforsecurity=False).hexdigest()
    importer = FOLDER if path.is_dir() else IMPORTERS[path.suffix]
    return f"fileFormatVersion: 2\nguid: {guid}\n{importer}\n{TAIL}{SCRIPTS.get(path.suffix, '')}"


def strings() -> str:
    """The rows of contract/strings.csv that Unity may show."""
    with (ROOT / "contract" / "strings.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    kept = rows[:1] + [row for row in rows[1:] if not row[1] or "unity" in row[1].split()]
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(kept)
    return out.getvalue()


def refresh() -> None:
    """Write the texts, and the .meta files that are missing."""
    STRINGS.write_text(strings(), encoding="utf-8")
    ICON.write_bytes((ROOT / "contract" / "icons" / ICON.name).read_bytes())
    for path in assets():
        beside = path.with_name(path.name + ".meta")
        if not beside.exists():
            beside.write_text(meta(path), encoding="utf-8")


def build(folder: Path) -> Path:
    """The package's tarball in `folder`."""
    manifest = json.loads((SOURCE / "package.json").read_text(encoding="utf-8"))
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"{manifest['name']}-{manifest['version']}.tgz"
    with (
        archive.open("wb") as file,
        gzip.GzipFile(fileobj=file, filename="", mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as out,
    ):
        for path in sorted(path for path in SOURCE.rglob("*") if path.is_file()):
            # fixed dates and owners: the bytes depend on the sources alone
            entry = tarfile.TarInfo(f"package/{path.relative_to(SOURCE).as_posix()}")
            data = path.read_bytes()
            entry.size, entry.mode = len(data), 0o644
            out.addfile(entry, io.BytesIO(data))
    return archive


if __name__ == "__main__":
    refresh()
    print(build(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist" / "unity"))
