"""A newcomer's first visit: seconds and clicks from starting the server to the first model seen in the browser.

    python bench/visit.py [--command "make serve"] [--in FOLDER]

Starts the server as README.md says (in a fresh clone, with --in: then installing counts, too), opens the link that it
prints, chooses docs/samples/mug.jpg, and waits until the model is drawn. Clicks are those on the pages, choosing the
picture among them. The folder's own SPHERELINKS_HOME is not touched. Needs Chromium.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from browsing import chromium  # noqa: E402

LIMIT_S = 900
_LINK = re.compile(r"one-time sign-in link: (\S+)")


class Steps:
    """Prints the seconds since the start at each step."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    def tell(self, step: str) -> None:
        print(f"{time.monotonic() - self._begun:7.1f} s  {step}", flush=True)

    def until(self, condition: Callable[[], Any], step: str, pause: Callable[[float], None] = time.sleep) -> Any:
        while not (outcome := condition()):
            if time.monotonic() - self._begun > LIMIT_S:
                raise TimeoutError(step)
            pause(0.05)
        self.tell(step)
        return outcome


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--command", default=f"{sys.executable} -m spherelinks.cli serve")
    parser.add_argument("--in", dest="folder", type=Path, default=ROOT, metavar="FOLDER")
    a = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home, chromium() as browser:
        Path(home).chmod(0o755)  # as root the database runs as another user, who must get through
        environment = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "STORAGE_URL")}
        log = Path(home, "log")
        steps = Steps()
        with log.open("wb") as out:
            process = subprocess.Popen(
                shlex.split(a.command),
                cwd=a.folder,
                env=environment | {"SPHERELINKS_HOME": f"{home}/home"},
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        try:
            link = steps.until(lambda: _LINK.search(log.read_text()), "the link is printed")[1]
            clicks = visit(browser, link, a.folder / "docs/samples/mug.jpg", steps)
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(60)
            shutil.rmtree(f"{home}/home", ignore_errors=True)
    print(f"{len(clicks)} clicks: {', '.join(clicks)}")


def visit(browser: Any, link: str, picture: Path, steps: Steps) -> list[str]:
    """From the link to the first model; the clicks."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(1000 * LIMIT_S)
    page.goto(link)
    steps.tell("the link is open")
    clicks = []

    def click(selector: str, name: str) -> None:
        page.click(selector)
        clicks.append(name)

    click("main button", "Sign in")
    click("main >> text=Make your first model", "Make your first model")
    page.wait_for_load_state()
    page.set_input_files("input[name=picture]", picture)
    clicks += ["the drop zone", "the picture"]
    steps.tell("the picture is chosen")
    click("[data-make]", "Make the model")
    steps.tell("the job is sent")
    viewer = page.wait_for_selector("[data-output] model-viewer")
    steps.until(
        lambda: viewer.evaluate("viewer => viewer.loaded"),
        "the model is seen",
        lambda seconds: page.wait_for_timeout(1000 * seconds),
    )
    return clicks


if __name__ == "__main__":
    main()
