-- How far each stream of each agent has taken effect; moved in the transaction of the effects.
CREATE TABLE ingest_watermark (
  agent_id uuid NOT NULL REFERENCES agent (id),
  epoch    integer NOT NULL,
  stream   smallint NOT NULL CHECK (stream BETWEEN 1 AND 4),
  seq      bigint NOT NULL CHECK (seq >= 0),
  PRIMARY KEY (agent_id, epoch, stream)
) WITH (fillfactor = 50);

-- What could not take effect, with its reason: a record, or a whole batch (`record_no` is null).
CREATE TABLE ingest_quarantine (
  id          uuid PRIMARY KEY,
  agent_id    uuid NOT NULL REFERENCES agent (id),
  line        text NOT NULL,
  epoch       integer NOT NULL,
  stream      smallint NOT NULL,
  seq         bigint NOT NULL,
  record_no   integer,
  reason_code text NOT NULL,
  reason      text NOT NULL,
  content     bytea NOT NULL,
  arrived_at  timestamptz NOT NULL,
  settled_at  timestamptz
);
CREATE INDEX ingest_quarantine_open ON ingest_quarantine (line, arrived_at) WHERE settled_at IS NULL;

-- Batches that an agent no longer has and the MES never saw (an older backup was restored).
CREATE TABLE ingest_loss (
  agent_id   uuid NOT NULL REFERENCES agent (id),
  epoch      integer NOT NULL,
  stream     smallint NOT NULL,
  from_seq   bigint NOT NULL,
  to_seq     bigint NOT NULL,
  noticed_at timestamptz NOT NULL,
  PRIMARY KEY (agent_id, epoch, stream, from_seq)
);
