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
    connect, generate = SCRIPTS
    assert archive.name in connect
    assert PORT in connect
    connect = connect.replace(f"dist/blender/{archive.name}", str(archive)).replace(PORT, served.address)
    generate = generate.replace("docs/samples/mug.jpg", str(ROOT / "docs/samples/mug.jpg"))
    # one after the other, each in a Blender of its own, with what the first has saved
    for name, script, key in (("connect.py", connect, {"SPHERELINKS_KEY": served.key}), ("generate.py", generate, {})):
        path = tmp_path / name
        path.write_text(f"import os\nos.chdir({str(tmp_path)!r})\n{script}")
        printed = run(python, path, HOME=str(tmp_path), **key)
    assert re.search(r"^mug\S* <Vector \(1\.0+, 2\.0+, 0\.0+\)>$", printed, re.M), printed
    assert (tmp_path / "mug.blend").exists()
    assert "--online-mode" in PAGE.partition("## Scripts")[2]
