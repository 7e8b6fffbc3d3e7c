"""Pictures of an object's other sides.

Only adds, but a worker of the version before takes no notice of them: stop those workers before servers of this one
accept any.
"""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.execute("ALTER TABLE jobs ADD COLUMN sides jsonb NOT NULL DEFAULT '[]'")
