"""Settings → Webhooks: who is notified when a model is done, and the fate of each message."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from flask import redirect, render_template, request
from flask.typing import ResponseReturnValue

from spherelinks.database import transaction
from spherelinks.errors import InvalidRequest
from spherelinks.jobs import webhooks
from spherelinks_server.dashboard import gate
from spherelinks_server.services import services

pages = gate.private("webhooks", "/app/webhooks")

EVENTS = {"job.completed": "A model is ready", "job.failed": "A model failed"}
_SHOWN = 25
_WATCHED = timedelta(minutes=2)
"""The page watches a message whose next attempt is this near."""


@pages.get("")
def show() -> str:
    return _list()


@pages.post("")
def create() -> ResponseReturnValue:
    parts = services()
    try:
        with transaction(parts.engine) as session:
            url, events = request.form.get("url", "").strip(), request.form.getlist("events")
            webhook = webhooks.create(session, gate.world(), url, events, guard=parts.guard)
    except InvalidRequest as error:
        return _list(f"{error.message} {error.hint}"), HTTPStatus.BAD_REQUEST
    return redirect(f"/app/webhooks/{webhook.id}", HTTPStatus.SEE_OTHER)


@pages.get("/<webhook_id>")
def one(webhook_id: str) -> str:
    return render_template("webhook.html", events=EVENTS, **_shown(webhook_id))


@pages.get("/<webhook_id>/messages")
def messages(webhook_id: str) -> str:
    """The part of its page that updates."""
    return render_template("parts/messages.html", **_shown(webhook_id))


@pages.post("/<webhook_id>/test")
def test(webhook_id: str) -> ResponseReturnValue:
    with transaction(services().engine) as session:
        webhooks.send_test(session, gate.world(), webhook_id)
    return redirect(f"/app/webhooks/{webhook_id}?done=test-sent", HTTPStatus.SEE_OTHER)


def _shown(webhook_id: str) -> dict[str, Any]:
    world = gate.world()
    with transaction(services().engine) as session:
        webhook = webhooks.get(session, world, webhook_id)
        deliveries = webhooks.deliveries(session, world, webhook_id, limit=_SHOWN)
        paused_until = webhooks.paused(session, world.account_id).get(webhooks.host_of(webhook.url))
    now = datetime.now(UTC)
    pending = any(one.state == "pending" and abs(one.next_at - now) < _WATCHED for one in deliveries)
    return {"webhook": webhook, "deliveries": deliveries, "paused_until": paused_until, "pending": pending}


@pages.post("/<webhook_id>/rotate")
def rotate(webhook_id: str) -> ResponseReturnValue:
    with transaction(services().engine) as session:
        webhooks.rotate(session, gate.world(), webhook_id)
    return redirect(f"/app/webhooks/{webhook_id}?done=secret-rotated", HTTPStatus.SEE_OTHER)


@pages.post("/<webhook_id>/delete")
def delete(webhook_id: str) -> ResponseReturnValue:
    with transaction(services().engine) as session:
        webhooks.delete(session, gate.world(), webhook_id)
    return redirect("/app/webhooks?done=webhook-deleted", HTTPStatus.SEE_OTHER)


@pages.post("/<webhook_id>/deliveries/<delivery_id>")
def redeliver(webhook_id: str, delivery_id: str) -> ResponseReturnValue:
    with transaction(services().engine) as session:
        webhooks.redeliver(session, gate.world(), webhook_id, delivery_id)
    return redirect(f"/app/webhooks/{webhook_id}?done=redelivered", HTTPStatus.SEE_OTHER)


def _list(problem: str = "") -> str:
    with transaction(services().engine) as session:
        found = webhooks.list_webhooks(session, gate.world())
    return render_template(
        "webhooks.html", webhooks=found, events=EVENTS, problem=problem, settings=services().settings
    )
