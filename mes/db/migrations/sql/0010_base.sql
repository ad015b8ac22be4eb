-- The plant clock and the append-only table of everything that happens.

CREATE TABLE plant_clock (
  id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  real_at  timestamptz NOT NULL,
  plant_at timestamptz NOT NULL,
  factor   double precision NOT NULL CHECK (factor >= 0)
);

CREATE TABLE event (
  seq            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id             uuid NOT NULL UNIQUE,
  type           text NOT NULL,
  version        smallint NOT NULL DEFAULT 1,
  subject        text NOT NULL,
  causation_id   uuid,
  correlation_id uuid,
  actor          text NOT NULL,
  plant_at       timestamptz NOT NULL,
  recorded_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  payload        jsonb NOT NULL,
  xid            xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX event_commit_order ON event (xid, seq);
CREATE INDEX event_subject ON event (subject, seq);
CREATE INDEX event_correlation ON event (correlation_id, seq) WHERE correlation_id IS NOT NULL;
CREATE INDEX event_type ON event (type, seq);

CREATE FUNCTION event_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the event table is append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE ON event
  FOR EACH ROW EXECUTE FUNCTION event_is_append_only();

CREATE TABLE event_cursor (
  handler text PRIMARY KEY,
  xid     xid8 NOT NULL,
  seq     bigint NOT NULL
);

CREATE TABLE event_failure (
  handler   text NOT NULL,
  event_seq bigint NOT NULL REFERENCES event (seq),
  error     text NOT NULL,
  failed_at timestamptz NOT NULL,
  PRIMARY KEY (handler, event_seq)
);
