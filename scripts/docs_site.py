"""The documentation as a website in build/site/html, which opens from disk: python scripts/docs_site.py

Builds the pages in zensical.toml's navigation from a copy with the repository's layout, so that the links between its
files, such as docs/scale-out.md to deploy/compose.yaml, work in the repository and on the site. Fails on broken links.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "site"
_LINK = re.compile(r"\]\(([^)\s#]+)")


def main() -> None:
    try:
        html = build(ROOT, BUILD)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        sys.exit(f"site: {error}")
    print(f"{html / 'index.html'}")


def build(root: Path, folder: Path) -> Path:
    """Build the site of the repository at ``root`` in the folder, which is replaced; returns the folder of the pages.

    Raises FileNotFoundError for a page or a linked file that does not exist, CalledProcessError for a broken anchor.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy(root / "zensical.toml", folder)
    for path in files(root):
        target = folder / "pages" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / path, target)
    subprocess.run([sys.executable, "-m", "zensical", "build", "--strict", "--clean"], cwd=folder, check=True)
    return folder / "html"


def files(root: Path) -> set[Path]:
    """The pages, what the theme uses, and every file that a page links to. Raises FileNotFoundError."""
    project = tomllib.loads((root / "zensical.toml").read_text())["project"]
    theme = [project.get("theme", {}).get(name) for name in ("favicon", "logo")]
    scripts = [script["path"] for script in project.get("extra", {}).get("polyfills", [])]
    found: set[Path] = set()
    waiting = [
        (Path("zensical.toml"), root / name) for name in [*pages(project["nav"]), *filter(None, theme), *scripts]
    ]
    while waiting:
        source, path = waiting.pop()
        if not path.is_file():
            raise FileNotFoundError(f"{source} links to {path}, which is not a file.")
        path = path.resolve()
        short = path.relative_to(root)
        if short in found:
            continue
        found.add(short)
        if path.suffix == ".md":
            links = (link for link in _LINK.findall(path.read_text()) if not re.match(r"[a-z]+:", link))
            waiting += [(short, path.parent / link) for link in links]
    return found


def pages(nav: Any) -> list[str]:
    """The paths in a navigation: nested lists and tables of title and page."""
    if isinstance(nav, str):
        return [nav]
    return [page for part in (nav.values() if isinstance(nav, dict) else nav) for page in pages(part)]


if __name__ == "__main__":
    main()
