"""Work in threads: as many as there are cores for, and the same result however many there are."""

from pathlib import Path

import pytest

import spherelinks
from spherelinks import confinement, threads

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
