"""The account: credits, ledger, plan and key; and the installed generators."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from flask import Response, request
from flask_openapi3.models.tag import Tag

from spherelinks import errors
from spherelinks.accounts import accounts, ledger, payments, plans
from spherelinks.accounts.keys import Principal
from spherelinks.accounts.ledger import Buckets
from spherelinks.database import ApiKey, transaction
from spherelinks.generation.card import Card, Needs
from spherelinks.jobs import usage
from spherelinks.options import DEFAULT_GENERATOR, Options
from spherelinks.presets import PRESETS
from spherelinks.shape import VIEWS
from spherelinks_server import access
from spherelinks_server.errors import answers
from spherelinks_server.services import services
from spherelinks_server.v1.blueprint import answer, api
from spherelinks_server.v1.models import (
    Account,
    Checkout,
    CheckoutRequest,
    Credits,
    Generators,
    LedgerPage,
    LedgerQuery,
)
from spherelinks_server.v1.views import moment

TAG = Tag(name="Account", description="Credits, every movement of them, the plan and the key.")

_ALL = (errors.InvalidKey, errors.MissingScope, errors.RateLimited, errors.ServiceError)


@api.get(
    "/credits",
    tags=[TAG],
    summary="The account's credits",
    operation_id="credits",
    responses={HTTPStatus.OK: Credits, **answers(*_ALL)},
)
def credits() -> Response:
    """What is available, what is held, and when the next credits are added. A sandbox spends nothing: it shows what the
    plan gives a month.
    """
    who = _reader()
    with transaction(services().engine) as session:
        return answer(_credits(ledger.shown(session, who.world)))


@api.get(
    "/credits/ledger",
    tags=[TAG],
    summary="Every movement of credits, newest first",
    operation_id="ledger",
    responses={HTTPStatus.OK: LedgerPage, **answers(errors.InvalidRequest, *_ALL)},
)
def list_entries(query: LedgerQuery) -> Response:
    """A page of the ledger; pass `nextCursor` as `cursor` to get the next one. In a sandbox nothing moves."""
    who = _reader()
    with transaction(services().engine) as session:
        found = ledger.entries(session, who.world, before=query.cursor, limit=query.limit + 1)
    entries = [
        {
            "id": entry.id,
            "kind": entry.kind,
            "available": entry.available,
            "held": entry.held,
            "monthly": entry.monthly,
            "jobId": entry.job_id,
            "reason": entry.reason,
            "createdAt": moment(entry.created_at),
        }
        for entry in found[: query.limit]
    ]
    return answer({"entries": entries, "nextCursor": entries[-1]["id"] if len(found) > query.limit else None})


@api.post(
    "/credits/checkout",
    tags=[TAG],
    summary="Buy credits",
    operation_id="checkout",
    responses={
        HTTPStatus.OK: Checkout,
        **answers(errors.InvalidRequest, errors.PaymentsNotOffered, *_ALL),
    },
)
def checkout(body: CheckoutRequest) -> Response:
    """The URL of a payment page, if this installation sells credits. Needs the scope `manage`. Bought credits
    do not expire.
    """
    who, parts = access.principal(), services()
    who.require("manage")
    if who.sandbox:
        raise errors.PaymentsNotOffered("A sandbox key buys nothing.", hint="Use a live key: jobs here cost nothing.")
    back = f"{parts.settings.public_url or request.host_url.rstrip('/')}/app/credits"
    return answer({"url": payments.checkout(parts.stripe, who.account_id, body.credits, back)})


@api.get(
    "/account",
    tags=[TAG],
    summary="The key's account, and what the key may do",
    operation_id="account",
    responses={HTTPStatus.OK: Account, **answers(errors.InvalidKey, errors.RateLimited, errors.ServiceError)},
)
def account() -> Response:
    """Account, plan, credits and the key's own limits; good for testing the connection. Needs no scope."""
    who = access.principal()
    with transaction(services().engine) as session:
        owner, plan = accounts.get(session, who.account_id), plans.of(session, who.account_id)
        key = session.get_one(ApiKey, who.key_id)
        return answer(
            {
                "accountId": owner.id,
                "name": owner.name,
                "plan": {
                    "name": plan.name,
                    "monthlyCredits": plan.monthly_credits,
                    "requestsPerMinute": plan.requests_per_minute,
                    "concurrentJobs": plan.concurrent_jobs,
                    "headStartS": plan.head_start_s,
                    "retentionDays": plan.retention_days,
                    "storageMb": plan.storage_mb,
                },
                "credits": _credits(ledger.shown(session, who.world)),
                "storedBytes": 0 if who.sandbox else usage.stored(session, who.account_id),
                "key": {
                    "id": key.id,
                    "name": key.name,
                    "scopes": key.scopes,
                    "monthlyCap": key.monthly_cap,
                    "sandbox": key.sandbox,
                },
            }
        )


@api.get(
    "/generators",
    tags=[TAG],
    summary="The generators",
    operation_id="generators",
    responses={HTTPStatus.OK: Generators, **answers(*_ALL)},
)
def list_generators() -> Response:
    """The generators that workers offer, each with the JSON Schema of its options and those that it ignores: enough to
    build a form.
    """
    _reader()
    offered = services().generators
    return answer(
        {
            "generators": [
                _generator(name, offered.cards.get(name), offered.problems.get(name))
                for name in sorted({*offered.cards, *offered.problems})
            ],
            "presets": [asdict(preset) for preset in PRESETS],
        }
    )


def _reader() -> Principal:
    who = access.principal()
    who.require("read")
    return who


def _credits(buckets: Buckets) -> dict[str, Any]:
    return {
        "available": buckets.available,
        "held": buckets.held,
        "monthly": buckets.monthly,
        "lasting": buckets.lasting,
        "monthlyUntil": moment(buckets.monthly_until),
        "nextMonthly": buckets.next_monthly,
        "unlimited": buckets.unlimited,
    }


def _generator(name: str, card: Card | None, problem: str | None) -> dict[str, Any]:
    schema = (card.options if card else Options).model_json_schema()
    named = schema["properties"]["generator"]
    schema["properties"]["generator"] = {"const": name, "description": named["description"]}
    needs = card.needs if card else Needs()
    return {
        "name": name,
        "version": card.version if card else None,
        "licence": card.licence if card else "",
        "price": card.price if card else 1,
        "fallback": card.fallback if card else None,
        "needs": {"memoryMb": needs.memory_mb, "gpuMemoryMb": needs.gpu_memory_mb},
        "ready": problem is None,
        "default": name == DEFAULT_GENERATOR,
        "problem": problem,
        "options": schema,
        "ignores": [*card.ignores] if card else [],
        "views": [*(VIEWS if card and card.views else VIEWS[:1])],
    }
