-- Edge agents: one a line. Times here are real time, but where a column says plant. Only hashes of codes
-- and tokens are stored.
CREATE TABLE agent (
  id              uuid PRIMARY KEY,
  line            text NOT NULL UNIQUE,
  epoch           integer NOT NULL DEFAULT 0 CHECK (epoch >= 0),
  config_version  integer NOT NULL DEFAULT 1 CHECK (config_version >= 1),
  config_digest   text NOT NULL DEFAULT '',
  lost            boolean NOT NULL DEFAULT true,
  seen_at         timestamptz,
  heard_at        timestamptz,
  link_connected  boolean NOT NULL DEFAULT false,
  link_detail     text NOT NULL DEFAULT '',
  heartbeat       jsonb
) WITH (fillfactor = 50);

-- An epoch is issued when an agent is enrolled or when a second copy of it appears; the older copy is fenced.
-- `instance` is empty until the enrolled agent first asks for its configuration.
CREATE TABLE agent_epoch (
  agent_id   uuid NOT NULL REFERENCES agent (id),
  epoch      integer NOT NULL CHECK (epoch >= 1),
  instance   text,
  issued_at  timestamptz NOT NULL,
  fenced_at  timestamptz,
  PRIMARY KEY (agent_id, epoch),
  CONSTRAINT agent_epoch_instance UNIQUE (agent_id, instance)
);

CREATE TABLE agent_code (
  code_hash  bytea PRIMARY KEY,
  agent_id   uuid NOT NULL REFERENCES agent (id),
  issued_at  timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at    timestamptz
);

CREATE TABLE agent_token (
  token_hash bytea PRIMARY KEY,
  agent_id   uuid NOT NULL REFERENCES agent (id),
  epoch      integer NOT NULL,
  issued_at  timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz
);

-- Commands in the order in which they commit: the number is taken under the lock of the line's row.
CREATE TABLE agent_outbox (
  line        text PRIMARY KEY,
  last_number bigint NOT NULL
);

CREATE TABLE agent_command (
  line       text NOT NULL,
  number     bigint NOT NULL,
  id         uuid NOT NULL UNIQUE,
  kind       text NOT NULL,
  body       jsonb NOT NULL,
  sent_at    timestamptz NOT NULL,
  done_at    timestamptz,
  ok         boolean,
  code       text,
  PRIMARY KEY (line, number)
);

-- The number that a process value has in telemetry, for ever: a changed plant file does not renumber history.
CREATE TABLE telemetry_tag (
  id      integer PRIMARY KEY,
  line    text NOT NULL,
  station text NOT NULL,
  name    text NOT NULL,
  unit    text NOT NULL,
  CONSTRAINT telemetry_tag_name UNIQUE (station, name)
);
CREATE INDEX telemetry_tag_line ON telemetry_tag (line);
