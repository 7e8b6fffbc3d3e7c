"""What make demo shows: a page that holds all it needs, and waiting that says what for."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from spherelinks.cli import elapsed

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "server/spherelinks_server/static/samples"
sys.path.insert(0, str(ROOT / "scripts"))
import demo  # noqa: E402

REPORT = {
    "faces": 12345,
    "dimensions": {"width": 1.0, "height": 0.86, "depth": 0.912, "unit": "m"},
    "timings": {"matte": 200.0, "generator": 500.0, "finishing": {"surface": 700.0, "bake": 300.0}},
}


@pytest.fixture
def made() -> list[demo.Made]:
    glb, thumbnail = SAMPLE / "robot.glb", (SAMPLE / "robot.webp").read_bytes()
    picture = SAMPLE / "robot-picture.webp"
    return [demo.Made(picture, path, thumbnail, 1.25, REPORT, verdict) for path, verdict in ((glb, "valid"), (glb, ""))]


def test_the_page_is_whole(made: list[demo.Made], chromium: Any, tmp_path: Path) -> None:
    """It opens from disk, loads nothing from anywhere, and the models are seen."""
    page = tmp_path / "index.html"
    page.write_text(demo.shown(made, 9.0), encoding="utf-8")
    tab = chromium.new_page(viewport={"width": 390, "height": 844})
    loaded: list[str] = []
    tab.on("request", lambda request: loaded.append(request.url.partition(":")[0]))
    tab.goto(page.as_uri())
    seen = "[...document.querySelectorAll('model-viewer')].some(viewer => viewer.modelIsVisible)"
    tab.wait_for_function(seen, timeout=60_000)
    assert set(loaded) <= {"file", "data", "blob"}
    assert loaded.count("file") == 1
    assert "12\u202f345" in tab.inner_text("main")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    tab.close()


def test_the_table_is_aligned(made: list[demo.Made], capsys: pytest.CaptureFixture[str]) -> None:
    demo.print_table([made[0]])
    head, row, *_ = capsys.readouterr().out.splitlines()
    for title in ("size", "checked"):
        assert row[head.index(title) - 1] == " "
        assert row[head.index(title)] != " "
    assert head.index("seconds") + len("seconds") == row.index("1.2") + len("1.2")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_waiting_is_shown_on_a_terminal_only() -> None:
    terminal, log = Terminal(), io.StringIO()
    for stream in (terminal, log):
        with elapsed.elapsed("Stirring", stream):
            pass
    assert re.search(r"Stirring … \d+ s", terminal.getvalue())
    assert terminal.getvalue().endswith("\r\x1b[K")
    assert log.getvalue() == ""


@pytest.mark.parametrize(("code", "shown"), [(0, False), (3, True)])
def test_a_commands_output_is_shown_where_it_fails(code: int, shown: bool) -> None:
    script = f"import sys; print('details'); sys.exit({code})"
    command = [sys.executable, elapsed.__file__, "Stirring", sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == code
    assert ("details" in done.stderr) is shown
    assert done.stdout.startswith("Stirring: ")
