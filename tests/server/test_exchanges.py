"""The application answers as contract/ says: what it gains or loses, the contract must follow (``make contract``)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from contract import placement, record
from spherelinks.config import Settings
from spherelinks.database import connect, migrate
from spherelinks.storage import open_storage
from spherelinks_server.v1.api import api

EXCHANGES = record.exchanges()
# nothing that an editor asks for
LEFT_OUT = {
    "checkout",
    "create_webhook",
    "delete_webhook",
    "deliveries",
    "events",
    "ledger",
    "redeliver",
    "rotate_webhook",
    "webhooks",
}


@pytest.fixture(scope="module")
def recorder(new_database: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[record.Recorder]:
    url = new_database("contract")
    migrate(url)
    settings = Settings(home=tmp_path_factory.mktemp("contract"), database_url=url)
    engine = connect(url)
    yield record.Recorder(settings, engine, open_storage(settings))
    engine.dispose()


@pytest.mark.parametrize("name", EXCHANGES)
def test_the_answer_is_the_recorded_one(recorder: record.Recorder, name: str) -> None:
    assert recorder.answer(EXCHANGES[name]) == EXCHANGES[name]["response"]


def test_generators_and_presets_are_the_recorded_ones(recorder: record.Recorder) -> None:
    assert recorder.generators() == stored("generators.json")


def test_every_code_of_the_server_is_recorded() -> None:
    failures = stored("failures.json")
    assert failures["server"] == record.server_codes()
    assert set(failures["endsJob"]) <= failures["server"].keys()


def test_every_operation_that_an_editor_asks_for_has_an_exchange() -> None:
    asked = {(each["request"]["method"], template(each["request"]["path"])) for each in EXCHANGES.values()}
    asked.add(("GET", "/v1/generators"))
    offered = {
        (method.upper(), path): operation["operationId"]
        for path, methods in api.paths.items()
        for method, operation in spelled(methods).items()
    }
    assert {name for key, name in offered.items() if key not in asked} == LEFT_OUT


def test_the_asset_is_what_its_script_makes() -> None:
    assert (record.HERE / "files" / "asset.glb").read_bytes() == placement.glb()


def stored(name: str) -> Any:
    return json.loads((Path(record.HERE) / name).read_text("utf-8"))


def spelled(methods: Any) -> dict[str, Any]:
    found = methods if isinstance(methods, dict) else methods.model_dump(exclude_none=True)
    return {method: each if isinstance(each, dict) else each.model_dump() for method, each in found.items()}


def template(path: str) -> str:
    head = path.partition("?")[0].replace(record.JOB, "{jobId}")
    return f"{head.rpartition('/')[0]}/{{kind}}" if "/files/" in head else head
