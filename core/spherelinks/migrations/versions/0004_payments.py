"""Payments that credits were granted for, each once."""

from alembic import op

revision = "0004"
down_revision = "0003"

PAYMENTS = """
CREATE TABLE payments (
    id text COLLATE "C" PRIMARY KEY,
    account_id text COLLATE "C" NOT NULL REFERENCES accounts (id),
    credits integer NOT NULL CHECK (credits > 0),
    created_at timestamptz NOT NULL DEFAULT now()
);
"""


def upgrade() -> None:
    op.execute(PAYMENTS)
