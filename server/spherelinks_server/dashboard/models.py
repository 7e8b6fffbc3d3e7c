"""Models: the gallery, one model with its picture and report, and their files."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus
from typing import Any

from flask import Response, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from spherelinks.errors import UnknownJob
from spherelinks.formats import writing
from spherelinks.jobs import deletion, files, status
from spherelinks.jobs.status import JobStatus
from spherelinks.options import Options
from spherelinks_server import assets, dashboard, headers
from spherelinks_server.dashboard import gate, words
from spherelinks_server.services import services

pages = gate.private("models", "/app/models")

_PAGE = 24
_WATCHED = 50


@pages.get("")
def gallery() -> str:
    page = status.page(services().engine, gate.world(), cursor=request.args.get("before"), limit=_PAGE)
    return render_template("models.html", models=page.jobs, older=page.next_cursor, newest="before" not in request.args)


@pages.get("/status")
def progress() -> Response:
    """The progress of some models, and the balance, for pages that update themselves. Deleted models are left out."""
    found = []
    for job_id in request.args.get("ids", "").split(",")[:_WATCHED]:
        with suppress(UnknownJob):
            found.append(find(job_id))
    return jsonify(
        balance=dashboard.balance_text(gate.me()),
        models=[
            {
                "id": model.job_id,
                "status": model.status,
                "stage": model.stage,
                "progress": model.progress,
                "description": model.description,
            }
            for model in found
        ],
    )


@pages.get("/<job_id>")
def show(job_id: str) -> str:
    return render_template("model.html", **_shown(job_id))


@pages.get("/<job_id>/panel")
def panel(job_id: str) -> str:
    """The part of a model's page that updates; ``short`` for the playground."""
    return render_template("parts/panel.html", short="short" in request.args, **_shown(job_id))


@pages.get("/<job_id>/card")
def card(job_id: str) -> str:
    return render_template("parts/card.html", model=find(job_id))


@pages.get("/<job_id>/files/<kind>")
def file(job_id: str, kind: str) -> Response:
    """One of its files, made on demand. Browsers never take it for a page of this server, whatever it contains."""
    found = files.find(services().engine, services().storage, find(job_id), kind)
    response = assets.send(services().storage, found.path, found.size, found.etag, found.name, found.media_type)
    response.headers["Content-Security-Policy"] = headers.FILE_POLICY
    return response


@pages.post("/<job_id>/delete")
def delete(job_id: str) -> ResponseReturnValue:
    """Cancel the model while in progress, delete it afterwards."""
    parts = services()
    outcome = deletion.delete(parts.engine, parts.storage, gate.world(), job_id)
    if outcome == "deleted":
        return redirect("/app/models?done=model-deleted", HTTPStatus.SEE_OTHER)
    done = "?done=cancelled" if outcome == "cancelled" else ""
    return redirect(f"/app/models/{job_id}{done}", HTTPStatus.SEE_OTHER)


def find(job_id: str) -> JobStatus:
    """The account's model with that id. Raises UnknownJob."""
    return status.find(services().engine, gate.world(), job_id)


def sent_with(job_id: str) -> tuple[bytes, bytes | None]:
    """Its picture, and the picture's mask if there is one. Raises UnknownJob, AssetExpired, StorageUnavailable."""
    model = find(job_id)
    return _bytes(model, "picture"), _bytes(model, "mask") if model.masked else None


def _bytes(model: JobStatus, kind: str) -> bytes:
    return services().storage.get(files.find(services().engine, services().storage, model, kind).path)


def _shown(job_id: str) -> dict[str, Any]:
    model = find(job_id)
    kinds = [(kind, one.description) for kind, one in writing.KINDS.items() if kind in files.available(model)]
    order = [*Options().model_dump(by_alias=True)]
    # the database stores them in its own order
    asked = sorted(model.options.items(), key=lambda one: order.index(one[0]) if one[0] in order else len(order))
    return {"model": model, "stages": words.STAGES, "kinds": kinds, "asked": asked}
