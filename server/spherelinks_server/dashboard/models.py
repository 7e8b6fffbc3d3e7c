"""Models: the gallery, one model with its picture and report, their names and files."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from flask import Response, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from spherelinks.errors import InvalidRequest, UnknownJob
from spherelinks.formats import writing
from spherelinks.jobs import deletion, files, naming, status
from spherelinks.jobs.status import ORDERS, JobStatus
from spherelinks.options import Options
from spherelinks.shape import SIDES
from spherelinks_server import assets, dashboard, headers
from spherelinks_server.dashboard import gate, words
from spherelinks_server.intake import Pictures
from spherelinks_server.services import services

pages = gate.private("models", "/app/models")

_PAGE = 24
_WATCHED = 50
_CHOSEN = 100
_LONGEST, _LAST = 64, 10_000


@pages.get("")
def gallery() -> str:
    """The models: searched by ``q``, sorted by ``sort``, a page at a time."""
    text, order = request.args.get("q", "").strip()[:_LONGEST], request.args.get("sort", ORDERS[0])
    order = order if order in ORDERS else ORDERS[0]
    number = min(max(request.args.get("page", 1, type=int), 1), _LAST)
    found = status.search(
        services().engine, gate.world(), name=text, order=order, skip=(number - 1) * _PAGE, limit=_PAGE + 1
    )
    return render_template(
        "models.html",
        models=found[:_PAGE],
        more=len(found) > _PAGE,
        number=number,
        text=text,
        order=order,
        orders=ORDERS,
    )


@pages.post("/zip")
def download() -> Response:
    """The GLBs of the models that are chosen, in one ZIP."""
    parts = services()
    chosen = [files.find(parts.engine, parts.storage, model, "glb") for model in _chosen() if _has_asset(model)]
    if not chosen:
        raise InvalidRequest("None of these models has a file.", hint="Select models that are ready.", field="job")
    response = Response(parts.zips.stream(gate.me().account_id, parts.storage, chosen), mimetype="application/zip")
    response.headers["Content-Disposition"] = assets.saved_as(f"models-{datetime.now(UTC):%Y-%m-%d}.zip")
    return response


@pages.post("/delete")
def delete_chosen() -> ResponseReturnValue:
    """Delete the models that are chosen; those in progress are cancelled and stay."""
    parts, outcomes = services(), []
    for model in _chosen():
        with suppress(UnknownJob):  # deleted meanwhile
            outcomes.append(deletion.delete(parts.engine, parts.storage, gate.world(), model.job_id))
    done = "models-deleted" if "deleted" in outcomes else "cancelled" if outcomes else ""
    return redirect(f"/app/models?done={done}", HTTPStatus.SEE_OTHER)


def _chosen() -> list[JobStatus]:
    """The models that the form names; those that are deleted already are left out. Raises InvalidRequest."""
    named = [*dict.fromkeys(request.form.getlist("job"))]
    if not 0 < len(named) <= _CHOSEN:
        raise InvalidRequest(f"{len(named)} models are selected.", hint=f"Select 1 to {_CHOSEN} models.", field="job")
    found = []
    for job_id in named:
        with suppress(UnknownJob):
            found.append(find(job_id))
    return found


def _has_asset(model: JobStatus) -> bool:
    return model.status == "COMPLETED" and not files.is_expired(model)


@pages.post("/<job_id>/name")
def rename(job_id: str) -> ResponseReturnValue:
    """Give the model another name. A script gets it as JSON; a plain form is redirected to its page."""
    naming.rename(services().engine, gate.world(), job_id, request.form.get("name", ""))
    if gate.wants_json():
        return jsonify(name=find(job_id).name)
    return redirect(f"/app/models/{job_id}?done=renamed", HTTPStatus.SEE_OTHER)


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
    return render_template("model.html", **shown(find(job_id)))


@pages.get("/<job_id>/panel")
def panel(job_id: str) -> str:
    """The part of a model's page that updates; ``short`` for the playground."""
    return render_template("parts/panel.html", short="short" in request.args, **shown(find(job_id)))


@pages.get("/<job_id>/card")
def card(job_id: str) -> str:
    return render_template("parts/card.html", model=find(job_id))


@pages.get("/<job_id>/files/<kind>")
def file(job_id: str, kind: str) -> Response:
    """One of its files, made on demand. Browsers never take it for a page of this server, whatever it contains."""
    found = files.find(services().engine, services().storage, find(job_id), kind)
    response = assets.send(services().storage, found)
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


def sent_with(job_id: str) -> Pictures:
    """The pictures that it was made from. Raises UnknownJob, AssetExpired, StorageUnavailable."""
    model = find(job_id)
    sides = {str(view): _bytes(model, view) for view in SIDES if view in model.sides}
    return Pictures(_bytes(model, "picture"), _bytes(model, "mask") if model.masked else None, sides)


def _bytes(model: JobStatus, kind: str) -> bytes:
    return services().storage.get(files.find(services().engine, services().storage, model, kind).path)


def _described(kind: writing.Kind) -> str:
    left_out = (
        [] if kind.media_type.startswith("image/") else [trait for trait in writing.TRAITS if trait not in kind.keeps]
    )
    return f"{kind.description}; without {', '.join(left_out)}" if left_out else kind.description


def shown(model: JobStatus) -> dict[str, Any]:
    """What a model's panel needs."""
    kinds = [(kind, _described(one)) for kind, one in writing.KINDS.items() if kind in files.available(model)]
    order = [*Options().model_dump(by_alias=True)]
    # the database stores them in its own order
    asked = sorted(model.options.items(), key=lambda one: order.index(one[0]) if one[0] in order else len(order))
    card = services().generators.cards.get(str(model.options.get("generator")))
    asked = [(name, value) for name, value in asked if card is None or name not in card.ignores]
    return {"model": model, "stages": words.STAGES, "kinds": kinds, "asked": asked}
