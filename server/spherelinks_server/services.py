"""What the views share, created once per application."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import current_app
from sqlalchemy import Engine

from spherelinks.accounts.payments import Stripe
from spherelinks.config import Settings
from spherelinks.generation.registry import Installed
from spherelinks.jobs.decoding import Decoders
from spherelinks.jobs.offers import Offers
from spherelinks.picture.fetch import Guard
from spherelinks.storage import Storage
from spherelinks_server.intake import Intake
from spherelinks_server.limits import Limits, RateLimit
from spherelinks_server.waiting import Turnstile, Waiters
from spherelinks_server.zipped import Zips

if TYPE_CHECKING:
    from spherelinks_server.fastpath import FastPath

EXTENSION = "spherelinks"


@dataclass(frozen=True)
class Services:
    """limits : what requests are counted against; fast : answers without the application;
    offers : what workers offer; guard : which addresses webhooks and assets may be sent to;
    cutters, cutouts : the processes that preview mattes, and how often an account may ask;
    stripe : the payment service, if credits are sold"""

    engine: Engine
    storage: Storage
    limits: Limits
    fast: FastPath
    intake: Intake
    offers: Offers
    settings: Settings
    turnstile: Turnstile
    waiters: Waiters
    guard: Guard
    zips: Zips
    cutters: Decoders
    cutouts: RateLimit
    stripe: Stripe | None

    @property
    def generators(self) -> Installed:
        """The generators that may be asked for now. Raises DatabaseUnavailable."""
        return self.offers.look()


def services() -> Services:
    """The services of the current application."""
    found: Services = current_app.extensions[EXTENSION]
    return found
