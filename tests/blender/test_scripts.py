"""docs/blender.md's scripts: installed, connected and run in Blender, as they are printed."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/blender.md").read_text("utf-8")
SCRIPTS = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)
PORT = "http://127.0.0.1:8000"


@pytest.mark.timeout(900)
def test_the_scripts_of_the_page_run(engine, run, served, archive, tmp_path):
    python = engine("blender", "bpy-python-4.5")
    connect, _ = SCRIPTS
    assert archive.name in connect
    assert PORT in connect
    script = "\n".join(SCRIPTS).replace(f"dist/blender/{archive.name}", str(archive)).replace(PORT, served.address)
    script = script.replace("docs/samples/mug.jpg", str(ROOT / "docs/samples/mug.jpg"))
    path = tmp_path / "script.py"
    path.write_text(f"import os\nos.chdir({str(tmp_path)!r})\n{script}")
    printed = run(python, path, SPHERELINKS_KEY=served.key)
    assert re.search(r"^mug\S* <Vector \(1\.0+, 2\.0+, 0\.0+\)>$", printed, re.M), printed
    assert (tmp_path / "mug.blend").exists()
    assert "--online-mode" in PAGE.partition("## Scripts")[2]
