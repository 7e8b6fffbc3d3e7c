"""What the client says of failures, and when it gives a job up, is what contract/ says for all clients."""

import json
from pathlib import Path

from blender_addon.client.errors import ENDS_JOB, REMEDIES

CONTRACT = Path(__file__).resolve().parents[3] / "contract"


def test_hints_and_ends_are_the_contracts():
    failures = json.loads((CONTRACT / "failures.json").read_text("utf-8"))
    assert failures["hints"] == REMEDIES
    assert set(failures["endsJob"]) == ENDS_JOB
