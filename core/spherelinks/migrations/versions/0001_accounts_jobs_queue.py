"""Accounts, keys, the credit ledger, jobs, and Procrastinate's queue."""

from alembic import op

from spherelinks.database import driver
from spherelinks.migrations import queue

revision = "0001"
down_revision = None

ACCOUNTS = """
CREATE TABLE accounts (
    id text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    plan text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
-- a self-hosted installation has one owner
CREATE UNIQUE INDEX one_owner ON accounts (plan) WHERE plan = 'owner';

CREATE TABLE api_keys (
    id text COLLATE "C" PRIMARY KEY,
    account_id text COLLATE "C" NOT NULL REFERENCES accounts (id),
    name text NOT NULL,
    digest bytea NOT NULL UNIQUE CHECK (octet_length(digest) = 32),
    prefix text NOT NULL,
    last4 text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    expires_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX api_keys_of_account ON api_keys (account_id, id);
"""

JOBS = """
CREATE TABLE jobs (
    id text COLLATE "C" PRIMARY KEY,
    account_id text COLLATE "C" NOT NULL REFERENCES accounts (id),
    key_id text COLLATE "C" REFERENCES api_keys (id),
    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'completed', 'failed')),
    queue_id bigint NOT NULL,
    attempt integer NOT NULL DEFAULT 0,
    crashes integer NOT NULL DEFAULT 0,
    beat_at timestamptz NOT NULL DEFAULT now(),
    options jsonb NOT NULL,
    stage text,
    progress integer NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
    error_code text,
    error_message text,
    error_hint text,
    asset_path text,
    asset_sha256 text,
    asset_size bigint,
    report jsonb,
    credits integer NOT NULL DEFAULT 1 CHECK (credits > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    CHECK ((state IN ('completed', 'failed')) = (finished_at IS NOT NULL)),
    CHECK ((state = 'completed') = (asset_path IS NOT NULL)),
    CHECK ((state = 'failed') = (error_code IS NOT NULL))
);
CREATE INDEX jobs_of_account ON jobs (account_id, id);
CREATE INDEX jobs_alive ON jobs (beat_at) WHERE state IN ('queued', 'running');
"""

LEDGER = """
CREATE TABLE credit_entries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id text COLLATE "C" NOT NULL REFERENCES accounts (id),
    kind text NOT NULL,
    available integer NOT NULL,
    held integer NOT NULL,
    job_id text COLLATE "C" REFERENCES jobs (id),
    period text,
    reason text,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (CASE kind
        WHEN 'grant' THEN available > 0 AND held = 0 AND job_id IS NULL
        WHEN 'hold' THEN available < 0 AND held = -available AND job_id IS NOT NULL
        WHEN 'capture' THEN available = 0 AND held < 0 AND job_id IS NOT NULL
        WHEN 'release' THEN available > 0 AND held = -available AND job_id IS NOT NULL
        ELSE false END)
);
CREATE INDEX credit_entries_of_account ON credit_entries (account_id, id);
CREATE UNIQUE INDEX one_hold ON credit_entries (job_id) WHERE kind = 'hold';
CREATE UNIQUE INDEX one_settlement ON credit_entries (job_id) WHERE kind IN ('capture', 'release');
CREATE UNIQUE INDEX one_grant_a_period ON credit_entries (account_id, period) WHERE period IS NOT NULL;

CREATE FUNCTION credit_entries_are_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'credit_entries is append-only: % is refused', TG_OP;
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON credit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION credit_entries_are_final();

CREATE TABLE credit_balances (
    account_id text COLLATE "C" PRIMARY KEY REFERENCES accounts (id),
    available bigint NOT NULL CHECK (available >= 0),
    held bigint NOT NULL CHECK (held >= 0)
);
"""


def upgrade() -> None:
    op.execute(ACCOUNTS)
    op.execute(JOBS)
    op.execute(LEDGER)
    queue.install(driver(op.get_bind()))
