"""Stripe's webhook for payments. It carries no API key: Stripe's signature takes its place."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus

from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from spherelinks.accounts import payments
from spherelinks.database import transaction
from spherelinks_server.services import services

pages = Blueprint("stripe", __name__)
_MAX_EVENT = 1024 * 1024


@pages.post("/stripe/webhook")
def receive() -> Response:
    """Returns 204 for an event that was understood, whether or not it granted credits; Stripe repeats all others."""
    if (request.content_length or 0) > _MAX_EVENT:
        raise RequestEntityTooLarge
    signature = request.headers.get("Stripe-Signature", "")
    with transaction(services().engine) as session:
        payments.receive(session, services().stripe, request.get_data(), signature, datetime.now(UTC))
    return Response(status=HTTPStatus.NO_CONTENT)
