"""Jobs that wait for another one of the same request.

Only adds. A worker of the version before ends the other one and knows nothing of those that wait for it: recovery of
this version does the rest.
"""

from alembic import op

revision = "0017"
down_revision = "0016"

JOINED = """
ALTER TABLE jobs ADD COLUMN joined text REFERENCES jobs (id),
    ADD CONSTRAINT joined_is_free CHECK (joined IS NULL OR (credits = 0 AND queue_id = 0 AND joined <> id));
CREATE INDEX jobs_joined ON jobs (joined, id) WHERE joined IS NOT NULL AND state = 'queued';

CREATE OR REPLACE FUNCTION jobs_announce() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('spherelinks_jobs', NEW.id);
    PERFORM pg_notify('spherelinks_jobs', id) FROM jobs WHERE joined = NEW.id AND state = 'queued';
    RETURN NULL;
END $$;
"""


def upgrade() -> None:
    op.execute(JOINED)
