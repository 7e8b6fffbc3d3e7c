"""What a client can see of a job is announced when it changes, so that those who wait for it need not ask.

Only adds: a server of the version before does not listen, and asks.
"""

from alembic import op

revision = "0005"
down_revision = "0004"

ANNOUNCEMENTS = """
CREATE FUNCTION jobs_announce() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('spherelinks_jobs', NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER announce AFTER UPDATE OF state, stage, progress ON jobs
    FOR EACH ROW
    WHEN ((OLD.state, OLD.stage, OLD.progress) IS DISTINCT FROM (NEW.state, NEW.stage, NEW.progress))
    EXECUTE FUNCTION jobs_announce();
"""


def upgrade() -> None:
    op.execute(ANNOUNCEMENTS)
