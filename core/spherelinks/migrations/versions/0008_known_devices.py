"""Browsers that users have signed in with before. Only adds."""

from alembic import op

revision = "0008"
down_revision = "0007"

DEVICES = """
CREATE TABLE known_devices (
    digest bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    user_id text COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    seen_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX known_devices_of_user ON known_devices (user_id, seen_at);
CREATE INDEX known_devices_by_age ON known_devices (seen_at);
"""


def upgrade() -> None:
    op.execute(DEVICES)
