"""Users, the browsers they are signed in with, sign-in links, and the count of tries to sign in."""

from alembic import op

revision = "0003"
down_revision = "0002"

USERS = """
CREATE TABLE users (
    id text COLLATE "C" PRIMARY KEY,
    account_id text COLLATE "C" NOT NULL REFERENCES accounts (id),
    email text UNIQUE,
    password_hash text CHECK (password_hash IS NULL OR email IS NOT NULL),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX users_of_account ON users (account_id, id);

CREATE TABLE user_sessions (
    digest bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    user_id text COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    browser text NOT NULL,
    by_link boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX user_sessions_of_user ON user_sessions (user_id);

CREATE TABLE sign_in_links (
    digest bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    user_id text COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires_at timestamptz NOT NULL
);

-- by the SHA-256 of an e-mail or a network address
CREATE TABLE sign_in_tries (
    bucket bytea PRIMARY KEY CHECK (octet_length(bucket) = 32),
    tries integer NOT NULL,
    ends_at timestamptz NOT NULL
);
"""


def upgrade() -> None:
    op.execute(USERS)
