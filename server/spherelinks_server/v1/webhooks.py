"""Webhooks: creating, rotating, deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from flask import Response
from flask_openapi3.models.tag import Tag

from spherelinks import database, errors
from spherelinks.accounts.keys import Principal
from spherelinks.database import transaction
from spherelinks.jobs import webhooks
from spherelinks_server import access
from spherelinks_server.errors import answers
from spherelinks_server.services import services
from spherelinks_server.v1.blueprint import answer, api, described
from spherelinks_server.v1.models import (
    Deliveries,
    DeliveriesQuery,
    DeliveryPath,
    WebhookPath,
    WebhookRequest,
    Webhooks,
)
from spherelinks_server.v1.views import moment

TAG = Tag(name="Webhooks", description="Be notified when a job ends, following the Standard Webhooks specification.")

_ALL = (errors.InvalidKey, errors.MissingScope, errors.RateLimited, errors.ServiceError)
_ONE = (*_ALL, errors.UnknownWebhook)


@api.post(
    "/webhooks",
    tags=[TAG],
    summary="Set up a webhook",
    operation_id="create_webhook",
    responses={
        HTTPStatus.CREATED: {
            **described("WebhookWithSecret", "It is notified of every job that ends from now on."),
            "links": {
                operation: {"operationId": operation, "parameters": {"webhookId": "$response.body#/id"}}
                for operation in ("deliveries", "rotate_webhook", "delete_webhook")
            },
        },
        **answers(errors.InvalidRequest, errors.TooManyWebhooks, *_ALL),
    },
)
def create_webhook(body: WebhookRequest) -> Response:
    """The `secret` verifies the messages: keep it."""
    who, parts = _manager(), services()
    with transaction(parts.engine) as session:
        webhook = webhooks.create(session, who.world, body.url, body.events, guard=parts.guard)
        session.refresh(webhook)
        paused = webhooks.paused(session, who.account_id)
    return answer(_with_secret(webhook, paused), HTTPStatus.CREATED)


@api.get(
    "/webhooks",
    tags=[TAG],
    summary="The account's webhooks",
    operation_id="webhooks",
    responses={HTTPStatus.OK: Webhooks, **answers(*_ALL)},
)
def list_webhooks() -> Response:
    """All of them, without their secrets."""
    who = _manager()
    with transaction(services().engine) as session:
        found = webhooks.list_webhooks(session, who.world)
        paused = webhooks.paused(session, who.account_id)
    return answer({"webhooks": [_shown(webhook, paused) for webhook in found]})


@api.delete(
    "/webhooks/<webhookId>",
    tags=[TAG],
    summary="Delete a webhook",
    operation_id="delete_webhook",
    responses={HTTPStatus.NO_CONTENT: {"description": "The webhook and its messages are deleted."}, **answers(*_ONE)},
)
def delete_webhook(path: WebhookPath) -> Response:
    """Nothing more is sent to it, not even pending messages."""
    who = _manager()
    with transaction(services().engine) as session:
        webhooks.delete(session, who.world, path.webhook_id)
    return Response(status=HTTPStatus.NO_CONTENT)


@api.post(
    "/webhooks/<webhookId>/rotate",
    tags=[TAG],
    summary="Give a webhook a new secret",
    operation_id="rotate_webhook",
    responses={
        HTTPStatus.OK: described(
            "WebhookWithSecret", "The new secret. For 24 hours, messages are also signed with the previous one."
        ),
        **answers(*_ONE),
    },
)
def rotate_webhook(path: WebhookPath) -> Response:
    """For 24 hours, messages carry one signature for each of the two secrets."""
    who = _manager()
    with transaction(services().engine) as session:
        webhook = webhooks.rotate(session, who.world, path.webhook_id)
        paused = webhooks.paused(session, who.account_id)
    return answer(_with_secret(webhook, paused))


@api.get(
    "/webhooks/<webhookId>/deliveries",
    tags=[TAG],
    summary="Messages sent, and their delivery",
    operation_id="deliveries",
    responses={HTTPStatus.OK: Deliveries, **answers(errors.InvalidRequest, *_ONE)},
)
def deliveries(path: WebhookPath, query: DeliveriesQuery) -> Response:
    """A page of messages, newest first; pass `nextCursor` as `cursor` to get the next one."""
    who = _manager()
    with transaction(services().engine) as session:
        found = webhooks.deliveries(session, who.world, path.webhook_id, before=query.cursor, limit=query.limit + 1)
    shown = [_delivery(delivery) for delivery in found[: query.limit]]
    return answer({"deliveries": shown, "nextCursor": shown[-1]["id"] if len(found) > query.limit else None})


@api.post(
    "/webhooks/<webhookId>/deliveries/<deliveryId>/redeliver",
    tags=[TAG],
    summary="Send a message once more",
    operation_id="redeliver",
    responses={HTTPStatus.ACCEPTED: described("Delivery", "It is queued for delivery again."), **answers(*_ONE)},
)
def redeliver(path: DeliveryPath) -> Response:
    """The same body and id, retried as often as a new message."""
    who = _manager()
    with transaction(services().engine) as session:
        delivery = webhooks.redeliver(session, who.world, path.webhook_id, path.delivery_id)
    return answer(_delivery(delivery), HTTPStatus.ACCEPTED)


def _manager() -> Principal:
    who = access.principal()
    who.require("manage")
    return who


def _shown(webhook: database.Webhook, paused: Mapping[str, datetime]) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": webhook.events,
        "createdAt": moment(webhook.created_at),
        "previousSecretUntil": moment(webhook.previous_until),
        "pausedUntil": moment(paused.get(webhooks.host_of(webhook.url))),
    }


def _with_secret(webhook: database.Webhook, paused: Mapping[str, datetime]) -> dict[str, Any]:
    return {**_shown(webhook, paused), "secret": webhook.secret}


def _delivery(delivery: database.Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "event": delivery.event,
        "jobId": delivery.job_id,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "answer": delivery.answer,
        "problem": delivery.problem,
        "createdAt": moment(delivery.created_at),
        "nextAt": moment(delivery.next_at) if delivery.state == "pending" else None,
        "endedAt": moment(delivery.ended_at),
        "payload": delivery.payload,
    }
