"""The application factory."""

from __future__ import annotations

from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from sqlalchemy import Engine
from werkzeug.middleware.proxy_fix import ProxyFix

from spherelinks import __version__, confinement
from spherelinks.accounts import payments, plans
from spherelinks.config import Settings
from spherelinks.database import transaction
from spherelinks.jobs import attempts, decoding, outbound
from spherelinks.jobs.bell import Bell
from spherelinks.jobs.decoding import Decoders
from spherelinks.jobs.offers import Offers
from spherelinks.picture.fetch import Guard
from spherelinks.storage import Storage
from spherelinks_server import access, context, dashboard, docs, errors, headers, health, limits, metrics, stripe
from spherelinks_server.fastpath import FastPath
from spherelinks_server.intake import Intake
from spherelinks_server.services import EXTENSION, Services
from spherelinks_server.v1.api import BEARER_SCHEME, MAX_BODY, SECURITY_SCHEME, api
from spherelinks_server.waiting import Turnstile, Waiters
from spherelinks_server.zipped import Zips

CUTOUTS_PER_MINUTE = 20
"""Previews of a cut-out that the playground may ask for, per account."""

_DESCRIPTION = """\
Send one picture, get one textured, game-ready GLB: glTF axes (+Y up), base on y = 0, longest side 1 m.

`POST /v1/generate` answers at once with a `jobId`; `GET /v1/status/{jobId}` returns its progress;
`GET /v1/download/{jobId}` returns the asset. A job costs its generator's price, usually one credit; one that fails
costs none.

Every path also answers without `/v1`. Every answer carries `X-Request-Id` (yours, if you send one), and every error
is `{"error": {"code", "message", "hint", "requestId"}}`, where `code` is stable.
"""


def create_app(
    settings: Settings,
    engine: Engine,
    storage: Storage,
    *,
    rate_limit: int = limits.DEFAULT_PER_MINUTE,
    address_limit: int = limits.DEFAULT_OF_ADDRESS,
    guard: Guard | None = None,
) -> OpenAPI:
    """The Flask application.

    Parameters
    ----------
    settings : CORS origins, public URL, sign-up policy, and the plans, which are applied
    engine : the database, migrated
    storage : where pictures and assets are kept
    rate_limit : requests per minute and account, unless its plan has its own limit; 0 for no limit
    address_limit : requests per minute and network address, with or without a key; 0 for no limit
    guard : which addresses pictures may be fetched from and webhooks sent to; None is the public internet, and for
        webhooks what the settings say
    """
    if settings.plans is not None:
        with transaction(engine) as session:
            plans.apply(session, plans.read(settings.plans))
    app = OpenAPI(
        "spherelinks_server",
        info=Info(title="SphereLinks API", version=__version__, description=_DESCRIPTION),
        security_schemes={
            SECURITY_SCHEME: {"type": "apiKey", "in": "header", "name": access.HEADER},
            BEARER_SCHEME: {"type": "http", "scheme": "bearer", "description": f"The same key as {access.HEADER}."},
        },
        validation_error_status=400,
        validation_error_callback=errors.raise_invalid,
        doc_ui=False,
    )
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY + 1  # one byte more, to tell a longer body from one that fits
    app.url_map.strict_slashes = False
    app.json.sort_keys = False  # type: ignore[attr-defined]
    counted = limits.Limits(limits.RateLimit(address_limit), limits.AccountLimit(rate_limit, engine))
    context.register(app)
    observe = metrics.register(app, engine, settings.metrics_token)
    bell = Bell(engine, attempts.CHANNEL)
    fast = FastPath(app.wsgi_app, engine, bell, counted, headers.varying(settings.cors_origins), observe)
    turnstile = Turnstile(fast)
    app.wsgi_app = turnstile  # type: ignore[method-assign]
    decoders = Decoders(confinement.secret_paths(settings.home), decoding.affordable())
    app.extensions[EXTENSION] = Services(
        engine=engine,
        storage=storage,
        limits=counted,
        fast=fast,
        intake=Intake(guard or Guard(), turnstile.aside, decoders),
        offers=Offers(engine),
        settings=settings,
        turnstile=turnstile,
        waiters=Waiters(bell, turnstile),
        guard=guard or outbound.allowed(settings),
        zips=Zips(),
        cutters=Decoders(confinement.secret_paths(settings.home), 1, "cut"),
        cutouts=limits.RateLimit(CUTOUTS_PER_MINUTE),
        stripe=payments.configured(settings),
    )
    if settings.trusted_proxies:
        # anyone can make up the beginning of X-Forwarded-For: only what these proxies added counts
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.trusted_proxies, x_proto=0)  # type: ignore[method-assign]
    headers.register(app, settings.cors_origins)
    errors.register(app)
    app.register_api(api)
    app.register_blueprint(api, name="unversioned", url_prefix="")
    app.register_blueprint(stripe.pages)
    app.register_blueprint(docs.blueprint(app))
    app.register_blueprint(health.blueprint(engine, storage))
    dashboard.register(app)
    return app
