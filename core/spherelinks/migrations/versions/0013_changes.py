"""Everything that the status of a job shows is announced when it changes, so that answers may be kept until then.

The job itself, its place in the queue, the delivery of its asset, and the key that asks: all on one channel, with the
job's or the key's id. Only adds: a server of the version before hears more, and looks.
"""

from alembic import op

revision = "0013"
down_revision = "0012"

CHANGES = """
DROP TRIGGER announce ON jobs;
CREATE TRIGGER announce AFTER UPDATE OF
    state, stage, progress, error_code, error_message, error_hint, report, credits, expires_at, cache_hit, output,
    queue_id, priority, deleted_at ON jobs
    FOR EACH ROW
    WHEN ((OLD.state, OLD.stage, OLD.progress, OLD.error_code, OLD.error_message, OLD.error_hint, OLD.report,
           OLD.credits, OLD.expires_at, OLD.cache_hit, OLD.output, OLD.queue_id, OLD.priority, OLD.deleted_at)
          IS DISTINCT FROM
          (NEW.state, NEW.stage, NEW.progress, NEW.error_code, NEW.error_message, NEW.error_hint, NEW.report,
           NEW.credits, NEW.expires_at, NEW.cache_hit, NEW.output, NEW.queue_id, NEW.priority, NEW.deleted_at))
    EXECUTE FUNCTION jobs_announce();
CREATE TRIGGER announce_new AFTER INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION jobs_announce();

CREATE FUNCTION deliveries_announce() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM pg_notify('spherelinks_jobs', OLD.job_id);
    ELSE
        PERFORM pg_notify('spherelinks_jobs', NEW.job_id);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER announce_new AFTER INSERT ON deliveries
    FOR EACH ROW WHEN (NEW.webhook_id IS NULL) EXECUTE FUNCTION deliveries_announce();
CREATE TRIGGER announce AFTER UPDATE OF state ON deliveries
    FOR EACH ROW WHEN (NEW.webhook_id IS NULL AND OLD.state IS DISTINCT FROM NEW.state)
    EXECUTE FUNCTION deliveries_announce();
CREATE TRIGGER announce_gone AFTER DELETE ON deliveries
    FOR EACH ROW WHEN (OLD.webhook_id IS NULL) EXECUTE FUNCTION deliveries_announce();

CREATE TRIGGER announce AFTER UPDATE OF scopes, revoked_at, expires_at ON api_keys
    FOR EACH ROW
    WHEN ((OLD.scopes, OLD.revoked_at, OLD.expires_at) IS DISTINCT FROM (NEW.scopes, NEW.revoked_at, NEW.expires_at))
    EXECUTE FUNCTION jobs_announce();
"""


def upgrade() -> None:
    op.execute(CHANGES)
