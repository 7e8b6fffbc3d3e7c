"""The ledger's last audit, made by a worker for the whole installation.

Only adds: a server of the version before goes on auditing for itself.
"""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.execute("CREATE TABLE ledger_audits (made_at timestamptz NOT NULL DEFAULT now(), problems text[] NOT NULL)")
