"""Chromium for tests and benches: one that reaches nothing outside this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Absent(Exception):
    """There is no browser, or nothing to drive it with; the message says what installs it."""


@contextmanager
def chromium() -> Iterator[Any]:
    """A running browser, which Playwright drives. Raises Absent."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise Absent("pip install -e '.[test]' brings Playwright") from error
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        raise Absent("there is no Chromium; scripts/engines.sh three installs it")
    with sync_playwright() as engine:
        browser = engine.chromium.launch(
            executable_path=path,
            args=[
                "--no-sandbox",  # a browser run by root has none
                "--use-angle=swiftshader",
                "--enable-unsafe-swiftshader",
                "--disable-background-networking",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            ],
        )
        yield browser
        browser.close()
