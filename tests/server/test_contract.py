"""Schemathesis against the OpenAPI document: allowed requests get the documented answers, all others are refused.

Runs all phases (examples, coverage of the schema's edges, fuzzing, sequences along the links) and all checks. What the
document cannot say which texts are pictures or URLs: valid requests get real ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Thread
from typing import Any

import pytest
import schemathesis
from schemathesis.engine import Status, events, from_schema
from sqlalchemy import Engine
from werkzeug.serving import make_server

from spherelinks.config import Settings
from spherelinks.jobs import attempts
from spherelinks.jobs.bell import Bell
from spherelinks.shape import VIEWS
from spherelinks.storage import Storage
from spherelinks_server import create_app
from spherelinks_server.services import EXTENSION
from spherelinks_server.waiting import Turnstile, Waiters

from .conftest import Caller, base64_of, encoded, mask_of

PICTURE = base64_of(encoded("PNG"))
MASK = base64_of(mask_of(encoded("PNG")))
ADDRESS = "https://93.184.216.34/here"  # nothing is ever sent there: no worker runs
EXAMPLES = 12


@schemathesis.hook
def before_load_schema(context: schemathesis.HookContext, schema: dict[str, Any]) -> None:
    # it cannot write files into forms (ValueError: Unsupported type: 'Binary'); test_forms.py tests those
    del schema["paths"]["/v1/generate"]["post"]["requestBody"]["content"]["multipart/form-data"]


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    good = case.meta is not None and case.meta.generation.mode.is_positive
    if good and case.headers:  # one key for two bodies is refused, as it should be
        case.headers.pop("Idempotency-Key", None)
    if good and case.headers and "Authorization" in case.headers:  # a made-up key beside the real one
        del case.headers["Authorization"]
    if good and case.operation.label == "POST /v1/generate" and isinstance(case.body, dict):
        views = len(case.body.get("images") or ())
        pictures = {
            "imageBase64": PICTURE,
            "imageUrl": f"data:;base64,{PICTURE}",
            "images": [{"view": view, "imageBase64": PICTURE} for view in VIEWS[:views]],
        }
        case.body = case.body | {name: it for name, it in pictures.items() if case.body.get(name) is not None}
        for name, mask in (("maskUrl", f"data:;base64,{MASK}"), ("maskBase64", MASK)):
            if case.body.get(name) is not None:
                case.body = case.body | {name: mask}
        if case.body.get("output") is not None:
            case.body = case.body | {"output": case.body["output"] | {"putUrl": ADDRESS}}
    if good and case.operation.label == "POST /v1/webhooks" and isinstance(case.body, dict):
        case.body = case.body | {"url": ADDRESS}


@pytest.fixture(scope="module")
def address(settings: Settings, engine: Engine, storage: Storage) -> Iterator[str]:
    app = create_app(settings, engine, storage, rate_limit=0, address_limit=0)
    # nobody works here: who waits for a job would wait in vain
    nowhere = Waiters(Bell(engine, attempts.CHANNEL), Turnstile(app), places=0)
    app.extensions[EXTENSION] = replace(app.extensions[EXTENSION], waiters=nowhere)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def answers(address: str, headers: dict[str, str]) -> Counter[tuple[str, str, int]]:
    """Run it with these headers on every request: method, operation and status of all. Fails on anything it finds."""
    schema = schemathesis.openapi.from_url(f"{address}/v1/openapi.json")
    schema.config.headers = headers
    schema.config.generation.max_examples = EXAMPLES
    schema.config.generation.deterministic = True
    schema.config.checks.use_after_free.enabled = False  # a job that is deleted at work is cancelled, and still there
    # the contract: what a failed job lacks is answered with 502
    schema.config.checks.not_a_server_error.expected_statuses = ["2xx", "3xx", "4xx", "502"]

    seen: Counter[tuple[str, str, int]] = Counter()
    wrong: list[str] = []
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            wrong.append(str(event))
        elif isinstance(event, events.ScenarioFinished):
            for identity, interaction in event.recorder.interactions.items():
                if interaction.response is not None:
                    case = event.recorder.cases[identity].value
                    path = case.operation.path
                    seen[interaction.request.method, path, interaction.response.status_code] += 1
            for checks in event.recorder.checks.values():
                for check in checks:
                    if check.status == Status.FAILURE and check.failure_info is not None:
                        info = check.failure_info
                        wrong.append(f"{check.name}: {info.failure}\n{info.code_sample}")
    assert not wrong, "\n\n".join(wrong)
    return seen


def test_with_a_key(address: str, make_caller: Callable[..., Caller]) -> None:
    seen = answers(address, make_caller(credits=1_000_000).headers)
    assert seen["POST", "/v1/generate", 202] > 10
    assert seen["POST", "/v1/generate", 400] > 10
    assert seen["GET", "/v1/status/{jobId}", 200] > 0  # of the jobs it made itself
    assert seen["GET", "/v1/download/{jobId}", 409] > 0
    assert seen["DELETE", "/v1/jobs/{jobId}", 200] > 0
    assert seen["GET", "/v1/jobs", 200] > 0


def test_without_a_key(address: str) -> None:
    statuses = {status for method, _, status in answers(address, {}) if method != "OPTIONS"}
    assert statuses <= {401, 404, 405}
