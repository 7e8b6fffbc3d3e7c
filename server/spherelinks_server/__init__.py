"""The HTTP server: the v1 API over :mod:`spherelinks`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spherelinks_server.app import create_app

__all__ = ["create_app"]


def __getattr__(name: str) -> Any:
    # the command line imports this package for its parsers, with or without the extra that brings Flask
    if name == "create_app":
        from spherelinks_server.app import create_app

        return create_app
    raise AttributeError(f"module 'spherelinks_server' has no attribute {name!r}")
