-- What is in which body: one row per part, lot or panel built in (ISA-95 MaterialUse "Consumed").
-- `seq` is the line's record it came from, so a record delivered twice builds in once.
CREATE TABLE built_in (
  line         text NOT NULL,
  seq          bigint NOT NULL,
  item         smallint NOT NULL,
  body_id      uuid NOT NULL,
  station      text NOT NULL,
  job_order_id uuid NOT NULL,
  material     text NOT NULL,
  lot          text,
  serial       text,
  quantity     integer NOT NULL CHECK (quantity > 0),
  built_at     timestamptz NOT NULL,
  PRIMARY KEY (line, seq, item)
);
CREATE INDEX built_in_body ON built_in (body_id, built_at);
CREATE INDEX built_in_lot ON built_in (lot, material) WHERE lot IS NOT NULL;
CREATE INDEX built_in_serial ON built_in (serial) WHERE serial IS NOT NULL;
