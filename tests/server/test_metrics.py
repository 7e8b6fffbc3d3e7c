"""What Prometheus sees, and that nobody else sees it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, text

from spherelinks.config import Settings
from spherelinks.database import transaction
from spherelinks.jobs import housekeeping
from spherelinks.storage import Storage
from spherelinks_server import create_app

TOKEN = "a-token-of-the-tests"


@pytest.fixture
def watched(settings: Settings, engine: Engine, storage: Storage) -> FlaskClient:
    return create_app(replace(settings, metrics_token=TOKEN), engine, storage).test_client()


def scrape(http: FlaskClient) -> dict[tuple[str, ...], float]:
    response = http.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert response.status_code == 200
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def test_without_a_token_there_is_no_page(http: FlaskClient) -> None:
    assert http.get("/metrics", headers={"Authorization": "Bearer None"}).status_code == 404


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer ä"])
def test_only_the_bearer_sees_it(watched: FlaskClient, header: str) -> None:
    assert watched.get("/metrics", headers={"Authorization": header}).status_code == 404


def test_requests_are_counted_by_route_and_never_by_path(watched: FlaskClient) -> None:
    for path in ("/v1/status/job_a", "/v1/status/job_b", "/made/up"):
        watched.get(path)
    seen = scrape(watched)
    count = "spherelinks_http_request_seconds_count"
    assert seen[count, "/v1/status/<jobId>", "401", "GET"] == 2
    assert seen[count, "404", "GET", "none"] == 1
    assert not any("job_a" in label or "made" in label for key in seen for label in key)


def test_made_up_methods_share_one_series(watched: FlaskClient) -> None:
    for number in range(50):
        watched.open("/v1/credits", method=f"MADEUP{number}")
    methods = {label for name, *labels in scrape(watched) if "http_request" in name for label in labels}
    assert "other" in methods
    assert not any("MADEUP" in label for label in methods)


def test_jobs_and_credits_are_those_of_the_database(watched: FlaskClient, caller, png: bytes) -> None:
    caller.submit(png, cache="use")
    caller.submit(png, cache="use")
    housekeeping.audit(caller.engine)
    seen = scrape(watched)
    with transaction(caller.engine) as session:
        waiting = text("SELECT count(*), count(joined) FROM jobs WHERE state = 'queued'")
        both, joined = session.execute(waiting).one()
        held = session.execute(text("SELECT sum(held) FROM credit_balances")).scalar_one()
    assert seen["spherelinks_jobs", "queued"] == both - joined > 0
    assert seen["spherelinks_jobs", "joined"] == joined > 0
    assert seen["spherelinks_credits_held",] == held > 0
    assert seen["spherelinks_queue_oldest_seconds",] >= 0
    assert seen["spherelinks_ledger_problems",] == 0
    assert 0 <= seen["spherelinks_ledger_audit_age_seconds",] < 300


@pytest.fixture
def false_balance(caller) -> Iterator[None]:
    change = text("UPDATE credit_balances SET available = available + :n WHERE account_id = :id")
    caller.rows()  # the month is booked
    with transaction(caller.engine) as session:
        session.execute(change, {"n": 7, "id": caller.account_id})
    yield
    with transaction(caller.engine) as session:
        session.execute(change, {"n": -7, "id": caller.account_id})


def test_a_ledger_that_does_not_add_up_is_seen(watched: FlaskClient, engine: Engine, false_balance: None) -> None:
    housekeeping.audit(engine)
    assert scrape(watched)["spherelinks_ledger_problems",] == 1


def test_a_ledger_that_no_worker_has_looked_at_is_not_said_to_be_right(watched: FlaskClient, engine: Engine) -> None:
    with transaction(engine) as session:
        session.execute(text("DELETE FROM ledger_audits"))
    assert not any("ledger" in name for name, *_ in scrape(watched))
