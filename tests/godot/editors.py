"""Godot as the tests run it: hermetic, bounded in time, in projects that have the plugin."""

import json
import os
import re
import shutil
import subprocess
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PLUGIN = HERE.parents[1] / "godot_plugin"
LIMIT_S = 300
PROJECT = """config_version=5

[application]

config/name="Test"

[editor_plugins]

enabled=PackedStringArray({enabled})

[rendering]

renderer/rendering_method="gl_compatibility"
"""


@dataclass(frozen=True)
class Godot:
    """Godot with a home of its own, so that nothing of the user's is touched."""

    program: Path
    home: Path

    def environment(self, **variables):
        hidden = ("XDG_", "PYTHON", "SPHERELINKS_", "DISPLAY", "WAYLAND_")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(hidden)}
        return kept | {"HOME": str(self.home), "LANG": "en_US.UTF-8"} | variables

    def start(self, *arguments, prefix=(), speaks=False, **variables):
        command = [*map(str, prefix), str(self.program), *map(str, arguments)]
        return subprocess.Popen(
            command,
            env=self.environment(**variables),
            stdin=subprocess.PIPE if speaks else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments, code=0, limit_s=LIMIT_S, **more):
        """Run Godot to its end and return what it printed; the error of a script fails the test, and at once."""
        process = self.start(*arguments, **more)
        watch = threading.Timer(limit_s, process.kill)
        watch.start()
        printed = []
        try:
            for line in process.stdout:
                if not re.match(r"\W*\[\s*(\d+%|\S*\bDONE) \]", line):  # the editor's progress
                    printed.append(line)
                if "SCRIPT ERROR" in line or "Parse Error" in line:
                    # what it was at does not go on; the next lines say where it broke
                    threading.Timer(2, process.kill).start()
            process.wait()
        finally:
            watch.cancel()
            process.kill()
        said = "".join(printed)
        (self.home / "log").write_text(said)
        assert "SCRIPT ERROR" not in said, said
        assert "Parse Error" not in said, said
        assert process.returncode == code, f"{process.returncode}, or not within {limit_s} s\n{said}"
        return said

    def facts(self, project, script, **given):
        """What a script of tests/godot/project finds out: it is handed JSON and leaves JSON."""
        asked, told = self.home / f"{uuid.uuid4().hex}.json", self.home / f"{uuid.uuid4().hex}.json"
        asked.write_text(json.dumps(given))
        self.run("--headless", "--path", project, "--script", f"res://{script}", "--", asked, told)
        return json.loads(told.read_text())

    def probe(self, project, name, prefix=(), arguments=("--headless",), limit_s=LIMIT_S, variables=None, **given):
        """What probe/NAME.gd finds out in the editor: it is handed JSON and leaves JSON."""
        asked, told = self.home / f"{uuid.uuid4().hex}.asked", self.home / f"{uuid.uuid4().hex}.told"
        asked.write_text(json.dumps({"probe": name} | given))
        where = {"PROBE_ASKED": str(asked), "PROBE_TOLD": str(told)} | (variables or {})
        self.run(*arguments, "--editor", "--path", project, prefix=prefix, limit_s=limit_s, **where)
        asked.unlink()
        return json.loads(told.read_text())


def make_project(folder, *enabled):
    """A project with the plugin and the tests' own scripts in it; ``enabled`` of "spherelinks" and "probe" are on."""
    shutil.copytree(PLUGIN / "addons", folder / "addons")
    shutil.copytree(HERE / "project", folder, dirs_exist_ok=True)
    equip(folder, *enabled)
    return folder


def equip(folder, *enabled):
    """Make a folder a project, with the plugin of the tests where the editor's user does not see it."""
    shutil.copytree(HERE / "probe", folder / ".probe")
    where = {"spherelinks": "addons/spherelinks", "probe": ".probe"}
    listed = ", ".join(f'"res://{where[name]}/plugin.cfg"' for name in enabled)
    (folder / "project.godot").write_text(PROJECT.format(enabled=listed))
