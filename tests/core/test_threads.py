"""Work in threads: as many as there are cores for, and the same result however many there are."""

from pathlib import Path

import numpy as np
import pytest

import spherelinks
from spherelinks import confinement, threads
from spherelinks.generation.lift.files import FOLDER, LIFT
from spherelinks.onnx import session

MUG = Path(__file__).parents[2] / "docs/samples/mug.jpg"


@pytest.mark.parametrize(("cores", "expected"), [(1, 1), (2, 2), (64, threads.MOST)])
def test_there_are_as_many_as_cores_up_to_a_limit(monkeypatch, cores, expected):
    monkeypatch.setattr(confinement, "cores", lambda: cores)
    threads.count.cache_clear()
    assert threads.count() == expected
    threads.count.cache_clear()


def test_the_bytes_do_not_depend_on_how_many_there_are(monkeypatch):
    made = []
    for count in (1, 3):
        monkeypatch.setattr(threads, "count", lambda count=count: count)
        made.append(spherelinks.generate(MUG, texture_size=512, target_faces=3000))
    assert made[0].glb == made[1].glb
    assert made[0].thumbnail == made[1].thumbnail


def test_a_network_says_the_same_on_any_number_of_cores(monkeypatch):
    x = np.random.default_rng(0).standard_normal((2, 20, 64, 64)).astype(np.float32)
    said = []
    for count in (1, 4):
        monkeypatch.setattr(threads, "count", lambda count=count: count)
        said.append(session(LIFT, FOLDER).run(list(LIFT.outputs), {"x": x}))
    for name, one, other in zip(LIFT.outputs, *said, strict=True):
        assert np.array_equal(one, other), name
