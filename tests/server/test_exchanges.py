"""The application answers as contract/ says: what it gains or loses, the contract must follow (``make contract``)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from contract import record
from spherelinks.config import Settings
from spherelinks.database import connect
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

OF_FINISH = {"metallicRoughness", "emissive"}
"""Maps that only a mesh's own materials bring: in a report of `finish`, in none of a job."""


@pytest.fixture(scope="module")
def recorder(migrated: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[record.Recorder]:
    url = migrated("contract")
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


def test_every_field_of_an_answer_is_in_an_exchange(recorder: record.Recorder) -> None:
    document = recorder.document()
    told: dict[tuple[str, str], set[str]] = {}
    for each in EXCHANGES.values():
        asked = each["request"]["method"].lower(), template(each["request"]["path"])
        told.setdefault(asked, set()).update(fields_of(each["response"].get("body")))
    missing = {
        (path, method): left
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        for answer in operation["responses"].values()
        for schema in [answer.get("content", {}).get("application/json", {}).get("schema", {})]
        if (method, path) in told
        and (left := set(fields_in(schema, document)) - told[method, path] - errors_of_others(told))
    }
    assert missing == {}


def errors_of_others(told: dict[tuple[str, str], set[str]]) -> set[str]:
    """Every operation fails alike: one exchange for all is enough."""
    return {field for fields in told.values() for field in fields if field.partition(".")[0] == "error"}


def fields_in(
    schema: dict[str, Any], document: dict[str, Any], within: str = "", open_: tuple[str, ...] = ()
) -> Iterator[str]:
    """The fields that an answer of this schema may have, by path, without those that no editor asks for."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name in open_:
            return
        schema, open_ = document["components"]["schemas"][name], (*open_, name)
    for name, part in schema.get("properties", {}).items():
        if name in OF_FINISH:
            continue
        yield within + name
        if name != "output":
            yield from fields_in(part, document, f"{within}{name}.", open_)
    for part in (*schema.get("anyOf", ()), *schema.get("allOf", ()), *filter(None, [schema.get("items")])):
        yield from fields_in(part, document, within, open_)


def fields_of(body: Any, within: str = "") -> Iterator[str]:
    """The fields that an answer has, by path."""
    for name, part in body.items() if isinstance(body, dict) else ():
        yield within + name
        yield from fields_of(part, f"{within}{name}.")
    for part in body if isinstance(body, list) else ():
        yield from fields_of(part, within)


def stored(name: str) -> Any:
    return json.loads((Path(record.HERE) / name).read_text("utf-8"))


def spelled(methods: Any) -> dict[str, Any]:
    found = methods if isinstance(methods, dict) else methods.model_dump(exclude_none=True)
    return {method: each if isinstance(each, dict) else each.model_dump() for method, each in found.items()}


def template(path: str) -> str:
    head = path.partition("?")[0].replace(record.JOB, "{jobId}")
    return f"{head.rpartition('/')[0]}/{{kind}}" if "/files/" in head else head
