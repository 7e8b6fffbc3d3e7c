"""A queue for each generator, of Procrastinate's own kind, so that a worker listens to those of what it offers.

Only adds: a server of the version before goes on writing to the one queue that there was, and a trigger moves what it
writes to the generator's; a worker of the version before takes from any queue.
"""

from alembic import op

revision = "0014"
down_revision = "0013"

QUEUES = """
-- a queue's name is part of the name of a channel, which has 63 bytes at most: see spherelinks.jobs.queue.of
CREATE FUNCTION generate_queue(generator text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT 'generate:' || CASE WHEN length(generator) <= 31 THEN generator
                               ELSE left(generator, 22) || '-' || left(md5(generator), 8) END
$$;
CREATE FUNCTION procrastinate_jobs_to_their_queue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.queue_name := generate_queue(coalesce(NEW.args ->> 'generator', 'lift'));
    RETURN NEW;
END $$;
CREATE TRIGGER to_their_queue BEFORE INSERT ON procrastinate_jobs
    FOR EACH ROW WHEN (NEW.task_name = 'spherelinks.generate' AND NEW.queue_name = 'default')
    EXECUTE FUNCTION procrastinate_jobs_to_their_queue();
"""
WAITING = """
UPDATE procrastinate_jobs SET queue_name = generate_queue(coalesce(args ->> 'generator', 'lift'))
WHERE task_name = 'spherelinks.generate' AND queue_name = 'default'
"""


def upgrade() -> None:
    op.execute(QUEUES)
    op.execute(WAITING)
