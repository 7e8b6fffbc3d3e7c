"""Plans, this month's credits apart from lasting ones, and what lists, caching, retention and webhooks need.

Only adds: a server of the version before goes on working. What it writes meanwhile has the defaults given here.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

PLANS = """
CREATE TABLE plans (
    name text COLLATE "C" PRIMARY KEY,
    monthly_credits integer NOT NULL CHECK (monthly_credits >= 0),
    requests_per_minute integer CHECK (requests_per_minute > 0),
    concurrent_jobs integer CHECK (concurrent_jobs > 0),
    head_start_s integer NOT NULL DEFAULT 0 CHECK (head_start_s BETWEEN 0 AND 86400),
    retention_days integer CHECK (retention_days > 0)
);
INSERT INTO plans (name, monthly_credits, concurrent_jobs, retention_days) VALUES
    ('free', 10, 4, 30),
    ('owner', 1000000, NULL, NULL);

ALTER TABLE accounts ADD COLUMN closed_at timestamptz;

ALTER TABLE api_keys
    ADD COLUMN scopes text[] NOT NULL DEFAULT '{generate,read,manage}',
    ADD COLUMN monthly_cap integer CHECK (monthly_cap > 0),
    ADD COLUMN sandbox boolean NOT NULL DEFAULT false;
"""

LEDGER = """
-- of what is available, so much lapses when this month ends
ALTER TABLE credit_balances
    ADD COLUMN monthly bigint NOT NULL DEFAULT 0 CHECK (monthly >= 0),
    ADD COLUMN month text;
ALTER TABLE credit_entries
    ADD COLUMN monthly integer NOT NULL DEFAULT 0,
    ADD COLUMN month text,
    DROP CONSTRAINT credit_entries_check,
    ADD CONSTRAINT credit_entries_kinds CHECK (CASE kind
        WHEN 'grant' THEN available > 0 AND held = 0 AND job_id IS NULL
        WHEN 'hold' THEN available < 0 AND held = -available AND job_id IS NOT NULL
        WHEN 'capture' THEN available = 0 AND held < 0 AND job_id IS NOT NULL
        WHEN 'release' THEN available > 0 AND held = -available AND job_id IS NOT NULL
        WHEN 'expire' THEN available < 0 AND held = 0
        ELSE false END),
    ADD CONSTRAINT credit_entries_months CHECK (
        abs(monthly) <= abs(available) AND sign(monthly) IN (0, sign(available))
        AND (monthly = 0 OR month IS NOT NULL));

-- A server of the version before changes the balance, then writes its entry, and knows no months: it spends what lasts
-- first, and what it has taken beyond that was the month's.
CREATE FUNCTION credit_entries_without_month() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    balance credit_balances;
BEGIN
    SELECT * INTO balance FROM credit_balances WHERE account_id = NEW.account_id;
    IF NEW.monthly = 0 AND balance.monthly > balance.available THEN
        NEW.monthly := balance.available - balance.monthly;
        NEW.month := balance.month;
        UPDATE credit_balances SET monthly = available WHERE account_id = NEW.account_id;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER without_month BEFORE INSERT ON credit_entries
    FOR EACH ROW WHEN (NEW.kind = 'hold') EXECUTE FUNCTION credit_entries_without_month();
"""

JOBS = """
ALTER TABLE jobs
    ADD COLUMN priority integer NOT NULL DEFAULT 0,
    ADD COLUMN sandbox boolean NOT NULL DEFAULT false,
    ADD COLUMN cache_hit boolean NOT NULL DEFAULT false,
    ADD COLUMN content_key text COLLATE "C",
    ADD COLUMN thumbnail boolean NOT NULL DEFAULT false,
    ADD COLUMN output jsonb,
    ADD COLUMN expires_at timestamptz,
    ADD COLUMN deleted_at timestamptz,
    DROP CONSTRAINT jobs_credits_check,
    ADD CONSTRAINT jobs_credits_check CHECK (credits >= 0);
CREATE INDEX jobs_of_key ON jobs (key_id, created_at);
CREATE INDEX jobs_by_content ON jobs (account_id, content_key, id) WHERE content_key IS NOT NULL;
CREATE INDEX jobs_by_asset ON jobs (asset_path) WHERE asset_path IS NOT NULL;
CREATE INDEX jobs_unfinished ON jobs (account_id, id) WHERE state IN ('queued', 'running');

CREATE TABLE idempotency_keys (
    account_id text COLLATE "C" NOT NULL REFERENCES accounts (id),
    key text COLLATE "C" NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    request_sha256 bytea NOT NULL,
    job_id text COLLATE "C" NOT NULL REFERENCES jobs (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
"""

WEBHOOKS = """
CREATE TABLE webhooks (
    id text COLLATE "C" PRIMARY KEY,
    account_id text COLLATE "C" NOT NULL REFERENCES accounts (id),
    url text NOT NULL,
    events text[] NOT NULL,
    secret text NOT NULL,
    previous_secret text,
    previous_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX webhooks_of_account ON webhooks (account_id, id);

-- a message to a webhook, or, without one, an asset to the job's output.putUrl
CREATE TABLE deliveries (
    id text COLLATE "C" PRIMARY KEY,
    webhook_id text COLLATE "C" REFERENCES webhooks (id) ON DELETE CASCADE,
    job_id text COLLATE "C" NOT NULL REFERENCES jobs (id),
    event text NOT NULL,
    payload text,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts integer NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL DEFAULT now(),
    answer integer,
    problem text,
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz
);
CREATE INDEX deliveries_due ON deliveries (next_at) WHERE state = 'pending';
CREATE INDEX deliveries_of_webhook ON deliveries (webhook_id, id);
CREATE INDEX deliveries_of_job ON deliveries (job_id);
"""


def upgrade() -> None:
    op.execute(PLANS)
    op.execute(LEDGER)
    op.execute(JOBS)
    op.execute(WEBHOOKS)
