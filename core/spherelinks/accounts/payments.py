"""Buying credits through Stripe Checkout: a payment page at Stripe, and its signed event once it is paid.

This takes one call of Stripe's HTTP API and one webhook, so its library is not needed. The browser's return proves
nothing: only the signed event grants credits, once, however often it arrives. Refunds at Stripe take no credits away;
the operator settles them.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx2
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from spherelinks.accounts import ledger
from spherelinks.config import Settings
from spherelinks.database import Payment
from spherelinks.errors import ConfigurationError, InvalidRequest, PaymentsNotOffered, ServiceError

TOLERANCE = timedelta(minutes=5)
"""Maximum age of a signature, against replays."""

_API = "https://api.stripe.com"
_TIMEOUT_S = 15.0
_PAID = ("checkout.session.completed", "checkout.session.async_payment_succeeded")
_SIGNATURE = re.compile(r"^v1=([0-9a-f]{64})$", re.ASCII)


@dataclass(frozen=True)
class Stripe:
    """An account at Stripe.

    key : its secret key; webhook_secret : of the endpoint that receives its events
    packs : what is sold: Stripe's price id by number of credits
    """

    key: str
    webhook_secret: str
    packs: Mapping[int, str]
    api: str = _API


def configured(settings: Settings) -> Stripe | None:
    """From the settings; None if nothing is sold. Raises ConfigurationError if only some of them are set."""
    parts = (settings.stripe_key, settings.stripe_webhook_secret, settings.credit_packs)
    if not any(parts):
        return None
    if not settings.stripe_key or not settings.stripe_webhook_secret or not settings.credit_packs:
        raise ConfigurationError(
            "STRIPE_SECRET_KEY, STRIPE_WEBHOOK_SECRET and SPHERELINKS_CREDIT_PACKS are not all set.",
            hint="Set all three to sell credits, or none.",
        )
    return Stripe(settings.stripe_key, settings.stripe_webhook_secret, dict(settings.credit_packs))


def checkout(stripe: Stripe | None, account_id: str, credits: int, return_url: str) -> str:
    """The URL of a payment page for that many credits; it leads back to ``return_url``.

    Raises PaymentsNotOffered, InvalidRequest for a number that is not sold, ServiceError if Stripe does not answer.
    """
    if stripe is None:
        raise PaymentsNotOffered("This installation sells no credits.", hint="Ask the operator for credits.")
    if credits not in stripe.packs:
        sold = ", ".join(map(str, sorted(stripe.packs)))
        raise InvalidRequest(f"credits is {credits}.", hint=f"Choose one of {sold}.", field="credits")
    form = {
        "mode": "payment",
        "line_items[0][price]": stripe.packs[credits],
        "line_items[0][quantity]": "1",
        "client_reference_id": account_id,
        "metadata[credits]": str(credits),
        "success_url": return_url,
        "cancel_url": return_url,
    }
    try:
        answer = httpx2.post(
            f"{stripe.api}/v1/checkout/sessions",
            data=form,
            headers={"Authorization": f"Bearer {stripe.key}"},
            timeout=_TIMEOUT_S,
            trust_env=False,
        )
        url = answer.json()["url"] if answer.status_code == 200 else None
    except (httpx2.HTTPError, ValueError, KeyError) as error:
        raise ServiceError("The payment service does not answer.", hint="Try again later.") from error
    if not isinstance(url, str):
        raise ServiceError(
            f"The payment service answered with HTTP status {answer.status_code}.", hint="Tell the operator."
        )
    return url


def receive(session: Session, stripe: Stripe | None, body: bytes, signature: str, now: datetime) -> bool:
    """Process an event from Stripe and grant what was paid for; returns whether this call granted credits.

    body, signature : of the request, the latter from ``Stripe-Signature``; now : aware

    Raises PaymentsNotOffered, InvalidRequest for a signature that is missing, wrong or old.
    """
    if stripe is None:
        raise PaymentsNotOffered(
            "This installation sells no credits.", hint="Set the STRIPE_… variables to sell credits."
        )
    _verify(stripe.webhook_secret, body, signature, now)
    event: dict[str, Any] = json.loads(body)
    paid = event.get("data", {}).get("object", {})
    if event.get("type") not in _PAID or paid.get("payment_status") != "paid":
        return False
    account_id, credits = paid["client_reference_id"], int(paid["metadata"]["credits"])
    new = session.execute(
        insert(Payment)
        .values(id=paid["id"], account_id=account_id, credits=credits)
        .on_conflict_do_nothing()
        .returning(Payment.id)
    ).one_or_none()
    if new is None:
        return False
    ledger.grant(session, account_id, credits, f"bought, {paid['id']}")
    return True


def _verify(secret: str, body: bytes, signature: str, now: datetime) -> None:
    """Stripe's scheme: ``t=TIME,v1=HEX``, the HMAC-SHA256 of ``TIME.BODY``; any one of several v1 suffices."""
    parts = [part.strip() for part in signature.split(",")]
    times = [part[2:] for part in parts if part.startswith("t=") and part[2:].isdecimal()]
    given = [found[1] for part in parts if (found := _SIGNATURE.match(part))]
    if len(times) == 1:
        expected = hmac.new(secret.encode(), f"{times[0]}.".encode() + body, hashlib.sha256).hexdigest()
        fresh = abs(now.timestamp() - int(times[0])) <= TOLERANCE.total_seconds()
        if fresh and any(hmac.compare_digest(expected, one) for one in given):
            return
    raise InvalidRequest(
        "Stripe-Signature is missing, wrong or too old.", hint="Check STRIPE_WEBHOOK_SECRET and the clock."
    )
