"""The playground: picture, options, and the resulting model."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import unquote, urlsplit

from flask import jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from spherelinks import errors
from spherelinks.accounts.keys import Principal
from spherelinks.jobs import naming, submission
from spherelinks.jobs.decoding import SHOWN
from spherelinks.jobs.status import JobStatus
from spherelinks.options import DEFAULT_GENERATOR, Options
from spherelinks.picture import mattes
from spherelinks.picture.limits import MAX_BYTES
from spherelinks.presets import PRESETS
from spherelinks.shape import SIDES
from spherelinks_server.dashboard import fields, gate, models
from spherelinks_server.errors import status_of
from spherelinks_server.intake import Pictures, Sent
from spherelinks_server.services import services

pages = gate.private("playground", "/app/playground")

_REFUSALS = (errors.InvalidRequest, errors.PictureError, errors.AccessDenied, errors.StorageFull)


@pages.get("")
def show() -> str:
    """An empty form, or one filled with the picture and options of the model named by ``from``.

    ``jobs`` names the models made on this page, newest first, so that a reload keeps them.
    """
    origin = request.args.get("from", "")
    chosen = models.find(origin).options if origin else {}
    return _page(origin, chosen, made=_made())


def _made() -> list[JobStatus]:
    found = []
    for job_id in request.args.get("jobs", "").split(",")[:_KEPT]:
        with suppress(errors.UnknownJob):  # deleted meanwhile
            found.append(models.find(job_id))
    return found


@pages.post("/cutout")
def cutout() -> ResponseReturnValue:
    """What would be cut out of the picture, as JSON: a PNG that is white where the object is, and notes; no PNG
    where nothing is found. Costs nothing.

    ``box``: four numbers from 0 to 1, left, top, right, bottom: where the object is. ``matte``: what finds it.
    """
    account = gate.me().account_id
    wait = services().cutouts.take(account)
    if wait:
        raise errors.RateLimited(
            "That was too many cut-outs within a minute.", retry_after=wait, hint="Wait a little, or make the model."
        )
    front = _pictures(request.form.get("from", "")).front
    box, by = _box(request.form.get("box", "")), request.form.get("matte") or mattes.DEFAULT
    if box is None and by not in SHOWN:
        return jsonify(mask=None, notes=[f"What the matte {mattes.named(by).name} cuts out is not shown here."])
    try:
        png, notes = services().cutters.cut(account, front, box, by)
    except errors.NoObject as error:
        return jsonify(mask=None, notes=[error.message, error.hint])
    return jsonify(mask=f"data:image/png;base64,{base64.b64encode(png).decode()}", notes=notes)


def _box(text: str) -> tuple[float, float, float, float] | None:
    if not text:
        return None
    try:
        left, top, right, bottom = (float(part) for part in text.split(","))
    except ValueError:
        raise errors.InvalidRequest(
            f"box is '{text[:64]}'.", hint="Give left, top, right, bottom from 0 to 1.", field="box"
        ) from None
    return left, top, right, bottom


@pages.post("")
def make() -> ResponseReturnValue:
    """Accept the picture. A script gets the model's id as JSON; a plain form is redirected to its page."""
    form = request.form
    origin = form.get("from", "")
    try:
        card = services().generators.card(form.get("generator") or DEFAULT_GENERATOR)
        options = fields.read(form, card)
        pictures = _pictures(origin)
        options = _named(options)
        accepted = submission.submit(
            services().engine,
            services().storage,
            Principal(gate.me().account_id, None),
            pictures.front,
            options,
            mask=pictures.mask,
            sides=pictures.sides,
            bypass_cache="fresh" in form,
            card=card,
        )
    except _REFUSALS as error:
        if gate.wants_json():
            raise
        return _page(origin, {}, f"{error.message} {error.hint}"), status_of(type(error))
    if gate.wants_json():
        return {"jobId": accepted.job_id, "earlier": accepted.hit}, HTTPStatus.ACCEPTED
    return redirect(f"/app/models/{accepted.job_id}", HTTPStatus.SEE_OTHER)


def _named(options: Options) -> Options:
    """The options with the picture's name, unless they have one."""
    upload = request.files.get("picture")
    address = urlsplit(request.form.get("address", "").strip()).path
    name = naming.of_file((upload.filename if upload is not None else None) or unquote(address))
    return options if options.name or name is None else options.model_copy(update={"name": name})


def _pictures(origin: str) -> Pictures:
    """The picture sent as a file or URL, else those of the model ``origin``; decoded once, as proof.

    Its mask is the file ``mask``, and its sides are the files called like them. A model's picture that is used again
    keeps its own, but for those that are sent.
    """
    account, address = gate.me().account_id, request.form.get("address", "").strip()
    data, mask = _upload("picture"), _upload("mask") or None
    sides = {str(view): side for view in SIDES if (side := _upload(view))}
    if data:
        pictures = Pictures(data)
    elif address:
        pictures = services().intake.pictures(account, {"front": Sent("image", url=address)})
    elif origin:
        pictures = models.sent_with(origin)
    else:
        raise errors.InvalidRequest("There is no picture.", hint="Choose, drop or paste a picture.", field="picture")
    if mask is not None or sides:
        pictures = replace(pictures, mask=mask or pictures.mask, sides={**pictures.sides, **sides})
    if data or mask is not None or sides:
        services().intake.check(account, pictures)
    return pictures


def _upload(name: str) -> bytes:
    """A file of the form; empty if it was not sent."""
    file = request.files.get(name)
    return b"" if file is None else file.stream.read(MAX_BYTES + 1)


def _page(origin: str, chosen: dict[str, object], problem: str = "", made: Sequence[JobStatus] = ()) -> str:
    offered = services().generators
    ready = [card for name, card in offered.cards.items() if name not in offered.problems]
    controls = fields.fields(ready, chosen)
    before = models.find(origin) if origin else None
    return render_template(
        "playground.html",
        origin=origin,
        masked=before is not None and before.masked,
        sides=before.sides if before else (),
        views=SIDES,
        takers=[card.name for card in ready if card.views],
        chosen=bool(chosen),
        plain=[field for field in controls if field.name in _PLAIN],
        advanced=[field for field in controls if field.name not in _PLAIN],
        presets=PRESETS,
        uniform=all(card.price == 1 for card in ready),
        problem=problem,
        limit=MAX_BYTES,
        made=made,
        **(models.shown(made[0]) if made else {}),
    )


_KEPT = 24
_PLAIN = ("name", "dimensions")
"""Options that most people want to set; the others are folded away."""
