"""Files that a client has not played are named."""

import subprocess
import sys
from pathlib import Path

import pytest

from contract import coverage

ROOT = Path(__file__).resolve().parents[2]


def test_data_is_covered_and_code_is_not():
    files = coverage.files()
    assert {"strings.csv", "forms.json", "faults/endless.json", "files/asset.glb"} <= set(files)
    assert not [name for name in files if name.endswith((".py", ".pyc", ".md", ".key"))]


def test_what_is_left_is_named():
    played = set(coverage.files()) - {"faults/endless.json"}
    assert coverage.unplayed(played) == ["faults/endless.json"]
    with pytest.raises(ValueError, match=r"contract/ has no faults/endles\.json"):
        coverage.unplayed([*played, "faults/endles.json"])


def test_of_an_icons_formats_one_is_enough():
    left = set(coverage.unplayed(["icons/mark.png"]))
    assert "icons/mark.svg" not in left
    assert "icons/mark.svg" in coverage.unplayed([])


def test_reading_is_playing():
    contract = coverage.Contract()
    assert contract.json("forms.json")["forms"]
    assert set(coverage.files()) - set(contract.unplayed()) == {"forms.json"}


@pytest.mark.parametrize("missing", [None, "faults/endless.json"])
def test_a_list_from_another_language_is_checked(missing):
    played = "\n".join(name for name in coverage.files() if name != missing)
    command = [sys.executable, "-m", "contract.coverage"]
    done = subprocess.run(command, cwd=ROOT, input=played, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == ((1, f"contract/{missing} is not played.\n") if missing else (0, ""))
