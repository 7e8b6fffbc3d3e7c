"""The HTTP server: the v1 API over :mod:`spherelinks`."""

from spherelinks_server.app import create_app

__all__ = ["create_app"]
