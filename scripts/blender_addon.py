"""Builds the Blender extension and an index that Blender can update it from: python scripts/blender_addon.py [FOLDER]

The zip holds what ``blender --command extension build`` would put in, but needs no Blender, and the same sources give
the same bytes. FOLDER (default: dist/blender) then is a static extension repository: add its index.json to Blender as
a remote repository.
"""

import fnmatch
import hashlib
import json
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "blender_addon"
#: What all clients share, and the zip has a copy of.
SHARED = (ROOT / "contract" / "strings.csv", ROOT / "contract" / "icons" / "mark.png")
#: What an index repeats of the manifest.
LISTED = (
    "schema_version",
    "id",
    "name",
    "tagline",
    "version",
    "type",
    "maintainer",
    "license",
    "copyright",
    "tags",
    "blender_version_min",
    "permissions",
    "website",
)


def build(folder: Path) -> Path:
    """The extension's zip in `folder`, beside the index.json that lists it."""
    manifest = tomllib.loads((SOURCE / "blender_manifest.toml").read_text(encoding="utf-8"))
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"{manifest['id']}-{manifest['version']}.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        for name, path in files(manifest["build"]["paths_exclude_pattern"]).items():
            # a fixed date: the bytes depend on the sources alone
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            out.writestr(entry, path.read_bytes())
    listing = {name: manifest[name] for name in LISTED if name in manifest} | {
        "archive_url": f"./{archive.name}",
        "archive_size": archive.stat().st_size,
        "archive_hash": "sha256:" + hashlib.sha256(archive.read_bytes()).hexdigest(),
    }
    index = {"version": "v1", "blocklist": [], "data": [listing]}
    (folder / "index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    return archive


def files(excluded: list[str]) -> dict[str, Path]:
    """The extension's files by their name in it, in order, without those the manifest excludes."""

    def kept(path: Path) -> bool:
        parts = path.relative_to(SOURCE).parts
        folders = [f"{part}/" for part in parts[:-1]]
        return not any(fnmatch.fnmatch(part, pattern) for part in (*folders, parts[-1]) for pattern in excluded)

    own = {path.relative_to(SOURCE).as_posix(): path for path in SOURCE.rglob("*") if path.is_file() and kept(path)}
    return dict(sorted((own | {path.name: path for path in SHARED}).items()))


if __name__ == "__main__":
    print(build(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "dist" / "blender"))
