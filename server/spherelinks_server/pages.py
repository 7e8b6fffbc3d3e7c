"""The page at ``/``: what this server is, and how to use it."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from spherelinks import __version__

pages = Blueprint("pages", __name__)


@pages.get("/")
def landing() -> str:
    return render_template("landing.html", version=__version__, address=request.host_url.rstrip("/"))
