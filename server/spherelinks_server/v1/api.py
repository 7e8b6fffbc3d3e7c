"""The whole API: importing this module registers every operation on the blueprint."""

from __future__ import annotations

from spherelinks_server.v1 import account, generation, jobs, webhooks
from spherelinks_server.v1.blueprint import BEARER_SCHEME, MAX_BODY, SECURITY_SCHEME, api

__all__ = ["BEARER_SCHEME", "MAX_BODY", "SECURITY_SCHEME", "account", "api", "generation", "jobs", "webhooks"]

api.tags[:] = [generation.TAG, jobs.TAG, account.TAG, webhooks.TAG]  # in the order a reader needs them
