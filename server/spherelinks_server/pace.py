"""Processor time by network address: while others ask for something, too, one address gets a share, and then waits.

A request may cost its client nothing and a server much. Places and threads bound how many requests of one client are
worked on at a time, and not how much of the one core they take that a Python process has.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict

from spherelinks.errors import RateLimited

SHARE = 0.1
"""Seconds of processor time per second that one address may take while others are here."""
AHEAD_S = 0.1
"""Seconds of it that an address may take in advance."""
OWED_S = 0.4
"""The most that is held against an address on top of that, whatever it took while it was alone."""
HERE_S = 2.0
"""Others are here if they have asked for something twice within so many seconds: once may be a monitor's look."""
LINE = 256
"""Requests of one address that may wait for their turn."""
_FIRST_GUESS_S = 0.005
_LEARN = 0.25
_TICK_S, _LOOK_S = 0.001, 0.25
_MOST = 10_000


class Pace:
    """Whose turn it is. Lives on one event loop, so it needs no lock."""

    def __init__(self) -> None:
        self._clients: OrderedDict[str, _Client] = OrderedDict()  # who has asked last stands last

    async def turn(self, address: str, least: float = 0.0) -> float:
        """Wait until a request of the address may be worked on; the seconds put down for it until they are known.

        The requests of one address take turns in the order in which they came. Raises RateLimited if too many wait.

        least : seconds of processor time that it takes at least, by its size
        """
        client = self._asking(address)
        if client.waiting >= LINE:
            raise RateLimited(
                "Too many requests of your network address are waiting.",
                retry_after=5,
                hint="Send fewer at the same time.",
            )
        client.waiting += 1
        try:
            async with client.line:
                while (wait := self._wait(client)) > 0:
                    await asyncio.sleep(min(wait + _TICK_S, _LOOK_S))
                expected = max(client.usual, least)
                client.taken += expected
                return expected
        finally:
            client.waiting -= 1

    def took(self, address: str, seconds: float, expected: float) -> None:
        """A request has taken that much processor time, for which :meth:`turn` had put down ``expected``."""
        client = self._clients.get(address)
        if client is not None:
            client.usual += _LEARN * (seconds - client.usual)
            client.taken = min(max(client.taken + seconds - expected, 0.0), AHEAD_S + OWED_S)

    def also(self, address: str, seconds: float) -> None:
        """A request has taken that much more than :meth:`took` was told."""
        client = self._clients.get(address)
        if client is not None:
            client.taken = min(client.taken + seconds, AHEAD_S + OWED_S)

    def _asking(self, address: str) -> _Client:
        client = self._clients.pop(address, None) or _Client()
        client.before, client.asked = client.asked, time.monotonic()
        self._clients[address] = client
        if len(self._clients) > _MOST:
            self._clients.popitem(last=False)
        return client

    def _wait(self, client: _Client) -> float:
        """Seconds until the client may go on, 0 for now."""
        now = time.monotonic()
        client.taken = max(client.taken - SHARE * (now - client.counted), 0.0)
        client.counted = now
        if client.taken <= AHEAD_S or not self._others(client, now - HERE_S):
            return 0.0
        return (client.taken - AHEAD_S) / SHARE

    def _others(self, client: _Client, since: float) -> bool:
        """Whether others have asked for something twice since then."""
        asked = 0
        for other in reversed(self._clients.values()):
            if other.asked < since:
                break
            if other is not client:
                asked += 1 + (other.before >= since)
            if asked > 1:
                return True
        return False


class _Client:
    """taken : seconds of processor time that it owes, at the time ``counted``; usual : what a request of it takes;
    asked, before : when it has asked for something, the last time and the time before"""

    def __init__(self) -> None:
        self.taken = 0.0
        self.counted = time.monotonic()
        self.asked = self.before = -math.inf
        self.usual = _FIRST_GUESS_S
        self.waiting = 0
        self.line = asyncio.Lock()
