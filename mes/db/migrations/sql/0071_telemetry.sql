-- Process values as they came, without a unique index: a batch takes effect once by its watermark.
-- `time` and `minute` are plant time. Bad values have no number; the status is the raw OPC UA code.
CREATE TABLE telemetry (
  time        timestamptz NOT NULL,
  tag_id      integer NOT NULL,
  value       double precision,
  status      bigint NOT NULL,
  received_at timestamptz NOT NULL
) PARTITION BY RANGE (time);
CREATE INDEX telemetry_time ON telemetry USING brin (time) WITH (pages_per_range = 16);

-- What no partition was made for in time: an alarm, and moved when the partition is made.
CREATE TABLE telemetry_default PARTITION OF telemetry DEFAULT;

CREATE TABLE telemetry_gap (
  id      uuid PRIMARY KEY,
  line    text NOT NULL,
  tag_ids integer[],
  from_at timestamptz NOT NULL,
  to_at   timestamptz NOT NULL,
  cause   text NOT NULL CHECK (cause IN
          ('agent_down', 'link_lost', 'data_silent', 'queue_overflow', 'journal_full', 'poison')),
  detail  text NOT NULL DEFAULT '',
  CHECK (from_at <= to_at)
);
CREATE INDEX telemetry_gap_line ON telemetry_gap (line, from_at);

CREATE TABLE telemetry_minute (
  tag_id   integer NOT NULL,
  minute   timestamptz NOT NULL,
  values_n integer NOT NULL,
  bad_n    integer NOT NULL,
  mean     double precision,
  low      double precision,
  high     double precision,
  PRIMARY KEY (tag_id, minute)
);

-- Minutes that got rows since they were last summed up; late rows open theirs again.
CREATE TABLE telemetry_dirty (
  line   text NOT NULL,
  minute timestamptz NOT NULL,
  marks  integer NOT NULL DEFAULT 1,
  PRIMARY KEY (line, minute)
) WITH (fillfactor = 50);
