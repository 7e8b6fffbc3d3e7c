"""Work in threads: as many as there are cores for, and the same result however many there are."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
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


def test_a_network_says_the_same_of_pictures_one_by_one_and_side_by_side():
    pictures = np.random.default_rng(0).standard_normal((4, 1, 20, 64, 64)).astype(np.float32)
    network = session(LIFT, FOLDER, threads=1)

    def look(x):
        return network.run(list(LIFT.outputs), {"x": x})

    alone = [look(x) for x in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(look, pictures))
    for said, others in zip(alone, together, strict=True):
        for name, one, other in zip(LIFT.outputs, said, others, strict=True):
            assert np.array_equal(one, other), name


def test_what_is_made_once_is_not_made_again_for_those_who_ask_meanwhile():
    made = []

    @threads.once
    def slow() -> int:
        time.sleep(0.05)
        made.append(len(made))
        return made[-1]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: slow(), range(8))) == [0] * 8
    assert made == [0]


def test_what_could_not_be_made_is_tried_again():
    tried = []

    @threads.once
    def fails_first() -> str:
        tried.append(None)
        if len(tried) == 1:
            raise OSError("not yet")
        return "made"

    with pytest.raises(OSError, match="not yet"):
        fails_first()
    assert (fails_first(), fails_first(), len(tried)) == ("made", "made", 2)


def _at_work(of: int) -> set[threading.Thread]:
    """The threads that work when there are as many tasks as that."""
    together = threading.Barrier(of)

    def task(number: int) -> threading.Thread:
        together.wait(10)
        return threading.current_thread()

    with threads.pool(of) as pool:
        return set(pool.map(task, range(of)))


def test_threads_are_kept_for_the_next_pool_and_end_with_the_last_work_that_keeps_them():
    with threads.kept():
        with threads.kept():
            first = _at_work(3)
            assert _at_work(3) == first
            assert not _at_work(2) & first
        assert all(each.is_alive() for each in first)
    assert not any(each.is_alive() for each in first)
    last = _at_work(3)
    assert not last & first
    assert not any(each.is_alive() for each in last)


def _left_by_an_error(done: list[int]) -> None:
    with threads.pool(1) as pool:
        pool.submit(time.sleep, 0.05)
        pool.submit(done.append, 1)
        raise KeyError


def test_a_pool_that_is_left_by_an_error_has_done_its_tasks_and_may_be_used_again():
    done: list[int] = []
    with threads.kept():
        with pytest.raises(KeyError):
            _left_by_an_error(done)
        assert done == [1]
        assert len(_at_work(1)) == 1
