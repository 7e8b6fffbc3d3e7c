"""The whole API: importing this puts every operation on its blueprint."""

from __future__ import annotations

from spherelinks_server.v1 import account, generation, jobs
from spherelinks_server.v1.blueprint import MAX_BODY, SECURITY_SCHEME, api

TAGS = (generation.TAG, jobs.TAG, account.TAG)

__all__ = ["MAX_BODY", "SECURITY_SCHEME", "TAGS", "api"]
