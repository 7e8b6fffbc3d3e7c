"""Since when lost jobs have been looked for without a break, in one row.

Only adds: a worker of the version before goes on without it.
"""

from alembic import op

revision = "0018"
down_revision = "0017"

RECOVERY = """
CREATE TABLE recovery (
    looked_at timestamptz NOT NULL DEFAULT now(),
    since timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX recovery_is_one ON recovery ((true));
"""


def upgrade() -> None:
    op.execute(RECOVERY)
