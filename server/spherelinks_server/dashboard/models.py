"""Models: the gallery, one model with its picture and report, and their files."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Response, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from spherelinks import export
from spherelinks.errors import StorageUnavailable
from spherelinks.jobs import deletion, files, status
from spherelinks.jobs.status import JobStatus
from spherelinks_server import assets, dashboard, headers
from spherelinks_server.dashboard import gate, words
from spherelinks_server.services import services

pages = gate.private("models", "/app/models")

_PAGE = 24
_WATCHED = 50
_PICTURES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG": "image/png", b"RIFF": "image/webp"}


@pages.get("")
def gallery() -> str:
    page = status.page(services().engine, gate.me().account_id, cursor=request.args.get("before"), limit=_PAGE)
    return render_template("models.html", models=page.jobs, older=page.next_cursor, newest="before" not in request.args)


@pages.get("/status")
def progress() -> Response:
    """How far some models are, and the balance: what a page needs to move by itself."""
    found = [find(job_id) for job_id in request.args.get("ids", "").split(",")[:_WATCHED] if job_id]
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
    """The moving part of a model's page; ``short`` for the playground."""
    return render_template("parts/panel.html", short="short" in request.args, **_shown(job_id))


@pages.get("/<job_id>/card")
def card(job_id: str) -> str:
    return render_template("parts/card.html", model=find(job_id))


@pages.get("/<job_id>/picture")
def picture(job_id: str) -> Response:
    """The picture as it was sent. Of its kind only what its first bytes say is told to the browser."""
    find(job_id)
    data = services().storage.get(files.picture(job_id))
    kind = next((kind for mark, kind in _PICTURES.items() if data.startswith(mark)), "application/octet-stream")
    return _own_file(data, kind)


@pages.get("/<job_id>/thumbnail")
def thumbnail(job_id: str) -> Response:
    model = find(job_id)
    if not model.thumbnail or model.asset_path is None:
        raise NotFound
    return _own_file(services().storage.get(files.beside(model.asset_path, "png")), "image/png")


@pages.get("/<job_id>/model.glb")
def glb(job_id: str) -> Response:
    model = find(job_id)
    if model.asset_path is None or model.asset_size is None or model.asset_sha256 is None:
        raise NotFound
    return assets.send(services().storage, model.asset_path, model.asset_size, model.asset_sha256, model.asset_name)


@pages.post("/<job_id>/delete")
def delete(job_id: str) -> ResponseReturnValue:
    """Cancel it while it is made, delete it afterwards."""
    parts = services()
    outcome = deletion.delete(parts.engine, parts.storage, gate.me().account_id, job_id)
    if outcome == "deleted":
        return redirect("/app/models?done=model-deleted", HTTPStatus.SEE_OTHER)
    done = "?done=cancelled" if outcome == "cancelled" else ""
    return redirect(f"/app/models/{job_id}{done}", HTTPStatus.SEE_OTHER)


def find(job_id: str) -> JobStatus:
    """The model of that id, which must be the account's. Raises UnknownJob."""
    return status.find(services().engine, gate.me().account_id, job_id)


def picture_of(job_id: str) -> bytes:
    """Its picture. Raises UnknownJob, NotFound where it is not kept any more."""
    find(job_id)
    try:
        return services().storage.get(files.picture(job_id))
    except StorageUnavailable as error:
        raise NotFound("The picture of this model is not kept any more.") from error


def _shown(job_id: str) -> dict[str, Any]:
    return {"model": find(job_id), "stages": words.STAGES, "kinds": export.KINDS}


def _own_file(data: bytes, kind: str) -> Response:
    """A file that somebody uploaded, or that was made of it: of a fixed kind, and never a page of this server."""
    response = Response(data, mimetype=kind)
    response.headers["Content-Security-Policy"] = headers.FILE_POLICY
    response.cache_control.private = True
    response.cache_control.max_age = 3600
    return response
