"""Requests take turns; those that wait for a job take none."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask
from sqlalchemy import Engine

from spherelinks.config import Settings
from spherelinks.storage import Storage
from spherelinks_server import create_app, health, waiting
from spherelinks_server.waiting import Turnstile

from .conftest import Caller

PATIENCE_S = 120


def test_no_more_are_worked_on_than_there_are_places_and_all_have_their_turn() -> None:
    now, most, lock = 0, 0, threading.Lock()

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.01)
        with lock:
            now -= 1
        return [b"done"]

    turnstile = Turnstile(app, places=3)
    answers: list[Iterable[bytes]] = []
    threads = [
        threading.Thread(target=lambda: answers.append(turnstile({"PATH_INFO": "/"}, lambda *_: None)))
        for _ in range(30)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert answers == [[b"done"]] * 30
    assert most == 3


def test_an_address_takes_few_places_and_gives_way_to_those_with_fewer() -> None:
    """Twenty requests of one address and then one each of three others; requests end one by one, as told."""
    order: list[str] = []
    begun = threading.Condition()
    end = threading.Semaphore(0)

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        with begun:
            order.append(environ["REMOTE_ADDR"])
            begun.notify_all()
        end.acquire()
        return []

    turnstile = Turnstile(app, places=waiting.OF_ADDRESS + 1)

    def ask(address: str) -> threading.Thread:
        thread = threading.Thread(target=turnstile, args=({"PATH_INFO": "/", "REMOTE_ADDR": address}, lambda *_: None))
        thread.start()
        return thread

    def come(number: int) -> None:
        with begun:
            assert begun.wait_for(lambda: len(order) >= number, PATIENCE_S)

    crowd = [ask("192.0.2.1") for _ in range(20)]
    come(waiting.OF_ADDRESS)
    others = [ask("192.0.2.2")]
    come(waiting.OF_ADDRESS + 1)  # at once, though sixteen have come before
    others += [ask("192.0.2.3"), ask("192.0.2.4")]
    while len(turnstile._line) < 20 - waiting.OF_ADDRESS + 2:
        time.sleep(0.01)
    for number in range(2):  # whoever ends, the next place is that of an address with none
        end.release()
        come(waiting.OF_ADDRESS + 2 + number)
    assert sorted(order[waiting.OF_ADDRESS :]) == ["192.0.2.2", "192.0.2.3", "192.0.2.4"]
    end.release(30)
    for thread in (*crowd, *others):
        thread.join(PATIENCE_S)
    assert len(order) == 23
    assert turnstile._free == waiting.OF_ADDRESS + 1
    assert not turnstile._active


def test_health_checks_need_no_place() -> None:
    turnstile = Turnstile(lambda environ, start_response: [environ["PATH_INFO"].encode()], places=0)
    for path in health.PATHS:
        assert turnstile({"PATH_INFO": path, "REMOTE_ADDR": "192.0.2.1"}, lambda *_: None) == [path.encode()]


def test_many_more_wait_for_a_job_than_are_worked_on_and_all_are_told_when_it_ends(
    settings: Settings, engine: Engine, storage: Storage, make_caller: Callable[..., Caller], png: bytes
) -> None:
    app: Flask = create_app(settings, engine, storage, rate_limit=0, address_limit=0)
    caller = make_caller()
    job = caller.submit(png)
    answers: list[Any] = []

    def wait() -> None:
        answers.append(app.test_client().get(f"/v1/status/{job}?wait=60", headers=caller.headers).json)

    threads = [threading.Thread(target=wait) for _ in range(3 * waiting.WORKED_ON)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    assert app.test_client().get("/v1/credits", headers=caller.headers).status_code == 200, "there is room for others"
    assert not answers
    caller.finish(job, b"glTF", storage)
    for thread in threads:
        thread.join(PATIENCE_S)
    assert [answer["status"] for answer in answers] == ["COMPLETED"] * len(threads)
