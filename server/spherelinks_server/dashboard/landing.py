"""The page at ``/``: what this server is, for everybody."""

from __future__ import annotations

from flask import Blueprint, render_template

from spherelinks_server.dashboard import gate

pages = Blueprint("landing", __name__)


@pages.get("/")
def show() -> str:
    return render_template("landing.html", address=gate.base_url())
