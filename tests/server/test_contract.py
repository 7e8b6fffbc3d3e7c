"""Schemathesis against the OpenAPI document: what it allows is answered as it says, what it does not is refused.

Runs all phases (examples, coverage of the schema's edges, fuzzing, sequences along the links) and all checks. What the
document cannot say is which texts are pictures: in requests that it calls good, a real one stands in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import pytest
import schemathesis
from flask import Flask
from schemathesis.engine import Status, events, from_schema
from werkzeug.serving import make_server

from .conftest import Caller, base64_of, encoded

PICTURE = base64_of(encoded("PNG"))
EXAMPLES = 30


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    good = case.meta is not None and case.meta.generation.mode.is_positive
    if good and case.operation.method == "post" and isinstance(case.body, dict):
        field, text = (
            ("imageBase64", PICTURE) if "imageBase64" in case.body else ("imageUrl", f"data:;base64,{PICTURE}")
        )
        case.body = case.body | {field: text}


@pytest.fixture(scope="module")
def address(app: Flask) -> Iterator[str]:
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
    assert seen["POST", "/v1/generate", 202] > 20
    assert seen["POST", "/v1/generate", 400] > 20
    assert seen["GET", "/v1/status/{jobId}", 200] > 0  # of the jobs it made itself
    assert seen["GET", "/v1/download/{jobId}", 409] > 0


def test_without_a_key(address: str) -> None:
    statuses = {status for method, _, status in answers(address, {}) if method != "OPTIONS"}
    assert statuses <= {401, 404, 405}
