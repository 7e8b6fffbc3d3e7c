"""What workers offer: each regularly writes down the cards of its generators and whether they are ready.

Servers show these and check requests against them, because the machine that answers requests need not have the same
generators as those that do the work. An offer outlives its worker by ``STANDS_S``, so that nobody is refused while a
worker restarts. If there is no offer at all, because every worker is starting or stopped, what is installed here
counts, and accepted jobs wait for a worker.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from functools import lru_cache

from sqlalchemy import Engine, delete, func, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.orm import Session

from spherelinks.database import Offer, transaction
from spherelinks.errors import ConfigurationError
from spherelinks.generation import registry
from spherelinks.generation.card import Card
from spherelinks.generation.registry import Installed

BEAT_S = 10.0
STANDS_S = 60.0
KNOWN_S = 2.0
"""How long a server uses what it has read before it reads again."""


def own(named: Sequence[str], memory_limit_mb: int) -> Installed:
    """What this machine can offer: all installed generators, or those that are named; problems say why one cannot run.

    Raises ConfigurationError for a name that is not installed.
    """
    installed = registry.look()
    for name in named:
        if name not in installed.cards:
            reason = installed.problems.get(name, "it is not installed")
            raise ConfigurationError(
                f"The generator '{name}' cannot be offered: {reason}.",
                hint=f"Installed: {', '.join(installed.cards)}. Set SPHERELINKS_GENERATORS or --generators.",
            )
    cards = {name: card for name, card in installed.cards.items() if not named or name in named}
    problems = {} if named else dict(installed.problems)
    for name, card in cards.items():
        if missing := card.needs.missing(memory_limit_mb):
            problems[name] = missing
    return Installed(cards, problems)


def announce(session: Session, worker: str, offered: Installed) -> None:
    """Write down what the worker offers now, in place of what it offered before."""
    session.execute(delete(Offer).where(Offer.worker == worker))
    for name in sorted({*offered.cards, *offered.problems}):
        card = offered.cards.get(name)
        session.execute(
            insert(Offer).values(
                worker=worker,
                generator=name,
                card=card.announced() if card else None,
                problem=offered.problems.get(name),
            )
        )


def standing(session: Session) -> Installed | None:
    """What workers offer, the ready and newest offer of each generator; None if no offer stands."""
    rows = session.scalars(
        select(Offer)
        .where(Offer.beat_at > func.now() - func.make_interval(0, 0, 0, 0, 0, 0, STANDS_S))
        .ext(distinct_on(Offer.generator))
        .order_by(Offer.generator, Offer.problem.is_not(None), Offer.beat_at.desc(), Offer.worker)
    ).all()
    if not rows:
        return None
    found = Installed(absent="no worker offers it.", label="Offered")
    for row in rows:
        try:
            if row.card is not None:
                found.cards[row.generator] = _card(json.dumps(row.card, sort_keys=True))
        except (KeyError, TypeError, ValueError) as error:  # of a worker of another version
            found.problems[row.generator] = f"This server cannot read its card: {error}"
        if row.problem is not None:
            found.problems[row.generator] = row.problem
    return found


def sweep(session: Session) -> None:
    """Forget the offers of workers that are long gone."""
    session.execute(delete(Offer).where(Offer.beat_at < func.now() - func.make_interval(0, 0, 0, 1)))


class Offers:
    """What may be asked for, as a server sees it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._known = Installed()
        self._read_at = float("-inf")

    def look(self) -> Installed:
        """What workers offer; what is installed here if none does. Raises DatabaseUnavailable."""
        with self._lock:
            if time.monotonic() - self._read_at > KNOWN_S:
                with transaction(self._engine) as session:
                    self._known = standing(session) or own((), _ANY_MB)
                self._read_at = time.monotonic()
            return self._known


_ANY_MB = 2**31


@lru_cache(maxsize=256)
def _card(announced: str) -> Card:
    """A card that was announced; the installed one itself, which can check more, if that is the same."""
    here = registry.look().cards.get(json.loads(announced)["name"])
    if here is not None and json.dumps(here.announced(), sort_keys=True) == announced:
        return here
    return Card.of(json.loads(announced))
