"""The documentation's links, files and tests exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "training").glob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_images_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            found = (page.parent / path) if path else page
            assert found.exists(), target
            if anchor:
                headings = re.findall(r"^#+ (.+)$", found.read_text(), re.M)
                assert anchor in [re.sub(r"[^\w -]", "", text).lower().replace(" ", "-") for text in headings], target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_named_files_and_tests_exist(page: Path) -> None:
    text = page.read_text()
    for path in re.findall(r"`((?:tests|bench|deploy|scripts|core|server|docs|training)/[\w./-]+\.\w+)`", text):
        assert (ROOT / path).exists(), path
    named = set(re.findall(r"`(test_\w+)`", text))
    if named:
        code = "\n".join(file.read_text() for file in (ROOT / "tests").rglob("*.py"))
        assert named <= set(re.findall(r"^def (test_\w+)", code, re.M))
