"""Webhooks by the Standard Webhooks specification: who is told what, signed so that it can be believed.

When a job ends, in the same transaction, each webhook of its world that asked for that event gets a message, and
the asset is put down for ``output.putUrl``; :mod:`spherelinks.jobs.courier` delivers both, at least once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy import delete as delete_rows
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from spherelinks.accounts.worlds import World
from spherelinks.database import Account, Delivery, HostPause, Job, Webhook, new_id
from spherelinks.errors import InvalidRequest, TooManyWebhooks, UnknownWebhook
from spherelinks.jobs import outbound, outbox
from spherelinks.picture.fetch import Guard

EVENTS = ("job.completed", "job.failed")
PUT = "output.put"
TEST = "webhook.test"
"""Of a message that the owner asked for, and no job."""
LIMIT = 10
"""Webhooks an account may have, and as many again in its sandbox."""
PENDING = 1000
"""Deliveries of an account that may be pending; more are given up at once."""
KEPT = timedelta(days=30)
"""How long a message that was delivered or given up is shown."""
OVERLAP = timedelta(hours=24)
"""How long the previous secret also signs after a rotation."""

_PREFIX = "whsec_"


def create(
    session: Session, world: World, url: str, events: Collection[str] = EVENTS, *, guard: Guard | None = None
) -> Webhook:
    """A new webhook of the world; its ``secret`` verifies its messages.

    Raises InvalidRequest for an invalid URL and for unknown or no events, TooManyWebhooks.
    """
    url = outbound.check(url, guard or Guard(), "url")
    if not events or not set(events) <= set(EVENTS):
        raise InvalidRequest(f"events is {sorted(events)}.", hint=f"Give some of {', '.join(EVENTS)}.", field="events")
    # concurrent calls are serialised, so each sees the webhooks created before it
    session.execute(select(Account.id).where(Account.id == world.account_id).with_for_update())
    if len(list_webhooks(session, world)) >= LIMIT:
        raise TooManyWebhooks(f"The account already has {LIMIT} webhooks, the maximum.", hint="Delete one first.")
    webhook = Webhook(
        id=new_id("wh"),
        account_id=world.account_id,
        sandbox=world.sandbox,
        url=url,
        events=[event for event in EVENTS if event in events],
        secret=_new_secret(),
    )
    session.add(webhook)
    session.flush()
    return webhook


def list_webhooks(session: Session, world: World) -> Sequence[Webhook]:
    """The world's webhooks, oldest first."""
    return session.scalars(select(Webhook).where(world.holds(Webhook)).order_by(Webhook.id)).all()


def get(session: Session, world: World, webhook_id: str) -> Webhook:
    """The world's webhook of that id. Raises UnknownWebhook."""
    webhook = session.scalars(select(Webhook).where(Webhook.id == webhook_id, world.holds(Webhook))).one_or_none()
    if webhook is None:
        raise UnknownWebhook(
            f"There is no webhook '{webhook_id[:64]}' in this account.", hint="GET /v1/webhooks lists them."
        )
    return webhook


def delete(session: Session, world: World, webhook_id: str) -> None:
    """Delete the webhook with its messages. Raises UnknownWebhook."""
    session.delete(get(session, world, webhook_id))
    session.flush()


def rotate(session: Session, world: World, webhook_id: str) -> Webhook:
    """Give the webhook a new secret; for ``OVERLAP`` the previous one signs as well. Raises UnknownWebhook."""
    webhook = get(session, world, webhook_id)
    webhook.previous_secret, webhook.previous_until = webhook.secret, datetime.now(UTC) + OVERLAP
    webhook.secret = _new_secret()
    session.flush()
    return webhook


def deliveries(
    session: Session, world: World, webhook_id: str, *, before: str | None = None, limit: int = 50
) -> Sequence[Delivery]:
    """The webhook's messages and their delivery, newest first. Raises UnknownWebhook."""
    get(session, world, webhook_id)
    query = select(Delivery).where(Delivery.webhook_id == webhook_id)
    if before is not None:
        query = query.where(Delivery.id < before)
    return session.scalars(query.order_by(Delivery.id.desc()).limit(limit)).all()


def redeliver(session: Session, world: World, webhook_id: str, delivery_id: str) -> Delivery:
    """Send the same message again, with the same id, retried as often as a new one. Raises UnknownWebhook."""
    webhook = get(session, world, webhook_id)
    session.execute(  # before the delivery's row is locked: a try that ends locks them in this order
        delete_rows(HostPause).where(HostPause.account_id == world.account_id, HostPause.host == host_of(webhook.url))
    )
    delivery = session.get(Delivery, delivery_id, with_for_update=True)
    if delivery is None or delivery.webhook_id != webhook_id:
        raise UnknownWebhook(
            f"The webhook has no delivery '{delivery_id[:64]}'.",
            hint="GET /v1/webhooks/{webhookId}/deliveries lists them.",
        )
    delivery.state, delivery.attempts, delivery.ended_at = "pending", 0, None
    delivery.next_at = func.now()
    session.flush()
    outbox.call(session, world.account_id)
    session.refresh(delivery)
    return delivery


