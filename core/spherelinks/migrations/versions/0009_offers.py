"""What workers offer, and calls that say which generator their job wants.

Only adds: a worker of the version before takes every job, as it did; a call without a generator is the default one's.
"""

from alembic import op

revision = "0009"
down_revision = "0008"

OFFERS = """
CREATE TABLE offers (
    worker text COLLATE "C" NOT NULL,
    generator text COLLATE "C" NOT NULL,
    card jsonb,
    problem text,
    beat_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (worker, generator),
    CHECK (card IS NOT NULL OR problem IS NOT NULL)
);
CREATE INDEX offers_by_age ON offers (beat_at);
"""
WAITING = """
UPDATE procrastinate_jobs q
SET args = q.args || jsonb_build_object('generator', j.options -> 'generator')
FROM jobs j
WHERE j.id = q.args ->> 'job_id' AND j.options ? 'generator' AND NOT q.args ? 'generator'
"""


def upgrade() -> None:
    op.execute(OFFERS)
    op.execute(WAITING)
