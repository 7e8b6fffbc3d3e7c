"""Records contract/exchanges, generators.json and the server's part of failures.json: python -m contract.record

Every request is sent to the real application on a real database. In place of a worker, a job is brought to where an
exchange wants it by what a worker itself calls. See contract/README.md.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import tempfile
from collections.abc import Callable
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from spherelinks import errors
from spherelinks.accounts import accounts, keys, ledger
from spherelinks.config import Settings
from spherelinks.database import connect, migrate, transaction
from spherelinks.jobs import attempts, paths, queue
from spherelinks.jobs.attempts import Failure
from spherelinks.postgres import EmbeddedPostgres
from spherelinks.report import (
    Checks,
    ColliderReport,
    Confidence,
    Extent,
    Level,
    Maker,
    Reason,
    Report,
    TextureSizes,
)
from spherelinks.storage import Storage, open_storage
from spherelinks_server import create_app
from spherelinks_server.errors import HTTP_CODES, MEANINGS, status_of

HERE = Path(__file__).parent
JOB = "job_01kbkq5x8efk8a4v1y4mhrq2zd"
KEY = "sk_contract"
REQUEST_ID = "req_contract"
HEADERS = ("Allow", "Content-Type", "Content-Disposition", "Idempotent-Replayed", "Location", "Retry-After")
"""Headers of an answer that clients may rely on."""
REPORT = Report(
    generator=Maker(name="lift", version="1"),
    matte=Maker(name="auto", version="1"),
    faces=48,
    faces_extracted=48,
    deviation=0.0,
    vertices=96,
    bytes=len((HERE / "files" / "asset.glb").read_bytes()),
    texture_size=64,
    textures=TextureSizes(base_color=64, normal=64, occlusion=32),
    dimensions=Extent(width=1.25, height=0.5, depth=0.375, unit="m"),
    watertight=True,
    manifold=True,
    genus=0,
    parts=1,
    parts_removed=0,
    lods=[Level(faces=12, vertices=24, texture_size=64), Level(faces=4, vertices=12, texture_size=64)],
    collider=ColliderReport(kind="convex", bodies=1, faces=12, vertices=8),
    checks=Checks(passed=True, errors=[]),
    timings={"generator": 1.0, "finishing": {"surface": 1.0}},
    confidence=Confidence(
        level="medium",
        reasons=[
            Reason(
                code="cut_off",
                level="medium",
                message="The object touches the picture's border.",
                hint="Use a picture that shows all of it.",
            )
        ],
    ),
    warnings=["The object touches the picture's border."],
)
"""Every field that a report may have."""
FAILURES = {
    "no_object": Failure("no_object", "Nothing stands out in the picture.", "Photograph one thing on a plain table."),
    "generator_failed": Failure("generator_failed", "The generator broke.", "Try again with another picture."),
}

Answer = dict[str, Any]


class Recorder:
    """Sends exchanges to the application and returns its answers.

    Nothing else may use the database meanwhile, because places in the queue are part of the answers.
    """

    def __init__(self, settings: Settings, engine: Engine, storage: Storage) -> None:
        self._engine, self._work = engine, Work(engine, storage)
        self._app = create_app(settings, engine, storage, rate_limit=0, address_limit=0)
        self._strict = create_app(settings, engine, storage, rate_limit=1, address_limit=0)

    def answer(self, exchange: dict[str, Any]) -> Answer:
        """What the application answers to an exchange's request, in the form that the exchange keeps."""
        given, request = exchange.get("given", {}), exchange["request"]
        http = (self._strict if given.get("strict") else self._app).test_client()
        account, secret = self._account(given)
        job = self._job(account, given["job"]) if "job" in given else JOB

        def send() -> Any:
            return http.open(
                request["path"].replace(JOB, job),
                method=request["method"],
                headers={"X-Request-Id": REQUEST_ID}
                | {k: v.replace(KEY, secret) for k, v in request.get("headers", {}).items()},
                data=encoded(request["body"]) if "body" in request else None,
            )

        for before in given.get("before", []):
            http.open(
                before["path"],
                method=before["method"],
                headers={k: v.replace(KEY, secret) for k, v in before["headers"].items()},
                data=encoded(before["body"]) if "body" in before else None,
            )
        response = send()
        with transaction(self._engine) as session:
            left = session.scalars(text("SELECT id FROM jobs WHERE account_id = :a"), {"a": account}).all()
        for each in left:
            attempts.cancel(self._engine, account, each)
        headers = {name: _named(response.headers[name]) for name in HEADERS if name in response.headers}
        if "Allow" in headers:
            headers["Allow"] = ", ".join(sorted(headers["Allow"].split(", ")))
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:  # counts down
            headers["Retry-After"] = "60"
        told: Answer = {"status": response.status_code, "headers": headers}
        if response.is_json:
            told["body"] = tidy(response.get_json())
        elif response.data:
            known = {path.read_bytes(): path.name for path in (HERE / "files").iterdir()}
            told["file"] = known.get(response.data, "thumbnail.png" if response.mimetype == "image/png" else None)
        return told

    def generators(self) -> Any:
        """The body of /v1/generators."""
        return self.answer({"request": {"method": "GET", "path": "/v1/generators", "headers": {"X-API-Key": KEY}}})[
            "body"
        ]

    def document(self) -> Any:
        """The application's OpenAPI document."""
        return self._app.test_client().get("/v1/openapi.json").get_json()

    def _account(self, given: dict[str, Any]) -> tuple[str, str]:
        with transaction(self._engine) as session:
            account = accounts.create(session, "Contract")
            _, secret = keys.create(session, account.id, "editor", scopes=given.get("scopes", keys.SCOPES))
            available = ledger.balance(session, account.id).available
        if given.get("credits") == 0:
            for number in range(available):
                self._job(account.id, "queued", seed=number + 1)  # none is what the request asks for
        return account.id, secret

    def _job(self, account: str, state: str, **options: Any) -> str:
        """The id of a new job in that state, with these options."""
        http = self._app.test_client()
        with transaction(self._engine) as session:
            _, secret = keys.create(session, account, "setter")
        body = {"imageBase64": "{picture}", "options": options}
        posted = http.post("/v1/generate", headers={"X-API-Key": secret}, data=encoded(body), content_type=JSON)
        job: str = posted.get_json()["jobId"]
        self._work.bring(account, job, state)
        return job


