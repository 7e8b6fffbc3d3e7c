"""Whose deliveries are, and to which host they go; hosts that do not answer.

Only adds: what a server of the version before announces meanwhile belongs to nobody, and is delivered all the same.
"""

from alembic import op

revision = "0010"
down_revision = "0009"

DELIVERIES = """
ALTER TABLE deliveries ADD COLUMN account_id text COLLATE "C", ADD COLUMN host text COLLATE "C";
UPDATE deliveries d SET account_id = j.account_id FROM jobs j WHERE j.id = d.job_id AND d.state = 'pending';
CREATE INDEX deliveries_pending_of_account ON deliveries (account_id, host, next_at) WHERE state = 'pending';
CREATE INDEX deliveries_by_end ON deliveries (ended_at) WHERE state <> 'pending';

CREATE TABLE host_pauses (
    account_id text COLLATE "C" NOT NULL REFERENCES accounts (id),
    host text COLLATE "C" NOT NULL,
    hangs integer NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (account_id, host)
);
"""


def upgrade() -> None:
    op.execute(DELIVERIES)
