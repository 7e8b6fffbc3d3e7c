"""What an account's files take, and how much they may.

Only adds: what a server of the version before stores meanwhile counts by its asset alone.
"""

from alembic import op

revision = "0007"
down_revision = "0006"

STORAGE = """
ALTER TABLE plans ADD COLUMN storage_mb integer CHECK (storage_mb > 0);
UPDATE plans SET storage_mb = 1000 WHERE name = 'free';
ALTER TABLE jobs
    ADD COLUMN picture_size bigint NOT NULL DEFAULT 0,
    ADD COLUMN beside_size bigint NOT NULL DEFAULT 0;
"""


def upgrade() -> None:
    op.execute(STORAGE)
