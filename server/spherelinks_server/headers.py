"""Headers on every answer: the request's id, security headers, and CORS if configured."""

from __future__ import annotations

from flask import Flask, Response, request

from spherelinks_server import context

_EXPOSED = (
    "Accept-Ranges, Content-Disposition, Content-Length, Content-Range, ETag, Idempotent-Replayed, Location, "
    "Preference-Applied, Retry-After, X-Job-Id, X-Request-Id, X-Warnings"
)
_ALLOWED = "Authorization, Content-Type, Idempotency-Key, If-None-Match, Prefer, Range, X-API-Key, X-Request-Id"
_METHODS = "GET, HEAD, POST, DELETE, OPTIONS"
_PREFLIGHT_S = 600

_REFERRER = "no-referrer"
_API_POLICY = "default-src 'none'; frame-ancestors 'none'"
_VIEWER_STYLE = "'sha256-PXtZZkJMMyc18o/DN1ZEFOJ2qEGq95IQbVaJFMOXOb0='"  # that of static/vendor/model-viewer.min.js
_PAGE_POLICY = (
    # model-viewer brings a decoder as WebAssembly
    f"default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' {_VIEWER_STYLE}; "
    "img-src 'self' data: blob:; font-src 'self'; connect-src 'self' blob: data:; worker-src 'self' blob:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""For the API reference only, whose script writes styles."""

FILE_POLICY = "default-src 'none'; style-src 'none'; sandbox; frame-ancestors 'none'"
"""For files that users sent: whatever they contain, browsers must not run them as pages of this server."""


def register(app: Flask, cors_origins: tuple[str, ...]) -> None:
    """Add the headers to every answer, and CORS headers for ``cors_origins``, where "*" stands for all."""
    app.after_request(_complete)
    if not cors_origins:
        return

    def preflight() -> Response | None:
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            return Response(status=204)
        return None

    def share(response: Response) -> Response:
        everyone = "*" in cors_origins
        if not everyone:
            response.vary.add("Origin")
        origin = request.headers.get("Origin")
        if origin is None or not (everyone or origin in cors_origins):
            return response
        response.headers["Access-Control-Allow-Origin"] = "*" if everyone else origin
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = _METHODS
            response.headers["Access-Control-Allow-Headers"] = _ALLOWED
            response.headers["Access-Control-Max-Age"] = str(_PREFLIGHT_S)
        else:
            response.headers["Access-Control-Expose-Headers"] = _EXPOSED
        return response

    app.before_request(preflight)
    app.after_request(share)


def _complete(response: Response) -> Response:
    policy = response.headers.pop("Content-Security-Policy", None)
    if policy is None:
        policy = _PAGE_POLICY if response.mimetype == "text/html" else _API_POLICY
    referrer = response.headers.pop("Referrer-Policy", _REFERRER)
    # all at once: every request comes through here
    response.headers.extend(every(context.request_id(), referrer, policy))
    return response


def every(request_id: str, referrer: str = _REFERRER, policy: str = _API_POLICY) -> tuple[tuple[str, str], ...]:
    """The headers that every answer has."""
    return (
        (context.HEADER, request_id),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", referrer),
        ("Content-Security-Policy", policy),
    )


def varying(cors_origins: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The header by which caches keep the answers to different pages apart, if these do differ."""
    return (("Vary", "Origin"),) if cors_origins and "*" not in cors_origins else ()
