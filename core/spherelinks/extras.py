"""The package's optional parts, and the error that says how to install one that is missing."""

from __future__ import annotations

from importlib.util import find_spec

from spherelinks.errors import ConfigurationError

MODULES: dict[str, tuple[str, ...]] = {
    "server": (
        "alembic",
        "argon2",
        "flask",
        "flask_openapi3",
        "granian",
        "obstore",
        "procrastinate",
        "prometheus_client",
        "psycopg",
        "psycopg_pool",
        "pythonjsonlogger",
        "sqlalchemy",
        "typeid",
    ),
    "formats": ("DracoPy", "collada", "lib3mf", "pxr"),
}
"""The modules that each extra in pyproject.toml must provide."""


def require(extra: str) -> None:
    """Check, without importing them, that the modules of an extra are installed.

    Raises ConfigurationError, which names the missing module and the extra to install.
    """
    missing = [module for module in MODULES[extra] if find_spec(module) is None]
    if missing:
        raise ConfigurationError(
            f"This needs the extra '{extra}', which is not installed: module {missing[0]} is missing.",
            hint=f"Install it with: pip install 'spherelinks[{extra}]'",
        )
