-- A hold keeps a body before its shop's exit gate (`line`), or a rack out of framing, until it is decided.
-- `last_event_id` is the newest link of the hold's chain of events: the cause of the next one.
CREATE TABLE hold (
  id            uuid PRIMARY KEY,
  body_id       uuid,
  rack          text,
  order_id      uuid,
  line          text NOT NULL,
  inspection_id uuid,
  cause         text NOT NULL,
  defect_kind   text,
  risk          double precision NOT NULL CHECK (risk >= 0),
  state         text NOT NULL CHECK (state IN ('open', 'rework', 'released', 'scrapped')),
  disposition   text CHECK (disposition IN ('false_call', 'rework', 'scrap', 'use_as_is')),
  reason        text NOT NULL DEFAULT '',
  defect_code   text,
  reviewer      text,
  placed_at     timestamptz NOT NULL,
  decided_at    timestamptz,
  closed_at     timestamptz,
  last_event_id uuid NOT NULL,
  row_version   integer NOT NULL DEFAULT 1,
  CHECK ((body_id IS NULL) <> (rack IS NULL)),
  CHECK ((state = 'open') = (disposition IS NULL)),
  CHECK ((disposition IS NULL) = (reviewer IS NULL) AND (disposition IS NULL) = (decided_at IS NULL)),
  CHECK ((state IN ('released', 'scrapped')) = (closed_at IS NOT NULL)),
  CHECK (disposition IS DISTINCT FROM 'use_as_is' OR reason <> '')
);
CREATE UNIQUE INDEX hold_once_per_inspection ON hold (inspection_id, body_id)
  WHERE inspection_id IS NOT NULL AND body_id IS NOT NULL;
CREATE UNIQUE INDEX hold_one_per_rack ON hold (rack) WHERE rack IS NOT NULL AND closed_at IS NULL;
CREATE INDEX hold_undecided ON hold (placed_at) WHERE closed_at IS NULL;
CREATE INDEX hold_body ON hold (body_id) WHERE body_id IS NOT NULL;

-- Repair work of standard seconds: assumed until the review confirms or reverts it.
CREATE TABLE rework (
  id           uuid PRIMARY KEY,
  hold_id      uuid NOT NULL REFERENCES hold (id),
  body_id      uuid NOT NULL,
  line         text NOT NULL,
  bay          text NOT NULL,
  defect_kind  text NOT NULL,
  work_s       double precision NOT NULL CHECK (work_s > 0),
  state        text NOT NULL CHECK (state IN ('provisional', 'confirmed', 'reverted', 'done')),
  by_policy    boolean NOT NULL DEFAULT false,
  opened_at    timestamptz NOT NULL,
  review_by_at timestamptz NOT NULL,
  closed_at    timestamptz,
  CHECK ((state IN ('reverted', 'done')) = (closed_at IS NOT NULL))
);
CREATE UNIQUE INDEX rework_one_alive ON rework (hold_id) WHERE state IN ('provisional', 'confirmed');
CREATE INDEX rework_unreviewed ON rework (review_by_at) WHERE state = 'provisional';
CREATE INDEX rework_confirmed ON rework (body_id) WHERE state = 'confirmed';

-- Reviews that were taken back: what was decided, by whom, and who took it back.
CREATE TABLE disposition_undone (
  hold_id     uuid NOT NULL REFERENCES hold (id),
  decided_at  timestamptz NOT NULL,
  disposition text NOT NULL,
  reviewer    text NOT NULL,
  undone_by   text NOT NULL,
  undone_at   timestamptz NOT NULL,
  PRIMARY KEY (hold_id, decided_at)
);

CREATE SEQUENCE nonconformance_number_seq;

-- A nonconformance and its containment list; the disposition belongs to each item.
CREATE TABLE nonconformance (
  id          uuid PRIMARY KEY,
  number      text NOT NULL,
  title       text NOT NULL CHECK (title <> ''),
  state       text NOT NULL CHECK (state IN ('open', 'closed')),
  opened_by   text NOT NULL,
  opened_at   timestamptz NOT NULL,
  closed_by   text,
  closed_at   timestamptz,
  row_version integer NOT NULL DEFAULT 1,
  CONSTRAINT nonconformance_number_key UNIQUE (number),
  CHECK ((state = 'closed') = (closed_at IS NOT NULL) AND (closed_by IS NULL) = (closed_at IS NULL))
);

CREATE TABLE nonconformance_item (
  nonconformance_id uuid NOT NULL REFERENCES nonconformance (id),
  hold_id           uuid NOT NULL REFERENCES hold (id),
  PRIMARY KEY (nonconformance_id, hold_id)
);
CREATE INDEX nonconformance_item_hold ON nonconformance_item (hold_id);
