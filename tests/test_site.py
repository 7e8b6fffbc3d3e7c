"""The documentation's site: complete, without broken links, and searchable from disk with no network."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from scripts.docs_site import ROOT, build, files, pages

NAV = pages(tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"])


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("site") / "build")


def test_every_page_is_in_the_navigation_once() -> None:
    assert len(set(NAV)) == len(NAV)
    written = {str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]}
    linked = {str(path) for path in files(ROOT) if path.suffix == ".md"}
    assert written | linked == set(NAV), "add the page to nav in zensical.toml"


def test_links_images_and_scripts_lead_somewhere(html: Path) -> None:
    seen = 0
    for page in html.rglob("*.html"):
        if page.name == "404.html":  # its links begin at the server's root
            continue
        text = page.read_text()
        for target in re.findall(r'\s(?:href|src)="([^"]*)"', text):
            parts = urlsplit(target)
            if not parts.scheme and not parts.netloc:
                found = (page.parent / unquote(parts.path)).resolve() if parts.path else page
                assert (found / "index.html" if found.is_dir() else found).is_file(), f"{page}: {target}"
                if parts.fragment and found.suffix == ".html":
                    assert f'id="{unquote(parts.fragment)}"' in found.read_text(), f"{page}: {target}"
                seen += 1
    assert seen > 20 * len(NAV)


def test_nothing_is_loaded_from_elsewhere(html: Path) -> None:
    for page in html.rglob("*.html"):
        tags = re.findall(r"<(?:script|link|img|iframe|source)\b[^>]*>", page.read_text())
        assert tags
        assert not [tag for tag in tags if re.search(r'(?:src|href)="(?:https?:)?//', tag)]


def test_every_page_can_be_found(html: Path) -> None:
    found = {item["location"].partition("#")[0] for item in json.loads((html / "search.json").read_text())["items"]}
    assert found >= {re.sub(r"README\.md$", "index.html", page).replace(".md", ".html") for page in NAV}


@pytest.mark.parametrize("link", ["docs/api.md#nowhere", "#nowhere"])
def test_a_broken_anchor_stops_the_build(tmp_path: Path, link: str) -> None:
    root = small(tmp_path, f"[here]({link})")
    with pytest.raises(subprocess.CalledProcessError):
        build(root, tmp_path / "build")


@pytest.mark.parametrize("link", ["docs/none.md", "docs/none.png", "deploy"])
def test_a_link_to_no_file_is_named(tmp_path: Path, link: str) -> None:
    root = small(tmp_path, f"[here]({link})")
    with pytest.raises(FileNotFoundError, match=rf"README\.md links to .*{link}"):
        build(root, tmp_path / "build")


def test_the_search_works_from_disk_with_no_network(html: Path, chromium: Any) -> None:
    page = chromium.new_context(offline=True).new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((html / "docs/cli.html").as_uri())
    page.keyboard.press("/")
    page.keyboard.type("idempotency")
    page.wait_for_selector("text=Repeated requests")
    page.click("text=Repeated requests")
    page.wait_for_url("**/docs/api.html*")
    assert asked
    assert all(url.startswith(("file:", "data:", "blob:")) for url in asked)


def small(folder: Path, text: str) -> Path:
    """A repository of two pages, one of which says the text; it builds without."""
    root = folder / "root"
    (root / "docs").mkdir(parents=True)
    (root / "README.md").write_text(f"# Home\n\n[the API](docs/api.md)\n\n{text}\n")
    shutil.copy(ROOT / "docs" / "errors.md", root / "docs" / "api.md")
    (root / "zensical.toml").write_text(
        '[project]\nsite_name = "Small"\ndocs_dir = "pages"\nsite_dir = "html"\n'
        'nav = [{ "Home" = "README.md" }, { "API" = "docs/api.md" }]\n'
    )
    return root


def test_the_small_site_builds(tmp_path: Path) -> None:
    assert (build(small(tmp_path, ""), tmp_path / "build") / "docs" / "api" / "index.html").is_file()