def send_test(session: Session, world: World, webhook_id: str) -> Delivery:
    """Queue a message that shows whether the webhook works; the one that is still waiting, if there is one.

    Raises UnknownWebhook.
    """
    webhook = get(session, world, webhook_id)
    session.execute(select(Webhook.id).where(Webhook.id == webhook.id).with_for_update())
    waiting = select(Delivery).where(
        Delivery.webhook_id == webhook.id, Delivery.event == TEST, Delivery.state == "pending"
    )
    known = session.scalars(waiting).first()
    if known is not None:
        return redeliver(session, world, webhook.id, known.id)
    data = {"webhookId": webhook.id, "url": webhook.url}
    body = {"type": TEST, "timestamp": datetime.now(UTC).isoformat(), "data": data}
    delivery = Delivery(
        id=new_id("msg"),
        webhook_id=webhook.id,
        account_id=world.account_id,
        host=host_of(webhook.url),
        event=TEST,
        payload=json.dumps(body, separators=(",", ":")),
    )
    session.add(delivery)
    session.flush()
    outbox.call(session, world.account_id)
    return delivery


def announce(session: Session, job_id: str) -> None:
    """Queue the notifications of the job's end, inside the transaction that ends it."""
    wanted = session.execute(text(_WANTED), {"job": job_id}).all()
    if not wanted:
        return
    job = session.get_one(Job, job_id, populate_existing=True)
    event = f"job.{job.state}"
    pending = session.scalars(text(_PENDING), {"account": job.account_id}).one()
    for webhook_id, url in wanted:
        delivery = Delivery(
            id=new_id("msg"),
            webhook_id=webhook_id,
            job_id=job.id,
            account_id=job.account_id,
            host=host_of(url),
            event=PUT if webhook_id is None else event,
            payload=None if webhook_id is None else _payload(job, event),
        )
        if pending >= PENDING:
            delivery.state, delivery.ended_at = "failed", datetime.now(UTC)
            delivery.problem = f"{PENDING} deliveries of this account were pending already."
        pending += 1
        session.add(delivery)
    session.flush()
    outbox.call(session, job.account_id)


def paused(session: Session, account_id: str) -> dict[str, datetime]:
    """The hosts that the account's deliveries wait for because they hang, and until when."""
    waiting = select(HostPause.host, HostPause.until)
    found = session.execute(waiting.where(HostPause.account_id == account_id, HostPause.until > func.now()))
    return {row.host: row.until for row in found}


def host_of(url: str) -> str:
    """The host and port of an address, by which deliveries are shared out."""
    return urlsplit(url).netloc.rpartition("@")[2].lower()


# The webhooks to notify of the job's end, and NULL for an asset to deliver. Nearly always nothing.
_WANTED = """
(SELECT w.id, w.url
 FROM jobs j
 JOIN webhooks w ON (w.account_id, w.sandbox) = (j.account_id, j.sandbox) AND w.events @> ARRAY['job.' || j.state]
 WHERE j.id = :job ORDER BY w.id)
UNION ALL
SELECT NULL, output ->> 'putUrl' FROM jobs WHERE id = :job AND state = 'completed' AND jsonb_typeof(output) = 'object'
"""
_PENDING = f"""
SELECT count(*) FROM (SELECT FROM deliveries WHERE account_id = :account AND state = 'pending' LIMIT {PENDING}) pending
"""


def sweep(session: Session) -> int:
    """Forget messages that have ended and were kept; how many. Forgets hosts that hung a day ago, too."""
    session.execute(delete_rows(HostPause).where(HostPause.until < func.now() - timedelta(days=1)))
    ended = delete_rows(Delivery).where(Delivery.state != "pending", Delivery.ended_at < func.now() - KEPT)
    return len(session.scalars(ended.returning(Delivery.id)).all())


def headers(webhook: Webhook, message_id: str, body: bytes, moment: datetime) -> dict[str, str]:
    """The specification's headers: id, timestamp, and a signature by each secret that is valid at that moment."""
    valid = [webhook.secret]
    if webhook.previous_secret and webhook.previous_until and moment < webhook.previous_until:
        valid.append(webhook.previous_secret)
    seconds = str(int(moment.timestamp()))
    signed = f"{message_id}.{seconds}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(f"v1,{_signature(secret, signed)}" for secret in valid),
        "Content-Type": "application/json",
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def _new_secret() -> str:
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def _payload(job: Job, event: str) -> str:
    ended = job.finished_at or datetime.now(UTC)
    error = {"code": job.error_code, "message": job.error_message, "hint": job.error_hint or ""}
    data = {
        "jobId": job.id,
        "status": job.state.upper(),
        "creditsCharged": job.credits if job.state == "completed" else 0,
        "cache": "hit" if job.cache_hit else "miss",
        "sandbox": job.sandbox,
        "error": error if job.state == "failed" else None,
        "sha256": job.asset_sha256,
        "bytes": job.asset_size,
    }
    return json.dumps({"type": event, "timestamp": ended.isoformat(), "data": data}, separators=(",", ":"))
