"""What goes to the log, in every process of a server or a worker."""

from __future__ import annotations

import logging


def configure() -> None:
    """Log to standard error from INFO on, without what the libraries say at every look and every job."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for chatty in ("alembic", "procrastinate"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
