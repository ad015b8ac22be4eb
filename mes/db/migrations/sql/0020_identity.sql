-- Who may do what: people, their sessions, the tokens of machines, and what was changed by whom.
-- Sessions and tokens live in real time; only hashes of what is secret are stored.

CREATE TABLE app_user (
  id            uuid PRIMARY KEY,
  name          text NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9._@-]{1,63}$'),
  password_hash text NOT NULL,
  active        boolean NOT NULL DEFAULT true,
  created_at    timestamptz NOT NULL,
  CONSTRAINT app_user_name_key UNIQUE (name)
);

CREATE TABLE app_user_role (
  user_id uuid NOT NULL REFERENCES app_user (id) ON DELETE CASCADE,
  role    text NOT NULL
    CHECK (role IN ('planner', 'quality', 'operator', 'maintenance', 'dealer', 'admin')),
  PRIMARY KEY (user_id, role)
);

CREATE TABLE user_session (
  token_hash bytea PRIMARY KEY,
  user_id    uuid NOT NULL REFERENCES app_user (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX user_session_user ON user_session (user_id);
CREATE INDEX user_session_expiry ON user_session (expires_at);

CREATE TABLE api_token (
  id         uuid PRIMARY KEY,
  name       text NOT NULL,
  token_hash bytea NOT NULL UNIQUE,
  scopes     text[] NOT NULL CHECK (cardinality(scopes) > 0),
  channel    text,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL CHECK (expires_at > created_at),
  revoked_at timestamptz
);

-- Attempts counted in a fixed window of real time, by what they are about.
CREATE TABLE rate_window (
  subject    text PRIMARY KEY,
  started_at timestamptz NOT NULL,
  hits       integer NOT NULL CHECK (hits > 0)
);
CREATE INDEX rate_window_started ON rate_window (started_at);

CREATE TABLE audit_entry (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  actor       text NOT NULL,
  action      text NOT NULL,
  subject     text NOT NULL,
  before      jsonb,
  after       jsonb,
  plant_at    timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX audit_entry_subject ON audit_entry (subject, id);
CREATE INDEX audit_entry_actor ON audit_entry (actor, id);
