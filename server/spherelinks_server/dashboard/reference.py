"""A short API guide with the account's own key in the samples, and a link to the full reference."""

from __future__ import annotations

from flask import render_template

from spherelinks.database import transaction
from spherelinks_server.dashboard import gate, keys
from spherelinks_server.services import services

pages = gate.private("reference", "/app/api")


@pages.get("")
def show() -> str:
    with transaction(services().engine) as session:
        key = keys.newest(session, gate.me().account_id)
    return render_template("api.html", key=key, address=gate.base_url())
