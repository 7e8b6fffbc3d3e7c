"""Password hashing: few requests wait for it at a time, fewer per network, and it runs at low priority."""

from __future__ import annotations

import os
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from spherelinks.accounts import passwords
from spherelinks.errors import RateLimited


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set it, and hashing goes on."""
    opened = threading.Event()

    class Slow:
        def verify(self, known: str, password: str) -> bool:
            assert opened.wait(30)
            return True

    monkeypatch.setattr(passwords, "_hasher", Slow())
    return opened


def outcomes(asked: list[Future[bool]]) -> list[bool]:
    """Of each, whether it was hashed; else it was refused."""
    return [not isinstance(each.exception(), RateLimited) for each in asked]


def test_of_one_network_few_wait_and_others_still_may(gate: threading.Event) -> None:
    with ThreadPoolExecutor(20) as pool:
        crowd = [pool.submit(passwords.fits, "hash", "password", "192.0.2.1/32") for _ in range(12)]
        while sum(each.done() for each in crowd) < 12 - passwords.WAITING_OF_SOURCE:
            time.sleep(0.01)  # those too many are refused at once
        one = pool.submit(passwords.fits, "hash", "password", "192.0.2.2/32")
        gate.set()
        assert one.result()
        assert sum(outcomes(crowd)) == passwords.WAITING_OF_SOURCE
    assert passwords.fits("hash", "password", "192.0.2.1/32"), "places are given back"
    assert not passwords._waiting


def test_of_all_networks_no_more_than_so_many_wait(gate: threading.Event) -> None:
    with ThreadPoolExecutor(passwords.WAITING + 10) as pool:
        crowd = [pool.submit(passwords.fits, "hash", "password", f"n{n}") for n in range(passwords.WAITING + 10)]
        while sum(each.done() for each in crowd) < 10:
            time.sleep(0.01)
        gate.set()
        assert sum(outcomes(crowd)) == passwords.WAITING


@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux alone")
def test_the_thread_that_hashes_gives_way_to_others() -> None:
    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    lowest = 19
    assert passwords._thread().submit(niceness).result() == min(niceness() + passwords._NICENESS, lowest)
