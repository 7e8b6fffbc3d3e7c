"""Masks of pictures.

Only adds, but a worker of the version before takes no notice of a mask: stop those workers before servers of this one
accept any.
"""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute("ALTER TABLE jobs ADD COLUMN mask_size bigint NOT NULL DEFAULT 0")
