"""Reports errors to Sentry if the operator sets SENTRY_DSN.

Everything logged as an error is reported, in every process, without request bodies, headers with keys, or variables.
"""

from __future__ import annotations

import os

from spherelinks import __version__
from spherelinks.errors import ConfigurationError


def report_errors() -> bool:
    """Send errors to SENTRY_DSN from here on; False if it is not set.

    Raises ConfigurationError if the package is missing.
    """
    dsn = os.environ.get("SENTRY_DSN")
    if not dsn:
        return False
    try:
        import sentry_sdk
    except ModuleNotFoundError as error:
        raise missing("SENTRY_DSN") from error
    sentry_sdk.init(
        dsn=dsn,
        release=f"spherelinks@{__version__}",
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
    )
    return True


def missing(variable: str) -> ConfigurationError:
    """The error for a variable whose packages are not installed."""
    return ConfigurationError(
        f"{variable} is set, but the packages it needs are not installed.",
        hint="Install it with: pip install 'spherelinks[telemetry]', or unset the variable.",
    )