class Work:
    """Does to jobs, one after the other, what a worker does, through the functions that a worker calls."""

    def __init__(self, engine: Engine, storage: Storage) -> None:
        self._engine, self._storage = engine, storage
        self._attempts: dict[str, attempts.Attempt] = {}

    def _begin(self, job: str) -> attempts.Attempt | None:
        with transaction(self._engine) as session:
            queue_id = session.execute(text("SELECT queue_id FROM jobs WHERE id = :id"), {"id": job}).scalar_one()
            queue.withdraw(session, queue_id)
        return attempts.begin(self._engine, job, queue_id)

    def bring(self, account: str, job: str, state: str) -> None:
        """Bring the one job in the queue, or one at work, to a state: as in an exchange's ``given``."""
        if state == "queued":
            return
        if state == "cancelled":
            attempts.cancel(self._engine, account, job)
            return
        attempt = self._attempts.get(job) or self._begin(job)
        assert attempt is not None
        self._attempts[job] = attempt
        if state in FAILURES:
            attempts.fail(self._engine, attempt, FAILURES[state])
        elif state == "working":
            attempts.beat(self._engine, attempt, "generator", 0.4)
        else:
            data = (HERE / "files" / "asset.glb").read_bytes()
            digest = sha256(data).hexdigest()
            path = paths.result(job, attempt.number, digest)
            self._storage.put(path, data)
            attempts.complete(self._engine, attempt, path, digest, len(data), dict(REPORT))
            if state == "expired":
                with transaction(self._engine) as session:
                    session.execute(text("UPDATE jobs SET expires_at = '2026-01-01' WHERE id = :id"), {"id": job})


