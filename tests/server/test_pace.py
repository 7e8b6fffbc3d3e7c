"""Of a process' one core, each network address gets its share while others are here, and all of it when alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import loops
import pytest

from spherelinks.errors import RateLimited
from spherelinks_server import pace
from spherelinks_server.pace import Pace

Sleep = Callable[[float], Awaitable[None]]


class Clock:
    """Time that passes only when somebody sleeps or works."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pace.time, "monotonic", clock.monotonic)
    monkeypatch.setattr(pace.asyncio, "sleep", clock.sleep)
    return clock


async def ask(turns: Pace, clock: Clock, address: str, seconds: float, times: int = 1) -> float:
    """Requests one after the other that take so many seconds each; how long they waited."""
    waited = 0.0
    for _ in range(times):
        before = clock.now
        expected = await turns.turn(address)
        waited += clock.now - before
        clock.now += seconds
        turns.took(address, seconds, expected)
    return waited


def test_what_is_thrown_away_counts_afterwards(clock: Clock) -> None:
    async def several() -> float:
        turns = Pace()
        await ask(turns, clock, "other", 0.001, times=2)
        await ask(turns, clock, "crowd", 0.0)
        turns.also("crowd", 2 * pace.AHEAD_S)
        return await ask(turns, clock, "crowd", 0.0)

    assert loops.run(several()) >= 0.9 * pace.AHEAD_S / pace.SHARE


def test_a_large_request_counts_before_it_is_known_what_it_takes(clock: Clock) -> None:
    async def several() -> float:
        turns = Pace()
        await ask(turns, clock, "other", 0.001, times=2)
        await turns.turn("crowd", least=2 * pace.AHEAD_S)
        before = clock.now
        await turns.turn("crowd", least=2 * pace.AHEAD_S)
        return clock.now - before

    assert loops.run(several()) >= pace.AHEAD_S / pace.SHARE


@pytest.mark.parametrize("cost", [0.001, 0.1])
def test_an_address_gets_its_share_while_others_are_here(clock: Clock, cost: float) -> None:
    async def crowd() -> tuple[float, float]:
        turns, taken, others = Pace(), 0.0, 0.0
        await ask(turns, clock, "other", 0.001)
        begun = clock.now
        while clock.now < begun + 60:
            await ask(turns, clock, "crowd", cost)
            taken += cost
            others += await ask(turns, clock, "other", 0.0001)
        return taken, others

    taken, others = loops.run(crowd())
    assert others == 0.0, "whoever takes little never waits"
    assert 0.8 * pace.SHARE * 60 < taken < pace.AHEAD_S + pace.SHARE * 61 + cost


def test_alone_it_waits_for_nobody_and_soon_is_as_any_other(clock: Clock) -> None:
    async def alone() -> tuple[float, float]:
        turns = Pace()
        await ask(turns, clock, "other", 0.001)
        clock.now += pace.HERE_S + 0.1
        waited = 0.0
        for _ in range(1000):
            waited += await ask(turns, clock, "busy", 0.5)
            if clock.now > turns._clients["other"].asked + 15:
                await ask(turns, clock, "other", 0.001)  # as a monitor does
        clock.now += pace.HERE_S
        await ask(turns, clock, "other", 0.001, times=2)
        return waited, await ask(turns, clock, "busy", 0.001)

    waited, later = loops.run(alone())
    assert waited == 0.0
    assert 0.0 < later <= pace.OWED_S / pace.SHARE, "what it took while alone is not held against it for long"


def test_those_who_wait_are_few_and_have_their_turns_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "LINE", 3)

    async def crowd() -> list[int]:
        turns, order = Pace(), []
        turns.took("crowd", 0.0, await turns.turn("crowd"))
        turns._clients["crowd"].taken = pace.AHEAD_S + 0.05
        await turns.turn("other")
        await turns.turn("another")

        async def one(number: int) -> None:
            await turns.turn("crowd")
            order.append(number)

        waiting = [asyncio.create_task(one(number)) for number in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(RateLimited):
            await turns.turn("crowd")
        waiting[1].cancel()  # its client has left
        await asyncio.gather(*waiting, return_exceptions=True)
        return order

    assert loops.run(crowd()) == [0, 2]


def test_made_up_addresses_do_not_fill_the_memory(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "_MOST", 100)
    turns = Pace()

    async def come() -> None:
        for number in range(1000):
            await ask(turns, clock, f"address {number}", 0.0)

    loops.run(come())
    assert len(turns._clients) == 100
