"""Webhooks and idempotency keys of the sandbox apart from live ones.

A server of the version before goes on working; what it makes for a sandbox key meanwhile counts as live.
"""

from alembic import op

revision = "0006"
down_revision = "0005"

WORLDS = """
ALTER TABLE webhooks ADD COLUMN sandbox boolean NOT NULL DEFAULT false;
ALTER TABLE idempotency_keys ADD COLUMN sandbox boolean NOT NULL DEFAULT false;
UPDATE idempotency_keys i SET sandbox = true FROM jobs j WHERE j.id = i.job_id AND j.sandbox;
ALTER TABLE idempotency_keys
    DROP CONSTRAINT idempotency_keys_pkey,
    ADD PRIMARY KEY (account_id, key, sandbox);
"""


def upgrade() -> None:
    op.execute(WORLDS)