JSON = "application/json"


def encoded(body: Any) -> bytes:
    """A request's body: text as it is, else JSON, in which {picture} and {large} stand for base64."""
    if isinstance(body, str):
        return body.encode()
    picture = base64.b64encode((HERE / "files" / "picture.png").read_bytes()).decode()
    large = base64.b64encode(bytes(11 << 20)).decode() if "{large}" in json.dumps(body) else ""
    return json.dumps(body).replace("{picture}", picture).replace("{large}", large).encode()


def tidy(value: Any, name: str = "") -> Any:
    """A value in which what differs between runs is replaced: ids, times, versions, estimates."""
    match value:
        case dict():
            return {key: tidy(each, key) for key, each in value.items()}
        case list():
            return [tidy(each, name) for each in value]
        case str() if name.endswith("At") or name.endswith("Until"):
            return "2026-01-01T12:00:00.000Z"
        case str() if name == "accountId":
            return "acc_contract"
        case str() if name == "id":
            return "id_contract"
        case str() if name == "version":
            return "1.0.0"
        case int() if name == "etaSeconds":
            return 7
        case str():
            return _named(value)
        case _:
            return value


def _named(words: str) -> str:
    """A text with fixed ids and, for the beginning of next month, a fixed day."""
    words = re.sub(r"job_[0-7][0-9a-hjkmnp-tv-z]{25}", JOB, words)
    words = re.sub(r"acc_[0-7][0-9a-hjkmnp-tv-z]{25}", "acc_contract", words)
    return re.sub(r"\b20\d\d-\d\d-\d\d\b", "2026-01-01", words)


def server_codes() -> dict[str, Any]:
    """Every code of the server's errors, with its HTTP status and meaning."""

    def classes(root: type[errors.SphereLinksError]) -> list[type[errors.SphereLinksError]]:
        return [root, *(found for child in root.__subclasses__() for found in classes(child))]

    statuses = {code: int(status) for status, (code, _) in HTTP_CODES.items()}
    statuses |= {kind.code: int(status_of(kind)) for kind in classes(errors.SphereLinksError) if kind.code in MEANINGS}
    return {code: {"status": statuses[code], "meaning": MEANINGS[code]} for code in MEANINGS}


def exchanges() -> dict[str, dict[str, Any]]:
    """The exchanges by name."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in sorted((HERE / "exchanges").glob("*.json"))}


def recorded(recorder: Recorder) -> dict[str, Any]:
    """What the files of the contract must hold, by their path in it."""
    found: dict[str, Any] = {}
    for name, exchange in exchanges().items():
        found[f"exchanges/{name}.json"] = exchange | {"response": recorder.answer(exchange)}
    found["generators.json"] = recorder.generators()
    found["failures.json"] = json.loads((HERE / "failures.json").read_text("utf-8")) | {"server": server_codes()}
    return found


def with_database(use: Callable[[str], None]) -> None:
    """Call `use` with the URL of a new database."""
    home = Path(tempfile.mkdtemp(prefix="spherelinks-contract-"))
    home.chmod(0o755)  # as root the database runs as another user, who must get through
    try:
        with EmbeddedPostgres(home) as url:
            use(url)
    finally:
        shutil.rmtree(home)


def main() -> None:
    """Record the application's present answers."""

    def write(url: str) -> None:
        migrate(url)
        with tempfile.TemporaryDirectory() as home:
            settings = Settings(home=Path(home), database_url=url)
            engine = connect(url)
            for name, content in recorded(Recorder(settings, engine, open_storage(settings))).items():
                (HERE / name).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            engine.dispose()

    with_database(write)


if __name__ == "__main__":
    main()
