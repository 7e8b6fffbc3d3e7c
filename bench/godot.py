"""What the Godot plugin costs the editor: python bench/godot.py [IMPORTS]

The longest frame of the editor, headless, while the job of a 10 MB picture runs, beside an idle editor's, and the
longest without what other processes kept it from its core ("running"); the time from COMPLETED to the object in the
scene; the memory that so many imports and deletions (50) leave. Against a server of its own with the real pipeline on
the same machine: the editor has the first core to itself, the server all others, for a server elsewhere would not slow
the editor either. Linux. Needs ``scripts/engines.sh godot``.
"""

import io
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "godot"), str(ROOT)]

from editors import Godot, make_project  # noqa: E402
from serving import local_server  # noqa: E402

ENGINE = Path.home() / ".cache" / "spherelinks-engines" / "bin" / "godot"
LIMIT_S = 900


def large_picture(path: Path) -> None:
    """The sample of the robot, of nearly 10 MB: enlarged, with noise that PNG cannot pack."""
    side, wanted = 1000, 9.7 * 2**20
    side = int(side * (wanted / len(noisy(side))) ** 0.5)
    path.write_bytes(noisy(side))


def noisy(side: int) -> bytes:
    """A PNG of so many pixels a side."""
    robot = Image.open(ROOT / "docs" / "samples" / "robot.png").convert("RGBA").resize((side, side))
    pixels = np.array(robot, np.int16)
    noise = np.random.default_rng(0).integers(-12, 13, (side, side, 3), np.int16)
    pixels[..., :3] += noise * (pixels[..., 3:] > 0)
    file = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, "PNG", compress_level=1)
    return file.getvalue()


def main(imports: int) -> None:
    """Measure and print."""
    folder = Path(tempfile.mkdtemp(prefix="spherelinks-godot-"))
    try:
        large_picture(folder / "robot.png")
        print(f"picture: {(folder / 'robot.png').stat().st_size / 2**20:.1f} MB")
        project = make_project(folder / "project", "spherelinks", "probe")
        (folder / "home").mkdir()
        first, *others = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, others or {first})
        with local_server() as served:
            os.sched_setaffinity(0, {first})
            told = Godot(ENGINE, folder / "home").probe(
                project,
                "figures",
                limit_s=LIMIT_S,
                address=served.address,
                key=served.key,
                picture=str(folder / "robot.png"),
                imports=imports,
            )
        print(json.dumps(told, indent=2))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 50)
